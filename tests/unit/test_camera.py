"""The camera judge names every move of rendered shots with its direction, and says nothing of what shows nothing."""

from __future__ import annotations

from dataclasses import replace
from functools import lru_cache

import cv2
import numpy as np
import pytest

from dropletvideo.moves import MOVES
from dropletvideo.perception.camera import CameraJudge
from dropletvideo.perception.judge import Chunk, Judge
from dropletvideo.perception.point_tracks import PointTracks
from dropletvideo.world.camera_path import CameraPath, PathMove, View
from dropletvideo.world.config import WorldConfig
from dropletvideo.world.plots import Motion
from dropletvideo.world.render import render_shot
from dropletvideo.world.shot import draw_shot

RATE = 8.0
JUDGE = CameraJudge()


def judged(frames, rate=RATE, **row):
    """Columns for frames F,H,W,3 or F,H,W: made gray and resized as the decode plan does, fed in two chunks."""
    gray = (
        np.asarray(frames) if np.ndim(frames) == 3 else np.stack([cv2.cvtColor(f, cv2.COLOR_RGB2GRAY) for f in frames])
    )
    height, width = gray.shape[1:]
    size = (round(width * 256 / min(height, width)), round(height * 256 / min(height, width)))
    sampled = np.stack([cv2.resize(f, size, interpolation=cv2.INTER_CUBIC) for f in gray])[..., None]
    times, state, half = 3.0 + np.arange(len(sampled)) / rate, JUDGE.start(row), len(sampled) // 2
    points = PointTracks()
    seen = points.start(row)
    for part in (slice(0, half), slice(half, None)):
        if len(sampled[part]):
            chunk = Chunk(sampled[part], times[part], np.arange(len(times))[part])
            JUDGE.update(state, replace(chunk, features={points.name: points(seen, chunk)}))
    return JUDGE.finish(state)


@lru_cache(maxsize=1)
def still_shot():
    """A shot of the training world without moving objects."""
    shot = draw_shot(23, WorldConfig.training())
    things = tuple(replace(thing, motion=Motion()) for thing in shot.scene.objects)
    return replace(shot, scene=shot.scene.with_objects(things), subject=None, source_fps=RATE)


def filmed(*moves, seconds=2.0, side=112, shot=None, focal=1.0, pitch=-8.0):
    """Frames of the still scene filmed with given moves."""
    shot = shot or still_shot()
    first = View(z=1.5, pitch=pitch, focal=focal)
    path = CameraPath(first=first, moves=tuple(moves), seconds=seconds, shake_seed=5)
    taken = replace(shot, path=path, seconds=seconds)
    return render_shot(taken, side, side).frames


def pivot():
    return (0.0, 3.5)


SINGLE = {
    "pan_left": 20.0, "pan_right": 20.0, "tilt_up": 14.0, "tilt_down": 14.0, "roll_cw": 16.0, "roll_ccw": 16.0,
    "zoom_in": 1.3, "zoom_out": 0.77, "truck_left": 0.9, "truck_right": 0.9, "pedestal_up": 0.7,
    "pedestal_down": 0.5, "dolly_in": 0.9, "dolly_out": 0.9, "arc_left": 24.0, "arc_right": 24.0, "static": 0.0,
}  # fmt: skip


@pytest.mark.parametrize("name", SINGLE)
def test_every_single_move_is_named_with_its_direction(name):
    result = judged(filmed(PathMove(move=name, start=0.0, end=2.0, amount=SINGLE[name], pivot=pivot())))
    assert name in result["camera_moves"]
    assert len(result["camera_moves"]) <= (2 if MOVES[name].unit == "parallax" else 1)
    assert result["camera_class"] == MOVES[name].camera_class
    detail = next(move for move in result["camera_detail"] if move["move"] == name)
    assert detail["start"] == pytest.approx(0.0, abs=0.3)
    assert detail["end"] == pytest.approx(2.0, abs=0.3)
    if MOVES[name].unit == "degrees":
        assert detail["amount"] == pytest.approx(SINGLE[name], rel=0.25)
    if MOVES[name].unit == "ratio":
        assert detail["amount"] == pytest.approx(SINGLE[name], rel=0.06)


