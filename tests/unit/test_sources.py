"""Sources: every video by name once and in a stable order, the rest counted, lists and data sets add up."""

from __future__ import annotations

import json

import pytest

from dropletvideo.curate.sources import find_sources
from dropletvideo.errors import ConfigError


def names(found):
    return [path.rsplit("/", 1)[1] for path in found.paths]


@pytest.fixture
def folder(tmp_path):
    for name in (
        "b.mp4",
        "a.MKV",
        "notes.txt",
        "deep/c.webm",
        "deep/poster.jpg",
        ".hidden/d.mp4",
        "._b.mp4",
        "out/e.mp4",
    ):
        path = tmp_path / name
        path.parent.mkdir(exist_ok=True)
        path.write_bytes(b"x")
    return tmp_path


def test_a_folder_gives_its_videos_in_name_order_and_counts_the_rest(folder):
    found = find_sources([folder], leave_out=folder / "out")
    assert names(found) == ["a.MKV", "b.mp4", "c.webm"]
    assert found.passed_over == 3  # notes.txt, poster.jpg, ._b.mp4


def test_a_file_named_twice_is_read_once(folder):
    assert names(find_sources([folder / "b.mp4", folder / "b.mp4", folder / "deep"])) == ["b.mp4", "c.webm"]


@pytest.mark.parametrize("suffix", [".csv", ".jsonl"])
def test_a_list_keeps_missing_files_and_paths_count_from_its_folder(folder, suffix):
    entries = ["b.mp4", "deep/c.webm", "gone.mp4"]
    text = "id,path\n" + "".join(f"1,{e}\n" for e in entries)
    if suffix == ".jsonl":
        text = "\n".join(json.dumps({"path": e}) for e in entries) + "\n\n"
    (folder / f"list{suffix}").write_text(text)
    assert names(find_sources([folder / f"list{suffix}"])) == ["b.mp4", "c.webm", "gone.mp4"]


def test_a_missing_file_stays_and_a_missing_folder_is_refused(folder):
    assert names(find_sources([folder / "lost.mp4"])) == ["lost.mp4"]
    with pytest.raises(ConfigError, match="does not exist"):
        find_sources([folder / "lost"])


@pytest.mark.parametrize("line", ["{not json", '{"url": 3}', "17"])
def test_a_broken_list_is_refused_with_its_line(folder, line):
    (folder / "list.jsonl").write_text(f'"b.mp4"\n{line}\n')
    with pytest.raises(ConfigError, match="line 2"):
        find_sources([folder / "list.jsonl"])
