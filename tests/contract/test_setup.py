"""Setup on a disk that is too small stops before it begins, with one line that says what it needs."""

from __future__ import annotations

import os
import shutil
import subprocess
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]


@pytest.mark.skipif(shutil.which("make") is None, reason="make is not installed")
def test_setup_says_how_much_disk_it_needs_and_leaves_nothing_behind(tmp_path):
    venv = tmp_path / "venv"
    command = ["make", "setup", f"VENV={venv}", "SETUP_GB=1000000000"]
    alone = {name: value for name, value in os.environ.items() if not name.startswith("MAKE")}  # not of an outer make
    run = subprocess.run(command, cwd=ROOT, env=alone, capture_output=True, text=True, timeout=60, check=False)
    assert run.returncode != 0
    first, *_ = run.stderr.splitlines()
    assert first.startswith("need 1000000000 GB of disk for .venv, ")
    assert "GB are free here; make room" in first
    assert not venv.exists()
