"""Protects the speed benchmark: every second of the pass is someone's, shares add up, videos are decoded once."""

from __future__ import annotations

import evaluate_speed
import pytest

from dropletvideo.evaluate.metric import load_metric


@pytest.fixture
def benchmark(monkeypatch):
    for name, value in {"FRAMES": 17, "HEIGHT": 64, "WIDTH": 96, "RENDER_HEIGHT": 32, "RENDER_WIDTH": 48}.items():
        monkeypatch.setattr(evaluate_speed, name, value)
    return evaluate_speed


def test_shares_of_judges_and_of_metrics_are_of_one_pass(benchmark, tmp_path):
    rows = [benchmark._clip(tmp_path, number) for number in range(2)]
    written = {path: path.stat().st_mtime_ns for path in tmp_path.iterdir()}
    metrics = [load_metric(name) for name in ("motion", "flicker", "reference")]
    found = benchmark.figures(rows, metrics)
    assert found["decodes_per_clip"] == 1
    assert sum(found["share_of_judges"].values()) == pytest.approx(1, abs=0.01)
    assert sum(found["share_of_metrics"].values()) == pytest.approx(1, abs=0.01)
    assert {"decode", "consistent_flow", "reference_fidelity", "backbone:dis_flow"} <= set(found["share_of_judges"])
    assert {"motion", "flicker", "reference"} <= set(found["share_of_metrics"])
    assert list(found["growth"]) == list(found["memory_mib"]) == ["1", "2"]
    # both times are given to a millisecond, and decoding a clip this small takes two or three
    metrics_seconds, decode_seconds, half = found["metrics_seconds_per_clip"], found["decode_seconds_per_clip"], 0.0005
    assert found["times_decoding"] >= (metrics_seconds - half) / (decode_seconds + half) - 0.01
    assert found["times_decoding"] <= (metrics_seconds + half) / (decode_seconds - half) + 0.01
    assert benchmark._clip(tmp_path, 0).video == rows[0].video
    assert written == {path: path.stat().st_mtime_ns for path in tmp_path.iterdir()}, "a clip is rendered once"


def test_columns_of_other_benchmarks_are_measured_apart(benchmark, tmp_path):
    found = benchmark.published([benchmark._clip(tmp_path, 0)], [load_metric("flicker")])
    assert "mira_geometry" in found["metrics"]
    assert "flicker" not in found["metrics"]
    assert found["share_of_judges"]["matched_geometry"] > 0
