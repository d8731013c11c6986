"""Motion strength counted only where the flow can be trusted.

Columns: `motion_score_consistent` in frame diagonals per second, range 0 upwards, direction none (more is faster, not
better): mean flow magnitude of the forward-backward consistent pixels in px/s over the frame diagonal at short side
256, at 8 frames per second or the file's rate if lower, mean over pairs weighted by their time; `consistent_share` in
0 to 1, higher is surer: the share of pixels that counted. A pair with under a twentieth of consistent pixels is left
out; without a pair the score is None. It differs from `motion_score` by the mask alone: flow invented on flicker or
on torn areas does not count.

Source: consistency test of Sundaram, Brox, Keutzer, "Dense point trajectories by GPU-accelerated large displacement
optical flow" (ECCV 2010), section 3: |f + b(x + f)|^2 < 0.01 (|f|^2 + |b(x + f)|^2) + 0.5 px^2, and x + f inside the
frame.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

import cv2
import numpy as np
from numpy.typing import NDArray

from dropletvideo.perception.flow import dense_flow
from dropletvideo.perception.judge import Chunk, Features, Frames

LEAST_SHARE = 0.05


def consistent_flow(
    earlier: NDArray[np.uint8], later: NDArray[np.uint8]
) -> tuple[NDArray[np.float32], NDArray[np.bool_]]:
    """Flow from `earlier` to `later` (H,W grey images) as H,W,2 in pixels, and where the way back agrees (H,W)."""
    forward, backward = dense_flow(earlier, later), dense_flow(later, earlier)
    height, width = earlier.shape
    columns, rows = np.meshgrid(np.arange(width, dtype=np.float32), np.arange(height, dtype=np.float32))
    target_x, target_y = columns + forward[..., 0], rows + forward[..., 1]
    returned = cv2.remap(backward, target_x, target_y, cv2.INTER_LINEAR, borderMode=cv2.BORDER_REPLICATE)
    gap = np.sum((forward + returned) ** 2, axis=-1)
    size = np.sum(forward**2, axis=-1) + np.sum(returned**2, axis=-1)
    inside = (target_x >= 0) & (target_x <= width - 1) & (target_y >= 0) & (target_y <= height - 1)
    return forward, (gap < 0.01 * size + 0.5) & inside


def warp_back(later: NDArray[np.uint8], flow: NDArray[np.float32]) -> NDArray[np.uint8]:
    """Bring `later` (H,W) onto the earlier frame along the flow from earlier to later; borders repeat."""
    height, width = later.shape
    columns, rows = np.meshgrid(np.arange(width, dtype=np.float32), np.arange(height, dtype=np.float32))
    warped = cv2.remap(
        later, columns + flow[..., 0], rows + flow[..., 1], cv2.INTER_LINEAR, borderMode=cv2.BORDER_REPLICATE
    )
    return np.asarray(warped, dtype=np.uint8)


@dataclass
class _State:
    last: NDArray[np.uint8] | None = None
    last_time: float = 0.0
    speeds: list[float] = field(default_factory=list)
    seconds: list[float] = field(default_factory=list)
    shares: list[float] = field(default_factory=list)


class ConsistentMotion:
    """`motion_score` restricted to consistent flow, with the share of pixels that this is."""

    name = "consistent_motion"
    version = 1
    needs: Frames | Features = Frames(rate=8.0, short_side=256, colour="gray")
    columns: Mapping[str, type] = {"motion_score_consistent": float, "consistent_share": float}

    def start(self, row: Mapping[str, Any]) -> _State:  # noqa: ARG002  the row asks nothing of this judge
        """Nothing is known before the first frame."""
        return _State()

    def update(self, state: _State, chunk: Chunk) -> None:
        """Add the speed of each new pair of sampled frames."""
        for frame, time in zip(chunk.frames[..., 0], chunk.times, strict=True):
            if state.last is not None and time > state.last_time:
                self._take_pair(state, frame, float(time) - state.last_time)
            state.last, state.last_time = frame, float(time)

    def finish(self, state: _State) -> dict[str, Any]:
        """Means over pairs; None where there is none to count."""
        speed = float(np.average(state.speeds, weights=state.seconds)) if state.speeds else None
        share = float(np.mean(state.shares)) if state.shares else None
        return {"motion_score_consistent": speed, "consistent_share": share}

    def _take_pair(self, state: _State, frame: NDArray[np.uint8], seconds: float) -> None:
        assert state.last is not None
        flow, consistent = consistent_flow(state.last, frame)
        share = float(consistent.mean())
        state.shares.append(share)
        if share >= LEAST_SHARE:
            length = float(np.hypot(flow[..., 0], flow[..., 1])[consistent].mean())
            state.speeds.append(length / seconds / float(np.hypot(*frame.shape)))
            state.seconds.append(seconds)
