"""Points are followed through what deceives a search that starts where the last step points."""

from __future__ import annotations

import cv2
import numpy as np
import pytest

from dropletvideo.perception import camera_tracks
from dropletvideo.perception.camera_tracks import Tracks, better_place

BRICK = 32


def wall():
    """Bricks all alike but for a little tint of their own: at a brick's distance they match almost as well."""
    rng = np.random.default_rng(3)
    height, width = 600, 900
    y, x = np.mgrid[:height, :width]
    row, column = y // (BRICK // 2), (x + (y // (BRICK // 2) % 2) * BRICK // 2) // BRICK
    tint = rng.uniform(-14, 14, (row.max() + 1, column.max() + 2))[row, column]
    joint = (y % (BRICK // 2) < 3) | ((x + (row % 2) * BRICK // 2) % BRICK < 3)
    return cv2.GaussianBlur(np.clip(np.where(joint, 70, 150 + tint), 0, 255).astype(np.uint8), (0, 0), 1.0)


def view(picture, x, y=150, side=256):
    return np.ascontiguousarray(picture[y : y + side, x : x + side])


def test_after_a_jerk_over_bricks_a_still_camera_is_still():
    picture, tracks = wall(), Tracks()
    course = [200, 200, 200, 200 + BRICK + 6, *[200 + BRICK + 6] * 6]
    for number, x in enumerate(course):
        tracks.add(view(picture, x), number / 8)
    steps = np.array([frame.step[0] for frame in tracks.frames])
    assert steps[3] == pytest.approx(-BRICK - 6, abs=1)
    assert np.abs(steps[4:]).max() < 0.5


def test_only_a_far_better_place_is_named():
    picture = wall()
    assert better_place(view(picture, 200), view(picture, 212), np.array([-12.0, 0.0], np.float32)) is None
    found = better_place(view(picture, 200), view(picture, 200), np.array([-48.0, 0.0], np.float32))
    assert np.abs(found).max() <= 4


def test_where_nothing_is_to_be_seen_no_place_is_better():
    plain, step = np.full((256, 256), 90, np.uint8), np.array([5.0, 1.0], np.float32)
    assert better_place(plain, plain, step) is None


def test_a_better_place_at_which_fewer_points_are_found_is_not_taken(monkeypatch):
    picture, tracks = wall(), Tracks()
    monkeypatch.setattr(camera_tracks, "better_place", lambda *_: np.array([-90.0, 40.0], np.float32))
    for number, x in enumerate((200, 206, 212)):
        tracks.add(view(picture, x), number / 8)
    assert [round(frame.step[0]) for frame in tracks.frames[1:]] == [-6, -6]
