"""The scripts in `examples/` run as a reader would run them, with few steps."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

from dropletvideo import media

EXAMPLES = Path(__file__).parents[2] / "examples"


def test_the_motion_sweep_draws_one_row_per_m(tmp_path):
    picture = tmp_path / "sweep.png"
    told = subprocess.run(
        [sys.executable, str(EXAMPLES / "motion_sweep.py"), "--steps", "2", "--side", "64", "--out", str(picture)],
        capture_output=True,
        text=True,
        env=os.environ | {"OMP_NUM_THREADS": "1"},
        check=False,
    )
    assert told.returncode == 0, told.stderr[-2000:]
    drawn = media.read_image(picture)
    assert drawn.shape == (4 * 64, 9 * 64, 3)
    firsts = [drawn[64 * row : 64 * row + 64, :64].astype(float) for row in range(4)]
    lasts = [drawn[64 * row : 64 * row + 64, -64:].astype(float) for row in range(4)]
    assert max(abs(firsts[0] - first).mean() for first in firsts) < 12, "every row begins with the given image"
    assert abs(lasts[0] - lasts[3]).mean() > 1, "M changes what becomes of it"
