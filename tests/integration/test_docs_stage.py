"""The guide's example of a new stage works as it is printed, by adding its files and nothing else."""

from __future__ import annotations

import json
import re
import sys
from pathlib import Path

import numpy as np
import pytest
from typer.testing import CliRunner

from dropletvideo import media, perception
from dropletvideo.cli.__main__ import application
from dropletvideo.curate import stages
from dropletvideo.curate.run import curate
from dropletvideo.perception.judge import Judge
from dropletvideo.tables.views import query

GUIDE = Path(__file__).parents[2] / "docs" / "curation.md"
FOLDERS = {"curate/stages": stages, "perception": perception}


@pytest.fixture
def example(tmp_path, monkeypatch):
    """The example's files, where Python and the recipes look for stages and judges."""
    blocks = re.findall(r"```python\n# src/dropletvideo/(\S+)/(\w+\.py)\n(.*?)```", GUIDE.read_text(), re.DOTALL)
    assert [name for _, name, _ in blocks] == ["shape.py", "warmth.py", "warmth.py"]
    for folder, name, text in blocks:
        path = tmp_path / folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text)
        package = FOLDERS[folder]
        if str(path.parent) not in package.__path__:
            monkeypatch.setattr(package, "__path__", [*package.__path__, str(path.parent)])
    before = set(sys.modules)
    yield
    for name in set(sys.modules) - before:
        if name.rpartition(".")[2] in ("shape", "warmth"):
            del sys.modules[name]


def picture(red, blue):
    frames = np.zeros((24, 48, 64, 3), np.uint8)
    frames[..., 0], frames[..., 1], frames[..., 2] = red, 90, blue
    return frames


def test_the_example_is_computed_alone_on_a_finished_data_set_and_can_be_chosen_by(example, tmp_path):
    media.write_video(tmp_path / "raw" / "warm.mp4", picture(180, 60), playback_fps=12)
    media.write_video(tmp_path / "raw" / "cold.mp4", picture(60, 180), playback_fps=12)
    recipe = tmp_path / "small.yaml"
    recipe.write_text("stages: {segment:, look:}\n")
    out = tmp_path / "set"
    first = curate([tmp_path / "raw"], out, recipe=str(recipe), in_process=True, with_report=False).summary
    assert set(first.measured_clips) == {"look"}
    added = ["stages.shape={}", "stages.warmth={}"]
    second = curate(
        [tmp_path / "raw"], out, recipe=str(recipe), changes=added, in_process=True, with_report=False
    ).summary
    assert {stage: count for stage, count in second.measured_clips.items() if count} == {"shape": 2, "warmth": 2}
    rows = {Path(row["video_path"]).stem: row for row in query(out, "select * from clips")}
    assert rows["warm"]["warmth"] == pytest.approx(120, abs=12)
    assert rows["cold"]["warmth"] == pytest.approx(-120, abs=12)
    assert rows["warm"]["aspect_ratio"] == pytest.approx(64 / 48)
    (where,) = re.findall(r'select dataset/ --where "(warmth[^"]*)"', GUIDE.read_text())
    for path in (tmp_path / "raw").iterdir():
        path.unlink()
    chosen = CliRunner().invoke(application, ["select", str(out), "--where", where, "--name", "warm", "--json"])
    assert json.loads(chosen.stdout)["clip_ids"] == [rows["warm"]["clip_id"]]


def test_the_examples_judge_keeps_the_contract(example):
    from dropletvideo.perception.warmth import WarmthJudge

    assert isinstance(WarmthJudge(), Judge)
    assert WarmthJudge().finish([]) == {"warmth": None}
