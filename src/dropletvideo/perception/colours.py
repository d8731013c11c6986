"""Judge: the colours that fill a clip, by name.

Unit: names, with the share of pixels in [0, 1]. Range: up to three names of at least 12 % of the pixels each, largest
first; an empty list means that no colour stands out. Direction: none (a description, not a score).
Source: own rule. Every pixel of a small frame is named by hue, saturation and value, and the votes are counted.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import cv2
import numpy as np
from numpy.typing import NDArray

from dropletvideo.perception.judge import Chunk, Frames

# Upper hue limit in degrees of each named band; red wraps round.
_HUES: tuple[tuple[float, str], ...] = (
    (15.0, "red"),
    (42.0, "orange"),
    (68.0, "yellow"),
    (165.0, "green"),
    (200.0, "teal"),
    (260.0, "blue"),
    (300.0, "purple"),
    (342.0, "pink"),
    (360.0, "red"),
)
_NAMES = ("black", "grey", "white", "red", "orange", "yellow", "green", "teal", "blue", "purple", "pink", "brown")
_MIN_SHARE = 0.12
_MAX_NAMES = 3
_BLACK_VALUE, _WHITE_VALUE, _GREY_SATURATION, _BROWN_VALUE = 0.15, 0.85, 0.16, 0.55


class ColoursJudge:
    """Columns `dominant_colours` (list of names, largest first) and `dominant_shares` (their pixel shares)."""

    name = "colours"
    version = 1
    needs = Frames(rate=1.0, short_side=48)
    columns: Mapping[str, type] = {"dominant_colours": list, "dominant_shares": list}

    def start(self, row: Mapping[str, Any]) -> NDArray[np.int64]:  # noqa: ARG002
        """Votes per colour name."""
        return np.zeros(len(_NAMES), np.int64)

    def update(self, state: NDArray[np.int64], chunk: Chunk) -> None:
        """Name every pixel of the chunk and add the votes."""
        for frame in chunk.frames:
            state += np.bincount(name_pixels(frame).ravel(), minlength=len(_NAMES))

    def finish(self, state: NDArray[np.int64]) -> dict[str, Any]:
        """Names that fill at least 12 % of the pixels."""
        total = int(state.sum())
        if total == 0:
            return {"dominant_colours": [], "dominant_shares": []}
        shares = state / total
        chosen = [i for i in np.argsort(-shares, kind="stable")[:_MAX_NAMES] if shares[i] >= _MIN_SHARE]
        return {
            "dominant_colours": [_NAMES[i] for i in chosen],
            "dominant_shares": [round(float(shares[i]), 4) for i in chosen],
        }


def name_pixels(frame_HWC: NDArray[np.uint8]) -> NDArray[np.int64]:
    """Index into the colour names for every pixel of an RGB frame, H,W."""
    hsv = cv2.cvtColor(frame_HWC.astype(np.float32) / 255.0, cv2.COLOR_RGB2HSV)
    hue, saturation, value = hsv[..., 0], hsv[..., 1], hsv[..., 2]
    limits = np.array([limit for limit, _ in _HUES])
    band_to_name = np.array([_NAMES.index(name) for _, name in _HUES])
    band = np.minimum(np.searchsorted(limits, hue, side="right"), len(_HUES) - 1)
    named = band_to_name[band]
    brownish = np.isin(named, [_NAMES.index("red"), _NAMES.index("orange"), _NAMES.index("yellow")])
    named = np.where(brownish & (value < _BROWN_VALUE) & (hue > 8.0) & (hue < 60.0), _NAMES.index("brown"), named)
    greyish = saturation < _GREY_SATURATION
    named = np.where(greyish, _NAMES.index("grey"), named)
    named = np.where(greyish & (value > _WHITE_VALUE), _NAMES.index("white"), named)
    return np.where(value < _BLACK_VALUE, _NAMES.index("black"), named)
