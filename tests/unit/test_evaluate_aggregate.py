"""Means with intervals: clusters are drawn, missing values are counted, ratios and ranks are exact."""

from __future__ import annotations

import numpy as np
import pytest

from dropletvideo.evaluate.aggregate import bootstrap_interval, mean_estimate
from dropletvideo.evaluate.motion_response import MotionPoint, motion_response, spearman


def test_missing_values_are_counted_and_never_zero():
    estimate = mean_estimate([2.0, None, 4.0, float("nan")], ["a", "b", "c", "d"])
    assert estimate.value == 3.0
    assert (estimate.count, estimate.missing, estimate.clusters) == (2, 2, 2)
    nothing = mean_estimate([None], ["a"])
    assert nothing.value is None
    assert nothing.missing == 1


def test_one_cluster_has_no_interval():
    estimate = mean_estimate([1.0, 2.0, 3.0], ["a", "a", "a"])
    assert estimate.value == 2.0
    assert estimate.low is None
    assert estimate.high is None


def test_interval_of_a_normal_mean_has_its_known_width():
    values = np.random.default_rng(0).normal(5.0, 1.0, 100)
    estimate = mean_estimate(list(values), range(100))
    half = (estimate.high - estimate.low) / 2
    assert half == pytest.approx(1.96 * values.std() / 10, rel=0.1)
    assert estimate.low < estimate.value < estimate.high


def test_repeats_inside_a_cluster_do_not_narrow_the_interval():
    values = list(np.random.default_rng(0).normal(0.0, 1.0, 20))
    once = mean_estimate(values, range(20))
    five_times = mean_estimate(values * 5, list(range(20)) * 5)
    assert five_times.high - five_times.low == pytest.approx(once.high - once.low, rel=1e-9)
    wrong = mean_estimate(values * 5, range(100))
    assert wrong.high - wrong.low < 0.6 * (once.high - once.low)


def test_same_input_same_interval():
    again = [bootstrap_interval(8, lambda drawn: drawn.mean(-1).astype(float)) for _ in range(2)]
    assert again[0] == again[1]


def points(table: dict[str, dict[float, float | None]]) -> list[MotionPoint]:
    return [
        MotionPoint(image=image, motion=motion, measured=value)
        for image, curve in table.items()
        for motion, value in curve.items()
    ]


def test_a_perfect_response_has_the_ratio_of_time():
    table = {f"i{n}": {m: n / m for m in (4.0, 8.0, 16.0, 32.0)} for n in range(1, 9)}
    response = motion_response(points(table))
    assert response.ratio.value == pytest.approx(8.0)
    assert response.ratio.low == pytest.approx(8.0)
    assert response.ratio_of_time == 8.0
    assert response.spearman.value == pytest.approx(-1.0)
    assert response.falling_share.value == 1.0
    assert [motion for motion, _ in response.levels] == [4.0, 8.0, 16.0, 32.0]


def test_no_response_has_a_ratio_near_one_and_an_interval_over_it():
    generator = np.random.default_rng(5)
    table = {f"i{n}": {m: float(generator.uniform(0.5, 1.5)) for m in (4.0, 32.0)} for n in range(16)}
    ratio = motion_response(points(table)).ratio
    assert ratio.low < 1.0 < ratio.high


def test_spearman_is_per_image_so_fast_scenes_do_not_hide_the_order():
    table = {"slow": {4.0: 0.02, 32.0: 0.01}, "fast": {4.0: 9.0, 32.0: 8.0}}
    assert motion_response(points(table)).spearman.value == pytest.approx(-1.0)


def test_a_frozen_model_has_no_ratio_and_no_rank():
    response = motion_response(points({"a": {4.0: 0.0, 32.0: 0.0}, "b": {4.0: 0.0, 32.0: 0.0}}))
    assert response.ratio.value is None
    assert response.spearman.value is None
    assert response.falling_share.value == 0.0


def test_an_image_without_both_levels_is_missing_and_not_guessed():
    response = motion_response(points({"a": {4.0: 2.0, 32.0: 1.0}, "b": {4.0: 5.0, 32.0: None}}))
    assert response.ratio.value == 2.0
    assert (response.ratio.count, response.ratio.missing) == (1, 1)
    assert response.falling_share.missing == 1


def test_spearman_shares_ranks_of_ties():
    assert spearman({1.0: 5.0, 2.0: 5.0, 3.0: 1.0}) == pytest.approx(-0.8660254)
    assert spearman({1.0: 5.0}) is None
