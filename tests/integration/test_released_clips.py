"""The suite on the release's own example: one scene generated at four M; motion falls as M rises."""

from __future__ import annotations

from pathlib import Path

import pytest

from dropletvideo.evaluate.manifest import ManifestRow, write_manifest
from dropletvideo.evaluate.score import EvaluateConfig, evaluate_manifest

CLIPS = Path(__file__).parents[2].parent / "shared" / "clips"


@pytest.mark.skipif(not (CLIPS / "droplet_music_hall_M4.mp4").is_file(), reason="the released clips are not here")
@pytest.mark.timeout(300)
def test_motion_of_the_music_hall_follows_m(tmp_path):
    rows = [
        ManifestRow(id=f"M{m}", video=CLIPS / f"droplet_music_hall_M{m}.mp4", motion=m, group="music hall")
        for m in (4, 8, 16, 32)
    ]
    write_manifest(tmp_path / "manifest.jsonl", rows)
    config = EvaluateConfig(metrics=("motion", "dynamic_degree"), baselines=(), timeout_seconds=None)
    evaluation = evaluate_manifest(tmp_path / "manifest.jsonl", tmp_path / "out", config)
    for column in ("motion_score", "motion_score_consistent"):
        speed = {result.row.id: result.measures[column] for result in evaluation.results}
        assert speed["M8"] > speed["M16"] > speed["M32"], column
        assert speed["M4"] > speed["M16"], column
        assert speed["M4"] > 0.85 * speed["M8"], column
