"""Cameras and depths of one short window, fitted together to its point tracks: damped Gauss-Newton with robust weights.

The model is that of `rigid_scene.py`. Of the normal equations each point's own depth is eliminated first (Schur
complement), so that a step costs one small system in the cameras. A first guess comes from the window before, where the
same points and the same motion go on, or from a few directions of travel. A frame whose camera went astray is begun
anew between its neighbours. Source: Triggs, McLauchlan, Hartley, Fitzgibbon, "Bundle adjustment" (2000).
"""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from dropletvideo.perception.camera_fit import (
    HYPOTHESES,
    Array,
    Travel,
    basis,
    epipolar,
    fit_travel,
    rotation,
    rotation_vector,
)
from dropletvideo.perception.camera_windows import COST_LIMIT, DIRECTIONS, NOISE_PER_SHIFT

STARTS = 3
"""Directions of travel from which a fit is begun."""
FIRST_ROUNDS, ROUNDS = 5, 8
NEAREST, FARTHEST = 40.0, -0.05
"""Limits of an inverse depth in units of the median: in front of the camera, not inside it."""
WEIGHT, TURN_PRIOR, ZOOM_PRIOR, HELD = 25.0, 0.03, 0.02, 1e9
"""Tracks that count as independent, and how far a travelling camera turns (radians) and zooms (log) without need: what
cannot be told from travel is travel."""
FREE = 0.02
"""Share of that need that is left where a camera turns as it likes."""
DAMPING, EASED, TIGHTENED = 1e-3, 0.2, 8.0
ENOUGH = 1e-3
"""Relative gain of a round below which a fit has settled."""
ASTRAY, ASTRAY_COST = 3.0, 2.0
"""A frame is astray where its cost is so many times the median frame's, and at least so much."""
NEAREST_DEPTH = 0.1


@dataclass(frozen=True)
class Cameras:
    """F cameras: `content` F,3,3 rotations from the first frame's directions, `zoom` F, `travel` F,3, and `inverse` N
    depths of the points."""

    content: Array
    zoom: Array
    travel: Array
    inverse: Array


