"""Pooled fit of a span in which the camera travels: one direction, and which of pan, tilt, roll and zoom go with it.

Turning and travelling past a plane look alike, so three things are asked of a solution beside small residuals: no
point moves against the travel (depth is positive), turns that are not needed are zero, and, where two signs remain,
what lies lower in the picture is nearer.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from itertools import product

import numpy as np
from numpy.typing import NDArray

from dropletvideo.perception.camera_fit import Array, basis, epipolar, fit_travel
from dropletvideo.perception.camera_windows import (
    AHEAD,
    COST_LIMIT,
    DIRECTIONS,
    WINDOW_WEIGHT,
    Lens,
    Pair,
    Window,
    make_windows,
)

SUBSETS = np.array(list(product([False, True], repeat=4)))
"""All choices of pan, tilt, roll, zoom that go with the travel."""
TURN_PRICE = np.array([6.0, 6.0, 6.0, 12.0])
"""What pan, tilt, roll and zoom that go along must save per window, in squared noise units of the independent points;
zooming while travelling is rare."""
PRIOR = np.array([0.15, 0.15, 0.15, 0.15])
"""Size (radians, log) towards which turns that the points do not tell are kept small, per window."""
NEAR_BELOW = 4.0
"""Preference, in squared noise units, for nearer points to lie lower."""
LEAST_ZOOM = 0.003
FEW_WINDOWS = 6
CAMERA_AXES = tuple(int(np.abs(DIRECTIONS @ axis).argmax()) for axis in np.eye(3))
LEVEL = tuple(int((DIRECTIONS @ [0, slope * AHEAD, 1]).argmax()) for slope in (-1, 1))
"""Ahead on the level, from a camera that looks down or up a little."""
VERTIGO_PRICE = 12.0
"""What a zoom against the travel must save beside its price: to go in and zoom out is rarer still."""
AXIS_MARGIN = 2.5
"""A direction along one of the camera's axes is tried if its residual is within this of the least."""
FREE_PRICE = 2.0
"""What a direction between the axes must save per window: less than a turn."""
PAN = int(np.flatnonzero((SUBSETS == [True, False, False, False]).all(axis=1))[0])
"""Number of the choice of a pan alone."""
FAR, LEAST_NEAR = 2.0, 0.15
"""Deviations that a point must have moved with the travel to count for the typical depth, which is that of things and
not of the sky; and the share of such points below which all count."""
FOCAL_PAIRS, FOCAL_FACTORS = 3, (0.7, 1.6, 2.4)
FITS_WELL, MUCH_BETTER = 2.0, 0.7
"""Mean squared residual in noise units below which the focal length is not doubted, and what another must reach."""


@dataclass(frozen=True)
class Travelled:
    """A span solved with travel.

    Attributes:
        direction: 3 unit vector (right, down, forward) in the camera's own axes.
        turns: W,4 pan, tilt, roll, log zoom of every window.
        distance: W signed travel over the typical depth (normalised coordinates).
        spread: W parallax between far and near points, in pixels.
        cost: mean truncated squared residual per point, in noise units.
    """

    direction: Array
    turns: Array
    distance: Array
    spread: Array
    cost: float


