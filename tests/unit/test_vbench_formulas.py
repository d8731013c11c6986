"""Protects the published numbers: totals of Table 1, rules of each column on given values, by hand."""

from __future__ import annotations

import numpy as np
import pytest

from dropletvideo.evaluate.manifest import CameraAsk, ManifestRow
from dropletvideo.evaluate.metric import ScoredRow, load_metric
from dropletvideo.evaluate.suite import load_suite
from dropletvideo.evaluate.vbench_score import DIMENSIONS, column, normalised, totals
from dropletvideo.perception.dynamic_degree import is_moving, pairs_needed, sampling_interval, threshold_of
from dropletvideo.perception.flicker import TemporalFlickering
from dropletvideo.perception.judge import Chunk
from dropletvideo.perception.matched_geometry import fit_pair, one_sided_errors, pairs_of
from dropletvideo.perception.motion_smoothness import padded, smoothness
from dropletvideo.perception.raft_things import is_still
from dropletvideo.perception.similarity import consistency, cosine, image_score
from dropletvideo.perception.viclip import middle_frames

TABLE_1 = {
    "I2VGen-XL": ("96.08 94.67 12.95 95.76 97.67 97.40 98.27 24.80 65.26 69.21", (78.85, 90.23, 84.54)),
    "Animate-Anything": ("98.13 96.05 10.64 98.18 97.46 98.15 98.52 2.52 66.42 71.89", (78.14, 92.15, 85.15)),
    "Nvidia-Cosmos": ("95.10 95.30 37.56 91.59 94.43 96.20 98.82 83.90 58.39 70.35", (81.84, 91.26, 86.55)),
    "DropletVideo": ("98.51 96.74 37.93 96.54 97.02 97.68 98.94 27.97 60.94 70.35", (78.98, 94.11, 86.55)),
}
FROZEN = dict.fromkeys(DIMENSIONS, 1.0) | {
    "dynamic_degree": 0.0,
    "camera_motion": 1 / 7,
    "aesthetic_quality": 0.65,
    "imaging_quality": 0.70,
}


@pytest.mark.parametrize("model", TABLE_1)
def test_totals_of_table_1(model):
    cells, expected = TABLE_1[model]
    found = totals({name: float(cell) / 100 for name, cell in zip(DIMENSIONS, cells.split(), strict=True)})
    assert [round(found[name], 2) for name in ("quality", "i2v", "total")] == list(expected)


def test_an_ideal_frozen_picture_beats_every_row_unless_smoothness_is_clamped():
    assert round(totals(FROZEN)["total"], 2) == 87.58
    assert round(totals(FROZEN, clamped=True)["total"], 2) == 87.50
    assert normalised("motion_smoothness", 1.0) == pytest.approx(1.0086, abs=5e-5)


def test_a_column_that_is_absent_makes_its_total_none_and_never_a_zero():
    found = totals({name: value for name, value in FROZEN.items() if name != "camera_motion"})
    assert found["i2v"] is None
    assert found["total"] is None
    assert found["quality"] == totals(FROZEN)["quality"]


@pytest.mark.parametrize(("name", "points"), [("i2v_background", 0.322), ("motion_smoothness", 0.312)])
def test_a_point_of_a_column_is_worth_what_the_weights_say(name, points):
    more = totals(FROZEN | {name: FROZEN[name] + 0.01})["total"] - totals(FROZEN)["total"]
    assert more == pytest.approx(points, abs=5e-4)


def test_suites_give_the_same_totals_from_their_column_names():
    for name in ("vbench-i2v", "istp"):
        suite = load_suite(name)
        found = suite.totals({column(dimension): value for dimension, value in FROZEN.items()})
        assert found["total"] == totals(FROZEN)["total"]
        assert found["total_fixed"] is None
        assert set(found) == set(suite.total_labels)


@pytest.mark.parametrize(("frames", "needed"), [(2, 0), (16, 4), (33, 8), (49, 12), (85, 21)])
def test_pairs_that_must_move(frames, needed):
    assert pairs_needed(frames) == needed


