"""Whatever ends a run, the dataset opens, loses at most what was not written, and the next run goes on."""

from __future__ import annotations

import errno
import os
import signal
import subprocess
import sys
import textwrap
import time
from pathlib import Path

import pyarrow.parquet as pq
import pytest
from tables_footage import SPANS, calls, grey, segment, write_shots

from dropletvideo import files
from dropletvideo.errors import CatalogError, CatalogLocked
from dropletvideo.tables import clips, parts, views
from dropletvideo.tables.lock import LOCK_NAME, locked
from dropletvideo.tables.parts import RowTable
from dropletvideo.tables.runner import run

SCRIPT = """
    import sys
    sys.path.insert(0, {here!r})
    from tables_footage import grey, segment
    from dropletvideo.tables.runner import run
    if __name__ == "__main__":
        stages = [segment(), grey(log={log!r}, act="slow"), grey("other", log={log!r})]
        run({folder!r}, {sources!r}, stages, workers={workers}, timeout_seconds={limit}, flush_seconds={flush})
"""


@pytest.fixture(scope="module")
def footage(tmp_path_factory):
    folder = tmp_path_factory.mktemp("footage")
    return [str(write_shots(folder / f"{seed:02}.mp4", seed)) for seed in range(6)]


@pytest.fixture
def log(tmp_path):
    return str(tmp_path / "calls.log")


def start(tmp_path, footage, log, *, workers=1, limit=None, flush=0.0):
    script = tmp_path / "script.py"
    text = textwrap.dedent(SCRIPT).format(
        here=str(Path(__file__).parent),
        folder=str(tmp_path / "set"),
        log=log,
        sources=footage,
        workers=workers,
        limit=limit,
        flush=flush,
    )
    script.write_text(text)
    return subprocess.Popen([sys.executable, str(script)], stderr=subprocess.PIPE, text=True)


def wait_for(condition, seconds=60.0):
    deadline = time.monotonic() + seconds
    while time.monotonic() < deadline:
        if condition():
            return
        time.sleep(0.01)
    raise TimeoutError("it did not come to that")


def stages(log):
    return [segment(), grey(log=log, act="slow"), grey("other", log=log)]


def check_whole(folder, footage):
    rows = views.query(folder, "SELECT * FROM clips ORDER BY video_path, start_frame")
    assert [(row["start_frame"], row["end_frame"]) for row in rows] == SPANS * len(footage)
    assert len({row["clip_id"] for row in rows}) == len(rows)
    assert all(row["grey"] is not None and row["other"] is not None for row in rows)
    assert all(abs(row["grey"] - row["other"]) < 1e-9 for row in rows)
    assert views.query(folder, "SELECT count(*) AS n FROM boundaries WHERE kind <> 'length'") == [
        {"n": 3 * len(footage)}
    ]
    assert views.query(folder, "SELECT * FROM errors") == []
    assert not list(folder.rglob("*.partial"))


@pytest.mark.parametrize("workers", [1, 2])
def test_killed_at_any_point_the_next_run_loses_nothing_and_doubles_nothing(tmp_path, footage, log, workers):
    for kill_after in (1, 8, 40):
        child = start(tmp_path, footage, log, workers=workers, limit=60.0 if workers == 2 else None)
        before = calls(log)
        wait_for(lambda enough=before + kill_after, child=child: calls(log) >= enough or child.poll() is not None)
        child.kill()
        child.communicate()
        time.sleep(0.5)  # workers leave when they notice
        if (tmp_path / "set" / "dataset.json").exists():
            views.query(tmp_path / "set", "SELECT * FROM clips, boundaries, errors")
    have = views.query(tmp_path / "set", "SELECT count(*) AS n FROM clips WHERE other IS NOT NULL")[0]["n"]
    assert have > 0
    before = calls(log, "other")
    run(tmp_path / "set", footage, stages(log), timeout_seconds=None)
    assert calls(log, "other") - before == 6 * len(footage) - have
    check_whole(tmp_path / "set", footage)


