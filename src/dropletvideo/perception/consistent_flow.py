"""Motion and flicker counted only where the flow can be trusted: where going forward and back again leads home.

Columns: `motion_score_consistent` in frame diagonals per second, range 0 upwards, direction none (more is faster, not
better): mean flow magnitude of the consistent pixels in px/s over the frame diagonal, between frames at 8 per second
or the file's rate if lower, mean over pairs weighted by their time. It differs from `motion_score` by the mask alone.
`consistent_share` in 0 to 1, higher is surer: the share of pixels that this is.
`compensated_flicker` in 8-bit grey levels, range 0 to 255, lower is calmer: mean |warp(f(t+1)) - f(t)| of the
consistent pixels between neighbouring frames of the file, for up to 8 pairs per second; `compensated_share` in 0 to 1
as above, for these pairs. All at short side 256. A pair with under a twentieth of consistent pixels counts in the share
alone; without a pair a score is None.

Sources: consistency test of Sundaram, Brox, Keutzer, "Dense point trajectories by GPU-accelerated large displacement
optical flow" (ECCV 2010), section 3: |f + b(x + f)|^2 < 0.01 (|f|^2 + |b(x + f)|^2) + 0.5 px^2, and x + f inside the
frame; warping error of Lai et al., "Learning blind video temporal consistency" (ECCV 2018), with classical flow.
Faults: bilinear warping leaves a little residual at sharp edges under motion, and a picture enlarged to 256 has its
noise smoothed, so compare flicker only between videos of one size.
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

RATE = 8.0
LEAST_SHARE = 0.05
Gray = NDArray[np.uint8]


@dataclass(frozen=True)
class Pair:
    """Flow from an earlier to a later H,W image in pixels (H,W,2), and where the way back agrees (H,W)."""

    flow: NDArray[np.float32]
    consistent: NDArray[np.bool_]

    @property
    def share(self) -> float:
        """Share of consistent pixels, 0 to 1."""
        return float(self.consistent.mean())


def consistent_flow(earlier: Gray, later: Gray) -> Pair:
    """Flow between two H,W images of one size and the mask of forward-backward consistent pixels."""
    forward, backward = dense_flow(earlier, later), dense_flow(later, earlier)
    height, width = earlier.shape
    target_x, target_y = _targets(forward)
    returned = cv2.remap(backward, target_x, target_y, cv2.INTER_LINEAR, borderMode=cv2.BORDER_REPLICATE)
    gap = _square_length(forward + returned)
    size = _square_length(forward) + _square_length(returned)
    inside = (target_x >= 0) & (target_x <= width - 1) & (target_y >= 0) & (target_y <= height - 1)
    return Pair(flow=forward, consistent=(gap < 0.01 * size + 0.5) & inside)


def warp_back(later: Gray, flow: NDArray[np.float32]) -> Gray:
    """Bring `later` (H,W) onto the earlier frame along the flow from earlier to later; borders repeat."""
    target_x, target_y = _targets(flow)
    warped = cv2.remap(later, target_x, target_y, cv2.INTER_LINEAR, borderMode=cv2.BORDER_REPLICATE)
    return np.asarray(warped, dtype=np.uint8)


@dataclass
class _Kept:
    """A frame that may begin a pair."""

    frame: Gray
    time: float


@dataclass
class _State:
    start: float | None = None
    ticks: int = 0
    neighbour: _Kept | None = None
    sampled: _Kept | None = None
    speeds: list[float] = field(default_factory=list)
    seconds: list[float] = field(default_factory=list)
    motion_shares: list[float] = field(default_factory=list)
    residuals: list[float] = field(default_factory=list)
    flicker_shares: list[float] = field(default_factory=list)


class ConsistentFlow:
    """See the module text. One pair of frames gives both scores where the file has 8 frames per second or fewer."""

    name = "consistent_flow"
    version = 1
    needs: Frames | Features = Frames(rate=None, short_side=256, colour="gray")
    columns: Mapping[str, type] = {
        "motion_score_consistent": float,
        "consistent_share": float,
        "compensated_flicker": float,
        "compensated_share": float,
    }

    def start(self, row: Mapping[str, Any]) -> _State:  # noqa: ARG002  the row asks nothing of this judge
        """Nothing is known before the first frame."""
        return _State()

    def update(self, state: _State, chunk: Chunk) -> None:
        """Add the pairs that the new frames end."""
        for frame, time in zip(chunk.frames[..., 0], chunk.times, strict=True):
            self._take(state, _Kept(frame, float(time)))

    def finish(self, state: _State) -> dict[str, Any]:
        """Means over pairs; None where there is none to count."""
        return {
            "motion_score_consistent": float(np.average(state.speeds, weights=state.seconds)) if state.speeds else None,
            "consistent_share": _mean(state.motion_shares),
            "compensated_flicker": _mean(state.residuals),
            "compensated_share": _mean(state.flicker_shares),
        }

    def _take(self, state: _State, kept: _Kept) -> None:
        before, state.neighbour = state.neighbour, kept
        pair = None
        if before is not None and before is state.sampled:
            pair = consistent_flow(before.frame, kept.frame)
            _add_flicker(state, before, kept, pair)
        if not _is_sampled(state, kept.time):
            return
        if state.sampled is not None and kept.time > state.sampled.time:
            if pair is None or before is not state.sampled:
                pair = consistent_flow(state.sampled.frame, kept.frame)
            _add_motion(state, kept.time - state.sampled.time, pair)
        state.sampled = kept


def _is_sampled(state: _State, time: float) -> bool:
    """Whether a frame is the first at or after the next tick of an 8 Hz clock that began with the first frame."""
    if state.start is None:
        state.start = time
        return True
    passed = int((time - state.start) * RATE + 0.01)
    if passed <= state.ticks:
        return False
    state.ticks = passed
    return True


def _add_flicker(state: _State, earlier: _Kept, later: _Kept, pair: Pair) -> None:
    state.flicker_shares.append(pair.share)
    if pair.share >= LEAST_SHARE:
        residual = cv2.absdiff(warp_back(later.frame, pair.flow), earlier.frame)
        state.residuals.append(float(residual[pair.consistent].mean()))


def _add_motion(state: _State, seconds: float, pair: Pair) -> None:
    state.motion_shares.append(pair.share)
    if pair.share >= LEAST_SHARE:
        length = float(np.sqrt(_square_length(pair.flow))[pair.consistent].mean())
        state.speeds.append(length / seconds / float(np.hypot(*pair.consistent.shape)))
        state.seconds.append(seconds)


def _targets(flow: NDArray[np.float32]) -> tuple[NDArray[np.float32], NDArray[np.float32]]:
    """Where each pixel of an H,W,2 flow goes, as x and y of H,W."""
    height, width = flow.shape[:2]
    x = np.add(flow[..., 0], np.arange(width), dtype=np.float32)
    y = np.add(flow[..., 1], np.arange(height)[:, None], dtype=np.float32)
    return x, y


def _square_length(flow: NDArray[np.float32]) -> NDArray[np.float32]:
    squared: NDArray[np.float32] = flow[..., 0] ** 2 + flow[..., 1] ** 2
    return squared


def _mean(values: list[float]) -> float | None:
    return float(np.mean(values)) if values else None
