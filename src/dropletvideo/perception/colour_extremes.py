"""Judge: mean colour, and colour of the darkest and of the brightest 80 % of a clip, at 2 frames per second.

`luma_darkest80`, `luma_brightest80`: mean luma of the 80 % darkest and 80 % brightest frames, grey levels, range 0 to
255; `luma_darkest80_pixels`, `luma_brightest80_pixels`: mean luma of the 80 % darkest and brightest pixels within each
frame, averaged over frames; `rgb_mean`, `rgb_darkest80`, `rgb_brightest80`: mean red, green, blue of all frames, of the
darkest and of the brightest 80 % of them, 0 to 255. No direction: a clip whose brightest 80 % are very dark is dark
even without its darkest fifth, one whose darkest 80 % are very bright is blown out. None for a clip without a frame.
Source: MiraData section 3, whose words leave open whether frames or pixels are ranked; both are given.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
from numpy.typing import NDArray

from dropletvideo.perception.flow import gray
from dropletvideo.perception.judge import Chunk, Features, Frames

SHARE = 0.8
_LUMA, _DARK_PIXELS, _BRIGHT_PIXELS, _RGB = 0, 1, 2, slice(3, 6)


class ColourExtremesJudge:
    """See the module text."""

    name = "colour_extremes"
    version = 1
    needs: Frames | Features = Frames(rate=2.0, short_side=256)
    columns: Mapping[str, type] = {
        "luma_darkest80": float,
        "luma_brightest80": float,
        "luma_darkest80_pixels": float,
        "luma_brightest80_pixels": float,
        "rgb_mean": list,
        "rgb_darkest80": list,
        "rgb_brightest80": list,
    }

    def start(self, row: Mapping[str, Any]) -> list[NDArray[np.float64]]:  # noqa: ARG002 - the row asks nothing of it
        """Six numbers per frame."""
        return []

    def update(self, state: list[NDArray[np.float64]], chunk: Chunk) -> None:
        """Measure every frame of the chunk."""
        state += [measure_frame(frame) for frame in chunk.frames]

    def finish(self, state: list[NDArray[np.float64]]) -> dict[str, Any]:
        """Means over all frames and over the ends of their order by luma."""
        if not state:
            return dict.fromkeys(self.columns)
        frames = np.stack(state)
        ordered = frames[np.argsort(frames[:, _LUMA], kind="stable")]
        kept = max(1, round(SHARE * len(ordered)))
        dark, bright, whole = ordered[:kept].mean(axis=0), ordered[-kept:].mean(axis=0), frames.mean(axis=0)
        return {
            "luma_darkest80": float(dark[_LUMA]),
            "luma_brightest80": float(bright[_LUMA]),
            "luma_darkest80_pixels": float(whole[_DARK_PIXELS]),
            "luma_brightest80_pixels": float(whole[_BRIGHT_PIXELS]),
            "rgb_mean": [round(float(value), 2) for value in whole[_RGB]],
            "rgb_darkest80": [round(float(value), 2) for value in dark[_RGB]],
            "rgb_brightest80": [round(float(value), 2) for value in bright[_RGB]],
        }


def measure_frame(frame: NDArray[np.uint8]) -> NDArray[np.float64]:
    """Mean luma, mean of its darkest and of its brightest 80 % of pixels, mean red, green, blue of an RGB frame."""
    counts = np.bincount(gray(frame).ravel(), minlength=256).astype(np.float64)
    levels = np.arange(256)
    total = counts.sum()
    rank = np.cumsum(counts) / total
    dark = np.diff(np.minimum(rank, SHARE), prepend=0.0)
    bright = np.diff(np.maximum(rank, 1 - SHARE), prepend=1 - SHARE)
    lumas = (counts @ levels / total, dark @ levels / SHARE, bright @ levels / SHARE)
    return np.array([*lumas, *frame.reshape(-1, 3).mean(axis=0)])
