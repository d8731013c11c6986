"""Protects the published camera classifier on ideal tracks: what it names for known motions, right and wrong."""

from __future__ import annotations

import numpy as np
import pytest

from dropletvideo.perception.four_points import MOVES, credit, grid, labels

HEIGHT, WIDTH = 480, 832
FOCAL = 0.9 * WIDTH
CENTRE = [(WIDTH - 1) / 2, (HEIGHT - 1) / 2]


def start() -> np.ndarray:
    """The tracker's grid at 384 x 512, stretched to the video."""
    return grid(384, 512) * [WIDTH / 512, HEIGHT / 384]


def seen(rotation=(0, 0, 0), travel=(0, 0, 0), zoom=1.0, depth=4.0) -> np.ndarray:
    """Where the starting points lie after the camera has turned by degrees (pan right, tilt up, roll clockwise), gone
    (right, up, forward) metres in a scene at one depth, and zoomed; x to the right, y down."""
    pan, tilt, roll = np.deg2rad(rotation)
    rays = np.concatenate([(start() - CENTRE) / FOCAL, np.ones((10, 10, 1))], axis=-1)
    points = rays * depth - np.array([travel[0], -travel[1], travel[2]])
    turned = points @ about("y", -pan).T @ about("x", -tilt).T @ about("z", -roll).T
    return FOCAL * zoom * turned[..., :2] / turned[..., 2:] + CENTRE


def about(axis: str, angle: float) -> np.ndarray:
    """Turns points: about y what is ahead goes right, about x what is ahead goes up, about z clockwise."""
    c, s = np.cos(angle), np.sin(angle)
    turns = {
        "y": [[c, 0, s], [0, 1, 0], [-s, 0, c]],
        "x": [[1, 0, 0], [0, c, -s], [0, s, c]],
        "z": [[c, -s, 0], [s, c, 0], [0, 0, 1]],
    }
    return np.array(turns[axis])


def named(points=1, **motion) -> set[str]:
    return set(labels(np.trunc(start()), np.trunc(seen(**motion)), min(HEIGHT, WIDTH), points))


@pytest.mark.parametrize(
    ("motion", "expected"),
    [
        ({}, {"static"}),
        ({"rotation": (0.2, 0, 0)}, {"pan_right"}),
        ({"rotation": (0.1, 0, 0)}, {"static"}),
        ({"rotation": (20, 0, 0)}, {"pan_right", "zoom_in"}),
        ({"rotation": (0, 15, 0)}, {"tilt_up", "zoom_in"}),
        ({"rotation": (0, 0, 3)}, {"tilt_down"}),
        ({"rotation": (0, 0, 10)}, {"tilt_down"}),
        ({"travel": (0.5, 0, 0)}, {"pan_right"}),
        ({"travel": (0, 0.5, 0)}, {"tilt_up"}),
        ({"zoom": 1.03}, {"zoom_in"}),
        ({"zoom": 1.05}, {"zoom_in", "pan_left"}),
        ({"zoom": 1.10}, {"zoom_in", "pan_left", "tilt_up"}),
        ({"zoom": 1.30}, {"zoom_in", "pan_left", "tilt_up"}),
        ({"zoom": 0.95}, {"zoom_out"}),
        ({"zoom": 0.93}, {"zoom_out", "pan_right"}),
        ({"zoom": 0.90}, {"zoom_out", "pan_right", "tilt_down"}),
        ({"travel": (0, 0, 1)}, {"pan_left", "tilt_up", "zoom_in"}),
        ({"travel": (0, 0, 1), "zoom": 0.75}, {"static"}),
        ({"rotation": (1, 0.5, 0.3)}, {"pan_right", "tilt_up"}),
    ],
    ids=lambda value: " ".join(sorted(value)) if isinstance(value, set) else str(value),
)
def test_what_is_named_for_ideal_tracks(motion, expected):
    assert named(**motion) == expected


@pytest.mark.parametrize(("depth", "also"), [(5, "pan_left"), (8, "pan_left"), (2.5, "pan_right")])
def test_an_arc_is_called_a_pan_whose_side_hangs_on_the_depth(depth, also):
    arc = {"rotation": (-30, 0, 0), "travel": (4 * np.sin(np.pi / 6), 0, 4 * (1 - np.cos(np.pi / 6)))}
    assert also in named(**arc, depth=depth)


@pytest.mark.parametrize("zoom", [1.03, 1.1, 1.3, 0.95, 0.9])
def test_two_points_in_the_middle_see_a_zoom_as_a_zoom(zoom):
    assert named(points=2, zoom=zoom) == {"zoom_in" if zoom > 1 else "zoom_out"}


def test_the_middle_of_an_edge_is_index_five():
    moved = start()
    moved[0, 5] += [50, 0]
    moved[-1, 5] += [50, 0]
    assert labels(start(), moved, 480) == ["pan_left"]
    aside = start()
    aside[0, 4] += [50, 0]
    aside[-1, 4] += [50, 0]
    assert labels(start(), aside, 480) == ["static"]


def test_grid_of_the_tracker():
    points = grid(384, 512)
    assert points.shape == (10, 10, 2)
    assert points[0, 0] == pytest.approx([8, 8])
    assert points[9, 9] == pytest.approx([504, 376])
    assert points[3, 5] == pytest.approx([8 + 496 * 5 / 9, 8 + 368 * 3 / 9])


def test_points_that_disagree_name_nothing():
    moved = start()
    for row, column in ((0, 5), (5, 0)):
        moved[row, column] += [50, 0]
    assert labels(start(), moved, 480) == ["None"]


def test_a_still_pair_beside_one_that_says_nothing_is_none_and_not_static():
    """The published rule drops `static` before `None`."""
    moved = start()
    moved[5, 0] += [0, 50]  # left goes down, right stays: no row of the table; upper and lower stay
    assert labels(start(), moved, 480) == ["None"]
    moved[5, 9] += [0, 50]
    assert labels(start(), moved, 480) == ["tilt_up"]


def test_constant_answers_and_a_frozen_picture():
    always = [credit(move, sorted(named(zoom=1.2))) for move in MOVES]
    assert np.mean(always) == pytest.approx(3 / 7)
    assert np.mean([credit(move, ["static"]) for move in MOVES]) == pytest.approx(1 / 7)
    assert credit("zoom_in", ["zoom_in", "pan_left"], shared=True) == 0.5