@pytest.mark.parametrize(("side", "pixels"), [(256, 6.0), (480, 11.25), (720, 16.875)])
def test_flow_that_counts(side, pixels):
    assert threshold_of(side, side * 2) == pixels


def test_dynamic_degree_counts_pairs_above_and_two_frames_always_move():
    assert is_moving([6.01] * 4 + [0.0] * 11, 256, 512)
    assert not is_moving([6.01] * 3 + [6.0] * 12, 256, 512)
    assert is_moving([0.0], 256, 512)
    assert [sampling_interval(rate) for rate in (4, 8, 12, 16, 24, 25, 30, 60)] == [1, 1, 2, 2, 3, 3, 4, 8]


@pytest.mark.parametrize(
    ("lengths", "ends", "still"),
    [
        ([3.01] * 2 + [0.0] * 13, [0.0, 0.0], True),
        ([3.01] * 3 + [0.0] * 12, [0.0, 0.0], False),
        ([0.0] * 15, [12.0, 12.0], True),
        ([0.0] * 15, [0.0, 12.01], False),
    ],
)
def test_static_filter_of_16_frames_at_256(lengths, ends, still):
    assert is_still(lengths, ends, 256) is still


def flicker_of(values):
    judge = TemporalFlickering()
    state = judge.start({})
    frames = np.array(values, np.uint8)[:, None, None, None] * np.ones((1, 8, 8, 3), np.uint8)
    judge.update(state, Chunk(frames=frames, times=np.arange(len(values)) / 8.0, indices=np.arange(len(values))))
    return judge.finish(state)["temporal_flickering"]


def test_flicker_of_a_constant_video_and_of_black_and_white():
    assert flicker_of([77] * 6) == 1.0
    assert flicker_of([0, 255] * 4) == 0.0
    assert flicker_of([0, 51]) == pytest.approx(0.8)


def test_eight_of_sixteen_frames_and_of_fewer():
    assert middle_frames(16) == [0, 2, 4, 6, 8, 10, 12, 14]
    assert middle_frames(49) == [2, 8, 14, 20, 26, 32, 38, 45]
    assert middle_frames(3) == [0, 1, 2, 2, 2, 2, 2, 2]
    assert middle_frames(0) == []


def test_consistency_and_image_score_by_hand():
    assert consistency([0.9, 0.8], [0.9, 0.6]) == pytest.approx((0.9 + 0.7) / 2)
    assert consistency([], []) is None
    assert image_score([1.0, 0.5, 0.6], [0.9, 0.7]) == pytest.approx(0.4 * 1.0 + 0.3 * 0.8 + 0.3 * 0.7)
    assert image_score([1.0, 0.5, 0.6], [0.9, 0.7], even=True) == pytest.approx(0.4 * 0.7 + 0.3 * 0.8 + 0.3 * 0.7)
    assert image_score([1.0], []) is None
    assert cosine(np.array([1.0, 0.0]), np.array([-1.0, 0.0])) == 0.0
    assert cosine(np.array([0.6, 0.8]), np.array([1.0, 0.0])) == pytest.approx(0.6)


def test_consistency_pools_the_frames_of_all_videos_in_compat_alone():
    compat, fixed = load_metric("vbench_subject_consistency").columns
    assert compat.weight == "subject_pairs"
    assert fixed.weight is None


def test_smoothness_of_identity_and_padding_to_sixteen():
    assert smoothness([0.0, 0.0]) == 1.0
    assert smoothness([51.0]) == pytest.approx(0.8)
    assert smoothness([]) is None
    frame = np.arange(5 * 18 * 3, dtype=np.uint8).reshape(5, 18, 3)
    wide, inner = padded(frame, 16)
    assert wide.shape == (16, 32, 3)
    assert np.array_equal(wide[inner], frame)
    assert (inner[0].start, inner[1].start) == (5, 7)
    assert np.array_equal(wide[0, 7:25], frame[0])


