"""From windows to rates on one time line: which spans show travel, in which direction, and how fast every axis runs.

Spans are found by dynamic programming over the pooled costs of all hypotheses (rotation with zoom alone, or travel in
one of the directions): a new span must pay for itself. Inside a span every window is solved with the direction that
the whole span prefers.
"""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np

from dropletvideo.perception.camera_fit import Array, epipolar
from dropletvideo.perception.camera_windows import DIRECTIONS, WINDOW_WEIGHT, Lens, Window, parallax

SPAN_PRICE = 12.0
AXES = ("pan", "tilt", "roll", "zoom", "truck", "pedestal", "dolly")
"""Order of the columns of `Rates.values`; signs: right, up, clockwise, in, right, up, in."""
MIN_PARALLAX_PX = 0.6
"""A span whose points differ by less parallax than this per window is taken as turning only."""


@dataclass(frozen=True)
class Rates:
    """Camera rates on a common time line, one row per window.

    Attributes:
        times: W middle of each window, seconds from the clip's start.
        starts, ends: W the part of the clip that each window stands for (they touch).
        values: W,7 per second: degrees for pan, tilt and roll, log for zoom, parallax over the short side for travel.
        spread: W spread of parallax over the points (px).
        travels: W True where the span of the window shows travel.
    """

    times: Array
    starts: Array
    ends: Array
    values: Array
    spread: Array
    travels: Array


def spans_of(windows: list[Window]) -> list[tuple[int, int, int]]:
    """Best split of the windows into (first, end, hypothesis); hypothesis 0 is turning, k is DIRECTIONS[k - 1]."""
    costs = np.stack([np.concatenate([[w.turn_cost], w.travel_costs]) for w in windows]) * WINDOW_WEIGHT
    total = np.concatenate([np.zeros((1, costs.shape[1])), np.cumsum(costs, axis=0)])
    count = len(windows)
    best, back = np.full(count + 1, np.inf), np.zeros((count + 1, 2), int)
    best[0] = 0.0
    for end in range(1, count + 1):
        sums = total[end] - total[:end]
        hypothesis = sums.argmin(axis=1)
        value = best[:end] + sums[np.arange(end), hypothesis] + SPAN_PRICE
        first = int(value.argmin())
        best[end], back[end] = value[first], (first, hypothesis[first])
    spans, end = [], count
    while end > 0:
        first, hypothesis = back[end]
        spans.append((int(first), end, int(hypothesis)))
        end = int(first)
    return spans[::-1]


def rates_of(windows: list[Window], lens: Lens, short_side: int, duration: float) -> Rates:
    """Rates of all windows, each solved in the hypothesis of its span."""
    values = np.zeros((len(windows), len(AXES)))
    spread = np.zeros(len(windows))
    travels = np.zeros(len(windows), bool)
    for first, end, hypothesis in spans_of(windows):
        for at in range(first, end):
            window = windows[at]
            values[at, :4] = window.turn.angles / window.seconds
            if hypothesis > 0:
                travels[at], spread[at], row = _travel_row(window, DIRECTIONS[hypothesis - 1], lens, short_side)
                if travels[at]:
                    values[at] = row
    values[:, :3] = np.degrees(values[:, :3])
    times = np.array([(w.start + w.end) / 2 for w in windows])
    middles = (times[1:] + times[:-1]) / 2
    starts, ends = np.concatenate([[0.0], middles]), np.concatenate([middles, [duration]])
    return Rates(times, starts, ends, values, spread, travels)


def _travel_row(window: Window, direction: Array, lens: Lens, short_side: int) -> tuple[bool, float, Array]:
    turn, depth = parallax(window, direction)
    line = np.linalg.norm(epipolar(window.m, direction[None])[0], axis=1)
    moved = depth * line * lens.focal_px
    low, high = np.percentile(moved, [15, 85])
    middle = float(np.median(depth))
    travel = direction * middle * lens.focal_px / short_side
    row = np.concatenate([turn.angles, [travel[0], -travel[1], travel[2]]]) / window.seconds
    return bool(max(abs(low), abs(high)) > MIN_PARALLAX_PX), float(high - low), row


STEP = np.array([0.6, 0.6, 0.8, 0.012, 0.015, 0.015, 0.03])
"""Change of each rate that counts as one unit of noise, at least (columns of `Rates.values`)."""
PIECE_PRICE = 25.0


def pieces_of(values: Array) -> list[tuple[int, int]]:
    """Split of the rates W,7 into pieces of nearly constant rate: least squares with a price per piece."""
    count = len(values)
    bends = np.abs(np.diff(values, n=2, axis=0)) if count > 4 else np.zeros((1, values.shape[1]))
    unit = values / np.maximum(STEP, 0.6 * np.median(bends, axis=0))
    sums = np.concatenate([np.zeros((1, unit.shape[1])), np.cumsum(unit, axis=0)])
    squares = np.concatenate([[0.0], np.cumsum((unit**2).sum(axis=1))])
    best, back = np.full(count + 1, np.inf), np.zeros(count + 1, int)
    best[0] = 0.0
    for end in range(1, count + 1):
        length = end - np.arange(end)
        error = squares[end] - squares[:end] - ((sums[end] - sums[:end]) ** 2).sum(axis=1) / length
        value = best[:end] + error + PIECE_PRICE
        back[end] = int(value.argmin())
        best[end] = value[back[end]]
    pieces, end = [], count
    while end > 0:
        pieces.append((int(back[end]), end))
        end = int(back[end])
    return pieces[::-1]


def smooth(rates: Rates) -> Rates:
    """The same time line with every rate replaced by the mean of its piece."""
    values = rates.values.copy()
    for first, end in pieces_of(values):
        values[first:end] = np.mean(values[first:end], axis=0)
    return replace(rates, values=values)
