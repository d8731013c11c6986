"""The validation of metrics: claims on made-up scores, and a small run on rendered truth."""

from __future__ import annotations

import pytest

from dropletvideo.evaluate.expected import EXPECTED, INVARIANT
from dropletvideo.evaluate.metric import load_metrics
from dropletvideo.evaluate.score import EvaluateConfig
from dropletvideo.evaluate.validation import ValidationConfig, judge_scores, validate
from dropletvideo.evaluate.validation_page import markdown, write_validation


def rows(curve, *, fault="noise", column="compensated_flicker", kind="move"):
    """Two clips that both follow `curve`, one 10 above the other, with a harmless second coding 0.1 off."""
    found = []
    for clip, base in (("a", 0.0), ("b", 10.0)):
        shared = {"group": clip, "move": clip, "kind": kind}
        found.append({**shared, "fault": "none", "level": 0.0, "scores": {column: base + curve[0]}})
        found.append({**shared, "fault": "again", "level": 1.0, "scores": {column: base + curve[0] + 0.1}})
        for step, value in enumerate(curve[1:], start=1):
            level = step / (len(curve) - 1)
            found.append({**shared, "fault": fault, "level": level, "scores": {column: base + value}})
    return found


def claim(given, column="compensated_flicker"):
    return next(each for each in judge_scores(given)["claims"] if each["column"] == column)


def test_a_score_that_follows_the_fault_holds_and_one_that_does_not_fails():
    assert claim(rows([1, 2, 3, 4, 5]))["holds"]
    assert claim(rows([1, 2, 3, 4, 5]))["spearman"] == pytest.approx(1.0)
    assert not claim(rows([5, 4, 3, 2, 1]))["holds"], "the wrong way"
    assert not claim(rows([1, 3, 2, 4, 5]))["holds"], "0.9 is below the limit"
    assert not claim(rows([1, 1, 1, 1, 1]))["holds"]


def test_a_score_that_must_stay_is_held_to_its_noise_floor():
    still = claim(rows([3, 3.1, 3.15, 3.1, 3.2], column="repeated_share"), "repeated_share")
    assert (still["wanted"], still["holds"]) == ("stays", True)
    assert still["floor"] == pytest.approx(0.2), "twice what a harmless coding changes"
    assert not claim(rows([3, 3.1, 3.2, 3.3, 3.5], column="repeated_share"), "repeated_share")["holds"]


def test_a_clip_that_lacks_a_level_does_not_bend_the_curve():
    given = rows([1, 2, 3, 4, 5])
    given = [row for row in given if not (row["group"] == "b" and row["level"] == 0.5)]
    assert [point["mean"] for point in claim(given)["curve"]] == [1, 2, 3, 4, 5]


def test_zero_fault_by_camera_move_is_held_to_half_the_weakest_reaction():
    zero = {each["column"]: each for each in judge_scores(rows([1, 2, 3, 4, 5]))["zero"]}["compensated_flicker"]
    assert zero["by_move"] == {"a": 1, "b": 11}
    assert zero["limit"] == pytest.approx(2.0)
    assert zero["outside"] == ["a", "b"]


def test_every_claim_names_a_column_that_some_metric_gives():
    known = {column.name for metric in load_metrics() for column in metric.columns}
    for fault, expected in EXPECTED.items():
        named = (*expected.rises, *expected.falls, *expected.stays)
        assert set(named) <= known, fault
        assert len(named) == len(set(named)), fault
    assert set(INVARIANT) <= known


@pytest.mark.timeout(300)
def test_claims_hold_on_a_rendered_clip(tmp_path):
    metrics = ("flicker", "look", "reference", "breaks", "first_frame", "motion", "geometry")
    config = ValidationConfig(
        moves=("truck_right",),
        fault_moves=("truck_right",),
        faults=("warp", "depth_drift", "flicker", "freeze", "noise"),
        levels=3,
        returns=0,
        height=128,
        width=160,
        num_frames=17,
        seed=1_200_000,
        metrics=metrics,
    )
    found = validate(tmp_path, config, EvaluateConfig(metrics=metrics, timeout_seconds=None))
    broken = [(each["fault"], each["column"]) for each in found["claims"] if not each["holds"]]
    assert broken == []
    assert len(found["claims"]) >= 30
    assert write_validation(found, tmp_path / "page.html") > 5000
    assert "| `geometry_error_px` | ↑ | ↑ |" in markdown(found)
