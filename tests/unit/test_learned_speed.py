"""Protects the count of forward passes: one for each backbone, way of preparing frames and frame; one decode."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import pytest

BENCHMARK = Path(__file__).parents[2] / "benchmarks/learned_speed.py"


@pytest.mark.timeout(180)
def test_two_videos_through_ten_columns_with_one_pass_for_each_backbone_way_and_frame(tmp_path):
    options = ["--toy", "--videos", "2", "--frames", "5", "--size", "64x96", "--row", str(tmp_path / "rows.jsonl")]
    subprocess.run([sys.executable, str(BENCHMARK), *options], check=True, capture_output=True, timeout=170)
    (line,) = (tmp_path / "rows.jsonl").read_text(encoding="utf-8").splitlines()
    found = json.loads(line)
    frames, image, per_frame = 5, 1, found["forwards_per_frame"]
    assert found["decodes_per_video"] == 1
    assert per_frame["clip-vit-b-32"] == found["passes"]["clip-vit-b-32"] == 2
    assert per_frame["clip-vit-l-14"] == found["passes"]["clip-vit-l-14"] == 2
    assert per_frame["dino-vit-b-16"] == pytest.approx(3 + 2 * image / frames)
    assert per_frame["dreamsim"] == pytest.approx(2 + image / frames)
    assert per_frame["musiq-spaq"] == 1
    assert per_frame["cotracker2"] == pytest.approx(1 / frames)
    assert not any(found["repeated"].values())
    assert {"all", "grid_tracks", "backbone:dino_vbench", "backbone:clip_l14_vbench"} <= set(found["seconds_per_video"])