def solve_span(windows: list[Window], lens: Lens) -> Travelled:
    """Solve all windows of a span that travels.

    Ground seen from a moving camera allows more than one answer, so the best direction and the camera's own axes are
    all tried on a few windows, and the one with small residual and few turns is kept.
    """
    few = windows[:: -(-len(windows) // FEW_WINDOWS)]
    costs = np.mean([window.travel_costs for window in windows], axis=0)
    axes = [axis for axis in (*CAMERA_AXES, *LEVEL) if costs[axis] < costs.min() + AXIS_MARGIN]
    tried = [DIRECTIONS[axis] for axis in axes]
    tried.append(_refine(few, DIRECTIONS[int(costs.argmin())]))
    tried.append(_way_of(few, [window.target - window.m for window in few]))
    tried.append(_way_beside(few, tried[0], PAN))
    prices = [_best_subset([_System(window, way) for window in few])[1] for way in tried]
    prices = [price + FREE_PRICE * (number >= len(axes)) for number, price in enumerate(prices)]
    return _solve_along(windows, tried[int(np.argmin(prices))], lens)


def _best_subset(systems: list[_System]) -> tuple[int, float]:
    """Number of the best subset of turns, and its cost with the price of the turns."""
    pooled = np.mean([system.costs.min(axis=0) for system in systems], axis=0)
    priced = pooled * WINDOW_WEIGHT + SUBSETS @ TURN_PRICE
    return int(priced.argmin()), float(priced.min())


def _solve_along(windows: list[Window], direction: Array, lens: Lens) -> Travelled:
    systems = [_System(window, direction) for window in windows]
    chosen, _ = _best_subset(systems)
    turns, distance, spread = [], [], []
    for system in systems:
        back = int(system.costs[:, chosen].argmin())
        step = system.steps[back, chosen]
        along = system.along - system.along_rows @ step
        low, high = np.percentile(along, [10, 90])
        turns.append(system.turn.turned(step).angles)
        near = along * (1 - 2 * back) > FAR * system.noise
        depths = along / system.length
        distance.append(float(np.median(depths[near] if near.mean() >= LEAST_NEAR else depths)))
        spread.append(float(high - low) * lens.focal_px)
    cost = float(np.mean([system.costs[:, chosen].min() for system in systems]))
    angles, far = np.array(turns), np.array(distance)
    if SUBSETS[chosen, 3]:
        angles[:, 3] += _chord(angles, far[:, None] * direction)
    return Travelled(direction, angles, far, np.array(spread), cost)


def _chord(angles: Array, travel: Array) -> Array:
    """W zoom that a travel W,3 aside or upwards feigns while the camera turns (angles W,4): halfway the camera looks
    another way, so seen from where it began, the way on an arc leads ahead too."""
    return np.asarray(travel[:, 0] * np.sin(angles[:, 0] / 2) - travel[:, 1] * np.sin(angles[:, 1] / 2))


def refocus(pairs: list[Pair], lens: Lens) -> Lens:
    """Another focal length, if travel with positive depths fits far better with it; `lens` if it fits well already."""
    some = pairs[:: -(-len(pairs) // FOCAL_PAIRS)]
    first = _travel_cost(some, lens)
    if first < FITS_WELL:
        return lens
    others = [replace(lens, focal_px=lens.focal_px * factor) for factor in FOCAL_FACTORS]
    costs = [_travel_cost(some, other) for other in others]
    best = int(np.argmin(costs))
    return others[best] if costs[best] < MUCH_BETTER * first else lens


def _travel_cost(pairs: list[Pair], lens: Lens) -> float:
    windows = make_windows(pairs, lens)
    if min(float(np.mean([window.turn_cost for window in windows])), 2 * FITS_WELL) < 2 * FITS_WELL:
        return 0.0
    return solve_span(windows, lens).cost


def _way_beside(windows: list[Window], direction: Array, subset: int) -> Array:
    """Direction of travel if only the turns of `subset` go with it, from a first one."""
    for _ in range(2):
        left = []
        for window in windows:
            system = _System(window, direction, SUBSETS[subset : subset + 1])
            step = system.steps[int(system.costs[:, 0].argmin()), 0]
            left.append(system.turn.turned(step).undo(window.target) - window.m)
        direction = _way_of(windows, left)
    return direction


def _way_of(windows: list[Window], shifts: list[Array]) -> Array:
    """Direction 3 of the travel along whose epipolar lines the points' shifts N,2 lie: the shift (u, v) of a point at
    (x, y) has t . (v, -u, u y - v x) = 0. Least squares, the less a point is off the more it counts."""
    m, shift = np.concatenate([window.m for window in windows]), np.concatenate(shifts)
    noise = np.concatenate([window.noise for window in windows])
    u, v = shift.T
    rows = np.column_stack([v, -u, u * m[:, 1] - v * m[:, 0]])
    weight = 1 / (u**2 + v**2 + noise**2)
    for _ in range(5):
        direction = np.linalg.eigh(rows.T @ (rows * weight[:, None]))[1][:, 0]
        length = np.maximum(np.linalg.norm(epipolar(m, direction[None])[0], axis=1), 0.05)
        across = (rows @ direction) / length
        weight = (9 * noise**2 / (9 * noise**2 + across**2)) ** 2 / (length * noise) ** 2
    return np.asarray(direction)


def _refine(windows: list[Window], direction: Array) -> Array:
    """Direction with the least pooled residual near a first one, by shrinking steps."""
    for step in (0.25, 0.12, 0.06):
        side = np.cross(direction, [0.0, 0.0, 1.0] if abs(direction[2]) < 0.8 else [1.0, 0.0, 0.0])
        side /= np.linalg.norm(side)
        other = np.cross(direction, side)
        angle = np.arange(8) * np.pi / 4
        around = direction + step * (np.cos(angle)[:, None] * side + np.sin(angle)[:, None] * other)
        around = np.concatenate([direction[None], around / np.linalg.norm(around, axis=1, keepdims=True)])
        cost = np.zeros(len(around))
        for window in windows:
            across = fit_travel(window.m, window.left, around, window.noise).across
            cost += np.minimum((across / window.noise) ** 2, COST_LIMIT).mean(axis=1)
        direction = around[int(cost.argmin())]
    return np.asarray(direction)


class _System:
    """Linear system of one window about its own solution for a direction."""

    def __init__(self, window: Window, direction: Array, subsets: NDArray[np.bool_] = SUBSETS) -> None:
        self.subsets = subsets
        self.noise = window.noise
        self.ahead = float(direction[2])
        self.prior = (float(np.median(self.noise)) / PRIOR) ** 2 * len(window.m) / WINDOW_WEIGHT
        self.height = window.m[:, 1] - window.m[:, 1].mean()
        self.turn = window.turn
        line = epipolar(window.m, direction[None])[0]
        self.length = np.maximum(np.linalg.norm(line, axis=1), 0.05)
        line = line / np.maximum(np.linalg.norm(line, axis=1, keepdims=True), 1e-6)
        normal = np.stack([-line[:, 1], line[:, 0]], axis=1)
        model = basis(window.m)
        self.across_rows = (normal[:, None] @ model)[:, 0]
        self.along_rows = (line[:, None] @ model)[:, 0]
        self.across_squares = (self.across_rows[:, :, None] * self.across_rows[:, None]).reshape(-1, 16)
        self.along_squares = (self.along_rows[:, :, None] * self.along_rows[:, None]).reshape(-1, 16)
        for _ in range(3):
            left = self.turn.undo(window.target) - window.m
            self.across, self.along = (normal * left).sum(axis=1), (line * left).sum(axis=1)
            weight = ((3 * self.noise) ** 2 / ((3 * self.noise) ** 2 + self.across**2)) ** 2
            rows = self.across_rows
            system = rows.T @ (rows * weight[:, None]) + np.diag(self.prior)
            right = rows.T @ (weight * self.across) - self.prior * self.turn.angles
            self.turn = self.turn.turned(np.linalg.solve(system, right))
        left = self.turn.undo(window.target) - window.m
        self.across, self.along = (normal * left).sum(axis=1), (line * left).sum(axis=1)
        self.steps, self.costs = self._answers()

    def _answers(self) -> tuple[Array, Array]:
        """Steps 2,16,4 and costs 2,16 for travel forth and back along the direction and every subset of turns."""
        scale = 3 * self.noise
        ways = np.array([1.0, -1.0])
        fixed = -self.turn.angles
        steps = np.zeros((2, len(self.subsets), 4))
        wrong = np.zeros((2, len(self.subsets), len(self.along)))
        for _ in range(4):
            across = self.across - steps @ self.across_rows.T
            along = self.along - steps @ self.along_rows.T
            wrong = np.minimum(along * ways[:, None, None], 0.0) * ways[:, None, None]
            weight = (scale**2 / (scale**2 + across**2 + wrong**2)) ** 2
            steps = self._solve(weight, weight * (wrong != 0), fixed)
        across = self.across - steps @ self.across_rows.T
        along = self.along - steps @ self.along_rows.T
        wrong = np.minimum(along * ways[:, None, None], 0.0)
        cost = np.minimum((across**2 + wrong**2) / self.noise**2, COST_LIMIT).mean(axis=2)
        zoom = (self.turn.angles[3] + steps[..., 3]) * ways[:, None] * self.ahead
        cost = cost + VERTIGO_PRICE / WINDOW_WEIGHT * (zoom < -LEAST_ZOOM)
        return steps, cost - self._near_below(along * ways[:, None, None])

    def _solve(self, weight: Array, violated: Array, fixed: Array) -> Array:
        left = (weight @ self.across_squares + violated @ self.along_squares).reshape(2, len(self.subsets), 4, 4)
        right = (weight * self.across) @ self.across_rows + (violated * self.along) @ self.along_rows
        left += np.diag(self.prior)
        right += self.prior * fixed
        held = ~self.subsets
        right = right - (left @ (held * fixed)[..., None])[..., 0]
        keep = self.subsets[:, :, None] & self.subsets[:, None, :]
        left = np.where(keep, left, 0.0) + held[..., None] * np.eye(4)
        right = np.where(self.subsets, right, fixed)
        return np.asarray(np.linalg.solve(left, right[..., None])[..., 0])

    def _near_below(self, along: Array) -> Array:
        """2,16: small bonus in cost units where depth falls down the picture."""
        depth = along / self.length
        depth = depth - np.median(depth, axis=2, keepdims=True)
        size = np.abs(depth).mean(axis=2) * np.abs(self.height).mean() + 1e-12
        agreement = np.clip((np.clip(depth, -3e0, 3e0) * self.height).mean(axis=2) / size, -1, 1)
        return np.asarray(NEAR_BELOW / WINDOW_WEIGHT * agreement)
