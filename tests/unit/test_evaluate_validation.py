"""The validation of metrics: claims on made-up scores, a run that was stopped, and a small run on rendered truth."""

from __future__ import annotations

import json

import numpy as np
import pytest

from dropletvideo.errors import ConfigError
from dropletvideo.evaluate import faulty_videos
from dropletvideo.evaluate.claims import SURE_CLIPS, judge_scores
from dropletvideo.evaluate.expected import EXPECTED, GROUPS, INVARIANT, REASONS, UNCLAIMED, columns_of_truth, wanted_of
from dropletvideo.evaluate.faulty_videos import ValidationConfig, write_faulty_videos
from dropletvideo.evaluate.metric import load_metrics
from dropletvideo.evaluate.score import EvaluateConfig
from dropletvideo.evaluate.validation import row_of, validate
from dropletvideo.evaluate.validation_page import mark_of, markdown, write_validation
from dropletvideo.world.inconsistency import warped


def rows(*curves, fault="noise", column="compensated_flicker", kind="move"):
    """A clip for each curve, with a harmless second coding 0.1 off."""
    found = []
    for number, curve in enumerate(curves):
        shared = {"group": f"clip{number}", "move": f"move{number}", "kind": kind}
        found.append({**shared, "fault": "none", "level": 0.0, "scores": {column: curve[0]}})
        found.append({**shared, "fault": "again", "level": 1.0, "scores": {column: curve[0] + 0.1}})
        for step, value in enumerate(curve[1:], start=1):
            level = step / (len(curve) - 1)
            found.append({**shared, "fault": fault, "level": level, "scores": {column: value}})
    return found


def two(curve, **where):
    """Two clips that follow a curve, one of them 10 higher."""
    return rows(curve, [value + 10 for value in curve], **where)


def claim(given, column="compensated_flicker"):
    return next(each for each in judge_scores(given)["claims"] if each["column"] == column)


class TestClaims:
    def test_a_score_that_follows_the_fault_holds_and_one_that_does_not_fails(self):
        assert claim(two([1, 2, 3, 4, 5]))["holds"]
        assert claim(two([1, 2, 3, 4, 5]))["spearman"] == pytest.approx(1.0)
        assert not claim(two([5, 4, 3, 2, 1]))["holds"], "the wrong way"
        assert not claim(two([1, 3, 2, 4, 5]))["holds"], "0.9 is below the limit"
        assert not claim(two([1, 1, 1, 1, 1]))["holds"]

    def test_a_score_that_must_stay_is_held_to_its_noise_floor(self):
        still = claim(two([3, 3.1, 3.15, 3.1, 3.2], column="repeated_share"), "repeated_share")
        assert (still["wanted"], still["holds"], still["keeps_to"]) == ("stays", True, 1.0)
        assert still["floor"] == pytest.approx(0.2), "twice what a harmless coding changes"
        leaves = claim(two([3, 3.1, 3.2, 3.3, 3.5], column="repeated_share"), "repeated_share")
        assert (leaves["holds"], leaves["keeps_to"]) == (False, 0.5)

    def test_a_clip_that_lacks_a_level_does_not_bend_the_curve(self):
        given = two([1, 2, 3, 4, 5])
        given = [row for row in given if not (row["group"] == "clip1" and row["level"] == 0.5)]
        assert [point["mean"] for point in claim(given)["curve"]] == [1, 2, 3, 4, 5]

    def test_a_verdict_that_one_clip_makes_is_not_sure_and_one_of_all_clips_is(self):
        agreed = claim(rows(*[[1, 2, 3, 4, 5]] * 6))
        assert (agreed["sure"], agreed["is_sure"], mark_of(agreed)) == (1.0, True, "↑")
        assert agreed["change_low"] == agreed["change_high"] == pytest.approx(4)
        one = claim(rows([1, 9, 20, 30, 40], *[[5, 4, 3, 2, 1]] * 5))
        assert one["holds"]
        assert one["sure"] == pytest.approx(1 - (5 / 6) ** 6, abs=0.05), "draws that hold the one clip"
        assert mark_of(one) == "↑~"
        assert one["change_low"] < 0 < one["change_high"]

    def test_a_verdict_of_few_clips_is_never_sure(self):
        few = claim(rows(*[[1, 2, 3, 4, 5]] * (SURE_CLIPS - 1)))
        assert few["sure"] == 1.0
        assert not few["is_sure"]

    def test_scores_about_events_are_told_on_clips_with_events_alone(self):
        falling = [1.0, 0.8, 0.6, 0.4, 0.2]
        events = rows(falling, fault="freeze", column="plot", kind="event")
        others = rows([1, 1, 1, 1, 1], fault="freeze", column="plot")
        found = judge_scores(events + [{**row, "group": f"x{row['group']}"} for row in others])
        (plot,) = found["claims"]
        assert (plot["clips"], plot["holds"]) == (1, True)

    def test_zero_fault_by_camera_move_is_held_to_half_the_weakest_reaction(self):
        zero = {each["column"]: each for each in judge_scores(two([1, 2, 3, 4, 5]))["zero"]}["compensated_flicker"]
        assert zero["by_move"] == {"move0": 1, "move1": 11}
        assert zero["limit"] == pytest.approx(2.0)
        assert zero["outside"] == ["move0", "move1"]
        assert zero["clips_outside"] == {"move0": 1, "move1": 1}

    def test_a_score_that_no_fault_moves_may_not_differ_between_moves_at_all(self):
        given = two([0, 0, 0], column="cuts_inside")
        assert judge_scores(given)["zero"][0]["outside"] == ["move0", "move1"]


