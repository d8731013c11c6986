"""Faults: a killed worker, a disk that is really full, a stage that fails on everything."""

from __future__ import annotations

import os
import shutil
import signal
import subprocess
import sys
import textwrap
import threading
import time
from dataclasses import replace
from pathlib import Path

import pytest
from tables_footage import SPANS, calls, grey, rank, segment, stitch, write_shots

from dropletvideo.errors import DropletError
from dropletvideo.perception.judge import Features
from dropletvideo.tables import tally, views
from dropletvideo.tables.gpus import LEARNED_SHARE, gpus_of
from dropletvideo.tables.runner import run
from dropletvideo.tables.stage import Stage
from dropletvideo.tables.tally import Tally


@pytest.fixture(scope="module")
def footage(tmp_path_factory):
    folder = tmp_path_factory.mktemp("footage")
    return [str(write_shots(folder / f"{seed:02}.mp4", seed)) for seed in range(6)]


def children_of(pid):
    """Process numbers of its children, from /proc."""
    found = []
    for path in Path("/proc").glob("[0-9]*/stat"):
        try:
            parent = int(path.read_text().rpartition(")")[2].split()[1])
        except OSError:
            continue
        if parent == pid:
            found.append(int(path.parent.name))
    return found


def test_a_worker_killed_from_outside_costs_one_row_of_errors_that_a_second_try_fills(footage, tmp_path):
    log, folder = str(tmp_path / "calls.log"), tmp_path / "set"
    before = set(children_of(os.getpid()))

    def kill_one():
        while calls(log) < 8:
            time.sleep(0.02)
        workers = [pid for pid in set(children_of(os.getpid())) - before if b"spawn_main" in cmdline(pid)]
        os.kill(workers[0], signal.SIGKILL)

    killer = threading.Thread(target=kill_one)
    killer.start()
    stages = [segment(), grey(log=log, act="slow")]
    summary = run(folder, footage, stages, workers=1, timeout_seconds=60.0)
    killer.join()
    (error,) = views.query(folder, "SELECT * FROM errors")
    assert "its worker process died (SIGKILL" in error["reason"]
    assert (summary.failures, summary.cut_videos) == (1, len(footage) - 1)
    before_retry = calls(log)
    assert run(folder, footage, stages, timeout_seconds=None, retry_errors=True).failures == 0
    assert calls(log) - before_retry == len(SPANS)
    rows = views.query(folder, "SELECT clip_id, grey FROM clips")
    assert len({row["clip_id"] for row in rows}) == len(rows) == len(SPANS) * len(footage)
    assert all(row["grey"] is not None for row in rows)


def cmdline(pid):
    try:
        return Path(f"/proc/{pid}/cmdline").read_bytes()
    except OSError:
        return b""


FULL = """
    import shutil, sys
    from pathlib import Path
    sys.path.insert(0, {here!r})
    from tables_footage import calls, grey, segment
    from dropletvideo.errors import CatalogError
    from dropletvideo.tables import views
    from dropletvideo.tables.runner import run

    def have(folder):
        if not (folder / "dataset.json").exists():
            return 0
        return views.query(folder, "SELECT count(*) AS n FROM clips WHERE grey IS NOT NULL")[0]["n"]

    def go(free):
        folder, filler, log = Path({small!r}) / "set", Path({small!r}) / "filler", "{log}-%d" % free
        filler.write_bytes(b"x" * (256 - free) * 1024)
        stages, words = [segment(), grey(log=log)], "no error"
        try:
            run(folder, {sources!r}, stages, timeout_seconds=None, flush_seconds=0.0)
        except CatalogError as error:
            words = str(error)
        left, kept = len(list(folder.rglob("*.partial"))), have(folder)
        filler.unlink()
        before = calls(log)
        run(folder, {sources!r}, stages, timeout_seconds=None)
        rows = views.query(folder, "SELECT clip_id, grey FROM clips")
        whole = sum(row["grey"] is not None for row in rows)
        distinct = len({{row["clip_id"] for row in rows}})
        print(left, kept, len(rows), distinct, whole, calls(log) - before, words, sep="|")
        shutil.rmtree(folder)

    for free in (4, 16, 24, 32, 40, 48):
        go(free)
"""


def test_a_disk_that_is_really_full_ends_the_run_and_the_next_one_goes_on(footage, tmp_path):
    """A tmpfs of 256 KB with less and less room, in a mount name space of its own, where the system allows one."""
    small, script = tmp_path / "small", tmp_path / "script.py"
    small.mkdir()
    apart = ["unshare", "-rm", "sh", "-c"]
    mount = f"mount -t tmpfs -o size=256k tmpfs {small}"
    if shutil.which("unshare") is None or subprocess.run([*apart, mount], capture_output=True, check=False).returncode:
        pytest.skip("a small file system needs the right to mount one (unshare -rm)")
    names = {"here": str(Path(__file__).parent), "small": str(small), "log": str(tmp_path / "calls.log")}
    script.write_text(textwrap.dedent(FULL).format(sources=footage, **names))
    command = [*apart, f'{mount} && exec "$0" {script}', sys.executable]
    done = subprocess.run(command, capture_output=True, text=True, timeout=120, check=False)
    assert done.returncode == 0, done.stderr
    clips, kept_somewhere = len(SPANS) * len(footage), 0
    for line in done.stdout.splitlines():
        left, kept, *counts, computed, words = line.split("|")
        assert (int(left), [int(count) for count in counts]) == (0, [clips] * 3)
        assert int(computed) == clips - int(kept)
        if words != "no error":
            assert "No space left on device" in words
            assert "free space" in words
            kept_somewhere = max(kept_somewhere, int(kept))
    assert kept_somewhere > 0


