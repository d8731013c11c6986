"""Short windows over a clip: for each, how well rotation with zoom, or travel in each direction, explains the tracks.

A window is a pair of sampled frames half a second apart (nearer when points are lost sooner). The costs of all
hypotheses are kept, so that a longer span can pool them: one pair is ambiguous, a span seldom is.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from dropletvideo.perception.camera_fit import MIN_POINTS, Array, Turn, epipolar, fit_travel, fit_turn
from dropletvideo.perception.camera_tracks import Tracks

BASELINE_SECONDS = 0.5
HOP_SECONDS = 0.25
MIN_KEPT = 0.4
MAX_POINTS = 160
NOISE_PX = 0.35
"""Standard deviation taken for a tracked coordinate at short side 256 when residuals are robustly weighted."""
COST_LIMIT = 16.0
POINT_PRICE = 1.7
"""What a free depth costs per point, in squared noise units: it removes one of two residual components."""


def _directions() -> Array:
    steps = np.arange(-2, 3)
    grid = np.stack(np.meshgrid(steps, steps, steps, indexing="ij"), axis=-1).reshape(-1, 3)
    grid = grid[np.abs(grid).max(axis=1) == 2]
    grid = grid[(grid * [100, 10, 1]).sum(axis=1) > 0]
    return np.asarray(grid / np.linalg.norm(grid, axis=1, keepdims=True))


DIRECTIONS = _directions()
"""49 unit directions of travel on a half sphere: right, down, forward."""


@dataclass(frozen=True)
class Window:
    """Evidence of one pair.

    Attributes:
        start, end: seconds on the clip's clock.
        ids: N track numbers; m: N,2 normalised places in the first frame.
        shift: N,2 displacement in pixels of the sampled frames.
        turn: rotation and zoom that explain most points; left: N,2 residuals after undoing it (normalised).
        turn_cost: mean truncated squared residual in noise units, of rotation and zoom alone.
        travel_costs: D the same for every direction of DIRECTIONS, with the price of depths.
    """

    start: float
    end: float
    ids: NDArray[np.int64]
    m: Array
    shift: Array
    turn: Turn
    left: Array
    turn_cost: float
    travel_costs: Array

    @property
    def seconds(self) -> float:
        """Length of the baseline."""
        return self.end - self.start


def normalise(xy: NDArray[np.float32], tracks: Tracks, focal_px: float) -> Array:
    """Pixels of the sampled frame to normalised coordinates."""
    centre = np.array([(tracks.width - 1) / 2, (tracks.height - 1) / 2])
    return np.asarray((xy.astype(np.float64) - centre) / focal_px)


def make_windows(tracks: Tracks, focal_px: float) -> list[Window]:
    """All windows of a clip in time order; pairs with too few common points are left out."""
    count = len(tracks.frames)
    if count < 2:
        return []
    step = (tracks.frames[-1].time - tracks.frames[0].time) / (count - 1)
    baseline = int(np.clip(round(BASELINE_SECONDS / max(step, 1e-6)), 1, max(count - 1, 1)))
    hop = int(np.clip(round(HOP_SECONDS / max(step, 1e-6)), 1, max(baseline, 1)))
    windows = []
    for first in range(0, max(count - baseline, 1), hop):
        window = _window(tracks, first, min(first + baseline, count - 1), focal_px)
        if window is not None:
            windows.append(window)
    return windows


def _window(tracks: Tracks, first: int, last: int, focal_px: float) -> Window | None:
    alive = len(tracks.frames[first].ids)
    ids, a, b = tracks.pair(first, last)
    while last - first > 1 and len(ids) < max(MIN_KEPT * alive, 2 * MIN_POINTS):
        last = first + (last - first) // 2
        ids, a, b = tracks.pair(first, last)
    if len(ids) < MIN_POINTS:
        return None
    if len(ids) > MAX_POINTS:
        pick = np.linspace(0, len(ids) - 1, MAX_POINTS).astype(int)
        ids, a, b = ids[pick], a[pick], b[pick]
    m, target = normalise(a, tracks, focal_px), normalise(b, tracks, focal_px)
    noise = NOISE_PX / focal_px
    turn, left = fit_turn(m, target, noise)
    travel = fit_travel(m, left, DIRECTIONS, noise)
    start = tracks.frames[0].time
    return Window(
        start=tracks.frames[first].time - start,
        end=tracks.frames[last].time - start,
        ids=ids,
        m=m,
        shift=(b - a).astype(np.float64),
        turn=turn,
        left=left,
        turn_cost=float(_truncated((left**2).sum(axis=1), noise).mean()),
        travel_costs=_truncated(travel.across**2, noise).mean(axis=1) + POINT_PRICE,
    )


def _truncated(squared: Array, noise: float) -> Array:
    return np.asarray(np.minimum(squared / noise**2, COST_LIMIT))


def parallax(window: Window, direction: Array, noise: float) -> tuple[Turn, Array]:
    """Turn of the window given a direction of travel, and N inverse depths times distance (signed, normalised)."""
    travel = fit_travel(window.m, window.left, direction[None], noise)
    line = epipolar(window.m, direction[None])[0]
    length = np.maximum(np.linalg.norm(line, axis=1), 0.05)
    return window.turn.turned(travel.turns[0]), travel.along[0] / length
