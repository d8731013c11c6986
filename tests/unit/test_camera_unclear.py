"""Where nothing tells a turn from travel past something flat, the camera judge names neither and says so."""

from __future__ import annotations

from dataclasses import replace
from functools import lru_cache

import cv2
import numpy as np
import pytest

from dropletvideo.perception.camera import CameraJudge
from dropletvideo.perception.camera_unclear import Unclear, class_either_way, perspective
from dropletvideo.perception.camera_windows import Pair
from dropletvideo.perception.judge import Chunk
from dropletvideo.perception.point_tracks import PointTracks
from dropletvideo.records import CameraMove
from dropletvideo.world.camera_path import CameraPath, PathMove, View
from dropletvideo.world.config import WorldConfig
from dropletvideo.world.render import render_shot
from dropletvideo.world.shot import draw_shot

FOCAL_PX, RATE = 290.0, 8.0


def pair(move):
    """Points of a view and where `move` takes them, in pixels, with a tracker's noise."""
    rng = np.random.default_rng(0)
    a = rng.uniform([-170, -125], [170, 125], (160, 2))
    return Pair(0.0, 0.5, np.arange(160), a, move(a) + rng.normal(0, 0.3, a.shape))


def panned(a, degrees=5.0):
    x, y = (a / FOCAL_PX).T
    angle = np.arctan(x) - np.radians(degrees)
    return FOCAL_PX * np.stack([np.tan(angle), y * np.cos(np.arctan(x)) / np.cos(angle)], axis=1)


def test_a_turn_shows_the_perspective_of_its_lens():
    value, deviation = perspective(pair(panned))
    assert value == pytest.approx(1 / FOCAL_PX**2, rel=0.12)
    assert deviation < 0.1 / FOCAL_PX**2


def test_travel_past_something_flat_shows_none():
    value, deviation = perspective(pair(lambda a: a - [25.0, 0.0]))
    assert abs(value) < 3 * deviation
    assert deviation < 0.1 / FOCAL_PX**2


def test_nothing_that_moves_tells_no_perspective():
    still = Pair(0.0, 0.5, np.arange(20), np.ones((20, 2)), np.ones((20, 2)))
    assert perspective(still) is None


@lru_cache(maxsize=1)
def mural():
    """A shot before one flat wall that faces the camera."""
    config = WorldConfig.validation().model_copy(update={"flat_share": 1.0, "weak_texture_share": 0.0})
    return draw_shot(12, config)


def judged(*moves, seconds=2.0, colour=False, shot=None):
    shot = shot or mural()
    path = CameraPath(first=View(z=1.5, pitch=0.0, focal=1.1), moves=tuple(moves), seconds=seconds, shake_seed=5)
    frames = render_shot(replace(shot, path=path, seconds=seconds, source_fps=RATE), 128, 128).frames
    seen = np.stack([cv2.resize(f if colour else cv2.cvtColor(f, cv2.COLOR_RGB2GRAY), (256, 256)) for f in frames])
    seen = seen.reshape(*seen.shape[:3], -1)
    judge = CameraJudge()
    state = judge.start({})
    chunk = Chunk(seen, np.arange(len(seen)) / RATE, np.arange(len(seen)))
    points = PointTracks()
    judge.update(state, replace(chunk, features={points.name: points(points.start(), chunk)}))
    return judge.finish(state)


@pytest.mark.parametrize(
    ("move", "amount", "alternatives"),
    [("truck_left", 0.5, ["pan_left", "truck_left"]), ("pedestal_up", 0.4, ["tilt_up", "pedestal_up"])],
)
def test_travel_past_a_wall_may_be_a_turn_through_a_long_lens(move, amount, alternatives):
    result = judged(PathMove(move=move, start=0.0, end=2.0, amount=amount))
    assert result["camera_moves"] == []
    assert [each["moves"] for each in result["camera_unclear"]] == [alternatives]
    assert result["camera_class"] is None  # C2 or C4
    assert result["camera_confidence"] < 0.1


def test_a_turn_before_a_wall_is_told():
    result = judged(PathMove(move="pan_left", start=0.0, end=2.0, amount=12.0))
    assert (result["camera_moves"], result["camera_unclear"], result["camera_class"]) == (["pan_left"], [], "C2")
    assert result["camera_confidence"] > 0.5


def test_once_the_wall_has_shown_flat_a_zoom_may_be_a_dolly():
    result = judged(
        PathMove(move="truck_left", start=0.0, end=1.5, amount=0.5),
        PathMove(move="dolly_in", start=1.5, end=3.0, amount=0.5),
        seconds=3.0,
    )
    assert [each["moves"] for each in result["camera_unclear"]] == [["pan_left", "truck_left"], ["zoom_in", "dolly_in"]]


@pytest.mark.parametrize("move", ["zoom_in", "dolly_in"])
def test_where_a_wall_fills_the_picture_a_zoom_may_be_a_dolly(move):
    result = judged(PathMove(move=move, start=0.0, end=2.0, amount=1.3 if move == "zoom_in" else 0.3), colour=True)
    assert result["camera_moves"] == []
    assert [each["moves"] for each in result["camera_unclear"]] == [["zoom_in", "dolly_in"]]
    assert result["camera_class"] == "C4"  # either way


def test_a_zoom_into_a_scene_is_told():
    scene = replace(draw_shot(23, WorldConfig.training()), subject=None)
    result = judged(PathMove(move="zoom_in", start=0.0, end=2.0, amount=1.3), colour=True, shot=scene)
    assert (result["camera_moves"], result["camera_unclear"]) == (["zoom_in"], [])


def test_a_small_angle_through_a_long_lens_is_no_still_camera():
    result = judged(PathMove(move="truck_left", start=0.0, end=2.0, amount=0.12))
    assert [each["moves"] for each in result["camera_unclear"]] == [["pan_left", "truck_left"]]


def test_the_class_is_told_where_it_does_not_hang_on_what_is_unclear():
    roll = (CameraMove(move="roll_cw", start=0.0, end=3.0, amount=15.0), 0.2)
    unclear = Unclear(3.0, 4.0, ("pan_left", "truck_left"), (3.0, 0.2), 0.1)
    assert class_either_way([roll], [unclear], 4.0, 0.125) == "C2"
    assert class_either_way([], [unclear], 4.0, 0.125) == "C5"
    assert class_either_way([], [replace(unclear, start=0.0)], 4.0, 0.125) is None
    assert class_either_way([], [Unclear(0.0, 4.0, ("zoom_in", "dolly_in"), (1.2, 0.2), 0.1)], 4.0, 0.125) == "C4"
