"""The bundle fit on made-up points with a known camera: it is found, a lost frame is mended, a fault is not hidden."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from dropletvideo.perception.bundle_choice import gaining, travelling
from dropletvideo.perception.bundle_fit import BundleFit, Cameras
from dropletvideo.perception.camera_fit import rotation, rotation_vector
from dropletvideo.perception.camera_windows import Lens, Pair, calibrate
from dropletvideo.perception.settled_lens import settled_lens

NOISE = 0.3 / 280
FRAMES, POINTS = 8, 120
KIND = {"zooms": False, "free": False}


def seen_by(turn, travel, zoom=0.0, noise=0.3 * NOISE, seed=0):
    """Places m N,2, places F,N,2 and the true cameras of a steady motion (per frame) over ground that runs to a
    wall, depths 1 to 5, on which things stand."""
    rng = np.random.default_rng(seed)
    m = rng.uniform(-0.6, 0.6, (POINTS, 2)) * [1.0, 0.8]
    inverse = np.clip(0.4 + m[:, 1], 0.2, 1.0) + 0.2 * (np.abs(m[:, 0] - 0.2) < 0.15)
    steps = np.arange(1, FRAMES + 1)[:, None]
    content = rotation(steps * np.asarray(turn, float))
    moved = -np.einsum("fij,fj->fi", content, steps * np.asarray(travel, float))
    rays = np.column_stack([m, np.ones(POINTS)])
    points = np.einsum("fij,nj->fni", content, rays) + inverse[None, :, None] * moved[:, None]
    grown = np.exp(steps[:, 0] * zoom)
    places = points[..., :2] / points[..., 2:] * grown[:, None, None]
    return m, places + rng.normal(0, noise, places.shape), Cameras(content, np.log(grown), moved, inverse)


def fit_of(m, places):
    return BundleFit(m, places, np.isfinite(places[..., 0]), NOISE)


@pytest.mark.parametrize(
    ("turn", "travel"), [((0, 0, 0), (0.02, 0, 0)), ((0, 0, 0), (0, 0, 0.03)), ((0, -0.04, 0), (0.09, 0, 0))]
)
def test_a_truck_a_dolly_and_an_arc_are_found_to_the_noise(turn, travel):
    m, places, true = seen_by(turn, travel)
    fit = fit_of(m, places)
    turning = fit.turning()
    found = travelling(fit, turning, None)
    assert fit.cost(found) < 1.0
    assert gaining(fit, turning, found) > 0.6
    apart = rotation_vector(found.content @ true.content.transpose(0, 2, 1))
    assert np.degrees(np.abs(apart)).max() < 2.0
    along = (found.travel[-1] @ true.travel[-1]) / np.linalg.norm(found.travel[-1]) / np.linalg.norm(true.travel[-1])
    assert along > 0.98


def test_what_a_zoom_explains_gains_nothing_by_travel():
    m, places, _ = seen_by((0, 0, 0), (0, 0, 0), zoom=0.02, noise=1.5 * NOISE)
    fit = fit_of(m, places)
    turning = fit.turning()
    assert turning.zoom[-1] == pytest.approx(8 * 0.02, abs=0.01)
    assert gaining(fit, turning, travelling(fit, turning, None)) < 0.45


def test_a_frame_whose_camera_went_astray_is_mended():
    m, places, true = seen_by((0, -0.04, 0), (0.09, 0, 0))
    fit = fit_of(m, places)
    lost = true.content.copy()
    lost[6] = rotation(np.array([[0.0, 0.25, 0.0]]))[0] @ lost[6]
    astray = replace(true, content=lost)
    assert fit.cost(astray) > 2.0
    assert fit.cost(fit.repaired(astray, **KIND)) < 1.0


def test_the_window_before_makes_up_for_a_bad_start():
    m, places, true = seen_by((0, -0.04, 0), (0.09, 0, 0))
    fit = fit_of(m, places)
    nearly = replace(true, travel=true.travel * 1.1, inverse=true.inverse * 0.9)
    assert fit.cost(fit.refined(nearly, 5, 10 * NOISE, **KIND)) < 1.0


def test_points_that_swim_are_not_explained_by_depths():
    m, places, _ = seen_by((0, 0, 0), (0.02, 0, 0))
    costs = []
    for size in (0.0, 2.0, 6.0):
        swim = size * NOISE * np.sin(7 * m[None] + np.arange(FRAMES)[:, None, None])
        fit = fit_of(m, places + swim)
        costs.append(fit.cost(travelling(fit, fit.turning(), None)))
    assert costs[0] < costs[1] / 1.5 < costs[2] / 3


def test_points_that_are_not_seen_to_the_end_count_while_they_are():
    m, places, _ = seen_by((0, 0, 0), (0.02, 0, 0))
    places[4:, :30] = np.nan
    fit = fit_of(m, places)
    found = travelling(fit, fit.turning(), None)
    left = fit.residual(found)
    assert np.isnan(left[4:, :30]).all()
    assert np.isfinite(left[:4]).all()
    assert fit.cost(found) < 1.0


@pytest.mark.parametrize("ratio", [0.95, 1.25])
def test_the_focal_length_of_a_pan_is_settled_and_left_alone_where_nothing_tells(ratio):
    rng = np.random.default_rng(2)
    pairs = []
    for start in range(6):
        a = rng.uniform(-0.5, 0.5, (90, 2)) * [320, 240]
        rays = np.column_stack([a / (ratio * 240), np.ones(90)]) @ rotation(np.array([[0.0, -0.15, 0.0]]))[0].T
        b = rays[:, :2] / rays[:, 2:] * ratio * 240 + rng.normal(0, 0.2, (90, 2))
        pairs.append(Pair(start / 4, start / 4 + 0.5, np.arange(90), a, b))
    first = calibrate(pairs, 240)
    settled = settled_lens(pairs, first)
    assert abs(settled.focal_px / 240 / ratio - 1) < 0.03
    still = [replace(pair, b=pair.a + 0.1) for pair in pairs]
    assert settled_lens(still, Lens(264.0, 0.3)) == Lens(264.0, 0.3)
