"""From windows to rates on one time line: which spans show travel, in which direction, and how fast every axis runs.

Spans are found by dynamic programming over the pooled costs of all hypotheses (rotation with zoom alone, or travel in
one of the directions): a new span must pay for itself. Inside a span every window is solved with the direction that
the whole span prefers.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from itertools import pairwise

import numpy as np
from numpy.typing import NDArray

from dropletvideo.perception.camera_fit import Array, basis
from dropletvideo.perception.camera_solve import Travelled, solve_span
from dropletvideo.perception.camera_subject import follows_subject, holds_subject
from dropletvideo.perception.camera_windows import BASELINE_SECONDS, WINDOW_WEIGHT, Lens, Pair, Window

SPAN_PRICE = 12.0
AXES = ("pan", "tilt", "roll", "zoom", "truck", "pedestal", "dolly", "arc")
"""Order of the columns of `Rates.values`; signs: right, up, clockwise, in, right, up, in, right."""
ARC_RATIO, ARC_PIVOT = (0.15, 3.5), 2.2
"""Parallax of near points over the opposite pan within which a truck is an arc round something between, and the
distance of what stays in view over the typical depth, at most."""
TRAVEL_EVIDENCE = np.array([1.8, -5.3, 5.7, 1.2, -1.0, -2.2])
"""Log odds of travel: of the log of how much less it leaves than turning alone, of the share of points that turning
explains, of how far what it does not explain reaches down the picture (`Window.near_below`), of how smooth that is, of
the log of the turns that go with the travel over those without, and for itself. Objects that move before a camera that
turns have little of the third and fourth. Fitted to spans of rendered shots of seeds 300,000 to 400,849."""
UNTOLD_BELOW, LEAST_TURN_PX = 0.5, 0.3
SOFT_NOISE_PX, SCATTERED = 0.8, 0.45
"""In pictures so soft that points are uncertain by more than this, what is no smoother is none: points slide."""
LONE_WINDOWS = 4
"""Windows from which on a piece of a span is asked for itself whether it travels."""
NEIGHBOURS = 6
"""Points about another that foretell its parallax."""


@dataclass(frozen=True)
class Rates:
    """Camera rates on a common time line, one row per window.

    Attributes:
        times: W middle of each window, seconds from the clip's start.
        starts, ends: W the part of the clip that each window stands for (they touch).
        values: W,8 per second: degrees for pan, tilt, roll and arc, log for zoom, parallax over the short side for
            travel.
        spread: W spread of parallax over the points (px per second).
        travels: W True where the span of the window shows travel.
        speed: W length of the travel's three rates.
        explained: W how far the hypothesis of the span explains the points, 0..1.
        turns: W,4 pan, tilt, roll, log zoom of each window (radians), unsmoothed.
        tracks: W True where the camera keeps up with a subject.
    """

    times: Array
    starts: Array
    ends: Array
    values: Array
    spread: Array
    travels: NDArray[np.bool_]
    speed: Array
    explained: Array
    turns: Array
    tracks: NDArray[np.bool_]


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
    explained = np.array([window.turn_share for window in windows])
    seconds = np.array([window.seconds for window in windows])[:, None]
    values[:, :4] = np.array([window.turn.angles for window in windows]) / seconds
    for first, end, _ in [span for span in spans_of(windows) if span[2] > 0]:
        found = _travel_of(windows[first:end], lens, short_side)
        if found is None:
            continue
        told, across, sure = found
        for begin, stop in _turns_within(windows[first:end], told, lens, short_side):
            told[begin:stop, :4], told[begin:stop, 4:] = values[first + begin : first + stop, :4], 0.0
            across[begin:stop], sure[begin:stop] = 0.0, explained[first + begin : first + stop]
        values[first:end], spread[first:end], explained[first:end] = told, across, sure
        travels[first:end] = across > 0
    values[:, :3] = np.degrees(values[:, :3])
    times = np.array([(w.start + w.end) / 2 for w in windows])
    middles = (times[1:] + times[:-1]) / 2
    starts, ends = np.concatenate([[0.0], middles]), np.concatenate([middles, [duration]])
    turns = np.concatenate([np.radians(values[:, :3]), values[:, 3:4]], axis=1) * seconds
    return Rates(
        times,
        starts,
        ends,
        values,
        spread,
        travels,
        np.linalg.norm(values[:, 4:7], axis=1),
        explained,
        turns,
        np.zeros(len(windows), bool),
    )


def _travel_of(span: list[Window], lens: Lens, short_side: int) -> tuple[Array, Array, Array] | None:
    """Rates W,8 (turns in radians), spread (px per second) and share explained of windows that travel, or None."""
    answer = solve_span(span, lens)
    if not _shows_travel(span, answer, lens):
        return None
    seconds = np.array([window.seconds for window in span])[:, None]
    travel = answer.distance[:, None] * answer.direction * [1, -1, 1] * lens.focal_px / short_side
    rates = np.concatenate([answer.turns, travel, 0 * travel[:, :1]], axis=1) / seconds
    explained = np.full(len(span), np.exp(-max(answer.cost - 1.0, 0.0) / 4))
    return rates, np.maximum(answer.spread / seconds[:, 0], 1e-9), explained


def _turns_within(span: list[Window], rates: Array, lens: Lens, short_side: int) -> list[tuple[int, int]]:
    """Pieces (first, end) of a span that travels which by themselves show none: a pan after a truck, say, is pooled
    with it where one direction serves both."""
    degrees = np.concatenate([np.degrees(rates[:, :3]), rates[:, 3:]], axis=1)
    pieces = pieces_of(degrees, float(np.median([window.seconds for window in span])))
    long = [(first, end) for first, end in pieces if LONE_WINDOWS <= end - first < len(span)]
    return [(first, end) for first, end in long if _travel_of(span[first:end], lens, short_side) is None]


def _shows_travel(span: list[Window], answer: Travelled, lens: Lens) -> bool:
    below = [window.near_below for window in span if window.near_below is not None]
    alone = float(np.linalg.norm([window.turn.angles[:3] for window in span], axis=1).mean()) * lens.focal_px
    beside = float(np.linalg.norm(answer.turns[:, :3], axis=1).mean()) * lens.focal_px
    smooth = float(np.median([smoothness(window) for window in span]))
    if lens.noise_px > SOFT_NOISE_PX and smooth < SCATTERED:
        return False
    evidence = [
        np.log(np.mean([window.turn_cost for window in span]) / max(answer.cost, 0.9)),
        np.mean([window.turn_share for window in span]),
        np.mean(below) if below else UNTOLD_BELOW,
        smooth,
        np.log(max(beside, LEAST_TURN_PX) / max(alone, LEAST_TURN_PX)),
        1.0,
    ]
    return bool(np.array(evidence) @ TRAVEL_EVIDENCE > 0)


def smoothness(window: Window) -> float:
    """Share (1 at most, below 0 for noise) of what turning leaves that a point's neighbours foretell: surfaces are
    smooth, so is their parallax; points that lose their place in a soft picture scatter along the motion instead."""
    lengths = (window.m**2).sum(axis=1)
    apart = lengths[:, None] + lengths - 2 * window.m @ window.m.T
    np.fill_diagonal(apart, np.inf)
    nearest = np.argpartition(apart, NEIGHBOURS, axis=1)[:, :NEIGHBOURS]
    foretold = np.median(window.left[nearest], axis=1)
    limit = 100.0 * window.noise**2
    wrong = np.minimum(((window.left - foretold) ** 2).sum(axis=1), limit)
    whole = np.minimum((window.left**2).sum(axis=1), limit)
    return float(1 - wrong.sum() / max(float(whole.sum()), 1e-12))


def equal_runs(sign: Array) -> list[tuple[int, int]]:
    """(first, end) of all stretches of equal values other than 0."""
    edges = np.flatnonzero(np.diff(sign)) + 1
    bounds = [0, *edges.tolist(), len(sign)]
    return [(a, b) for a, b in pairwise(bounds) if sign[a] != 0]


HELD_IN_TRAVEL, FOLLOWED_BY_PAN = 0.4, 0.6
"""Share of the windows of a piece that must show a held subject."""
EXPLAINED_TRAVEL, EXPLAINED_TURN = 0.7, 0.6
"""Travel or a turn with a subject leaves at least this share of the points explained."""
TRACKING_SECONDS, TRACKING_SHARE = 1.5, 0.5
"""Tracking lasts this long, or this share of a clip that is shorter than that allows."""
MIN_TOLD = 3
STEP = np.array([0.6, 0.6, 0.8, 0.012, 0.015, 0.015, 0.03, 0.6])
"""Change of each rate that counts as one unit of noise, at least (columns of `Rates.values`)."""
PIECE_PRICE = 25.0
NEAR_CHANGE = 2
"""Windows on either side of a change that are looked at for its moment."""


def pieces_of(values: Array, seconds: float) -> list[tuple[int, int]]:
    """Split of the rates W,8 into pieces of nearly constant rate: least squares with a price per piece."""
    count = len(values)
    bends = np.abs(np.diff(values, n=2, axis=0)) if count > 4 else np.zeros((1, values.shape[1]))
    step = STEP * min(BASELINE_SECONDS[0] / seconds, 1.0)
    unit = values / np.maximum(step, 0.6 * np.median(bends, axis=0))
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


def smooth(rates: Rates, windows: list[Window]) -> tuple[Rates, list[tuple[int, int]]]:
    """The same time line with every rate and spread replaced by the mean over those windows of its piece that agree
    with most on whether the camera travels, and the pieces."""
    values, spread, travels = rates.values.copy(), rates.spread.copy(), rates.travels.copy()
    pieces = pieces_of(values, float(np.median([window.seconds for window in windows])))
    for first, end in pieces:
        most = bool(np.mean(travels[first:end]) > 0.5)
        agree = first + np.flatnonzero(travels[first:end] == most)
        values[first:end] = np.mean(values[agree], axis=0)
        spread[first:end] = np.mean(spread[agree])
        travels[first:end] = most
    speed = np.linalg.norm(values[:, 4:7], axis=1)
    starts, ends = _moments(rates, values, pieces)
    return replace(rates, starts=starts, ends=ends, values=values, spread=spread, speed=speed, travels=travels), pieces


def _moments(rates: Rates, values: Array, pieces: list[tuple[int, int]]) -> tuple[Array, Array]:
    """Starts and ends of the windows with the changes between pieces where the rates about them say: a window across a
    change shows both sides by their share of its time."""
    starts, ends = rates.starts.copy(), rates.ends.copy()
    for (first, at), (_, end) in pairwise(pieces):
        near = np.arange(max(first, at - NEAR_CHANGE), min(end, at + NEAR_CHANGE))
        step = (values[at] - values[at - 1]) / STEP
        after = ((rates.values[near] - values[at - 1]) / STEP) @ step / max(float(step @ step), 1e-9)
        lasts = rates.ends[near] - rates.starts[near]
        moment = float(rates.starts[near[0]] + ((1 - np.clip(after, 0, 1)) * lasts).sum())
        low, high = (rates.starts[at - 1] + rates.ends[at - 1]) / 2, (rates.starts[at] + rates.ends[at]) / 2
        starts[at] = ends[at - 1] = float(np.clip(moment, low, high))
    return starts, ends


def with_arcs(rates: Rates, focal_px: float, short_side: int) -> Rates:
    """Truck one way while panning the other, round something between near and far, becomes an arc."""
    values = rates.values.copy()
    pan, truck = values[:, 0], values[:, 4]
    yaw = np.where(np.abs(values[:, 2]) < np.abs(pan), np.sign(pan) * np.hypot(pan, values[:, 2]), pan)
    opposite = np.maximum(np.abs(np.radians(yaw)) * focal_px, 1e-6)
    ratio, pivot = rates.spread / opposite, np.abs(truck) * short_side / opposite
    arcs = rates.travels & (pan * truck < 0) & (np.abs(values[:, 6]) < np.abs(truck)) & (pivot < ARC_PIVOT)
    arcs &= (ratio > ARC_RATIO[0]) & (ratio < ARC_RATIO[1])
    values[arcs, 7] = -yaw[arcs]
    values[arcs, 0] = values[arcs, 4] = 0.0
    return replace(rates, values=values)


def with_tracking(
    rates: Rates, pieces: list[tuple[int, int]], pairs: list[Pair], windows: list[Window], picture: tuple[int, int]
) -> Rates:
    """Travel or a turn with a subject held in the view becomes tracking; `picture` is height and width of the sampled
    frames. Travel is looked at piece by piece, turns as long as nothing travels: who follows a subject turns unevenly.
    """
    values, tracks = rates.values.copy(), rates.tracks.copy()
    for first, end in pieces:
        if rates.travels[first:end].all() and not values[first:end, 7].any() and _lasts(rates, first, end):
            told = []
            for at in range(first, end):
                window = windows[at]
                turning = basis(window.m) @ rates.turns[at] * window.focal_px
                told.append(holds_subject(pairs[at], turning, *picture))
            explained = float(np.mean(rates.explained[first:end]))
            tracks[first:end] = explained >= EXPLAINED_TRAVEL and _mostly(told, HELD_IN_TRAVEL)
    for first, end in equal_runs(np.where(rates.travels, 0.0, 1.0)):
        if _lasts(rates, first, end):
            told = [follows_subject(pairs[at], windows[at], *picture) for at in range(first, end)]
            explained = float(np.mean(rates.explained[first:end]))
            tracks[first:end] = explained >= EXPLAINED_TURN and _mostly(told, FOLLOWED_BY_PAN)
    values[tracks, 4:7] = 0.0
    values[tracks & rates.travels, 3] = 0.0
    return replace(rates, values=values, tracks=tracks)


def _lasts(rates: Rates, first: int, end: int) -> bool:
    return bool(rates.ends[end - 1] - rates.starts[first] >= min(TRACKING_SECONDS, TRACKING_SHARE * rates.ends[-1]))


def _mostly(told: list[bool | None], share: float) -> bool:
    """Whether enough of the windows tell, and at least `share` of those that do say yes."""
    known = [answer for answer in told if answer is not None]
    return len(known) >= max(MIN_TOLD, 0.5 * len(told)) and float(np.mean(known)) >= share