class BundleFit:
    """Fits to one window's tracks.

    Args:
        m: N,2 normalised places in the first frame.
        places: F,N,2 in the later frames, nan where not seen.
        seen: F,N.
        noise: standard deviation of a normalised coordinate.
    """

    def __init__(self, m: Array, places: Array, seen: NDArray[np.bool_], noise: float) -> None:
        self.m, self.seen, self.noise = m, seen, noise
        self.places = np.where(seen[..., None], places, m)
        self.spread = np.hypot(noise, NOISE_PER_SHIFT * np.linalg.norm(self.places - m, axis=2))
        self._rays = np.concatenate([m.T, np.ones((1, len(m)))])
        self._target = np.ascontiguousarray(self.places.transpose(0, 2, 1))

    def last_seen(self) -> int:
        """The last frame in which enough of the points are seen."""
        return int(np.flatnonzero(self.seen.sum(axis=1) >= max(12, 0.4 * self.seen[0].sum()))[-1])

    def turning(self) -> Cameras:
        """Rotation and zoom of every frame by themselves, each of the larger part of the points."""
        count = len(self.places)
        content, zoom = np.tile(np.eye(3), (count, 1, 1)), np.zeros(count)
        shift = np.nanmedian(np.where(self.seen[..., None], self.places - self.m, np.nan), axis=1)
        content = rotation(np.column_stack([-shift[:, 1], shift[:, 0], np.zeros(count)]))
        model = basis(self.m).reshape(-1, 4)
        step = self._best_pair_steps(model, self._undone(content, zoom) - self.m)
        scale = 8 * self.noise
        for rounds in range(7):
            if rounds:
                step = self._turn_steps(model, self._undone(content, zoom) - self.m, scale)
                scale = max(scale * 0.6, 2.5 * self.noise)
            content = content @ rotation(-step[:, [1, 0, 2]])
            zoom = zoom + step[:, 3]
        return Cameras(content, zoom, np.zeros((count, 3)), np.ones(len(self.m)))

    def _undone(self, content: Array, zoom: Array) -> Array:
        """F,N,2 places had the camera only travelled."""
        rays = np.concatenate(
            [self.places * np.exp(-zoom)[:, None, None], np.ones((*self.places.shape[:2], 1))], axis=2
        )
        rays = rays @ content
        return np.asarray(rays[..., :2] / np.maximum(rays[..., 2:], 0.05))

    def _turn_steps(self, model: Array, residual: Array, scale: float) -> Array:
        squared = (residual**2).sum(axis=2)
        weight = np.repeat(self.seen * (scale**2 / (scale**2 + squared)) ** 2, 2, axis=1)
        weighted = model.T * weight[:, None]
        right = weighted @ residual.reshape(len(residual), -1, 1)
        return np.asarray(np.linalg.solve(weighted @ model + 1e-9 * np.eye(4), right)[..., 0])

    def _best_pair_steps(self, model: Array, residual: Array) -> Array:
        """Best of many two-point solutions by truncated distance, of points that are seen to the end."""
        longest = np.flatnonzero(self.seen.sum(axis=0) == self.seen.sum(axis=0).max())
        draw = longest[np.random.default_rng(0).integers(0, len(longest), (HYPOTHESES, 2))]
        rows = model.reshape(-1, 2, 4)[draw].reshape(HYPOTHESES, 4, 4)
        inverse = np.linalg.solve(rows.transpose(0, 2, 1) @ rows + 1e-6 * np.eye(4), rows.transpose(0, 2, 1))
        steps = (inverse @ residual[:, draw].reshape(len(residual), HYPOTHESES, 4, 1))[..., 0]
        steps = np.concatenate([steps, np.zeros((len(steps), 1, 4))], axis=1)
        left = np.abs(residual.reshape(len(residual), 1, -1) - steps @ model.T)
        cost = np.minimum(left[..., ::2] + left[..., 1::2], 6 * self.noise) * self.seen[:, None]
        best = cost.sum(axis=2).argmin(axis=1)
        return np.asarray(steps[np.arange(len(steps)), best])

    def travelling(self, turning: Cameras, *, zooms: bool) -> list[Cameras]:
        """First guesses of travel: the best of a few directions over the longest well-seen baseline."""
        last = self.last_seen()
        on = self.seen[last]
        start = turning if zooms else replace(turning, zoom=np.zeros(len(turning.zoom)))
        undone = (self._undone(start.content, start.zoom)[last] - self.m)[on]
        noise = np.full(len(undone), 2 * self.noise)
        fits = fit_travel(self.m[on], undone, DIRECTIONS, noise) if zooms else _without_zoom(self.m[on], undone, noise)
        cost = np.minimum((fits.across / noise) ** 2, COST_LIMIT).mean(axis=1)
        return [
            self._begun(start, DIRECTIONS[number], fits.turns[number], fits.along[number], last)
            for number in np.argsort(cost, kind="stable")[:STARTS]
        ]

    def _begun(self, start: Cameras, direction: Array, extra: Array, along: Array, last: int) -> Cameras:
        """Travel at constant speed up to frame `last`, and the depths that it implies."""
        on = self.seen[last]
        depth = along / np.maximum(np.linalg.norm(epipolar(self.m[on], direction[None])[0], axis=1), 0.05)
        if np.median(depth) < 0:
            direction, depth = -direction, -depth
        scale = max(float(np.median(np.abs(depth))), 1e-6)
        inverse = np.ones(len(self.m))
        inverse[on] = np.clip(depth / scale, FARTHEST, NEAREST)
        share = np.arange(1, len(self.places) + 1) / (last + 1)
        content = start.content @ rotation(-share[:, None] * extra[[1, 0, 2]])
        travel = content @ (-direction * scale) * share[:, None]
        return Cameras(content, start.zoom + share * extra[3], travel, inverse)

    def refined(self, start: Cameras, rounds: int, width: float, *, zooms: bool, free: bool) -> Cameras:
        """Rounds of damped steps, with a kernel that narrows from `width` (normalised) to 2.5 times the noise."""
        now, damping, before = start, DAMPING, np.inf
        narrowest = 2.5 * self.noise
        for _ in range(rounds):
            left, points, turned = self._left(now)
            squared = (left**2).sum(axis=1)
            weight = self.seen * (width**2 / (width**2 + squared)) ** 2
            step = self._step(now, (left, points, turned), weight, damping, zooms=zooms, free=free)
            value, tried = self._robust(now, squared, width, zooms, free), self._moved(now, *step)
            after = self._robust(tried, (self._left(tried)[0] ** 2).sum(axis=1), width, zooms, free)
            if after <= value:
                now, damping = tried, max(damping * EASED, 1e-7)
                if width <= narrowest and before - after < ENOUGH * after:
                    break
                before = after if width <= narrowest else np.inf
            else:
                damping *= TIGHTENED
            width = max(width * 0.6, narrowest)
        return now

    def _robust(self, cameras: Cameras, squared: Array, width: float, zooms: bool, free: bool) -> float:
        data = (self.seen * squared / (1 + squared / width**2)).sum()
        turn, zoom = self._prior(zooms, free)
        vectors = rotation_vector(cameras.content)
        return float(data + turn * (vectors**2).sum() + (zoom if zooms else 0.0) * (cameras.zoom**2).sum())

    def _prior(self, zooms: bool, free: bool) -> tuple[float, float]:
        weight = (FREE if free else 1.0) * WEIGHT
        return weight * (self.noise / TURN_PRIOR) ** 2, weight * (self.noise / ZOOM_PRIOR) ** 2 if zooms else HELD

    def _left(self, cameras: Cameras) -> tuple[Array, Array, Array]:
        """F,2,N seen less explained; F,3,N points before the division, and without travel."""
        turned = cameras.content @ self._rays
        points = turned + cameras.travel[:, :, None] * cameras.inverse
        grown = np.exp(cameras.zoom)[:, None, None] / np.maximum(points[:, 2:], NEAREST_DEPTH)
        return self._target - points[:, :2] * grown, points, turned

    def _slopes(self, cameras: Cameras, left: Array, points: Array, turned: Array) -> tuple[Array, Array]:
        """F,7,2,N change of the places by turn, zoom and travel of the camera; F,2,N by the inverse depth."""
        depth = np.maximum(points[:, 2], NEAREST_DEPTH)
        grown = np.exp(cameras.zoom)[:, None] / depth
        place = self._target - left
        u, v = place[:, 0], place[:, 1]
        per_u, per_v = u / depth, v / depth
        x, y, z = turned[:, 0], turned[:, 1], turned[:, 2]
        slope = np.zeros((len(left), 7, 2, left.shape[2]))
        slope[:, 0, 0], slope[:, 0, 1] = -per_u * y, -grown * z - per_v * y
        slope[:, 1, 0], slope[:, 1, 1] = grown * z + per_u * x, per_v * x
        slope[:, 2, 0], slope[:, 2, 1] = -grown * y, grown * x
        slope[:, 3, 0], slope[:, 3, 1] = u, v
        slope[:, 4, 0] = slope[:, 5, 1] = grown * cameras.inverse
        slope[:, 6, 0], slope[:, 6, 1] = -per_u * cameras.inverse, -per_v * cameras.inverse
        travel = cameras.travel[:, :, None]
        by_depth = np.stack(
            [grown * travel[:, 0] - per_u * travel[:, 2], grown * travel[:, 1] - per_v * travel[:, 2]], axis=1
        )
        return slope, by_depth

    def _step(
        self, now: Cameras, at: tuple[Array, Array, Array], weight: Array, damping: float, *, zooms: bool, free: bool
    ) -> tuple[Array, Array]:
        """F,7 step of the cameras and N of the depths."""
        left = at[0]
        slope, by_depth = self._slopes(now, *at)
        count, tracks = left.shape[0], left.shape[2]
        flat, weights = slope.reshape(count, 7, -1), np.concatenate([weight, weight], axis=1)[:, None]
        weighted = flat * weights
        system = weighted @ flat.transpose(0, 2, 1)
        right = (weighted @ left.reshape(count, -1, 1))[..., 0]
        turn, zoom = self._prior(zooms, free)
        prior = np.array([turn, turn, turn, zoom, 0.0, 0.0, 0.0])
        right[:, :3] -= turn * rotation_vector(now.content)
        right[:, 3] -= zoom * now.zoom
        diagonal = np.arange(7)
        system[:, diagonal, diagonal] *= 1 + damping
        system[:, diagonal, diagonal] += prior + 1e-9
        own = (weight[:, None] * by_depth**2).sum(axis=(0, 1)) * (1 + damping) + 1e-9
        own_right = (weight[:, None] * by_depth * left).sum(axis=(0, 1))
        mixed = (weighted.reshape(count, 7, 2, tracks) * by_depth[:, None]).sum(axis=2).reshape(7 * count, tracks)
        held = ((now.inverse <= 0.9 * FARTHEST) & (own_right < 0)) | ((now.inverse >= 0.9 * NEAREST) & (own_right > 0))
        mixed[:, held], own_right[held] = 0.0, 0.0  # a depth at its limit does not give way: the cameras must
        over = mixed / own
        whole = -over @ mixed.T
        for k in range(count):
            whole[7 * k : 7 * k + 7, 7 * k : 7 * k + 7] += system[k]
        cameras = np.linalg.solve(whole, right.reshape(-1) - over @ own_right)
        return cameras.reshape(count, 7), (own_right - cameras @ mixed) / own

    def _moved(self, now: Cameras, cameras: Array, depths: Array) -> Cameras:
        content = rotation(np.clip(cameras[:, :3], -0.3, 0.3)) @ now.content
        zoom = now.zoom + np.clip(cameras[:, 3], -0.5, 0.5)
        inverse = np.clip(now.inverse + depths, FARTHEST, NEAREST)
        scale = max(float(np.median(np.abs(inverse))), 1e-3)
        return Cameras(content, zoom, (now.travel + cameras[:, 4:]) * scale, inverse / scale)

    def repaired(self, cameras: Cameras, *, zooms: bool, free: bool) -> Cameras:
        """Frames whose camera went astray are begun anew between their neighbours, with the depths of the others."""
        costs = self._by_frame(cameras)
        astray = (costs > ASTRAY_COST) & (costs > ASTRAY * np.median(costs))
        if not astray.any() or astray.all():
            return cameras
        known = np.concatenate([[0], np.flatnonzero(~astray) + 1])
        lost = np.flatnonzero(astray) + 1
        rows = np.column_stack([rotation_vector(cameras.content), cameras.zoom, cameras.travel])
        rows = np.concatenate([np.zeros((1, 7)), rows])
        between = np.stack([_between(lost, known, rows[known, axis]) for axis in range(7)], axis=1)
        content, zoom, travel = cameras.content.copy(), cameras.zoom.copy(), cameras.travel.copy()
        content[astray], zoom[astray], travel[astray] = rotation(between[:, :3]), between[:, 3], between[:, 4:]
        begun = self.refined(
            Cameras(content, zoom, travel, cameras.inverse), FIRST_ROUNDS, 20 * self.noise, zooms=zooms, free=free
        )
        return begun if self._by_frame(begun).mean() < costs.mean() else cameras

    def _by_frame(self, cameras: Cameras) -> Array:
        squared = (self._left(cameras)[0] ** 2).sum(axis=1) / self.spread**2
        return np.asarray(
            (self.seen * np.minimum(squared, COST_LIMIT)).sum(axis=1) / np.maximum(self.seen.sum(axis=1), 1)
        )

    def cost(self, cameras: Cameras) -> float:
        """Mean truncated squared residual in noise units, per degree of freedom that the kind of fit leaves."""
        squared = ((self._left(cameras)[0] ** 2).sum(axis=1) / self.spread**2)[self.seen]
        total = np.minimum(squared, COST_LIMIT).sum()
        free = self.seen.sum() * 2 - 4 * len(self.places)
        if cameras.travel.any():
            free -= 3 * len(self.places) + len(self.m)
        return float(2 * total / max(free, 1)) + 0.3

    def residual(self, cameras: Cameras) -> Array:
        """F,N,2 seen less explained; nan where not seen."""
        left = self._left(cameras)[0].transpose(0, 2, 1)
        return np.asarray(np.where(self.seen[..., None], left, np.nan))


