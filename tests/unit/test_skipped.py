"""A stage without its weights is left out, named with the way to get them, and nothing stands in for it."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from dropletvideo import media
from dropletvideo.curate.missing import fetch_line
from dropletvideo.curate.recipe import Recipe
from dropletvideo.curate.report import build_page, read_data
from dropletvideo.curate.selection import Quota, Selection, apply
from dropletvideo.errors import WeightsError
from dropletvideo.tables.runner import run
from dropletvideo.tables.skipped import leave_out
from dropletvideo.tables.views import open_views, query
from dropletvideo.weights import FOLDER_VARIABLE, look_for

LACKS = "weights 'aesthete' are not here: droplet weights fetch aesthete"


def stages(**lacking: str):
    built = Recipe(stages={"segment": {"min_seconds": 0.2}, "phash": {}, "look": {}, "duplicates": {}}).build()
    return [replace(stage, lacks=lacking.get(stage.name, "")) for stage in built]


@pytest.fixture(scope="module")
def video(tmp_path_factory):
    path = tmp_path_factory.mktemp("skipped") / "v.mp4"
    coarse = np.random.default_rng(1).integers(0, 255, (9, 12, 3), dtype=np.uint8)
    media.write_video(path, np.stack([media.resize(coarse, size=(72, 96))] * 12), playback_fps=12)
    return path


def test_who_needs_a_skipped_stage_is_skipped_with_it():
    runnable, skipped = leave_out(stages(phash=LACKS))
    assert [stage.name for stage in runnable] == ["segment", "look"]
    assert (skipped[0].stage, skipped[0].reason) == ("phash", LACKS)
    assert "phash of the stage phash" in skipped[1].reason
    gated = [
        replace(stage, gate="phash is not null") if stage.name == "look" else stage for stage in stages(phash=LACKS)
    ]
    assert [one.stage for one in leave_out(gated)[1]] == ["phash", "look", "duplicates"]


def test_without_a_shot_detector_there_is_no_run():
    with pytest.raises(WeightsError, match="fetch aesthete"):
        leave_out(stages(segment=LACKS))


def test_a_run_names_what_it_skipped_in_summary_view_and_report_and_fills_it_later(video, tmp_path):
    root = tmp_path / "dataset"
    summary = run(root, [video], stages(look=LACKS), timeout_seconds=None)
    assert summary.as_dict()["skipped"][0]["reason"] == LACKS
    assert "look" not in summary.measured_clips
    assert query(root, "select stage, reason from skipped") == [{"stage": "look", "reason": LACKS}]
    assert "brightness" not in query(root, "select * from clips")[0]
    assert "Skipped: look" in build_page(read_data(root)).html()
    summary = run(root, [video], stages(), timeout_seconds=None)
    assert (summary.skipped, summary.measured_clips["look"]) == ([], 1)
    assert query(root, "select * from skipped") == []
    run(root, [video], stages(look=LACKS), timeout_seconds=None)
    assert query(root, "select brightness from clips")[0]["brightness"] > 0, "what was measured once stays"


def test_a_condition_on_a_skipped_column_drops_nothing_and_says_so(video, tmp_path):
    run(tmp_path / "d", [video], stages(look=LACKS), timeout_seconds=None)
    chosen = Selection(
        where=("brightness > 300", "num_frames > 2"),
        order_by="brightness desc",
        quotas=(Quota(by="brightness", count=0),),
    )
    with open_views(tmp_path / "d") as connection:
        funnel = apply(connection, chosen)
    assert funnel.kept == 1
    told = [step.condition for step in funnel.steps if "look was skipped" in step.condition]
    assert len(told) == 3, "the condition, the order and the quota"
    run(tmp_path / "d", [video], stages(), timeout_seconds=None)
    with open_views(tmp_path / "d") as connection:
        assert apply(connection, chosen).kept == 0


def test_one_line_fetches_what_can_be_fetched_and_nothing_that_has_another_way(monkeypatch, tmp_path):
    monkeypatch.setenv(FOLDER_VARIABLE, str(tmp_path))
    clip, head = (look_for(name).lacks for name in ("clip-vit-l-14", "laion-aesthetic-v1"))
    asked = f"no model to ask: name a server; or {look_for('qwen2.5-vl-7b').lacks}"
    assert fetch_line([f"{clip}; {head}", clip, asked]) == "droplet weights fetch clip-vit-l-14 laion-aesthetic-v1"
    assert fetch_line([asked, "it needs the column x of the stage y, which was skipped"]) == ""
