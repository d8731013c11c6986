"""Judge: how much a clip moves, by dense flow.

`motion_score`: mean flow magnitude in px/s over the frame diagonal, at short side 256 and 8 frames per second or the
file's rate if lower, averaged over time; unit frame diagonals per second, range 0 upwards, direction none (more is
faster, not better). `flow_2fps_px`: mean magnitude in px per pair of frames at 2 per second, short side 256, range 0
upwards: the measure of MiraData section 3 with DIS in place of RAFT. A clip of one frame has None for both; one shorter
than half a second has no `flow_2fps_px`. Source: the definitions above; flow as in `perception/flow.py`.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

import numpy as np
from numpy.typing import NDArray

from dropletvideo.perception.flow import dense_flow, gray, mean_length
from dropletvideo.perception.judge import Chunk, Features, Frames

SLOW_RATE = 2.0
_TICK_SLACK = 0.01


@dataclass
class _State:
    speeds: list[float] = field(default_factory=list)
    seconds: list[float] = field(default_factory=list)
    slow: list[float] = field(default_factory=list)
    start: float | None = None
    ticks: int = 0
    kept: NDArray[np.uint8] | None = None


class MotionJudge:
    """See the module text."""

    name = "motion"
    version = 1
    needs: Frames | Features = Features(backbone="dis_flow", rate=8.0, short_side=256)
    columns: Mapping[str, type] = {"motion_score": float, "flow_2fps_px": float}

    def start(self, row: Mapping[str, Any]) -> _State:  # noqa: ARG002 - the row asks nothing of this judge
        """Nothing is known before the first frame."""
        return _State()

    def update(self, state: _State, chunk: Chunk) -> None:
        """Add the pairs that the new frames end."""
        diagonal = float(np.hypot(*chunk.frames.shape[1:3]))
        for frame, time, found in zip(chunk.frames, chunk.times, chunk.features["dis_flow"], strict=True):
            if found is not None and found.seconds > 0:
                state.speeds.append(found.magnitude / found.seconds / diagonal)
                state.seconds.append(found.seconds)
            self._take_slow(state, frame, float(time))

    def finish(self, state: _State) -> dict[str, Any]:
        """Means over pairs; None where there is none."""
        return {
            "motion_score": float(np.average(state.speeds, weights=state.seconds)) if state.speeds else None,
            "flow_2fps_px": float(np.mean(state.slow)) if state.slow else None,
        }

    def _take_slow(self, state: _State, frame: NDArray[np.uint8], time: float) -> None:
        """A pair at each tick of a 2 Hz clock that began with the first frame."""
        if state.start is None:
            state.start, state.kept = time, gray(frame)
            return
        ticks = int((time - state.start) * SLOW_RATE + _TICK_SLACK)
        if ticks <= state.ticks:
            return
        now = gray(frame)
        if state.kept is not None and ticks == state.ticks + 1:  # a longer pair would be another measure
            state.slow.append(mean_length(dense_flow(state.kept, now)))
        state.ticks, state.kept = ticks, now
