"""Things that move by themselves: tracks that the camera's motion does not explain and that hang together.

In each window of `rigid_scene.py`, tracks with a residual are joined to groups of neighbours. A group is a thing if it
is compact, a minor part of the picture, and stands out: the tracks around it are explained far better than its own.
Without the last, a bent or swimming picture would be called a crowd of movers and excused. A thing's tracks are then
judged by how well one affine motion per frame explains them; so every track of the picture is judged by something.
Windows share tracks, by which things are followed through the clip.

Source: own rule; affine motion as the first order of a small thing's view (Koenderink and van Doorn 1991).
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from itertools import pairwise

import numpy as np
from numpy.typing import NDArray

from dropletvideo.perception.camera_fit import Array
from dropletvideo.perception.camera_tracks import Tracks
from dropletvideo.perception.rigid_scene import RigidWindow, depth_disagreement

MIN_TRACKS = 4
REACH = 0.13
"""Neighbours lie within this of each other, in short sides."""
MOVES_PX, MOVES_NOISE = 1.0, 4.0
"""A track moves by itself from this residual on, in pixels at short side 256, and in deviations of a tracked place."""
MIN_SPEED = 0.015
"""Short sides per second that a thing, or its parts against each other, must move at least."""
LARGEST = 0.45
"""Share of the window's tracks that things may hold together."""
STANDS_OUT = 0.4
"""Residual of the tracks around a thing over its own, at most (median)."""
AROUND = 12
GROWN = 0.08
"""By how much a thing's box is larger than that of its tracks, on every side, in short sides."""


@dataclass(frozen=True)
class Mover:
    """A thing in one window.

    Attributes:
        members: indices into the window's tracks.
        path: F,2 its own motion since the window's first frame, in short sides (x right, y down), median of members.
        centre: (x, y) in the first frame, in short sides from the picture's centre; size: (w, h) in short sides.
        turning: how far members move against each other, root mean square in short sides at the last frame.
    """

    members: NDArray[np.int64]
    path: Array
    centre: tuple[float, float]
    size: tuple[float, float]
    turning: float


@dataclass(frozen=True)
class Judged:
    """A window with its things. `error_px` N: residual of every track, against the scene or against its thing."""

    window: RigidWindow
    movers: tuple[Mover, ...]
    error_px: Array


def judge_windows(windows: list[RigidWindow], noise_px: float, short_side: int) -> list[Judged]:
    """All windows of a clip, split into scene and things; the scene's depths are held against the window before."""
    judged = [judge_window(window, noise_px, short_side) for window in windows]
    held = judged[:1]
    for before, after in pairwise(judged):
        apart = depth_disagreement(before.window, after.window)
        for each, window in ((before, before.window), (after, after.window)):
            moving = [window.ids[mover.members] for mover in each.movers]
            apart[np.isin(after.window.ids, np.concatenate(moving) if moving else [])] = 0.0
        held.append(replace(after, error_px=np.hypot(after.error_px, apart)))
    return held


def judge_window(window: RigidWindow, noise_px: float, short_side: int) -> Judged:
    """Split a window's tracks into scene and things."""
    error = window.error_px
    scale = short_side / 256
    limit = max(MOVES_PX * scale, MOVES_NOISE * noise_px)
    places = window.m * window.focal_px / short_side
    judged = error.copy()
    movers: list[Mover] = []
    for group in sorted(_groups(places, error > limit), key=len, reverse=True):
        taken = sum(len(mover.members) for mover in movers)
        if taken + len(group) > LARGEST * len(error) or not _stands_out(places, error, group, limit):
            continue
        motion, rest = _affine(window, group)
        mover = _mover(window, group, places, motion, short_side)
        seconds = window.times[-1] - window.times[0]
        if max(float(np.linalg.norm(mover.path, axis=1).max()), mover.turning) < MIN_SPEED * seconds:
            continue
        movers.append(mover)
        judged[group] = np.minimum(rest, error[group])
    return Judged(window, tuple(movers), judged)


