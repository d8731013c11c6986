"""Measured captions say only what was measured, and colours are named as a person would."""

from __future__ import annotations

import numpy as np
import pytest

from dropletvideo.language.measured import measured_caption
from dropletvideo.moves import moves_in_text
from dropletvideo.perception.colours import ColoursJudge
from dropletvideo.perception.judge import Chunk


def _measure(frames):
    judge = ColoursJudge()
    state = judge.start({})
    count = len(frames)
    judge.update(state, Chunk(frames, np.arange(count) / 1.0, np.arange(count)))
    return judge.finish(state)


@pytest.mark.parametrize(
    ("rgb", "name"),
    [
        ((220, 30, 30), "red"),
        ((30, 160, 50), "green"),
        ((40, 80, 220), "blue"),
        ((128, 128, 128), "grey"),
        ((250, 250, 250), "white"),
        ((5, 5, 5), "black"),
        ((240, 220, 40), "yellow"),
        ((110, 70, 35), "brown"),
    ],
)
def test_plain_colours_have_their_everyday_names(rgb, name):
    frames = np.full((2, 24, 24, 3), rgb, np.uint8)
    assert _measure(frames)["dominant_colours"] == [name]


def test_small_areas_are_left_out_and_shares_are_pixel_shares():
    frames = np.full((1, 20, 20, 3), (40, 80, 220), np.uint8)
    frames[:, :8] = (220, 30, 30)
    frames[:, 19:] = (240, 220, 40)
    found = _measure(frames)
    assert found["dominant_colours"] == ["blue", "red"]
    assert found["dominant_shares"] == pytest.approx([0.55, 0.4])


def test_caption_names_the_moves_in_order_and_nothing_unmeasured():
    row = {"camera_moves": ["pan_left", "tilt_up"], "dominant_colours": ["grey", "green"], "brightness": 200.0}
    caption = measured_caption(row)
    assert moves_in_text(caption) == ["pan_left", "tilt_up"]
    assert "grey and green" in caption
    assert "bright" in caption
    assert measured_caption({}) == ""
    assert "bright" not in measured_caption({"dominant_colours": ["red"], "brightness": float("nan")})
