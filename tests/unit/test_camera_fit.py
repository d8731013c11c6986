"""The pair fit recovers known motion from points: angles, zoom and direction of travel, with noise and outliers."""

from __future__ import annotations

import numpy as np
import pytest

from dropletvideo.perception.camera_fit import basis, epipolar, fit_travel, fit_turn, rotation

FOCAL_PX = 410.0
NOISE_PX = 0.3


def cloud(rng, count=200, near=2.0, far=15.0):
    """Points N,3 in the first camera's axes, at depths spread by ratio."""
    depth = np.exp(rng.uniform(np.log(near), np.log(far), count))
    return np.stack([rng.uniform(-0.55, 0.55, count) * depth, rng.uniform(-0.3, 0.3, count) * depth, depth], axis=1)


def seen(points, angles=(0.0, 0.0, 0.0), zoom=1.0, place=(0.0, 0.0, 0.0)):
    """Normalised places N,2 after the camera turned (pan, tilt, roll in degrees), zoomed and moved."""
    pan, tilt, roll = np.radians(angles)
    local = (points - np.array(place)) @ rotation(-np.array([tilt, pan, roll])).T
    return zoom * local[:, :2] / local[:, 2:]


def measured(rng, places, outliers=0.0):
    noisy = places + rng.normal(0, NOISE_PX / FOCAL_PX, places.shape)
    moved = rng.random(len(noisy)) < outliers
    noisy[moved] += rng.normal(0, 20 / FOCAL_PX, (moved.sum(), 2))
    return noisy


NOISE = np.full(200, 1.4 * NOISE_PX / FOCAL_PX)


@pytest.mark.parametrize(
    ("angles", "zoom"),
    [((12, 0, 0), 1.0), ((-10, 0, 0), 1.0), ((0, 8, 0), 1.0), ((0, 0, 10), 1.0), ((0, 0, 0), 1.25), ((7, -4, 5), 0.9)],
)
@pytest.mark.parametrize("outliers", [0.0, 0.2, 0.35])
def test_turn_and_zoom_are_exact_despite_moving_points(angles, zoom, outliers):
    rng = np.random.default_rng(3)
    points = cloud(rng)
    turn, _ = fit_turn(measured(rng, seen(points)), measured(rng, seen(points, angles, zoom), outliers), NOISE)
    np.testing.assert_allclose(np.degrees(turn.angles[:3]), angles, atol=0.2)
    assert np.exp(turn.angles[3]) == pytest.approx(zoom, abs=0.004 if outliers else 0.002)


def test_undoing_a_turn_leaves_no_residual():
    rng = np.random.default_rng(4)
    points = cloud(rng)
    turn, left = fit_turn(seen(points), seen(points, (15, 5, -8), 1.3), np.full(200, 1e-4))
    assert np.abs(left).max() < 1e-3
    np.testing.assert_allclose(turn.undo(seen(points, (15, 5, -8), 1.3)), seen(points), atol=1e-3)


def test_basis_has_the_signs_of_the_vocabulary():
    # turning right or looking up moves content left or down; rolling clockwise turns it counter-clockwise
    centre, right = np.zeros((1, 2)), np.array([[0.5, 0.0]])
    assert basis(centre)[0, 0, 0] < 0
    assert basis(centre)[0, 1, 1] > 0
    assert basis(right)[0, 1, 2] < 0
    assert basis(right)[0, 0, 3] > 0


@pytest.mark.parametrize("place", [(0.3, 0, 0), (0, -0.25, 0), (0, 0, 0.5), (0.2, 0, 0.2)])
def test_right_direction_of_travel_leaves_least_across(place):
    rng = np.random.default_rng(5)
    points = cloud(rng)
    m = measured(rng, seen(points))
    _, left = fit_turn(m, measured(rng, seen(points, place=place)), NOISE)
    true = np.array(place) / np.linalg.norm(place)
    directions = np.stack([true, *np.eye(3), [0.7, 0.7, 0.0]])
    directions = directions / np.linalg.norm(directions, axis=1, keepdims=True)
    across = np.abs(fit_travel(m, left, directions, NOISE).across).mean(axis=1)
    others = [cost for cost, way in zip(across, directions, strict=True) if abs(way @ true) < 0.99]
    assert across[0] * FOCAL_PX < 1.0
    assert across[0] < 0.5 * min(others)


def test_epipolar_lines_meet_where_the_camera_goes():
    m = np.array([[0.1, 0.2], [0.3, -0.1]])
    np.testing.assert_allclose(epipolar(m, np.array([0.0, 0.0, 1.0])), m)
    np.testing.assert_allclose(epipolar(m, np.array([1.0, 0.0, 0.0])), [[-1, 0], [-1, 0]])