def moving_boxes(judged: list[Judged], tracks: Tracks) -> list[list[tuple[float, float, float, float]]]:
    """Of each sampled frame the boxes around things that move by themselves there, a little grown; x0, y0, x1, y1 in
    pixels from the picture's centre."""
    boxes: list[list[tuple[float, float, float, float]]] = [[] for _ in tracks.frames]
    centre = np.array([(tracks.width - 1) / 2, (tracks.height - 1) / 2])
    margin = GROWN * min(tracks.height, tracks.width)
    for each in judged:
        for mover in each.movers:
            ids = each.window.ids[mover.members]
            for frame in range(each.window.first, each.window.first + len(each.window.times)):
                on = np.isin(tracks.frames[frame].ids, ids)
                if on.any():
                    places = tracks.frames[frame].xy[on] - centre
                    (x0, y0), (x1, y1) = places.min(axis=0) - margin, places.max(axis=0) + margin
                    boxes[frame].append((float(x0), float(y0), float(x1), float(y1)))
    return boxes


def _groups(places: Array, moving: NDArray[np.bool_]) -> list[NDArray[np.int64]]:
    """Connected groups of moving tracks, each neighbour within REACH."""
    at = np.flatnonzero(moving)
    if len(at) < MIN_TRACKS:
        return []
    near = np.linalg.norm(places[at, None] - places[None, at], axis=2) < REACH
    label = np.arange(len(at))
    while True:
        spread = np.where(near, label[None], len(at)).min(axis=1)
        if (spread == label).all():
            break
        label = spread
    groups = [at[label == number] for number in np.unique(label)]
    return [group for group in groups if len(group) >= MIN_TRACKS]


def _stands_out(places: Array, error: Array, group: NDArray[np.int64], limit: float) -> bool:
    outside = np.setdiff1d(np.arange(len(error)), group)
    if len(outside) < MIN_TRACKS:
        return False
    away = np.linalg.norm(places[outside, None] - places[None, group], axis=2).min(axis=1)
    around = outside[np.argsort(away)[:AROUND]]
    return bool(np.median(error[around]) < STANDS_OUT * max(float(np.median(error[group])), limit))


def _affine(window: RigidWindow, group: NDArray[np.int64]) -> tuple[Array, Array]:
    """F,2 median own motion of a group in normalised units, and its members' residual (pixels) to an affine motion."""
    left = window.left[:, group]
    m = np.column_stack([window.m[group] - window.m[group].mean(axis=0), np.ones(len(group))])
    motion, squared = np.zeros((len(left), 2)), np.full((len(left), len(group)), np.nan)
    for k, shift in enumerate(left):
        on = np.isfinite(shift[:, 0])
        if on.sum() == 0:
            motion[k] = motion[k - 1] if k else 0.0
            continue
        motion[k] = np.median(shift[on], axis=0)
        if on.sum() > MIN_TRACKS:
            ridge = 1e-4 * np.diag([1.0, 1.0, 0.0])
            slope = np.linalg.solve(m[on].T @ m[on] + ridge, m[on].T @ shift[on])
            squared[k, on] = ((shift[on] - m[on] @ slope) ** 2).sum(axis=1)
        else:
            squared[k, on] = ((shift[on] - motion[k]) ** 2).sum(axis=1)
    seen = np.isfinite(squared)
    mean = np.where(seen, squared, 0.0).sum(axis=0) / np.maximum(seen.sum(axis=0), 1)
    return motion, np.asarray(np.sqrt(mean) * window.focal_px)


def _mover(window: RigidWindow, group: NDArray[np.int64], places: Array, motion: Array, short_side: int) -> Mover:
    scale = window.focal_px / short_side
    last = int(np.flatnonzero(window.seen[:, group].any(axis=1))[-1])
    apart = window.left[last, group] - motion[last]
    apart = apart[np.isfinite(apart[:, 0])]
    low, high = np.percentile(places[group], [5, 95], axis=0)
    centre = np.median(places[group], axis=0)
    return Mover(
        members=group,
        path=motion * scale,
        centre=(float(centre[0]), float(centre[1])),
        size=(float(high[0] - low[0]), float(high[1] - low[1])),
        turning=float(np.sqrt((apart**2).sum(axis=1).mean()) * scale),
    )