@pytest.mark.parametrize("name", ["pan_left", "tilt_up", "zoom_in", "zoom_out", "truck_right", "static"])
@pytest.mark.parametrize("speed", [0.35, 1.0])
def test_tiny_generated_like_videos_are_told_apart(name, speed):
    amount = SINGLE[name] ** speed if name.startswith("zoom") else SINGLE[name] * speed
    frames = filmed(PathMove(move=name, start=0.0, end=2.125, amount=amount), seconds=2.125, side=64)
    blurred = np.stack([cv2.GaussianBlur(frame, (0, 0), 0.6) for frame in frames])
    assert name in judged(blurred)["camera_moves"]


@pytest.mark.parametrize("focal", [1.0, 1.7])
def test_focal_ratio_of_the_row_makes_degrees_exact(focal):
    frames = filmed(PathMove(move="pan_right", start=0.0, end=2.0, amount=16.0), focal=focal)
    told = judged(frames, focal_ratio=focal)["camera_detail"][0]["amount"]
    assert told == pytest.approx(15.0, abs=0.4)  # 16 frames span 15 of 16 steps


def test_out_and_back_gives_two_moves():
    out = PathMove(move="pan_left", start=0.0, end=1.5, amount=18.0)
    back = PathMove(move="pan_right", start=1.5, end=3.0, amount=18.0)
    result = judged(filmed(out, back, seconds=3.0))
    assert result["camera_moves"] == ["pan_left", "pan_right"]
    assert result["camera_detail"][0]["end"] == pytest.approx(1.5, abs=0.35)


def test_sequence_keeps_time_order():
    first = PathMove(move="zoom_in", start=0.0, end=1.5, amount=1.25)
    second = PathMove(move="truck_left", start=1.5, end=3.0, amount=0.7)
    assert judged(filmed(first, second, seconds=3.0))["camera_moves"] == ["zoom_in", "truck_left"]


def test_a_whip_of_a_pan_is_followed_where_it_goes():
    frames = filmed(PathMove(move="pan_right", start=0.0, end=2.0, amount=110.0))
    result = judged(frames)
    assert (result["camera_class"], result["camera_moves"]) == ("C2", ["pan_right"])
    assert result["camera_detail"][0]["amount"] == pytest.approx(103.0, rel=0.15)


def test_a_small_zoom_beside_a_wide_tilt_is_named():
    tilt = PathMove(move="tilt_up", start=0.0, end=3.0, amount=40.0)
    zoom = PathMove(move="zoom_in", start=0.0, end=3.0, amount=1.2)
    assert set(judged(filmed(tilt, zoom, seconds=3.0, pitch=-25.0))["camera_moves"]) == {"tilt_up", "zoom_in"}


@pytest.mark.parametrize("name", ["dolly_in", "dolly_out"])
def test_a_camera_that_looks_down_and_goes_ahead_does_not_rise(name):
    frames = filmed(PathMove(move=name, start=0.0, end=2.0, amount=0.8), pitch=-30.0)
    assert judged(frames)["camera_moves"] == [name]


def test_shake_is_told_while_the_camera_pans():
    pan = PathMove(move="pan_left", start=0.0, end=3.0, amount=50.0)
    shake = PathMove(move="shake", start=0.0, end=3.0, amount=0.35)
    assert "shake" in judged(filmed(pan, shake, seconds=3.0))["camera_moves"]
    assert "shake" not in judged(filmed(pan, seconds=3.0))["camera_moves"]


def test_a_small_rise_or_fall_is_not_a_tilt():
    frames = filmed(PathMove(move="pedestal_down", start=0.0, end=2.5, amount=0.2), seconds=2.5)
    assert judged(frames)["camera_moves"] == ["pedestal_down"]


