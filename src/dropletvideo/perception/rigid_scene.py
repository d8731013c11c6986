"""How well one rigid scene before one moving camera explains the point tracks of a second or so: a small bundle fit.

Of a point at m (normalised, in the window's first frame) with inverse depth q, frame k of a window sees

    exp(zoom_k) * (R_k [m, 1] + q tau_k),  divided by its depth

with the rotation R_k, zoom and travel tau_k of the camera and one q for all frames: a point whose parallax drifts
from what its depth allows is wrong although each pair of frames alone could explain it. Parallax gate: where
rotation and zoom alone (the homography that they imply) explain the tracks, tau is zero and points have no depth to
hide behind; without it every error along an epipolar line would pass, and a pan could not be judged at all.

The fit is robust; the residuals are not cut: every track that began in the window has one. Sources: the projection
above; Triggs, McLauchlan, Hartley, Fitzgibbon, "Bundle adjustment" (2000); gate after Torr, "Geometric information
criterion" (1998), with a ratio of residuals in place of his prices.
"""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from dropletvideo.perception.camera_fit import Array, Travel, Turn, basis, epipolar, fit_travel, fit_turn, rotation
from dropletvideo.perception.camera_tracks import Tracks
from dropletvideo.perception.camera_windows import COST_LIMIT, DIRECTIONS, NOISE_PER_SHIFT

WINDOW_SECONDS = 1.0
WIDEST_SHIFT, LEAST_KEPT = 0.3, 0.5
"""A window is halved (to two steps at least) where the median track moves by more, in short sides, or fewer are left
at its end: fast cameras are judged over shorter spans."""
STARTS = 3
"""Directions of travel from which a fit is begun."""
MIN_TRACKS = 12
MOST_TRACKS = 160
MIN_SEEN = 3
"""Frames of a window, the first included, in which a track must be seen to count."""
FIRST_ROUNDS, ROUNDS = 2, 6
PARALLAX_GAIN, MOSTLY = 1.5, 0.65
"""Travel is taken where rotation and zoom alone leave this many times its residual, if they explain less than this
share of the sightings;"""
INNER_GAIN, FLOOR = 5.0, 0.1
"""else where they leave this many times its residual of the sightings that they do explain (squared, in noise units,
with a floor)."""
EXACT, WELL_EXPLAINED = 1.0, 2.5
"""Costs below which a camera explains the tracks to their noise, and but for things that move by themselves."""
ZOOM_GAIN = 2.0
"""A zoom beside travel is taken where travel alone leaves this many times its residual."""
WEIGHT, TURN_PRIOR, ZOOM_PRIOR, HELD = 25.0, 0.03, 0.02, 1e9
"""Tracks that count as independent, and how far a travelling camera turns (radians) and zooms (log) without need: what
cannot be told from travel is travel."""
NEAREST, FARTHEST = 12.0, -0.05
"""Limits of an inverse depth in units of the median: in front of the camera, not inside it."""


@dataclass(frozen=True)
class RigidWindow:
    """One window: frames `first` to `first + F` of the tracks, N points alive in frame `first`.

    Attributes:
        first: index of the first sampled frame; times: F+1 seconds.
        ids: N track numbers; m: N,2 normalised places in the first frame (centre 0).
        seen: F,N whether the track is seen in each later frame.
        turns: F rotation and zoom since the first frame; travel: F,3 tau_k in units of the median depth.
        inverse_depth: N; ones where `has_parallax` is False.
        left: F,N,2 what the camera does not explain, in normalised units (nan where not seen).
        has_parallax: whether travel was needed.
        focal_px: pixels per normalised unit.
    """

    first: int
    times: Array
    ids: NDArray[np.int64]
    m: Array
    seen: NDArray[np.bool_]
    turns: tuple[Turn, ...]
    travel: Array
    inverse_depth: Array
    left: Array
    has_parallax: bool
    focal_px: float

    @property
    def error_px(self) -> Array:
        """N root mean square residual of each track over the frames in which it is seen, in pixels."""
        squared = np.where(self.seen, np.nan_to_num((self.left**2).sum(axis=2)), 0.0)
        return np.asarray(np.sqrt(squared.sum(axis=0) / np.maximum(self.seen.sum(axis=0), 1)) * self.focal_px)


