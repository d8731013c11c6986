"""Clipped pixels: the share of the picture where the darkest or the brightest level has swallowed what was there.

Columns: `clipped_dark` and `clipped_bright`, share of the pixels whose three channels are all at 2 or less, or all at
253 or more, of 255; range 0 to 1, lower is better; mean over frames at 2 per second at native size. None without a
frame. Source: own definition; the levels leave room for lossy coding. A night sky is dark without a fault: compare with
the reference or the asked image.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np

from dropletvideo.perception.judge import Chunk, Features, Frames

DARK_LEVEL = 2
BRIGHT_LEVEL = 253


class ExposureJudge:
    """See the module text."""

    name = "exposure"
    version = 1
    needs: Frames | Features = Frames(rate=2.0, short_side=None)
    columns: Mapping[str, type] = {"clipped_dark": float, "clipped_bright": float}

    def start(self, row: Mapping[str, Any]) -> list[tuple[float, float]]:  # noqa: ARG002  the row asks nothing
        """Two shares per frame."""
        return []

    def update(self, state: list[tuple[float, float]], chunk: Chunk) -> None:
        """Shares of every frame of the chunk."""
        for frame in chunk.frames:
            red, green, blue = (frame[..., channel] for channel in range(3))
            most, least = np.maximum(np.maximum(red, green), blue), np.minimum(np.minimum(red, green), blue)
            state.append((float((most <= DARK_LEVEL).mean()), float((least >= BRIGHT_LEVEL).mean())))

    def finish(self, state: list[tuple[float, float]]) -> dict[str, Any]:
        """Means over frames."""
        if not state:
            return dict.fromkeys(self.columns)
        dark, bright = np.mean(state, axis=0)
        return {"clipped_dark": float(dark), "clipped_bright": float(bright)}
