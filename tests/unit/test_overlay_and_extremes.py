"""Titles are found and plain moving pictures are not; extremes are those of frames and of pixels."""

from __future__ import annotations

import cv2
import numpy as np
import pytest

from dropletvideo.perception.colour_extremes import ColourExtremesJudge
from dropletvideo.perception.judge import Chunk
from dropletvideo.perception.overlay_text import OverlayTextJudge
from dropletvideo.world.effects import title


def measured(judge, frames):
    state = judge.start({})
    judge.update(state, Chunk(frames=frames, times=np.arange(len(frames)) / 2, indices=np.arange(len(frames))))
    return judge.finish(state)


def moving(count=6):
    noise = np.random.default_rng(2).uniform(20, 235, (12, 40, 3)).astype(np.float32)
    canvas = np.clip(cv2.resize(noise, (800, 256), interpolation=cv2.INTER_CUBIC), 0, 255).astype(np.uint8)
    return [np.ascontiguousarray(canvas[:, 40 * k : 40 * k + 455]) for k in range(count)]


def gray(frames):
    return np.stack([cv2.cvtColor(frame, cv2.COLOR_RGB2GRAY) for frame in frames])[..., None]


@pytest.mark.parametrize("place", ["top", "middle", "bottom"])
def test_a_title_is_found_where_it_stands_and_as_long_as_it_stands(place):
    plain = moving()
    assert measured(OverlayTextJudge(), gray(plain))["overlay_text_share"] == 0
    found = measured(OverlayTextJudge(), gray([title(frame, "Somewhere else", place) for frame in plain]))
    assert found["overlay_text_share"] == 1
    assert found["overlay_text_letters"] >= 8
    assert 0.01 < found["overlay_text_area"] < 0.2
    half = [title(frame, "Part two", place) if k < 3 else frame for k, frame in enumerate(plain)]
    assert measured(OverlayTextJudge(), gray(half))["overlay_text_share"] == 0.25


def test_letters_that_move_with_the_picture_are_no_overlay():
    frames = [title(np.full((256, 900, 3), 90, np.uint8), "Somewhere else")[:, 60 * k : 60 * k + 455] for k in range(6)]
    assert measured(OverlayTextJudge(), gray(frames))["overlay_text_share"] < 0.5


def test_extremes_by_frames():
    frames = np.zeros((10, 8, 8, 3), np.uint8)
    frames[8:] = (200, 100, 0)
    found = measured(ColourExtremesJudge(), frames)
    assert found["luma_darkest80"] == 0
    assert found["rgb_mean"] == [40.0, 20.0, 0.0]
    assert found["rgb_brightest80"] == [50.0, 25.0, 0.0]
    assert found["rgb_darkest80"] == [0.0, 0.0, 0.0]


def test_extremes_by_pixels():
    frame = np.zeros((1, 10, 10, 3), np.uint8)
    frame[0, 8:] = 250
    found = measured(ColourExtremesJudge(), frame)
    assert found["luma_darkest80_pixels"] == pytest.approx(0)
    assert found["luma_brightest80_pixels"] == pytest.approx(62.5)
    assert found["luma_darkest80"] == pytest.approx(50), "one frame is all frames"
