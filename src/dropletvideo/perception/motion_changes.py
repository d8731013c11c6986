"""Judge: where inside a clip the motion changes for another: the moments at which a flow-based segmentation cuts.

Flow at 8 per second (short side 256, the pass of `motion`) is told as five numbers per pair, all in frame diagonals
per second: the picture's shift to the right and down, its growth and its turn (similarity fitted robustly, taken at a
quarter of the diagonal from the middle), and what of the flow the fit leaves. Each is squeezed by asinh(x / 0.04), so
that double the speed counts the same for all that is fast, and a still picture's noise for nothing. The clip is then
split into stretches of constant numbers: least squares with a price per stretch, none shorter than 0.6 s.

`motion_changes`: list of [frame, strength]: the first frame of each new stretch, in order, and the distance between the
mean numbers of the two stretches beside it, from 0.3 up. Unit: frame numbers of the file; strength has none: 0.7 is a
doubled speed where it is high, 2 and more another direction. Range 0.3 upwards, direction: higher is a clearer change.
Empty where nothing changes; None for a clip too short to tell (under 1.2 s). Source: own rule, in the place of the
"optical flow" segmentation of DropletVideo (supplement, section A), of which neither flow nor threshold was published.
What changes slowly is one stretch or several; a start or stop within 0.6 s of the clip's ends is not told.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from itertools import pairwise
from typing import Any

import numpy as np
from numpy.typing import NDArray

from dropletvideo.perception.judge import Chunk, Features, Frames

Array = NDArray[np.float64]
RATE = 8.0
GRID = 8
"""Every so many pixels a point of the flow is looked at."""
SOFT = 0.04
PRICE, SHORTEST_SECONDS = 8.0, 0.6
LONGEST_SECONDS, WEAKEST = 120.0, 0.3
"""Longer stretches are looked at in pieces, so that time grows with the length of a clip and not with its square; where
two pieces of one stretch meet, the change is too weak to be told."""
_ARM = 0.25


@dataclass
class _State:
    motions: list[Array] = field(default_factory=list)
    ends: list[float] = field(default_factory=list)
    frames: list[int] = field(default_factory=list)
    seconds: list[float] = field(default_factory=list)


class MotionChangesJudge:
    """See the module text."""

    name = "motion_changes"
    version = 1
    needs: Frames | Features = Features(backbone="dis_flow", rate=RATE, short_side=256)
    columns: Mapping[str, type] = {"motion_changes": list}

    def start(self, row: Mapping[str, Any]) -> _State:  # noqa: ARG002 - the row asks nothing of it
        """No pair yet."""
        return _State()

    def update(self, state: _State, chunk: Chunk) -> None:
        """Tell the motion of every pair that the chunk ends."""
        for found, index in zip(chunk.features["dis_flow"], chunk.indices, strict=True):
            if found is not None and found.seconds > 0:
                state.motions.append(motion_of(found.flow) / found.seconds)
                state.seconds.append(found.seconds)
                state.frames.append(int(index))

    def finish(self, state: _State) -> dict[str, Any]:
        """Changes in order."""
        seconds = np.array(state.seconds)
        if not len(seconds) or seconds.sum() < 2 * SHORTEST_SECONDS:
            return {"motion_changes": None}
        squeezed = np.arcsinh(np.stack(state.motions) / SOFT)
        found = []
        for first, change in changes_of(squeezed, seconds):
            # the pair before ends on the frame that both stretches share
            found.append([state.frames[first - 1], round(change, 3)])
        return {"motion_changes": found}


def motion_of(flow_HW2: NDArray[np.float32]) -> Array:
    """Five numbers in frame diagonals: shift right and down, growth, turn (clockwise), and what these leave."""
    height, width = flow_HW2.shape[:2]
    diagonal = float(np.hypot(height, width))
    rows, columns = np.mgrid[GRID // 2 : height : GRID, GRID // 2 : width : GRID]
    flow = flow_HW2[rows, columns].reshape(-1, 2).astype(np.float64) / diagonal
    x, y = (columns.ravel() - width / 2) / diagonal, (rows.ravel() - height / 2) / diagonal
    # u = right + growth x - turn y, v = down + growth y + turn x
    design = np.zeros((2 * len(x), 4))
    design[0::2, 0], design[0::2, 2], design[0::2, 3] = 1, x, -y
    design[1::2, 1], design[1::2, 2], design[1::2, 3] = 1, y, x
    middle = np.median(flow, axis=0)
    left = np.linalg.norm(flow - middle, axis=1)
    fit = np.array([*middle, 0.0, 0.0])
    for _ in range(3):
        kept = np.repeat(left <= 2.5 * np.median(left) + 1e-5, 2)
        fit, *_ = np.linalg.lstsq(design[kept], flow.ravel()[kept], rcond=None)
        left = np.linalg.norm(flow - (design @ fit).reshape(-1, 2), axis=1)
    return np.array([fit[0], fit[1], fit[2] * _ARM, fit[3] * _ARM, left.mean()])


def changes_of(motions_PC: Array, seconds_P: Array) -> list[tuple[int, float]]:
    """(first pair of a new stretch, distance of the means before and behind) for each change, in order.

    Dynamic programming over the ends of stretches: squared distance from a stretch's mean, summed over pairs weighted
    by time at 8 per second, and `PRICE` for each stretch.
    """
    weights = seconds_P * RATE
    count = len(motions_PC)
    passed = np.concatenate([[0.0], np.cumsum(seconds_P)])
    mass = np.concatenate([[0.0], np.cumsum(weights)])
    sums = np.concatenate([np.zeros((1, motions_PC.shape[1])), np.cumsum(motions_PC * weights[:, None], axis=0)])
    squares = np.concatenate([[0.0], np.cumsum((motions_PC**2).sum(axis=1) * weights)])
    best, back = np.full(count + 1, np.inf), np.zeros(count + 1, int)
    best[0] = 0.0
    for end in range(1, count + 1):
        first = int(np.searchsorted(passed, passed[end] - LONGEST_SECONDS))
        starts = first + np.flatnonzero(passed[end] - passed[first:end] >= SHORTEST_SECONDS - 1e-6)
        if not len(starts):
            continue
        sizes = mass[end] - mass[starts]
        error = squares[end] - squares[starts] - ((sums[end] - sums[starts]) ** 2).sum(axis=1) / sizes
        value = best[starts] + error + PRICE
        back[end], best[end] = starts[int(value.argmin())], float(value.min())
    edges = [count]
    while edges[-1] > 0:
        edges.append(int(back[edges[-1]]))
    edges.reverse()
    means = [(sums[b] - sums[a]) / (mass[b] - mass[a]) for a, b in pairwise(edges)]
    strengths = [float(np.linalg.norm(after - before)) for before, after in pairwise(means)]
    return [(edge, change) for edge, change in zip(edges[1:-1], strengths, strict=True) if change >= WEAKEST]