@pytest.mark.parametrize("how", [signal.SIGINT, signal.SIGTERM])
def test_an_interrupt_writes_what_was_measured(tmp_path, footage, log, how):
    child = start(tmp_path, footage, log, flush=3600.0)
    wait_for(lambda: calls(log, "other") >= 14 or child.poll() is not None)
    child.send_signal(how)
    assert "KeyboardInterrupt" in child.communicate(timeout=30)[1]
    have = views.query(tmp_path / "set", "SELECT count(*) AS n FROM clips WHERE grey IS NOT NULL")[0]["n"]
    assert have >= 12
    before = calls(log, "grey")
    run(tmp_path / "set", footage, stages(log), timeout_seconds=None)
    assert calls(log, "grey") - before == 6 * len(footage) - have
    check_whole(tmp_path / "set", footage)


def test_a_kill_between_any_two_files_leaves_a_dataset_that_resumes(tmp_path, footage, log, monkeypatch):
    """Cut the run off after each single file that it writes, as a kill would: nothing runs after it."""

    class Killed(BaseException):
        pass

    original, written, limit = files.write_file, 0, 0

    def counted(path, write):
        nonlocal written
        if written >= limit:
            raise Killed
        written += 1
        original(path, write)

    finished = False
    plain = [segment(), grey(log=log), grey("other", log=log)]
    while not finished:
        limit, written, folder = limit + 1, 0, tmp_path / str(limit)
        with monkeypatch.context() as patch:
            patch.setattr(files, "write_file", counted)
            try:
                run(folder, footage[:2], plain, timeout_seconds=None, flush_seconds=0.0)
                finished = True
            except Killed:
                if (folder / "dataset.json").exists():
                    rows = views.query(folder, "SELECT * FROM clips")
                    assert len({row["clip_id"] for row in rows}) == len(rows)
                    assert all(row["grey"] == row["other"] for row in rows if None not in (row["grey"], row["other"]))
        run(folder, footage[:2], plain, timeout_seconds=None)
        check_whole(folder, footage[:2])
    assert limit >= 10


def test_a_full_disk_ends_the_run_with_a_clear_error_and_the_next_one_goes_on(tmp_path, footage, log, monkeypatch):
    original, written = os.fsync, 0

    def full(descriptor):
        nonlocal written
        written += 1
        if written > 12:
            raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))
        original(descriptor)

    with monkeypatch.context() as patch:
        patch.setattr(os, "fsync", full)
        with pytest.raises(CatalogError, match=r"No space left on device.*give the same command again"):
            run(tmp_path / "set", footage, stages(log), timeout_seconds=None, flush_seconds=0.0)
    views.query(tmp_path / "set", "SELECT * FROM clips, errors")
    assert not list((tmp_path / "set").rglob("*.partial"))
    run(tmp_path / "set", footage, stages(log), timeout_seconds=None)
    check_whole(tmp_path / "set", footage)


def test_a_live_lock_names_its_owner_and_a_dead_one_is_taken_over_with_a_word(tmp_path, footage, log, caplog):
    child = start(tmp_path, footage, log)
    wait_for(lambda: calls(log) >= 1)
    with pytest.raises(CatalogLocked, match=rf"process {child.pid}, .*command: script.py"):
        run(tmp_path / "set", footage, stages(log), timeout_seconds=None)
    views.query(tmp_path / "set", "SELECT * FROM clips")
    child.kill()
    child.communicate()
    run(tmp_path / "set", footage[:1], stages(log), timeout_seconds=None)
    assert "took over the lock" in caplog.text
    assert str(child.pid) in caplog.text
    caplog.clear()
    run(tmp_path / "set", footage[:1], stages(log), timeout_seconds=None)
    assert "took over" not in caplog.text


def test_without_locks_of_the_file_system_the_owner_is_looked_up(tmp_path, monkeypatch):
    def refuse(*_):
        raise OSError(errno.ENOLCK, "no locks here")

    monkeypatch.setattr("fcntl.flock", refuse)
    with locked(tmp_path):
        with pytest.raises(CatalogLocked), locked(tmp_path):
            pass
        text = (tmp_path / LOCK_NAME).read_text()
    with locked(tmp_path):
        pass
    ended = subprocess.Popen([sys.executable, "-c", ""])
    ended.wait()
    (tmp_path / LOCK_NAME).write_text(text.replace(f'"pid": {os.getpid()}', f'"pid": {ended.pid}'))
    with locked(tmp_path):
        pass


