"""Frozen stretches: neighbouring frames that repeat each other, as a generator stops or a file is filled up.

Two neighbours repeat each other where in no block of 16x16 pixels (at short side 256) the mean absolute difference of
luma reaches 2 grey levels (a coder goes on mending a picture that stands still). Columns: `repeated_share`, share of
the pairs, 0 to 1, lower is better; and `longest_freeze_seconds`, length of the longest run of such pairs, range 0
upwards, lower is better. None without a pair. Source: own rule. What it cannot tell: a still scene without noise before
a still camera is frozen, too.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import cv2
import numpy as np
from numpy.typing import NDArray

from dropletvideo.perception.judge import Chunk, Features, Frames

BLOCK = 16
LEAST_CHANGE = 2.0


def repeats(earlier: NDArray[np.uint8], later: NDArray[np.uint8]) -> bool:
    """Whether two H,W images of one size repeat each other."""
    height, width = earlier.shape
    blocks = (max(1, width // BLOCK), max(1, height // BLOCK))
    change = cv2.resize(cv2.absdiff(earlier, later).astype(np.float32), blocks, interpolation=cv2.INTER_AREA)
    return bool(change.max() < LEAST_CHANGE)


@dataclass
class _State:
    last: NDArray[np.uint8] | None = None
    last_time: float = 0.0
    pairs: int = 0
    repeated: int = 0
    run: float = 0.0
    longest: float = 0.0


class Stillness:
    """See the module text."""

    name = "stillness"
    version = 2
    needs: Frames | Features = Frames(rate=None, short_side=256, colour="gray")
    columns: Mapping[str, type] = {"repeated_share": float, "longest_freeze_seconds": float}

    def start(self, row: Mapping[str, Any]) -> _State:  # noqa: ARG002  the row asks nothing of this judge
        """Nothing is known before the first frame."""
        return _State()

    def update(self, state: _State, chunk: Chunk) -> None:
        """Compare each frame with the one before."""
        for frame, time in zip(chunk.frames, chunk.times, strict=True):
            now = np.ascontiguousarray(frame[..., 0])
            if state.last is not None:
                state.pairs += 1
                is_repeat = repeats(state.last, now)
                state.repeated += is_repeat
                state.run = state.run + float(time) - state.last_time if is_repeat else 0.0
                state.longest = max(state.longest, state.run)
            state.last, state.last_time = now, float(time)

    def finish(self, state: _State) -> dict[str, Any]:
        """Share and longest run; None without a pair."""
        if not state.pairs:
            return dict.fromkeys(self.columns)
        return {"repeated_share": state.repeated / state.pairs, "longest_freeze_seconds": state.longest}
