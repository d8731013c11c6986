"""Short windows over a clip: for each, how well rotation with zoom, or travel in each direction, explains the tracks.

A window is a pair of sampled frames half a second apart (nearer when points are lost sooner). The costs of all
hypotheses are kept, so that a longer span can pool them: one pair is ambiguous, a span seldom is.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from dropletvideo.perception.camera_fit import MIN_POINTS, Array, Turn, fit_travel, fit_turn
from dropletvideo.perception.camera_tracks import Tracks

BASELINE_SECONDS = (0.5, 1.0, 2.0)
SLOW_SHIFT = 0.05
"""A longer baseline is taken where most points move less than this over it, in short sides: parallax needs way."""
HOP_SECONDS = (0.25, 0.25, 0.5)
MIN_KEPT = 0.4
MAX_POINTS = 160
MIN_NOISE_PX, MAX_NOISE_PX = 0.3, 1.5
NOISE_MARGIN = 1.2
"""The least residual over many directions is below the noise by about this."""
NOISE_PER_SHIFT = 0.012
"""Noise that grows with the displacement: lens distortion, rolling shutter, a focal length that is only near."""
COST_LIMIT = 16.0
POINT_PRICE = 1.7
"""What a free depth costs per point, in squared noise units: it removes one of two residual components."""


FOCAL_RATIO = 1.1
"""Focal length over the short side where neither the row nor the pictures tell it."""
FOCAL_RATIOS = np.array([0.75, 0.9, 1.1, 1.35, 1.7, 2.3, 3.3, 6.0])
"""The last stands for hardly any perspective: a long lens (a camera that slides along a bare wall looks the same)."""
SOME_PAIRS = 8
FOCAL_SHIFT = 0.02
FOCAL_COST = 4.0
FOCAL_PRICE = 10.0
WINDOW_WEIGHT = 25.0
"""Points of a window that count as independent."""


def _directions() -> Array:
    steps = np.arange(-2, 3)
    grid = np.stack(np.meshgrid(steps, steps, steps, indexing="ij"), axis=-1).reshape(-1, 3)
    grid = grid[np.abs(grid).max(axis=1) == 2]
    grid = grid[(grid * [100, 10, 1]).sum(axis=1) > 0]
    nearly_ahead = np.array([[0, -1, 1 / AHEAD], [0, 1, 1 / AHEAD], [-1, 0, 1 / AHEAD], [1, 0, 1 / AHEAD]])
    grid = np.concatenate([grid, nearly_ahead])
    return np.asarray(grid / np.linalg.norm(grid, axis=1, keepdims=True))


AHEAD = 0.16
"""Slope of directions beside straight ahead: a camera that looks down a little and goes on the level."""
DIRECTIONS = _directions()
"""53 unit directions of travel on a half sphere: right, down, forward."""


@dataclass(frozen=True)
class Pair:
    """Points alive in two sampled frames: seconds from the clip's start, places from the picture's centre in pixels."""

    start: float
    end: float
    ids: NDArray[np.int64]
    a: Array
    b: Array


@dataclass(frozen=True)
class Lens:
    """What is taken as known in a clip: focal length in pixels, and standard deviation of a tracked coordinate."""

    focal_px: float
    noise_px: float

    def noise(self, pair: Pair) -> Array:
        """N standard deviations of the normalised coordinates of a pair."""
        shift = np.linalg.norm(pair.b - pair.a, axis=1)
        return np.asarray(np.hypot(self.noise_px, NOISE_PER_SHIFT * shift) / self.focal_px)


@dataclass(frozen=True)
class Window:
    """Evidence of one pair.

    Attributes:
        start, end: seconds on the clip's clock.
        m: N,2 normalised places in the first frame; target: N,2 in the second.
        noise: N standard deviations of a normalised coordinate; focal_px: focal length in pixels.
        turn: rotation and zoom that explain most points; left: N,2 residuals after undoing it (normalised).
        turn_share: share of points that it explains to three standard deviations.
        near_below: of the points that it does not explain, how far those below them are not explained either (0..1;
            None if too few): high where near ground moves past, low where objects move over ground.
        turn_cost: mean truncated squared residual in noise units, of rotation and zoom alone.
        travel_costs: D the same for every direction of DIRECTIONS, with the price of depths.
    """

    start: float
    end: float
    m: Array
    target: Array
    noise: Array
    focal_px: float
    turn: Turn
    left: Array
    turn_share: float
    near_below: float | None
    turn_cost: float
    travel_costs: Array

    @property
    def seconds(self) -> float:
        """Length of the baseline."""
        return self.end - self.start


def make_pairs(tracks: Tracks) -> list[Pair]:
    """Pairs of a clip in time order; those with too few common points are left out."""
    count = len(tracks.frames)
    if count < 2:
        return []
    step = (tracks.frames[-1].time - tracks.frames[0].time) / (count - 1)
    chosen: list[Pair] = []
    for seconds, hop_seconds in zip(BASELINE_SECONDS, HOP_SECONDS, strict=True):
        baseline = int(np.clip(round(seconds / max(step, 1e-6)), 1, count - 1))
        if chosen and baseline > (count - 1) / 2:
            break
        hop = min(max(round(hop_seconds / max(step, 1e-6)), 1), baseline)
        pairs = [_pair(tracks, first, first + baseline) for first in range(0, count - baseline, hop)]
        told = [pair for pair in pairs if pair is not None]
        if chosen and not _is_slow(told, min(tracks.height, tracks.width)):
            break
        chosen = told
    return chosen


def _is_slow(pairs: list[Pair], short_side: int) -> bool:
    """Whether in most pairs few points move far; no pairs at all are not slow."""
    shifts = [np.percentile(np.linalg.norm(pair.b - pair.a, axis=1), 60) for pair in pairs]
    return bool(shifts) and float(np.percentile(shifts, 70)) < SLOW_SHIFT * short_side


def _pair(tracks: Tracks, first: int, last: int) -> Pair | None:
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
    centre = np.array([(tracks.width - 1) / 2, (tracks.height - 1) / 2])
    zero = tracks.frames[0].time
    return Pair(tracks.frames[first].time - zero, tracks.frames[last].time - zero, ids, a - centre, b - centre)


def calibrate(pairs: list[Pair], short_side: int, focal_px: float | None = None) -> Lens:
    """Focal length (unless given) and tracking noise of a clip, from its pairs with most motion.

    The noise is what remains across the best epipolar direction; the focal length is the one whose turns explain the
    pairs best, near FOCAL_RATIO if they do not tell.
    """
    default = focal_px or FOCAL_RATIO * short_side
    sizes = np.array([np.median(np.abs(pair.b - pair.a).max(axis=1)) for pair in pairs])
    some = [pairs[at] for at in np.argsort(-sizes)[:: max(len(pairs) // (2 * SOME_PAIRS), 1)][:SOME_PAIRS]]
    noise_px = float(np.median([_across_px(pair, Lens(default, MIN_NOISE_PX)) for pair in some]))
    noise_px = float(np.clip(NOISE_MARGIN * noise_px, MIN_NOISE_PX, MAX_NOISE_PX))
    moving = [pairs[at] for at in np.argsort(-sizes)[:SOME_PAIRS] if sizes[at] > FOCAL_SHIFT * short_side]
    if focal_px is not None or not moving:
        return Lens(default, noise_px)
    lenses = [Lens(float(ratio * short_side), noise_px) for ratio in FOCAL_RATIOS]
    costs = np.array([[turn_cost(pair, lens) for lens in lenses] for pair in moving])
    explained = costs.min(axis=1) < FOCAL_COST
    if not explained.any():
        return Lens(default, noise_px)
    total = costs[explained].sum(axis=0) * WINDOW_WEIGHT + FOCAL_PRICE * np.log(FOCAL_RATIOS / FOCAL_RATIO) ** 2
    return Lens(float(_least_between(total) * short_side), noise_px)


def _least_between(total: Array) -> float:
    """Focal ratio at the bottom of the parabola through the least of the costs and its neighbours."""
    at = int(total.argmin())
    if at in (0, len(total) - 1):
        return float(FOCAL_RATIOS[at])
    place = np.log(FOCAL_RATIOS[at - 1 : at + 2])
    square, slope, _ = np.polyfit(place - place[1], total[at - 1 : at + 2], 2)
    lowest = -slope / (2 * square) if square > 0 else 0.0
    return float(np.exp(place[1] + np.clip(lowest, (place[0] - place[1]) / 2, (place[2] - place[1]) / 2)))


def _across_px(pair: Pair, lens: Lens) -> float:
    m, noise = pair.a / lens.focal_px, 2 * lens.noise(pair)
    _, left = fit_turn(m, pair.b / lens.focal_px, noise)
    across = fit_travel(m, left, DIRECTIONS, noise).across
    return float(1.4826 * np.median(np.abs(across), axis=1).min() * lens.focal_px)


def turn_cost(pair: Pair, lens: Lens) -> float:
    """Mean truncated squared residual of rotation and zoom alone, in noise units."""
    noise = lens.noise(pair)
    _, left = fit_turn(pair.a / lens.focal_px, pair.b / lens.focal_px, noise)
    return float(_truncated((left**2).sum(axis=1), noise).mean())


def make_windows(pairs: list[Pair], lens: Lens) -> list[Window]:
    """Fit every pair with all hypotheses."""
    return [_window(pair, lens) for pair in pairs]


def _window(pair: Pair, lens: Lens) -> Window:
    m, target = pair.a / lens.focal_px, pair.b / lens.focal_px
    noise = lens.noise(pair)
    turn, left = fit_turn(m, target, noise)
    travel = fit_travel(m, left, DIRECTIONS, noise)
    off = np.linalg.norm(left, axis=1) > 3 * noise
    return Window(
        start=pair.start,
        end=pair.end,
        m=m,
        target=target,
        noise=noise,
        focal_px=lens.focal_px,
        turn=turn,
        left=left,
        turn_share=float(1 - off.mean()),
        near_below=_near_below(m, off),
        turn_cost=float(_truncated((left**2).sum(axis=1), noise).mean()),
        travel_costs=_truncated(travel.across**2, noise).mean(axis=1) + POINT_PRICE,
    )


def _near_below(m: Array, off: NDArray[np.bool_]) -> float | None:
    width, height = np.ptp(m, axis=0)
    side = np.abs(m[off, None, 0] - m[None, :, 0]) < 0.12 * width
    below = side & (m[None, :, 1] > m[off, None, 1] + 0.04 * height)
    some = below.sum(axis=1) >= 2
    if some.sum() < 3:
        return None
    return float(((below & off).sum(axis=1)[some] / below.sum(axis=1)[some]).mean())


def _truncated(squared: Array, noise: Array) -> Array:
    return np.asarray(np.minimum(squared / noise**2, COST_LIMIT))