def test_parts_fill_up_and_the_next_begins_and_columns_follow(tmp_path, footage, log, monkeypatch):
    for module in (parts, clips):
        monkeypatch.setattr(module, "PART_ROWS", 12)
    run(tmp_path / "set", footage, stages(log), timeout_seconds=None, flush_seconds=0.0)
    for folder in [*(tmp_path / "set" / "clips").iterdir(), *(tmp_path / "set" / "columns").glob("grey@*")]:
        assert [pq.read_metadata(path).num_rows for path in sorted(folder.iterdir())] == [12, 12, 12]
    check_whole(tmp_path / "set", footage)
    run(tmp_path / "set", footage, [*stages(log), grey("third", log=log)], timeout_seconds=None)
    rows = views.query(tmp_path / "set", "SELECT grey, third FROM clips")
    assert all(row["grey"] == row["third"] for row in rows)


def test_parts_with_different_columns_are_joined_row_by_row(tmp_path, footage, log, monkeypatch):
    for module in (parts, clips):
        monkeypatch.setattr(module, "PART_ROWS", 12)
    folder = tmp_path / "set"
    run(folder, footage, stages(log), timeout_seconds=None)
    whole = views.query(folder, "SELECT * FROM clips ORDER BY clip_id")
    (column,) = (folder / "columns").glob("other@*")
    (column / "part-000001.parquet").unlink()
    short = pq.read_table(column / "part-000000.parquet", partitioning=None)
    first = pq.read_table(next((folder / "clips").glob("*/part-000000.parquet")), partitioning=None)[
        "clip_id"
    ].to_pylist()
    short = short.replace_schema_metadata({clips.DIGEST: clips.digest_of(first[:5])})
    pq.write_table(short.slice(0, 5), column / "part-000000.parquet")
    rows = views.query(folder, "SELECT * FROM clips ORDER BY clip_id")
    assert [{**row, "other": 0, "other_words": 0} for row in rows] == [
        {**row, "other": 0, "other_words": 0} for row in whole
    ]
    there = [row for row in rows if row["other"] is not None]
    assert len(there) == 5 + 12
    assert all(row["other"] == row["grey"] for row in there)


def test_a_column_part_of_other_clips_is_computed_anew(tmp_path, footage, log):
    folder = tmp_path / "set"
    run(folder, footage[:2], stages(log), timeout_seconds=None)
    (column,) = (folder / "columns").glob("other@*/part-000000.parquet")
    table = pq.read_table(column, partitioning=None)
    pq.write_table(table.replace_schema_metadata({"clips": "of another"}), column)
    assert views.query(folder, "SELECT count(other) AS n FROM clips") == [{"n": 0}]
    before = calls(log, "other")
    run(folder, footage[:2], stages(log), timeout_seconds=None)
    assert calls(log, "other") - before == 12
    check_whole(folder, footage[:2])


def test_row_tables_replace_by_key_and_write_only_what_changed(tmp_path, monkeypatch):
    monkeypatch.setattr(parts, "PART_ROWS", 4)
    table = RowTable(tmp_path, {"name": str, "value": int}, key=lambda row: row["name"])
    for number in range(10):
        table.put({"name": f"n{number}", "value": number})
    table.save()
    times = [path.stat().st_mtime_ns for path in sorted(tmp_path.iterdir())]
    table.put({"name": "n5", "value": 50})
    table.save()
    assert [a != b.stat().st_mtime_ns for a, b in zip(times, sorted(tmp_path.iterdir()), strict=True)] == [
        False,
        True,
        False,
    ]
    table.drop([f"n{number}" for number in range(3, 10)])
    table.save()
    again = RowTable(tmp_path, table.columns, key=lambda row: row["name"])
    assert [row["value"] for row in again.rows] == [0, 1, 2]
