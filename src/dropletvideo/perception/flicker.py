"""Flicker of a video: plainly from frame to frame, and after the motion has been taken out.

Columns: `temporal_flickering` without unit, range 0 to 1, higher is calmer: 1 - mean |f(t) - f(t+1)| / 255 over
pixels, channels and pairs at native size. Motion lowers it as much as flicker does, and a frozen picture has 1.
`compensated_flicker` in 8-bit grey levels, range 0 to 255, lower is calmer: mean |warp(f(t+1)) - f(t)| at short side
256, where f(t+1) is warped back by DIS flow and only pixels with forward-backward consistent flow count;
`compensated_share` in 0 to 1, higher is surer: the share of pixels that counted.

Sources: the first is "temporal flickering" of VBench (arXiv 2311.17982, section on temporal quality). The second is
warping error (Lai et al., "Learning blind video temporal consistency", ECCV 2018) with the consistency test of
Sundaram, Brox, Keutzer (ECCV 2010) and classical flow. Faults of the compensated value: bilinear warping leaves a
little residual at sharp edges under motion, and pictures enlarged to 256 have their noise smoothed.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

import cv2
import numpy as np
from numpy.typing import NDArray

from dropletvideo.perception.consistent_motion import LEAST_SHARE, consistent_flow, warp_back
from dropletvideo.perception.judge import Chunk, Features, Frames


@dataclass
class _PlainState:
    last: NDArray[np.uint8] | None = None
    differences: list[float] = field(default_factory=list)


class TemporalFlickering:
    """The plain measure: one less the mean absolute difference of neighbouring frames; None for a single frame."""

    name = "temporal_flickering"
    version = 1
    needs: Frames | Features = Frames(rate=None, short_side=None, colour="rgb")
    columns: Mapping[str, type] = {"temporal_flickering": float}

    def start(self, row: Mapping[str, Any]) -> _PlainState:  # noqa: ARG002  the row asks nothing of this judge
        """Nothing is known before the first frame."""
        return _PlainState()

    def update(self, state: _PlainState, chunk: Chunk) -> None:
        """Add the differences inside the chunk and the one to the chunk before."""
        for frame in chunk.frames:
            if state.last is not None:
                state.differences.append(float(cv2.absdiff(frame, state.last).mean()))
            state.last = frame

    def finish(self, state: _PlainState) -> dict[str, Any]:
        """The score, None without a pair."""
        if not state.differences:
            return {"temporal_flickering": None}
        return {"temporal_flickering": 1.0 - float(np.mean(state.differences)) / 255.0}


@dataclass
class _CompensatedState:
    last: NDArray[np.uint8] | None = None
    residuals: list[float] = field(default_factory=list)
    shares: list[float] = field(default_factory=list)


class CompensatedFlicker:
    """Residual after motion compensation; a pair with under a twentieth of consistent pixels gives no residual."""

    name = "compensated_flicker"
    version = 1
    needs: Frames | Features = Frames(rate=None, short_side=256, colour="gray")
    columns: Mapping[str, type] = {"compensated_flicker": float, "compensated_share": float}

    def start(self, row: Mapping[str, Any]) -> _CompensatedState:  # noqa: ARG002  the row asks nothing of this judge
        """Nothing is known before the first frame."""
        return _CompensatedState()

    def update(self, state: _CompensatedState, chunk: Chunk) -> None:
        """Add the residual of each new pair."""
        for frame in chunk.frames[..., 0]:
            if state.last is not None:
                self._take_pair(state, state.last, frame)
            state.last = frame

    def finish(self, state: _CompensatedState) -> dict[str, Any]:
        """Means over pairs; the residual is None where no pair could be compensated."""
        return {
            "compensated_flicker": float(np.mean(state.residuals)) if state.residuals else None,
            "compensated_share": float(np.mean(state.shares)) if state.shares else None,
        }

    def _take_pair(self, state: _CompensatedState, earlier: NDArray[np.uint8], later: NDArray[np.uint8]) -> None:
        flow, consistent = consistent_flow(earlier, later)
        share = float(consistent.mean())
        state.shares.append(share)
        if share >= LEAST_SHARE:
            residual = cv2.absdiff(warp_back(later, flow), earlier)
            state.residuals.append(float(residual[consistent].mean()))
