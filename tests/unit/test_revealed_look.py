"""What is new must be the scene's own and keep its look, and nothing may change its colour before the eyes."""

from __future__ import annotations

from dataclasses import replace
from functools import cache

import cv2
import numpy as np
import pytest

from dropletvideo.evaluate.faults import Clip, flicker, jitter, noise
from dropletvideo.perception.consistency import ConsistencyJudge
from dropletvideo.perception.judge import Chunk
from dropletvideo.perception.point_tracks import PointTracks
from dropletvideo.world.consistency_suite import ConsistencySuite, draw_requests
from dropletvideo.world.inconsistency import swapped
from dropletvideo.world.render import render_shot

HEIGHT, WIDTH, RATE = 128, 160, 8.0
SUITE = ConsistencySuite(count=1, seed=1_260_000, kinds=("move",), num_frames=21, height=HEIGHT, width=WIDTH)
TIMES = np.arange(SUITE.num_frames) / RATE


def judged(frames: np.ndarray) -> dict:
    judge, points = ConsistencyJudge(), PointTracks()
    row = {"height": HEIGHT, "width": WIDTH}
    large = np.stack([cv2.resize(frame, (320, 256), interpolation=cv2.INTER_CUBIC) for frame in frames])
    chunk = Chunk(large, np.arange(len(frames)) / RATE, np.arange(len(frames)))
    state = judge.start(row)
    judge.update(state, replace(chunk, features={points.name: points(points.start(row), chunk)}))
    return judge.finish(state)


@cache
def shot_of(move: str):
    """A shot with one move and nothing that moves by itself."""
    (request,) = draw_requests(replace(SUITE, moves=(move,)))
    still = tuple(replace(thing, motion=type(thing.motion)()) for thing in request.shot.scene.objects)
    return replace(request.shot, scene=request.shot.scene.with_objects(still))


@cache
def frames_of(move: str) -> np.ndarray:
    return render_shot(shot_of(move), HEIGHT, WIDTH, times=TIMES).frames


def moved(move: str, border: int) -> np.ndarray:
    """The first frame alone, moved as the camera asks, with something beyond its edges."""
    cameras = shot_of(move).cameras_at(HEIGHT, WIDTH, TIMES)
    first, size = frames_of(move)[0], (WIDTH, HEIGHT)
    back = np.linalg.inv(cameras.K[0] @ cameras.cam_to_world[0, :3, :3].T)
    maps = [k @ pose[:3, :3].T @ back for k, pose in zip(cameras.K, cameras.cam_to_world, strict=True)]
    return np.stack([cv2.warpPerspective(first, each, size, flags=cv2.INTER_CUBIC, borderMode=border) for each in maps])


@pytest.mark.parametrize("move", ["pan_left", "tilt_up", "zoom_out"])
def test_a_picture_carried_on_is_told_from_what_the_scene_has_there(move):
    assert judged(frames_of(move))["revealed_own"] > 0.95
    for border in (cv2.BORDER_REFLECT_101, cv2.BORDER_REPLICATE, cv2.BORDER_CONSTANT):
        found = judged(moved(move, border))
        assert found["revealed_share"] > 0.05
        assert found["revealed_own"] < 0.3


@pytest.mark.parametrize("move", ["pan_left", "zoom_in", "truck_right"])
def test_a_colour_that_changes_in_view_is_seen_and_a_moving_camera_is_not_taken_for_one(move):
    shot = shot_of(move)
    assert judged(frames_of(move))["changed_share"] < 0.002
    changed = judged(swapped(shot, TIMES, HEIGHT, WIDTH, 1.0))  # nothing looks away at the middle
    assert changed["changed_share"] > 0.005


def test_a_picture_that_fades_into_another_does_not_keep_its_look():
    frames, other = frames_of("pan_left"), frames_of("tilt_up")
    share = np.clip(np.arange(len(frames)) / 10, 0, 1)[:, None, None, None]
    assert judged(frames)["kept_look"] > 0.7
    assert judged(((1 - share) * frames[0] + share * other).astype(np.uint8))["kept_look"] < 0.3


def test_flicker_is_no_fade():
    assert judged(flicker(Clip(frames_of("pan_left"), seed=5), 1.0))["kept_look"] > 0.6


def test_what_is_new_keeps_its_look_no_better_under_faults():
    clip = Clip(frames_of("pan_left"), seed=5)
    clean = judged(clip.frames)["revealed_stays"]
    assert clean > 0.85
    for fault in (noise, flicker):
        worse = [judged(fault(clip, level))["revealed_stays"] for level in (0.5, 1.0)]
        assert clean > worse[0] > worse[1]
    assert judged(jitter(clip, 1.0))["revealed_stays"] < clean + 0.02


def test_noise_brings_no_things_of_other_colours():
    """Warm grey ground under noise has pixels of every colour, but no red things."""
    ground = cv2.GaussianBlur(np.random.default_rng(3).normal(size=(HEIGHT, 2 * WIDTH)), (0, 0), 2.0)
    wide = np.clip([130, 120, 108] + 25 * (ground / ground.std())[..., None], 0, 255).astype(np.uint8)
    frames = np.stack([wide[:, 6 * k : 6 * k + WIDTH] for k in range(len(TIMES))])
    found = judged(noise(Clip(frames, seed=5), 1.0))
    assert found["revealed_share"] > 0.3
    assert "red" not in {thing["colour"] for thing in found["revealed_detail"]["things"]}
