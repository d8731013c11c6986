"""Protects `speed`: equal steps of measured motion inside the measured range, and an honest word without one."""

import numpy as np
import pytest

from dropletvideo.errors import RequestError
from dropletvideo.model.motion_curve import fit_calibration, never_rising, page_trend

MOTIONS = (4.0, 8.0, 16.0, 32.0)


def calibrated(means, *, noise=0.01, scenes=8, seed=0):
    random = np.random.default_rng(seed)
    own = random.uniform(0.8, 1.2, (scenes, 1))  # a fast scene is fast at every M
    values = np.asarray(means)[None] * own + random.normal(0, noise, (scenes, len(means)))
    return fit_calibration(MOTIONS[: len(means)], values, unit="u", judge="j@1", model_digest="d")


def test_equal_steps_of_speed_are_equal_steps_of_motion():
    made = calibrated([1.0, 0.5, 0.4, 0.1], noise=0)
    motions = [made.motion_at(speed) for speed in np.linspace(0, 1, 11)]
    assert (np.diff(motions) < 0).all()
    reached = np.interp(np.log(motions), np.log(made.motions), made.curve)
    assert np.allclose(np.diff(reached), np.diff(reached)[0], atol=1e-5)


def test_the_ends_are_the_fastest_and_slowest_level_and_nothing_lies_beyond():
    made = calibrated([1.0, 0.5, 0.3, 0.1])
    assert made.motion_at(1) == pytest.approx(4)
    assert made.motion_at(0) == pytest.approx(32)
    for speed in (-0.01, 1.01, float("nan")):
        with pytest.raises(RequestError, match="extrapolated"):
            made.motion_at(speed)


def test_a_flat_stretch_is_named_and_passed_over():
    made = calibrated([1.0, 0.5, 0.5, 0.1], noise=0.02)
    assert made.flat == ((8.0, 16.0),)
    below, above = made.motion_at(0.40), made.motion_at(0.50)
    assert below > 14  # a small step of speed crosses the whole stretch
    assert above < 9
    assert calibrated([1.0, 0.7, 0.4, 0.1]).flat == ()


def test_a_level_curve_takes_its_middle():
    made = calibrated([1.0, 0.4, 0.6, 0.1], noise=0)
    assert made.curve[1] == made.curve[2] == pytest.approx((made.measured[1] + made.measured[2]) / 2, abs=1e-5)
    share = (made.curve[1] - made.curve[3]) / (made.curve[0] - made.curve[3])
    assert made.motion_at(share) == pytest.approx(np.sqrt(8 * 16), rel=0.2)


def test_a_model_that_does_not_follow_m_has_no_speed():
    made = calibrated([0.5, 0.5, 0.5, 0.5], noise=0.05)
    assert made.trend_p > 0.05
    assert made.flat == ((4.0, 32.0),)
    with pytest.raises(RequestError, match="does not follow M"):
        made.motion_at(0.5)
    backwards = calibrated([0.1, 0.2, 0.3, 0.4])
    assert backwards.trend_p > 0.9
    with pytest.raises(RequestError, match="does not follow M"):
        backwards.motion_at(0.5)


def test_the_trend_test_holds_its_level():
    random = np.random.default_rng(1)
    found = [page_trend(random.normal(size=(5, 4)), draws=199, seed=n) < 0.05 for n in range(300)]
    assert 0.01 < np.mean(found) < 0.10


def test_intervals_hold_the_truth_about_as_often_as_they_say():
    random = np.random.default_rng(2)
    held = 0
    for _ in range(60):
        values = random.normal([1.0, 0.5], 0.2, (20, 2))
        made = fit_calibration((4.0, 8.0), values, unit="u", judge="j@1", model_digest="d")
        held += made.low[0] <= 1.0 <= made.high[0]
    assert held >= 50


def test_a_scene_with_a_missing_level_is_left_out():
    values = np.tile([1.0, 0.5, 0.3, 0.1], (5, 1))
    values[0, 2] = np.nan
    assert fit_calibration(MOTIONS, values, unit="u", judge="j@1", model_digest="d").num_scenes == 4
    values[:3, 0] = np.nan
    with pytest.raises(RequestError, match="2 scenes"):
        fit_calibration(MOTIONS, values, unit="u", judge="j@1", model_digest="d")


def test_pooling_keeps_what_falls_and_the_sum():
    assert never_rising([3.0, 2.0, 1.0]).tolist() == [3.0, 2.0, 1.0]
    assert never_rising([1.0, 3.0, 2.0, 0.0]).tolist() == [2.0, 2.0, 2.0, 0.0]