def test_camera_score_is_a_yes_or_no_and_fixed_shares_the_credit():
    metric = load_metric("vbench_camera_motion")
    row = ManifestRow(id="a", video="a.mp4", camera=(CameraAsk(move="zoom_in"),))
    named = {
        "four_point_moves": ["pan_left", "tilt_up", "zoom_in"],
        "four_point_moves_even": ["pan_left", "zoom_in"],
    }
    assert metric.score(row, named) == {"vbench_camera_motion": 1.0, "vbench_camera_motion_fixed": 0.5}
    other = row.model_copy(update={"camera": (CameraAsk(move="pan_right"),)})
    assert metric.score(other, named) == {"vbench_camera_motion": 0.0, "vbench_camera_motion_fixed": 0.0}
    arc = row.model_copy(update={"camera": (CameraAsk(move="arc_left"),)})
    assert not metric.asked_of(arc)
    assert metric.score(arc, named) == {}


def test_always_zooming_in_has_three_of_seven():
    metric = load_metric("vbench_camera_motion")
    named = {"four_point_moves": ["pan_left", "tilt_up", "zoom_in"], "four_point_moves_even": ["zoom_in"]}
    rows = []
    for move in ("pan_left", "pan_right", "tilt_up", "tilt_down", "zoom_in", "zoom_out", "static"):
        row = ManifestRow(id=move, video="a.mp4", camera=(CameraAsk(move=move),))
        rows.append(ScoredRow(row=row, measures=named, scores=metric.score(row, named)))
    assert np.mean([each.scores["vbench_camera_motion"] for each in rows]) == pytest.approx(3 / 7)
    assert np.mean([each.scores["vbench_camera_motion_fixed"] for each in rows]) == pytest.approx(1 / 7)
    table = metric.tables(rows)
    assert table["always_zooming_in_would_have"] == pytest.approx(3 / 7)
    assert table["by_move"]["static"] == 0.0


def test_flickering_of_still_videos_leaves_moving_ones_out():
    score, row = load_metric("vbench_still_flickering").score, ManifestRow(id="a", video="a.mp4")
    name = "vbench_temporal_flickering_fixed"
    assert score(row, {"raft_static": 0.0, "temporal_flickering": 0.9}) == {}
    assert score(row, {"raft_static": 1.0, "temporal_flickering": 0.9}) == {name: 0.9}
    assert score(row, {"temporal_flickering": 0.9}) == {name: None}


def test_pairs_of_frames_for_the_geometry():
    assert pairs_of(10) == []
    assert pairs_of(15) == [(0, 10), (1, 11), (2, 12), (3, 13), (4, 14)]
    found = pairs_of(85)
    assert [pair for pair in found if pair[1] - pair[0] == 60] == [(at, at + 60) for at in (0, 5, 10, 15, 20)]
    assert max(last for _, last in found) <= 84


def test_distance_from_the_line_of_the_first_point():
    sideways = np.array([[0.0, 0.0, 0.0], [0.0, 0.0, -1.0], [0.0, 1.0, 0.0]])  # points keep their row
    first, second = np.array([[10.0, 20.0], [30.0, 40.0]]), np.array([[50.0, 23.0], [90.0, 38.0]])
    assert one_sided_errors(sideways, first, second) == pytest.approx([3.0, 2.0])


def test_geometry_of_exact_points_has_no_error_and_few_points_have_none():
    generator = np.random.default_rng(5)
    places = generator.uniform((-2, -1, 4), (2, 1, 9), (60, 3))
    shots = [900 * (places + shift)[:, :2] / (places + shift)[:, 2:] + 500 for shift in ([0, 0, 0], [0.3, 0.1, 0.2])]
    fit = fit_pair(*shots)
    assert fit.inliers == fit.matches == 60
    assert fit.mae < 1e-3
    assert fit_pair(shots[0][:7], shots[1][:7]) is None
