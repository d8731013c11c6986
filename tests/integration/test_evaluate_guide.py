"""The guide's example of a new metric is one file that works as it stands."""

from __future__ import annotations

import re
import sys
from pathlib import Path

import numpy as np
import pytest

from dropletvideo import media
from dropletvideo.evaluate import metrics
from dropletvideo.evaluate.manifest import ManifestRow, write_manifest
from dropletvideo.evaluate.metric import metric_names
from dropletvideo.evaluate.score import EvaluateConfig, evaluate_manifest

GUIDE = Path(__file__).parents[2] / "docs" / "evaluation.md"


@pytest.fixture
def added(tmp_path, monkeypatch):
    """The example as a file of the metrics folder, and the name that it gives itself."""
    (example,) = re.findall(r"```python\n(.*?)```", GUIDE.read_text(encoding="utf-8"), flags=re.DOTALL)
    name = re.search(r'name="(\w+)",\s+# the file', example).group(1)
    (tmp_path / f"{name}.py").write_text(example, encoding="utf-8")
    monkeypatch.setattr(metrics, "__path__", [*metrics.__path__, str(tmp_path)])
    yield name
    sys.modules.pop(f"dropletvideo.evaluate.metrics.{name}", None)


def test_one_new_file_is_found_joins_its_suite_and_is_scored(added, tmp_path):
    assert added in metric_names()
    frames = np.zeros((5, 48, 64, 3), np.uint8)
    frames[..., 0] = 200
    media.write_video(tmp_path / "red.mp4", frames, playback_fps=8)
    write_manifest(tmp_path / "manifest.jsonl", [ManifestRow(id="red", video=tmp_path / "red.mp4")])
    config = EvaluateConfig(metrics=(added,), baselines=(), timeout_seconds=None)
    assert added in {metric.name for metric in EvaluateConfig(suite="truth").load_metrics()}
    found = evaluate_manifest(tmp_path / "manifest.jsonl", tmp_path / "out", config)
    assert found.summary["systems"]["model"]["scores"]["colourfulness"]["value"] > 30