class TestExpected:
    def test_every_own_column_has_a_claim_or_a_reason_for_every_fault(self):
        truth = [metric for metric in load_metrics() if "truth" in metric.suites]
        own = {column.name for metric in truth for column in metric.columns if column.of == "video"}
        assert set(columns_of_truth()) == own
        for column in own:
            for fault in EXPECTED:
                reason = UNCLAIMED[column].get(fault)
                assert (reason in REASONS) != (wanted_of(fault, column) is not None), (column, fault)
        assert set(INVARIANT) <= own
        order = list(columns_of_truth())
        shown = [name for first, last in GROUPS.values() for name in order[order.index(first) : order.index(last) + 1]]
        assert shown == order, "every column in one part of the page"
        assert {letter for cells in UNCLAIMED.values() for letter in cells.values()} == set(REASONS)


SMALL = ValidationConfig(
    moves=("truck_right",),
    fault_moves=("truck_right",),
    faults=("warp", "depth_drift", "flicker", "freeze", "noise"),
    count=1,
    levels=3,
    returns=0,
    events=0,
    height=128,
    width=160,
    num_frames=17,
    seed=1_200_000,
    metrics=("flicker", "look", "reference", "breaks", "first_frame", "motion", "geometry"),
)
HERE = EvaluateConfig(timeout_seconds=None)


class TestVideos:
    def test_a_run_that_was_stopped_renders_only_what_is_not_there(self, tmp_path, monkeypatch):
        config = ValidationConfig(
            moves=("pan_left", "zoom_in"), fault_moves=("pan_left",), faults=("noise",), levels=2, count=1, returns=0,
            events=0, height=48, width=64, num_frames=5, seed=1_200_000,
        )  # fmt: skip
        whole = write_faulty_videos(tmp_path, config, HERE).read_bytes()
        rendered = []
        given = faulty_videos._render
        monkeypatch.setattr(faulty_videos, "_render", lambda job: rendered.append(job.request.name) or given(job))
        write_faulty_videos(tmp_path, config, HERE)
        assert rendered == []
        (tmp_path / "videos/move-pan_left-0-noise-50.mp4").unlink()
        assert write_faulty_videos(tmp_path, config, HERE).read_bytes() == whole
        assert rendered == ["move-pan_left-0"]
        other = ValidationConfig(**{**vars(config), "seed": 1_200_500})
        assert write_faulty_videos(tmp_path, other, HERE).read_bytes() != whole
        assert sorted(rendered) == ["move-pan_left-0", "move-pan_left-0", "move-zoom_in-0"]

    def test_too_few_clips_of_a_kind_are_an_error_and_not_a_smaller_run(self, tmp_path):
        config = ValidationConfig(
            moves=(), events=1, returns=0, count=0, height=48, width=64, num_frames=2, seed=1_200_000
        )
        with pytest.raises(ConfigError, match="0 of 1 clips of kind 'event'"):
            write_faulty_videos(tmp_path, config, HERE)


@pytest.mark.timeout(300)
def test_claims_hold_on_a_rendered_clip(tmp_path):
    found = validate(tmp_path, SMALL, EvaluateConfig(metrics=SMALL.metrics, timeout_seconds=None))
    verdicts = {(each["fault"], each["column"]): each["holds"] for each in found["claims"]}
    central = {
        "warp": ("geometry", "geometry_error_px", "motion_score", "reference_psnr", "first_frame_ssim", "cuts_inside"),
        "depth_drift": ("geometry_error_px", "reference_psnr", "first_frame_psnr", "sharpness"),
        "flicker": ("compensated_flicker", "temporal_flickering", "first_frame_psnr", "repeated_share"),
        "freeze": ("repeated_share", "longest_freeze_seconds", "motion_score", "temporal_flickering"),
        "noise": ("sharpness", "compensated_flicker", "reference_psnr", "first_frame_psnr", "repeated_share"),
    }
    wanted = [(fault, column) for fault, columns in central.items() for column in columns]
    assert [each for each in wanted if not verdicts[each]] == []
    drift = next(each for each in found["claims"] if (each["fault"], each["column"]) == ("depth_drift", "geometry"))
    assert drift["change"] < -0.2, "one clip may level off before the last size"
    assert np.mean(list(verdicts.values())) > 0.75
    assert json.loads((tmp_path / "validation.json").read_text())["clips_with_faults"]["move"] == 1
    row = row_of(found)
    assert (row["claims"], row["hold"]) == (len(verdicts), sum(verdicts.values()))
    assert len(row["broken"]) == row["claims"] - row["hold"]
    assert row["hold_and_sure"] == row["fail_and_sure"] == 0, "one clip is not sure"
    assert write_validation(found, tmp_path / "page.html") > 5000
    assert "| `geometry_error_px` | ↑~ | ↑~ |" in markdown(found)


def test_a_warp_of_no_size_is_the_shot_itself():
    config = SMALL.suite("move", 1)
    (request,) = faulty_videos.draw_requests(config)
    times = np.arange(3) / 8.0
    still = warped(request.shot, times, 48, 64, 0.0)
    assert np.array_equal(still, faulty_videos.render_shot(request.shot, 48, 64, times=times).frames)