def test_a_small_rise_beside_a_truck_is_named():
    truck = PathMove(move="truck_right", start=0.0, end=2.5, amount=1.0)
    rise = PathMove(move="pedestal_up", start=0.0, end=2.5, amount=0.2)
    assert set(judged(filmed(truck, rise, seconds=2.5))["camera_moves"]) == {"truck_right", "pedestal_up"}
    assert judged(filmed(truck, seconds=2.5))["camera_moves"] == ["truck_right"]


def test_a_flickering_video_is_followed_all_the_same():
    frames = filmed(PathMove(move="dolly_in", start=0.0, end=2.0, amount=0.9))
    gains = 1 + 0.2 * np.random.default_rng(3).uniform(-1, 1, len(frames))
    flickers = np.clip(frames * gains[:, None, None, None], 0, 255).astype(np.uint8)
    assert judged(flickers)["camera_moves"] == ["dolly_in"]


def test_static_under_noise_stays_static():
    rng = np.random.default_rng(0)
    frames = filmed(PathMove(move="static", start=0.0, end=2.0)).astype(float)
    noisy = np.clip(frames + rng.normal(0, 4, frames.shape), 0, 255).astype(np.uint8)
    result = judged(noisy)
    assert (result["camera_class"], result["camera_moves"]) == ("C5", ["static"])


def test_shake_is_named_beside_static():
    result = judged(filmed(PathMove(move="shake", start=0.0, end=3.0, amount=0.6), seconds=3.0))
    assert set(result["camera_moves"]) == {"static", "shake"}
    assert result["camera_class"] == "C5"
    amount = next(move["amount"] for move in result["camera_detail"] if move["move"] == "shake")
    assert 0.25 < amount < 1.2


def test_moving_object_does_not_move_the_camera():
    shot = still_shot()
    nearest = min(
        range(len(shot.scene.objects)), key=lambda k: np.hypot(shot.scene.objects[k].x, shot.scene.objects[k].y)
    )
    things = list(shot.scene.objects)
    things[nearest] = replace(things[nearest], motion=Motion(kind="slide", velocity=(0.4, 0.0)))
    moving = replace(shot, scene=shot.scene.with_objects(tuple(things)))
    frames = filmed(PathMove(move="static", start=0.0, end=2.0), shot=moving)
    assert judged(frames)["camera_moves"] == ["static"]


def test_an_edit_makes_the_clip_c6():
    frames = filmed(PathMove(move="pan_left", start=0.0, end=2.0, amount=15.0))
    assert judged(frames, has_edit=True)["camera_class"] == "C6"
    other = np.ascontiguousarray(filmed(PathMove(move="static", start=0.0, end=2.0))[:, ::-1, ::-1])
    assert judged(np.concatenate([frames, other]))["camera_class"] == "C6"


@pytest.mark.parametrize(
    "frames",
    [
        np.zeros((1, 64, 64), np.uint8),
        np.zeros((17, 64, 64), np.uint8),
        np.full((9, 48, 80), 255, np.uint8),
        np.full((2, 64, 64), 90, np.uint8),
        np.random.default_rng(1).integers(0, 255, (1, 64, 64), np.uint8),
        np.zeros((3, 16, 16), np.uint8),
    ],
    ids=["one black", "black", "white", "two gray", "one noise", "tiny"],
)
def test_nothing_to_see_gives_no_class(frames):
    result = judged(frames)
    assert result["camera_class"] is None
    assert result["camera_moves"] == []
    assert result["camera_confidence"] == 0.0


def test_no_frames_at_all_gives_no_class():
    assert JUDGE.finish(JUDGE.start({}))["camera_class"] is None


def test_two_and_three_frames_do_not_fail():
    frames = filmed(PathMove(move="pan_left", start=0.0, end=2.0, amount=20.0))
    for count in (2, 3):
        assert set(judged(frames[:count])) == set(JUDGE.columns)


def test_it_is_a_judge_with_all_its_columns():
    assert isinstance(JUDGE, Judge)
    result = judged(filmed(PathMove(move="static", start=0.0, end=2.0)))
    assert set(result) == set(JUDGE.columns)
    assert 0.0 <= result["camera_confidence"] <= 1.0
