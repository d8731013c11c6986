"""Whole files or none, and lines that survive a kill."""

from __future__ import annotations

import errno
import json
import os
import threading

import pytest

from dropletvideo import files
from dropletvideo.files import JsonLines, why_not, write_file, write_json, write_text


def test_a_write_that_fails_leaves_the_old_file_and_no_other(tmp_path):
    path = tmp_path / "new folder" / "a.txt"
    write_text(path, "old ü\n")

    def half(file):
        file.write(b"new")
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        write_file(path, half)
    assert path.read_bytes() == "old ü\n".encode()
    assert [each.name for each in path.parent.iterdir()] == ["a.txt"]
    write_json(path, {"a": "ü"})
    assert json.loads(path.read_text(encoding="utf-8")) == {"a": "ü"}


def test_the_bytes_are_on_the_disk_before_the_name_is_theirs(tmp_path, monkeypatch):
    path, seen = tmp_path / "a", []
    monkeypatch.setattr(files.os, "fsync", lambda _: seen.append(path.exists()))
    write_text(path, "x")
    assert seen == [False, True]  # the file, then the folder


def test_a_torn_last_line_is_passed_over_and_closed_off_by_the_next(tmp_path):
    path = tmp_path / "sub" / "lines.jsonl"
    lines = JsonLines(path)
    assert list(lines.read()) == []
    first = lines.append({"n": 1, "word": "ü"})
    with path.open("ab") as file:
        file.write(b'{"n": 2, "wo')
    second = lines.append({"n": 3})
    assert list(JsonLines(path).read()) == [(first, {"n": 1, "word": "ü"}), (second, {"n": 3})]
    assert lines.at(second) == {"n": 3}
    assert lines.at(first) == {"n": 1, "word": "ü"}


def test_what_is_no_object_is_passed_over(tmp_path):
    path = tmp_path / "lines.jsonl"
    path.write_bytes(b'[1]\n\n{"n": 1}\n\xff\xfe{"n": 2}\n')
    assert [entry for _, entry in JsonLines(path).read()] == [{"n": 1}]


def test_threads_add_whole_lines(tmp_path):
    lines = JsonLines(tmp_path / "lines.jsonl")
    text = "x" * 5000
    threads = [
        threading.Thread(target=lambda k=k: [lines.append({"n": k * 10 + i, "t": text}) for i in range(10)])
        for k in range(4)
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    found = list(lines.read())
    assert sorted(entry["n"] for _, entry in found) == list(range(40))
    assert all(lines.at(place) == entry for place, entry in found)


def test_a_full_disk_tells_how_much_is_free(tmp_path):
    words = why_not(tmp_path, OSError(errno.ENOSPC, os.strerror(errno.ENOSPC)))
    assert words.startswith("No space left on device, ")
    assert words.endswith(" KB")
    assert " KB free of " in words
    assert why_not(tmp_path, OSError(errno.EACCES, os.strerror(errno.EACCES))) == "Permission denied"
