"""Protects the formulas of set metrics: distances against definitions, histograms against numbers made by hand."""

import math

import numpy as np
import pytest
from scipy.linalg import sqrtm

from dropletvideo.evaluate.distances import frechet_distance, inception_score, kernel_distance
from dropletvideo.evaluate.manifest import ManifestRow
from dropletvideo.evaluate.metric import ScoredRow
from dropletvideo.evaluate.set_distance import distance_estimate
from dropletvideo.perception.dover_aesthetic import fused
from dropletvideo.perception.evenly import Evenly
from dropletvideo.perception.inception import wrap
from dropletvideo.perception.motion_windows import grid_points
from dropletvideo.perception.track_histograms import motion_histogram

RANDOM = np.random.default_rng(0)


def by_definition(one, other):
    covariances = np.cov(one, rowvar=False), np.cov(other, rowvar=False)
    root = sqrtm(covariances[0] @ covariances[1]).real
    return ((one.mean(0) - other.mean(0)) ** 2).sum() + np.trace(covariances[0] + covariances[1] - 2 * root)


@pytest.mark.parametrize("counts", [(40, 50), (40, 5), (5, 5)])
def test_frechet_distance_is_the_definition(counts):
    one, other = RANDOM.normal(size=(counts[0], 8)), RANDOM.normal(1.0, 2.0, size=(counts[1], 8))
    assert frechet_distance(one, other) == pytest.approx(by_definition(one, other), rel=1e-4)


def test_frechet_distance_of_lines_is_known():
    """One dimension: (difference of means)^2 + (difference of deviations)^2; with N in place of N - 1 on demand."""
    one, other = np.array([[0.0], [2.0]]), np.array([[10.0], [16.0]])
    assert frechet_distance(one, other) == pytest.approx(144 + (math.sqrt(18) - math.sqrt(2)) ** 2)
    assert frechet_distance(one, other, unbiased=False) == pytest.approx(144 + (3 - 1) ** 2)
    assert frechet_distance(one, one) == pytest.approx(0, abs=1e-9)
    assert frechet_distance(one[:1], other) is None


def test_kernel_distance_is_the_sum_over_pairs():
    one, other = RANDOM.normal(size=(6, 4)), RANDOM.normal(1.0, size=(5, 4))

    def kernel(x, y):
        return (x @ y / 4 + 1) ** 3

    within = [
        np.mean([kernel(rows[i], rows[j]) for i in range(len(rows)) for j in range(len(rows)) if i != j])
        for rows in (one, other)
    ]
    across = np.mean([kernel(x, y) for x in one for y in other])
    assert kernel_distance(one, other) == pytest.approx(within[0] + within[1] - 2 * across)


def test_inception_score_goes_from_one_to_the_number_of_classes():
    assert inception_score(np.zeros((20, 5))) == pytest.approx(1.0)
    sure = np.tile(np.eye(5) * 100, (10, 1))
    assert inception_score(sure, splits=2) == pytest.approx(5.0)
    assert inception_score(sure[:1]) is None


def test_bytes_wrap_as_in_the_released_code():
    """-2.1 becomes 233, 0.5 becomes 127, 1 becomes 255, 2.6 becomes 151 (after normalisation)."""
    values = np.array([-2.1, 0.5, 1.0, 2.6])
    frame = np.stack([(values * spread + mean) * 255 for mean, spread in ((0.485, 0.229),) * 3], axis=-1)[None]
    expected = [int(value * 255) & 255 for value in ((np.round(frame[0, :, 0]) / 255 - 0.485) / 0.229)]
    assert wrap(np.clip(np.round(frame), 0, 255).astype(np.uint8))[0, 1, 0] == expected[1]
    assert wrap(np.zeros((1, 1, 3), np.uint8))[0, 0, 0] == int(-0.485 / 0.229 * 255) & 255


def test_a_steady_motion_has_velocity_and_no_acceleration():
    steps = np.arange(16)[:, None, None] * np.array([3.0, 4.0])
    tracks = grid_points()[None] + steps
    fixed, compat = motion_histogram(tracks, "velocity"), motion_histogram(tracks, "position")
    assert fixed.shape == (1024,)
    weight = math.ceil(math.log2(5 + 1)) / 8
    assert fixed[:512].sum() == pytest.approx(400 * 15 * weight)
    assert fixed[512:].sum() == 0
    assert compat[512:].sum() == pytest.approx(400 * 14 * weight), (
        "the released acceleration is velocity from frame 2 on"
    )


def test_a_vector_falls_into_the_cell_and_bin_of_its_place_and_angle():
    """One point, in the grid's row 7 and column 12, moves by (0, 1) px in frame 9: cell 2 of time, 1 down, 2 across."""
    tracks = np.repeat(grid_points()[None], 16, axis=0)
    tracks[9:, 7 * 20 + 12] += (0.0, 1.0)
    histogram = motion_histogram(tracks)
    cell = (2 * 4 + 1) * 4 + 2
    bin_of_angle = math.floor((math.atan2(0, 1) + math.pi) / (math.pi / 4))
    assert np.flatnonzero(histogram[:512]).tolist() == [cell * 8 + bin_of_angle]
    assert histogram[cell * 8 + bin_of_angle] == pytest.approx(1 / 8)
    assert np.count_nonzero(histogram[512:]) == 2, "sets off, and stops a frame later"


def test_fused_score_by_hand():
    assert fused(0.1107, -0.08285) == pytest.approx(0.5)
    assert fused(0.1107 + 0.07355, -0.08285) == pytest.approx(1 / (1 + math.exp(-0.6104)))
    assert fused(0.1107, -0.08285 + 0.03774) == pytest.approx(1 / (1 + math.exp(-0.3896)))


@pytest.mark.parametrize("length", [0, 3, 16, 17, 100, 1000])
def test_items_are_spread_evenly_in_bounded_memory(length):
    spread: Evenly[int] = Evenly(16)
    made = 0
    for number in range(length):
        made += spread.wants_next()
        spread.add(number if spread.wants_next() else None)
    chosen = spread.chosen()
    assert len(chosen) == min(length, 16)
    assert chosen == sorted(set(chosen))
    assert made <= max(32, length)
    assert made < 16 * (2 + math.log2(max(length, 1) + 1))
    if length > 32:
        assert chosen[0] < length / 10
        assert chosen[-1] > length * 0.85
        assert np.ptp(np.diff(chosen)) <= length / 16 + 1


def scored(folder, name, features, cluster):
    np.savez(folder / f"{name}.npz", pool=features.astype(np.float32))
    row = ManifestRow(id=name, video=f"{name}.mp4", group=cluster)
    return ScoredRow(row=row, measures={"pool": f"{name}.npz"}, scores={}, folder=folder)


def test_an_estimate_lies_within_its_interval_and_counts_what_is_missing(tmp_path):
    rows = [scored(tmp_path, f"a{n}", RANDOM.normal(size=(6, 4)), f"g{n}") for n in range(6)]
    real = [scored(tmp_path, f"r{n}", RANDOM.normal(0.5, size=(6, 4)), f"g{n}") for n in range(6)]
    lost = ScoredRow(row=ManifestRow(id="x", video="x.mp4"), measures={}, scores={}, folder=tmp_path)
    found = distance_estimate([*rows, lost], real, "pool", frechet_distance)
    assert (found.count, found.missing, found.clusters) == (6, 1, 6)
    assert found.low < found.value < found.high
    alone = distance_estimate(rows, [], "pool", frechet_distance)
    assert (alone.value, alone.missing) == (None, 6)
