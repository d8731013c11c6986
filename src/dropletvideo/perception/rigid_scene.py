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

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from dropletvideo.perception.bundle_choice import EXACT, gaining, travelling
from dropletvideo.perception.bundle_fit import FARTHEST, NEAREST, BundleFit, Cameras
from dropletvideo.perception.camera_fit import Array, Turn, epipolar
from dropletvideo.perception.camera_tracks import Tracks

WINDOW_SECONDS = 1.0
WIDEST_SHIFT, LEAST_KEPT = 0.3, 0.5
"""A window is halved (to two steps at least) where the median track moves by more, in short sides, or fewer are left
at its end: fast cameras are judged over shorter spans."""
MIN_TRACKS = 12
MOST_TRACKS = 160
MIN_SEEN = 3
"""Frames of a window, the first included, in which a track must be seen to count."""
GAINING = 0.345
"""How clearly travel must show (`bundle_choice.gaining`)."""


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
    windows: list[_Either] = []
    first = 0
    while first <= count - MIN_SEEN:
        length = _length(tracks, first, min(longest, count - 1 - first))
        window = _window(tracks, first, length, focal_px, noise_px, windows[-1].travel if windows else None)
        windows += [] if window is None else [window]
        first += max(1, length // 2)
        if (
            first > count - 1 - length
            and windows
            and windows[-1].turning.first + len(windows[-1].turning.times) >= count
        ):
            break
    return _decided(windows)


def _decided(windows: list[_Either]) -> list[RigidWindow]:
    """Of every window the camera that only turns, or the one that travels too; neighbours have a say."""
    gains = np.pad([each.gaining for each in windows], 1, mode="edge")
    said = (gains[:-2] + 2 * gains[1:-1] + gains[2:]) / 4
    return [
        each.travel if each.travel is not None and share > GAINING else each.turning
        for each, share in zip(windows, said, strict=True)
    ]


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


@dataclass(frozen=True)
class _Either:
    """A window before a camera that only turns and zooms, and (unless that is exact) before one that travels; how
    clearly the travel shows."""

    turning: RigidWindow
    travel: RigidWindow | None
    gaining: float


def _window(
    tracks: Tracks, first: int, length: int, focal_px: float, noise_px: float, before: RigidWindow | None
) -> _Either | None:
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
    fit = BundleFit(m, places, seen, noise_px / focal_px)
    times = np.array([frame.time for frame in tracks.frames[first : first + until + 1]])

    def window(cameras: Cameras, has_parallax: bool) -> RigidWindow:
        turns = tuple(Turn(content, float(zoom)) for content, zoom in zip(cameras.content, cameras.zoom, strict=True))
        return RigidWindow(
            first=first,
            times=times,
            ids=ids,
            m=m,
            seen=seen,
            turns=turns,
            travel=cameras.travel,
            inverse_depth=cameras.inverse,
            left=fit.residual(cameras),
            has_parallax=has_parallax,
            focal_px=focal_px,
        )

    turning = fit.turning()
    turned = window(turning, False)
    if fit.cost(turning) < EXACT:
        return _Either(turned, None, 0.0)
    moved = travelling(fit, turning, None if before is None else _going_on(before, first, until, ids, m))
    return _Either(turned, window(moved, True), gaining(fit, turning, moved))


def _going_on(before: RigidWindow, first: int, length: int, ids: NDArray[np.int64], m: Array) -> Cameras | None:
    """Cameras and depths of a window as the one before it leaves them to be expected."""
    offset, known = first - before.first, len(before.turns)
    if not before.has_parallax or not 0 < offset <= known:
        return None
    _, old, new = np.intersect1d(before.ids, ids, assume_unique=True, return_indices=True)
    if len(old) < MIN_TRACKS:
        return None
    base, moved = before.turns[offset - 1].content, before.travel[offset - 1]
    content = [turn.content @ base.T for turn in before.turns[offset:]]
    place = [-step.T @ (tau - step @ moved) for step, tau in zip(content, before.travel[offset:], strict=True)]
    content, place = [np.eye(3), *content], [np.zeros(3), *place]
    if len(content) == 1:
        content, place = [base.T, *content], [base @ moved, *place]
    ahead = content[-1] @ content[-2].T
    local = content[-2] @ (place[-1] - place[-2])
    while len(content) <= length:
        place.append(place[-1] + content[-1].T @ local)
        content.append(ahead @ content[-1])
    content, place = content[-length:], place[-length:]
    rays = np.column_stack([before.m[old], np.ones(len(old))]) @ base.T
    depth = np.maximum(rays[:, 2] + before.inverse_depth[old] * moved[2], 0.1)
    there = before.inverse_depth[old] / depth
    away = ((m[:, None] - m[None, new]) ** 2).sum(axis=2)
    inverse = np.clip(np.median(there[np.argsort(away, axis=1)[:, :3]], axis=1), FARTHEST, NEAREST)
    inverse[new] = np.clip(there, FARTHEST, NEAREST)
    scale = max(float(np.median(np.abs(inverse))), 1e-3)
    turned = np.stack(content)
    travel = np.stack([-step @ where for step, where in zip(content, place, strict=True)]) * scale
    return Cameras(turned, np.zeros(length), travel, inverse / scale)


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
