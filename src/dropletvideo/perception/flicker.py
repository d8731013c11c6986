"""Plain flicker: how much neighbouring frames differ; the motion-compensated one is in `consistent_flow.py`.

Columns: `temporal_flickering` without unit, range 0 to 1, higher is calmer: 1 - mean |f(t) - f(t+1)| / 255 over
pixels, channels and pairs, frames at native size.

Source: "temporal flickering" of VBench (arXiv 2311.17982, temporal quality).
Fault: motion lowers it as much as flicker does. A frozen picture has 1 and wins.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

import cv2
import numpy as np
from numpy.typing import NDArray

from dropletvideo.perception.judge import Chunk, Features, Frames


@dataclass
class _State:
    last: NDArray[np.uint8] | None = None
    differences: list[float] = field(default_factory=list)


class TemporalFlickering:
    """One less the mean absolute difference of neighbouring frames; None for a single frame."""

    name = "temporal_flickering"
    version = 1
    needs: Frames | Features = Frames(rate=None, short_side=None, colour="rgb")
    columns: Mapping[str, type] = {"temporal_flickering": float}

    def start(self, row: Mapping[str, Any]) -> _State:  # noqa: ARG002  the row asks nothing of this judge
        """Nothing is known before the first frame."""
        return _State()

    def update(self, state: _State, chunk: Chunk) -> None:
        """Add the differences inside the chunk and the one to the chunk before."""
        for frame in chunk.frames:
            if state.last is not None:
                state.differences.append(float(cv2.absdiff(frame, state.last).mean()))
            state.last = frame

    def finish(self, state: _State) -> dict[str, Any]:
        """The score, None without a pair."""
        if not state.differences:
            return {"temporal_flickering": None}
        return {"temporal_flickering": 1.0 - float(np.mean(state.differences)) / 255.0}