def rigid_windows(tracks: Tracks, focal_px: float, noise_px: float) -> list[RigidWindow]:
    """Windows of a clip in time order, each half over the next; those with too few tracks are left out."""
    count = len(tracks.frames)
    if count < MIN_SEEN:
        return []
    step = (tracks.frames[-1].time - tracks.frames[0].time) / (count - 1)
    longest = int(np.clip(round(WINDOW_SECONDS / max(step, 1e-6)), MIN_SEEN - 1, count - 1))
    windows, first = [], 0
    while first <= count - MIN_SEEN:
        length = _length(tracks, first, min(longest, count - 1 - first))
        window = _window(tracks, first, length, focal_px, noise_px)
        windows += [] if window is None else [window]
        first += max(1, length // 2)
        if first > count - 1 - length and windows and windows[-1].first + len(windows[-1].times) >= count:
            break
    return windows


def _length(tracks: Tracks, first: int, longest: int) -> int:
    """Frames after `first` that a window takes: fewer where the picture moves fast or tracks are lost soon."""
    length = longest
    short_side = min(tracks.height, tracks.width)
    while length > MIN_SEEN - 1:
        ids, a, b = tracks.pair(first, first + length)
        kept = len(ids) >= max(LEAST_KEPT * len(tracks.frames[first].ids), MIN_TRACKS)
        if kept and float(np.median(np.linalg.norm(b - a, axis=1))) < WIDEST_SHIFT * short_side:
            break
        length = max(length // 2, MIN_SEEN - 1)
    return length


def _window(tracks: Tracks, first: int, length: int, focal_px: float, noise_px: float) -> RigidWindow | None:
    ids, m, places = _observed(tracks, first, length)
    m, places = m / focal_px, places / focal_px
    seen = np.isfinite(places[..., 0])
    told = seen.sum(axis=1) >= MIN_TRACKS
    if not told.any():
        return None
    until = int(np.flatnonzero(told)[-1]) + 1 if told.all() else int(np.argmin(told))
    if until < MIN_SEEN - 1:
        return None
    places, seen = places[:until], seen[:until]
    keep = seen.sum(axis=0) >= MIN_SEEN - 1
    ids, m, places, seen = ids[keep], m[keep], places[:, keep], seen[:, keep]
    if len(ids) < MIN_TRACKS:
        return None
    fit = _Fit(m, places, seen, noise_px / focal_px)
    has_parallax = fit.explain()
    return RigidWindow(
        first=first,
        times=np.array([frame.time for frame in tracks.frames[first : first + until + 1]]),
        ids=ids,
        m=m,
        seen=seen,
        turns=tuple(fit.turns),
        travel=fit.travel,
        inverse_depth=fit.inverse,
        left=fit.residual(),
        has_parallax=bool(has_parallax),
        focal_px=focal_px,
    )


def _observed(tracks: Tracks, first: int, length: int) -> tuple[NDArray[np.int64], Array, Array]:
    """Track numbers N, places in the first frame N,2 and in the `length` next F,N,2, pixels from the centre."""
    centre = np.array([(tracks.width - 1) / 2, (tracks.height - 1) / 2])
    start = tracks.frames[first]
    pick = np.arange(len(start.ids))
    if len(pick) > MOST_TRACKS:
        pick = np.linspace(0, len(pick) - 1, MOST_TRACKS).astype(int)
    ids = start.ids[pick]
    places = np.full((length, len(ids), 2), np.nan)
    for k in range(length):
        frame = tracks.frames[first + 1 + k]
        _, mine, theirs = np.intersect1d(ids, frame.ids, assume_unique=True, return_indices=True)
        places[k, mine] = frame.xy[theirs] - centre
    return ids, np.asarray(start.xy[pick] - centre, np.float64), places


def depth_disagreement(before: RigidWindow, after: RigidWindow) -> Array:
    """N pixels by which the parallax of each of the later window's tracks differs from what its depth in the earlier,
    overlapping window implies for the later camera; 0 for tracks that only one of them has, or where none has depth.

    A scene whose depths drift fits every short window; it does not fit two of them. Inverse depths are known up to a
    common scale and, since a turn looks much like travel past a plane, up to a plane: both are fitted away.
    """
    apart = np.zeros(len(after.ids))
    offset = after.first - before.first
    if not (before.has_parallax and after.has_parallax and 0 < offset <= len(before.turns)):
        return apart
    _, old, new = np.intersect1d(before.ids, after.ids, assume_unique=True, return_indices=True)
    known = before.seen[offset - 1, old] & (np.abs(before.inverse_depth[old]) < 0.9 * NEAREST)
    known &= np.abs(after.inverse_depth[new]) < 0.9 * NEAREST
    old, new = old[known], new[known]
    if len(old) < 2 * MIN_TRACKS:
        return apart
    turn, travel = before.turns[offset - 1], before.travel[offset - 1]
    rays = np.column_stack([before.m[old], np.ones(len(old))])
    points = rays @ turn.content.T + before.inverse_depth[old, None] * travel
    implied = before.inverse_depth[old] / np.maximum(points[:, 2], 0.1)
    line = epipolar(after.m[new], -after.travel[-1][None])[0]
    way = np.linalg.norm(line, axis=1) * after.focal_px
    model = np.column_stack([implied, np.ones(len(new)), after.m[new]])
    weight = way**2
    for _ in range(6):
        rows = model * weight[:, None]
        left = after.inverse_depth[new] - model @ np.linalg.solve(
            rows.T @ model + 1e-9 * np.eye(4), rows.T @ after.inverse_depth[new]
        )
        weight = way**2 / (1 + (left * way) ** 2) ** 2
    apart[new] = np.abs(left) * way
    return apart


def rotation_vector(matrix: Array) -> Array:
    """Axis times angle in radians of a rotation 3,3 by less than half a turn."""
    axis = np.array([matrix[2, 1] - matrix[1, 2], matrix[0, 2] - matrix[2, 0], matrix[1, 0] - matrix[0, 1]]) / 2
    sine = float(np.linalg.norm(axis))
    return np.asarray(axis if sine < 1e-9 else axis / sine * np.arctan2(sine, (np.trace(matrix) - 1) / 2))


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


Kept = tuple[float, list[Turn], Array, Array]
"""A fit: its cost, turns, travel and inverse depths."""


class _Fit:
    """Alternating least squares over cameras and inverse depths, with weights that tighten."""

    def __init__(self, m: Array, places: Array, seen: NDArray[np.bool_], noise: float) -> None:
        self.m, self.seen, self.noise = m, seen, noise
        self.places = np.where(seen[..., None], places, m)
        self.spread = np.hypot(noise, NOISE_PER_SHIFT * np.linalg.norm(self.places - m, axis=2))
        self.rays = np.column_stack([m, np.ones(len(m))])
        self.turns: list[Turn] = []
        self.travel = np.zeros((len(places), 3))
        self.inverse = np.ones(len(m))
        self.zooms, self.is_free = True, False

    def explain(self) -> bool:
        """Choose the simplest camera that explains the tracks: turns and zoom alone, travel without zoom, with zoom,
        and travel that turns as it likes. Later ones are fitted only where earlier ones leave something. True where
        travel is needed."""
        self.turn_only()
        tried = [self._kept()]
        if tried[0][0] < EXACT:
            return False
        for zooms, is_free in ((False, False), (True, False), (True, True)):
            if len(tried) > 1 and min(kept[0] for kept in tried) < (WELL_EXPLAINED if is_free else EXACT):
                break
            self._take(tried[0])
            self.zooms, self.is_free = zooms, is_free
            self.travelled()
            tried.append(self._kept())
        least = min(kept[0] for kept in tried)
        chosen = next(k for k, kept in enumerate(tried) if (k and kept[0] <= ZOOM_GAIN * least) or kept[0] == least)
        if chosen and not self._needs_travel(tried[0], tried[chosen]):
            chosen = 0
        self._take(tried[chosen])
        return chosen > 0

    def _needs_travel(self, turning: Kept, travel: Kept) -> bool:
        """Whether travel explains more than turns and zoom do. Where these explain most sightings, the rest may be
        things that move by themselves, which a depth of their own explains too: there the others must gain."""
        self._take(turning)
        without = (self.residual() ** 2).sum(axis=2) / self.spread**2
        self._take(travel)
        beside = (self.residual() ** 2).sum(axis=2) / self.spread**2
        near = self.seen & (np.nan_to_num(without, nan=np.inf) < 9)
        if near.sum() < MOSTLY * self.seen.sum():
            return turning[0] > PARALLAX_GAIN * travel[0]
        gain = (float(without[near].mean()) + FLOOR) / (float(np.minimum(beside[near], 9).mean()) + FLOOR)
        return gain > INNER_GAIN

    def _kept(self) -> Kept:
        return self.cost(), list(self.turns), self.travel.copy(), self.inverse.copy()

    def _take(self, kept: Kept) -> None:
        _, self.turns, self.travel, self.inverse = kept

    def turn_only(self) -> None:
        """Rotation and zoom of every frame by themselves."""
        for places, seen in zip(self.places, self.seen, strict=True):
            noise = np.full(int(seen.sum()), self.noise)
            turn, _ = fit_turn(self.m[seen], places[seen], noise)
            self.turns.append(turn)

    def travelled(self) -> None:
        """Add travel and depths: the best of a few directions over the longest well-seen baseline, each refined."""
        last = int(np.flatnonzero(self.seen.sum(axis=1) >= max(MIN_TRACKS, 0.4 * self.seen[0].sum()))[-1])
        on, noise = self.seen[last], np.full(int(self.seen[last].sum()), self.noise)
        if not self.zooms:
            self.turns = [replace(turn, zoom=0.0) for turn in self.turns]
        undone = self.turns[last].undo(self.places[last, on]) - self.m[on]
        if self.zooms:
            fits = fit_travel(self.m[on], undone, DIRECTIONS, 2 * noise)
        else:
            fits = _without_zoom(self.m[on], undone, 2 * noise)
        cost = np.minimum((fits.across / (2 * noise)) ** 2, COST_LIMIT).mean(axis=1)
        turning, best = list(self.turns), (np.inf, self.turns, self.travel, self.inverse)
        for number in np.argsort(cost, kind="stable")[:STARTS]:
            self.turns = list(turning)
            self._start(DIRECTIONS[number], fits.turns[number], fits.along[number], last)
            self._refine(FIRST_ROUNDS, 10 * self.noise)
            if self.cost() < best[0]:
                best = (self.cost(), self.turns, self.travel, self.inverse)
        _, self.turns, self.travel, self.inverse = best
        self._refine(ROUNDS, 5 * self.noise)

    def _start(self, direction: Array, extra: Array, along: Array, last: int) -> None:
        """First travel and depths for a direction: constant speed up to frame `last`."""
        on = self.seen[last]
        depth = along / np.maximum(np.linalg.norm(epipolar(self.m[on], direction[None])[0], axis=1), 0.05)
        if np.median(depth) < 0:
            direction, depth = -direction, -depth
        scale = max(float(np.median(np.abs(depth))), 1e-6)
        self.inverse = np.ones(len(self.m))
        self.inverse[on] = np.clip(depth / scale, FARTHEST, NEAREST)
        share = np.arange(1, len(self.places) + 1) / (last + 1)
        self.turns = [turn.turned(s * extra) for turn, s in zip(self.turns, share, strict=True)]
        self.travel = np.stack(
            [turn.content @ (-direction * scale * s) for turn, s in zip(self.turns, share, strict=True)]
        )

    def _refine(self, rounds: int, width: float) -> None:
        for _ in range(rounds):
            self._solve_cameras(self._weights(width))
            self._solve_depths(self._weights(width))
            width = max(width * 0.6, 2.5 * self.noise)

    def cost(self) -> float:
        """Mean truncated squared residual in noise units, per degree of freedom that the kind of fit leaves."""
        squared = ((self.residual() ** 2).sum(axis=2) / self.spread**2)[self.seen]
        total = np.minimum(squared, COST_LIMIT).sum()
        free = self.seen.sum() * 2 - 4 * len(self.places)
        if self.travel.any():
            free -= 3 * len(self.places) + len(self.m)
        return float(2 * total / max(free, 1)) + 0.3

    def residual(self) -> Array:
        """F,N,2 seen less explained; nan where not seen."""
        left = self.places - self._project()[0]
        return np.asarray(np.where(self.seen[..., None], left, np.nan))

    def _project(self) -> tuple[Array, Array]:
        """F,N,2 explained places, and F,N,3 points before the division."""
        content = np.stack([turn.content for turn in self.turns])
        points = np.einsum("fij,nj->fni", content, self.rays) + self.inverse[None, :, None] * self.travel[:, None]
        depth = np.maximum(points[..., 2:], 0.1)
        grown = np.exp([turn.zoom for turn in self.turns])[:, None, None]
        return points[..., :2] / depth * grown, points

    def _weights(self, width: float) -> Array:
        squared = np.nan_to_num((self.residual() ** 2).sum(axis=2))
        return np.asarray(self.seen * (width**2 / (width**2 + squared)) ** 2)

    def _slopes(self, points: Array) -> Array:
        """F,N,2,3 change of the place per change of the point."""
        depth = np.maximum(points[..., 2], 0.1)
        grown = np.exp([turn.zoom for turn in self.turns])[:, None] / depth
        zero = np.zeros_like(depth)
        first = np.stack([grown, zero, -points[..., 0] / depth * grown], axis=-1)
        second = np.stack([zero, grown, -points[..., 1] / depth * grown], axis=-1)
        return np.stack([first, second], axis=-2)

    def _solve_cameras(self, weight: Array) -> None:
        explained, points = self._project()
        slope = self._slopes(points)
        turned = points - self.inverse[None, :, None] * self.travel[:, None]
        x, y, z = turned[..., 0], turned[..., 1], turned[..., 2]
        zero = np.zeros_like(x)
        spin = np.stack(
            [np.stack([zero, z, -y], -1), np.stack([-z, zero, x], -1), np.stack([y, -x, zero], -1)], axis=-2
        )
        by_turn = slope @ spin
        by_travel = slope * self.inverse[None, :, None, None]
        model = np.concatenate([by_turn, explained[..., None], by_travel], axis=-1)
        left = self.places - explained
        weighted = model * weight[..., None, None]
        system = np.einsum("fnci,fncj->fij", weighted, model)
        right = np.einsum("fnci,fnc->fi", weighted, left)
        weight_of = 0.02 * WEIGHT if self.is_free else WEIGHT
        prior = weight_of * (self.noise / np.array([TURN_PRIOR, TURN_PRIOR, TURN_PRIOR, ZOOM_PRIOR])) ** 2
        prior[3] = prior[3] if self.zooms else HELD
        now = np.array([[*rotation_vector(turn.content), turn.zoom] for turn in self.turns])
        system[:, range(4), range(4)] += prior
        right[:, :4] -= prior * now
        system += 1e-9 * np.eye(7)
        step = np.linalg.solve(system, right[..., None])[..., 0]
        step[:, :3] = np.clip(step[:, :3], -0.3, 0.3)
        self.turns = [
            Turn(rotation(s[:3]) @ turn.content, turn.zoom + float(np.clip(s[3], -0.5, 0.5)))
            for turn, s in zip(self.turns, step, strict=True)
        ]
        self.travel = self.travel + step[:, 4:]

    def _solve_depths(self, weight: Array) -> None:
        explained, points = self._project()
        line = np.einsum("fnci,fi->fnc", self._slopes(points), self.travel)
        left = self.places - explained
        top = (weight[..., None] * line * left).sum(axis=(0, 2))
        bottom = (weight[..., None] * line**2).sum(axis=(0, 2)) + 1e-12
        self.inverse = np.clip(self.inverse + top / bottom, FARTHEST, NEAREST)
        scale = max(float(np.median(np.abs(self.inverse))), 1e-3)
        self.inverse, self.travel = self.inverse / scale, self.travel * scale