def _between(at: NDArray[np.int64], known: NDArray[np.int64], values: Array) -> Array:
    """Values between known ones, going on straight beyond the last."""
    if len(known) < 2:
        return np.full(len(at), values[0])
    slope = (values[-1] - values[-2]) / (known[-1] - known[-2])
    return np.asarray(np.where(at > known[-1], values[-1] + (at - known[-1]) * slope, np.interp(at, known, values)))


def _without_zoom(m: Array, residual: Array, noise: Array) -> Travel:
    """`fit_travel` over all directions for a lens that does not zoom: what spreads from the middle is travel."""
    model = basis(m)[..., :3]
    line = epipolar(m, DIRECTIONS)
    line = line / np.maximum(np.linalg.norm(line, axis=-1, keepdims=True), 1e-6)
    normal = np.stack([-line[..., 1], line[..., 0]], axis=-1)
    rows = normal[..., :1] * model[:, 0] + normal[..., 1:] * model[:, 1]
    right = (normal * residual).sum(axis=-1)
    turns, scale = np.zeros((len(DIRECTIONS), 3)), 12 * noise
    for _ in range(5):
        left = right - (rows @ turns[..., None])[..., 0]
        weight = (scale**2 / (scale**2 + left**2)) ** 2
        system = rows.transpose(0, 2, 1) @ (rows * weight[..., None]) + 1e-5 * len(m) * np.eye(3)
        turns = np.linalg.solve(system, rows.transpose(0, 2, 1) @ (weight * right)[..., None])[..., 0]
        scale = np.maximum(scale * 0.6, 2.5 * noise)
    rest = residual - (turns @ model.reshape(-1, 3).T).reshape(len(turns), -1, 2)
    return Travel(np.pad(turns, ((0, 0), (0, 1))), (normal * rest).sum(axis=-1), (line * rest).sum(axis=-1))
