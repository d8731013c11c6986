"""What a run says of itself, and how many threads and which device it takes."""

from __future__ import annotations

import json
import os
import subprocess
import sys

import numpy as np
import pytest

from dropletvideo import runtime
from dropletvideo.errors import ConfigError


def test_run_json_says_what_ran(tmp_path):
    runtime.write_run(tmp_path, recipe={"a": {"b": 1}}, seeds={"seed": 3}, wall_seconds=1.23456, clips=7)
    record = json.loads((tmp_path / "run.json").read_text())
    assert (record["recipe"], record["seeds"], record["clips"]) == ({"a": {"b": 1}}, {"seed": 3}, 7)
    assert record["wall_seconds"] == 1.235
    assert {"version", "device", "machine", "command", "written", "weights"} <= set(record)
    assert [path.name for path in tmp_path.iterdir()] == ["run.json"]


def test_importing_it_loads_no_heavy_library_and_sets_nothing():
    code = "import sys, os; before = dict(os.environ); import dropletvideo.runtime, dropletvideo.engine; "
    code += "print(sorted({'torch', 'cv2', 'rich', 'duckdb'} & set(sys.modules)), before == dict(os.environ))"
    ended = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert ended.stdout.split("\n")[0] == "[] True"


def test_progress_off_a_terminal_is_a_line_now_and_then(capsys, monkeypatch):
    with runtime.progress("work", total=3) as bar:
        bar.advance()
    assert capsys.readouterr().err == ""
    monkeypatch.setattr(runtime, "QUIET_SECONDS", 0.0)
    with runtime.progress("work", total=3) as bar:
        bar.advance(2, "a.mp4")
    said = capsys.readouterr()
    assert "work: 2 of 3" in said.err
    assert said.out == ""


def test_progress_on_a_terminal_is_a_bar(monkeypatch, capsys):
    monkeypatch.setattr(sys.stderr, "isatty", lambda: True, raising=False)
    with runtime.progress("work", total=3) as bar:
        bar.advance(3)
    assert bar.done == 3
    assert "3/3" in capsys.readouterr().err


def test_threads_of_children_are_limited_and_ours_restored(monkeypatch):
    monkeypatch.setenv("OMP_NUM_THREADS", "7")
    monkeypatch.delenv("MKL_NUM_THREADS", raising=False)
    with runtime.thread_environment(1):
        assert os.environ["OMP_NUM_THREADS"] == os.environ["MKL_NUM_THREADS"] == "1"
    assert os.environ["OMP_NUM_THREADS"] == "7"
    assert "MKL_NUM_THREADS" not in os.environ


def test_seeds_make_draws_repeat():
    draws = []
    for _ in range(2):
        runtime.seed_everything(11)
        draws.append(float(np.random.rand()))
    assert draws[0] == draws[1]


def test_devices_and_number_types_that_cannot_be_had_are_refused():
    assert runtime.pick_device("cpu") == "cpu"
    assert runtime.pick_device() in ("cpu", "cuda", "mps")
    with pytest.raises(ConfigError, match="unknown"):
        runtime.pick_device("tpu")
    with pytest.raises(ConfigError, match="unknown"):
        runtime.pick_dtype("float8", "cpu")
    assert str(runtime.pick_dtype("auto", "cpu")) == "torch.float32"