def test_a_stage_that_fails_on_few_rows_is_told_at_the_end(footage, tmp_path, caplog):
    run(tmp_path / "set", footage[:1], [segment(), grey(), grey("bad", act="fail")], timeout_seconds=None)
    assert "stage bad failed on all 6 rows it was tried on; last reason: ZeroDivisionError: no grey here" in caplog.text
    assert "stage grey" not in caplog.text


def test_a_detector_that_fails_on_every_video_stops_the_run_early(footage, tmp_path, monkeypatch):
    monkeypatch.setattr(tally, "ENOUGH_TO_JUDGE", 3)
    broken = segment()
    broken.judge.lag = "no number"
    with pytest.raises(DropletError, match=r"stage segment failed on 3 of the first 3 rows.*TypeError"):
        run(tmp_path / "set", footage, [broken, grey()], timeout_seconds=None)
    mended = run(tmp_path / "set", footage, [segment(), grey()], timeout_seconds=None, retry_errors=True)
    assert (mended.failures, mended.clips) == (0, len(SPANS) * len(footage))


@pytest.mark.parametrize("stage", [stitch(), rank()])
def test_a_stage_that_fails_on_the_whole_table_ends_the_run_and_names_itself(footage, tmp_path, stage):
    """`stitch` makes clips of clips, `rank` a column of columns."""
    broken = replace(stage, function=fails)
    with pytest.raises(
        DropletError, match=rf"stage {stage.name} failed on the table: ZeroDivisionError: nothing there"
    ):
        run(tmp_path / "set", footage[:1], [segment(), grey(), broken], timeout_seconds=None)
    again = run(tmp_path / "set", footage[:1], [segment(), grey(), stage], timeout_seconds=None)
    assert (again.decodes, again.failures) == (0, 0)


def fails(*_):
    raise ZeroDivisionError("nothing there")


def test_a_stage_that_kills_every_worker_stops_the_run_early_and_says_so(footage, tmp_path, monkeypatch):
    monkeypatch.setattr(tally, "ENOUGH_TO_JUDGE", 3)
    with pytest.raises(DropletError, match=r"stage segment failed on 3 of the first 3 rows.*worker process died"):
        run(tmp_path / "set", footage, [segment(), grey(act="die")], workers=2, timeout_seconds=60.0)
    assert len(views.query(tmp_path / "set", "SELECT * FROM errors")) == 3


def test_files_that_cannot_be_read_stop_nothing(footage, tmp_path, monkeypatch):
    monkeypatch.setattr(tally, "ENOUGH_TO_JUDGE", 2)
    for number in range(4):
        (tmp_path / f"{number}.mp4").write_text(f"no video {number}")
    summary = run(
        tmp_path / "set", [*sorted(tmp_path.glob("*.mp4")), footage[0]], [segment(), grey()], timeout_seconds=None
    )
    assert (summary.failures, summary.clips) == (4, len(SPANS))


def test_a_stage_that_begins_to_fail_later_is_stopped_by_failures_in_a_row(monkeypatch):
    monkeypatch.setattr(tally, "IN_A_ROW", 30)
    count = Tally()
    for _ in range(1000):
        count.succeeded("far")
    for _ in range(29):
        count.failed("far", "the GPU is gone")
    count.succeeded("far")
    for _ in range(29):
        count.failed("far", "the GPU is gone")
    with pytest.raises(DropletError, match=r"stage far failed on 30 rows one after the other.*the GPU is gone"):
        count.failed("far", "the GPU is gone")
    assert count.all_failed() == {}


def learned(name, backbone=None, **more):
    judge = grey(name).judge
    judge.needs = Features(backbone=backbone) if backbone else judge.needs
    return Stage(
        name=name, version=1, kind="frames->columns", columns=judge.columns, judge=judge, weights_digest="x", **more
    )


def test_the_share_of_a_gpu_is_that_of_the_stages_together_and_of_a_shared_backbone_once():
    assert gpus_of([segment(), grey()]) == 0.0
    assert gpus_of([grey(), learned("a")]) == LEARNED_SHARE
    assert gpus_of([learned("a", "clip"), learned("b", "clip")]) == LEARNED_SHARE
    assert gpus_of([learned("a", "clip"), learned("b", "clip", num_gpus=0.4), learned("c")]) == 0.4 + LEARNED_SHARE
    assert gpus_of([learned(str(number), num_gpus=0.5) for number in range(3)]) == 1.0
