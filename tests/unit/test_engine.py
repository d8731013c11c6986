"""The engine: same results in every mode, and nothing lost when a worker hangs, dies or is interrupted."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from dropletvideo.engine import Workers, heartbeat, map_in_order, map_rows
from dropletvideo.errors import DecoderTimeout, MediaError


def act(row):  # noqa: C901 - one branch per kind of row
    """What a row asks for: a number is squared, a word is done."""
    if row == "hang":
        time.sleep(600)
    if row == "slow but alive":
        for _ in range(8):
            time.sleep(0.25)
            heartbeat()
    if row == "die":
        os.kill(os.getpid(), signal.SIGKILL)
    if row == "crash":
        os.kill(os.getpid(), signal.SIGSEGV)
    if row == "exit":
        sys.exit(3)
    if row == "fail":
        raise MediaError("x.mp4", "is empty")
    if row == "bug":
        raise ZeroDivisionError("a fault of ours")
    if row == "threads":
        return os.environ["OMP_NUM_THREADS"]
    if row == "pid":
        return os.getpid()
    return row * 2


@pytest.mark.parametrize(("workers", "limit"), [(0, None), (1, None), (1, 60.0), (2, None)])
def test_same_results_in_every_mode(workers, limit):
    rows = [1, 2, "a", "fail", 5]
    found = {}
    for row, result in map_rows(act, iter(rows), workers=workers, timeout_seconds=limit):
        assert row not in found
        found[row] = (type(result), str(result))
    assert found == {
        1: (int, "2"),
        2: (int, "4"),
        "a": (str, "aa"),
        "fail": (MediaError, "x.mp4: is empty"),
        5: (int, "10"),
    }


def test_results_come_in_the_order_of_the_rows_and_the_first_failure_is_raised():
    finished = []
    assert map_in_order(act, ["slow but alive", 3, 1], workers=2, advance=finished.append) == [
        "slow but alive" * 2,
        6,
        2,
    ]
    assert finished == ["3", "1", "slow but alive"]
    with pytest.raises(MediaError):
        map_in_order(act, [1, "fail", 2])


def test_hung_row_is_killed_a_slow_one_with_a_pulse_is_not_and_dead_workers_are_replaced():
    rows = ["hang", "die", "slow but alive", 1, "crash", 2, 3]
    started = time.monotonic()
    found = dict(map_rows(act, rows, workers=2, timeout_seconds=1.0))
    assert time.monotonic() - started < 60
    assert isinstance(found.pop("hang"), DecoderTimeout)
    died, crashed = found.pop("die"), found.pop("crash")
    assert isinstance(died, MediaError)
    assert "SIGKILL" in str(died)
    assert "SIGSEGV" in str(crashed)
    assert found == {"slow but alive": "slow but alive" * 2, 1: 2, 2: 4, 3: 6}


def test_a_fault_of_ours_is_raised_not_swallowed():
    for options in ({}, {"timeout_seconds": 60.0}):
        with pytest.raises(ZeroDivisionError):
            list(map_rows(act, [1, "bug"], **options))
        found = dict(map_rows(act, [1, "bug"], tolerate=(Exception,), **options))
        assert isinstance(found["bug"], ZeroDivisionError)
    with pytest.raises(SystemExit):
        list(map_rows(act, ["exit"], timeout_seconds=60.0))


def test_workers_run_apart_with_one_thread_each():
    found = dict(map_rows(act, ["threads", "pid"], timeout_seconds=60.0))
    assert found["threads"] == "1"
    assert found["pid"] != os.getpid()


def test_rows_are_taken_as_they_are_needed():
    taken = []

    def rows():
        for number in range(1000):
            taken.append(number)
            yield number

    results = map_rows(act, rows(), workers=2)
    next(results)
    results.close()
    assert len(taken) < 20


def refuse_to_load(*_):
    raise RuntimeError("cannot be loaded here")


class Unloadable:
    def __call__(self, row):
        return row

    def __reduce__(self):
        return refuse_to_load, ()


def test_a_function_that_cannot_be_loaded_ends_the_map_with_its_own_error():
    with pytest.raises(RuntimeError, match="cannot be loaded here"):
        list(map_rows(Unloadable(), [1], timeout_seconds=60.0))


def test_a_script_without_a_main_guard_is_told_so(tmp_path):
    script = tmp_path / "script.py"
    script.write_text(
        SCRIPT.format(folder=str(Path(__file__).parent)).replace('if __name__ == "__main__":', "if True:")
    )
    ended = subprocess.run([sys.executable, str(script)], capture_output=True, text=True, timeout=60, check=False)
    assert "did not start" in ended.stderr
    assert "__main__" in ended.stderr


def test_workers_are_kept_from_one_map_to_the_next():
    with Workers(1, 60.0) as workers:
        pids = [dict(workers.map(act, ["pid"]))["pid"] for _ in range(2)]
    assert pids[0] == pids[1] != os.getpid()


SCRIPT = """
import os, sys, time
sys.path.insert(0, {folder!r})
from test_engine import act
from dropletvideo.engine import map_rows
if __name__ == "__main__":
    print("pid", dict(map_rows(act, ["pid"], timeout_seconds=60))["pid"], flush=True)
    try:
        for row, result in map_rows(act, ["pid", "hang"], workers=1, timeout_seconds=300):
            print("pid", result, flush=True)
    except KeyboardInterrupt:
        print("interrupted", flush=True)
"""


@pytest.mark.parametrize("how", [signal.SIGINT, signal.SIGKILL])
def test_no_worker_outlives_its_parent(tmp_path, how):
    script = tmp_path / "script.py"
    script.write_text(SCRIPT.format(folder=str(Path(__file__).parent)))
    parent = subprocess.Popen([sys.executable, str(script)], stdout=subprocess.PIPE, text=True, start_new_session=True)
    parent.stdout.readline()
    worker = int(parent.stdout.readline().split()[1])
    if how == signal.SIGINT:
        os.killpg(parent.pid, how)
        assert parent.stdout.readline() == "interrupted\n"
    else:
        os.kill(parent.pid, how)
    parent.wait(30)
    parent.stdout.close()
    deadline = time.monotonic() + 10
    while time.monotonic() < deadline and _is_alive(worker):
        time.sleep(0.05)
    assert not _is_alive(worker)


def _is_alive(pid):
    try:
        return Path(f"/proc/{pid}/stat").read_text().rsplit(")", 1)[1].split()[0] != "Z"
    except OSError:
        return False
