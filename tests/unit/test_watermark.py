"""A mark that stays put is found where the picture moves under it; what cannot be told is not told."""

from __future__ import annotations

import cv2
import numpy as np
import pytest

from dropletvideo.perception.judge import Chunk
from dropletvideo.perception.watermark import MOST_FRAMES, WatermarkJudge

HEIGHT, WIDTH = 96, 160


def picture(seed=1, height=HEIGHT, width=4 * WIDTH):
    noise = np.random.default_rng(seed).integers(0, 255, (height // 6, width // 6), np.uint8)
    return cv2.resize(noise, (width, height), interpolation=cv2.INTER_CUBIC)


def panned(count=10, step=23, canvas=None):
    canvas = picture() if canvas is None else canvas
    return np.stack([canvas[:, step * k : step * k + WIDTH] for k in range(count)])[..., None].copy()


def marked(frames, x=118, y=8, opacity=0.7):
    alpha = np.zeros(frames.shape[1:3], np.uint8)
    cv2.putText(alpha, "LOGO", (x, y + 14), cv2.FONT_HERSHEY_SIMPLEX, 0.45, 255, 1, cv2.LINE_AA)
    cv2.rectangle(alpha, (x - 2, y), (x + 36, y + 18), 255, 1)
    share = alpha[None, ..., None].astype(np.float32) / 255 * opacity
    return np.rint(frames * (1 - share) + 255 * share).astype(np.uint8)


def judged(frames):
    judge = WatermarkJudge()
    state = judge.start({})
    judge.update(state, Chunk(frames, np.arange(len(frames)) / 2, np.arange(len(frames))))
    return judge.finish(state)


@pytest.mark.parametrize(("x", "y"), [(118, 8), (6, 70), (60, 72)])
def test_a_mark_is_found_where_it_is(x, y):
    found = judged(marked(panned(), x, y))
    assert found["watermark_score"] > 0.4
    left, top, width, height = found["watermark_box"]
    assert abs(left * WIDTH - (x - 2)) <= 6
    assert abs(top * HEIGHT - y) <= 6
    assert found["watermark_area"] == pytest.approx(width * height, rel=0.02)


def test_without_a_mark_nothing_is_found():
    assert judged(panned())["watermark_score"] < 0.2


def test_a_resting_camera_says_nothing():
    found = judged(marked(np.repeat(panned(1), 10, axis=0)))
    assert found["watermark_score"] is None
    assert found["watermark_still"] > 0.9


def test_three_frames_say_nothing():
    assert set(judged(marked(panned(3))).values()) == {None}


def test_edges_along_which_the_camera_moves_are_no_mark():
    """A wall of level stripes stays put under a level pan, all of it or in one place."""
    canvas = picture()
    canvas[60:80] = np.repeat(np.array([40, 200] * 2, np.uint8), 5)[:, None]
    assert (judged(panned(canvas=canvas))["watermark_score"] or 0.0) < 0.2


def test_rims_of_bars_are_no_mark_and_do_not_join_one():
    frames = panned()
    frames[:, :14] = frames[:, -14:] = 0
    assert judged(frames)["watermark_score"] < 0.2
    top = judged(marked(frames, 118, 6))["watermark_box"]
    assert top[2] < 0.5, "the bar's rim became part of the mark"


def test_memory_is_bounded_whatever_the_length():
    judge = WatermarkJudge()
    state = judge.start({})
    frame = panned(1)
    for k in range(500):
        judge.update(state, Chunk(frame, np.array([k / 2]), np.array([k])))
        assert len(state.frames) <= MOST_FRAMES
    assert len(state.frames) > MOST_FRAMES // 2
