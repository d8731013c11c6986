"""Which camera explains a window: the simplest that does, of turns, travel, travel with a zoom or with turns at will.

Later kinds are fitted only where earlier ones leave something, from their result. Source: `bundle_fit.py`; the order
after Torr, "Geometric information criterion" (1998), with ratios of residuals in place of his prices.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from dropletvideo.perception.bundle_fit import FIRST_ROUNDS, ROUNDS, BundleFit, Cameras
from dropletvideo.perception.camera_fit import Array, epipolar

EXACT, WELL_EXPLAINED = 1.0, 2.5
"""Costs below which a camera explains the tracks to their noise, and but for things that move by themselves."""
ZOOM_GAIN, TURN_GAIN = 2.0, 1.3
"""A zoom beside travel is taken where travel alone leaves this many times its residual, a turn at will likewise."""
CLEARLY, SLIGHTLY = 1.5, 0.2
"""A track gains where its residual falls by this factor (a free depth alone lowers noise by 1.4) and, in noise units,
this amount."""

NEIGHBOURS, MOST_PARALLAX = 4, 10.0
"""Tracks that are near each other; a parallax counts up to so many noise units."""


@dataclass(frozen=True)
class _Tried:
    cameras: Cameras
    cost: float


def travelling(fit: BundleFit, turning: Cameras, warm: Cameras | None) -> Cameras:
    """The simplest travelling camera.

    Args:
        fit: the window's tracks.
        turning: the camera that only turns and zooms.
        warm: cameras and depths as the window before leaves them to be expected.
    """
    best = _travelled(fit, [] if warm is None else [warm], turning, zooms=False, free=False)
    for zooms, free in ((False, True), (True, False), (True, True)):
        if best.cost < EXACT:
            break
        starts = [best.cameras] if warm is None else [best.cameras, warm]
        tried = _travelled(fit, starts, turning, zooms=zooms, free=free)
        best = tried if best.cost > (ZOOM_GAIN if zooms else TURN_GAIN) * tried.cost else best
    return best.cameras


def gaining(fit: BundleFit, turning: Cameras, travel: Cameras) -> float:
    """0 to 1: how clearly travel shows. The share of the tracks that it explains clearly better, times the correlation
    of what it explains there with the same of each track's neighbours: a free depth takes up noise too, and a thing
    that moves by itself, but only a scene has depths that go on from one track to the next."""
    without, beside = _per_track(fit, turning), _per_track(fit, travel)
    return float((without > CLEARLY * beside + SLIGHTLY).mean()) * max(
        _likeness_of_neighbours(fit, turning, travel), 0.0
    )


def _likeness_of_neighbours(fit: BundleFit, turning: Cameras, travel: Cameras) -> float:
    """Correlation of the parallax of tracks with the mean of their nearest neighbours', in the last well-seen frame."""
    last = fit.last_seen()
    on = fit.seen[last]
    m, left = fit.m[on], fit.residual(turning)[last, on]
    line = epipolar(m, -(travel.content[last].T @ travel.travel[last])[None])[0]
    line = line / np.maximum(np.linalg.norm(line, axis=1, keepdims=True), 1e-6)
    parallax = np.clip((left * line).sum(axis=1) / fit.noise, -MOST_PARALLAX, MOST_PARALLAX)
    away = ((m[:, None] - m[None]) ** 2).sum(axis=2)
    np.fill_diagonal(away, np.inf)
    around = parallax[np.argsort(away, axis=1)[:, :NEIGHBOURS]].mean(axis=1)
    spread = parallax.std() * around.std()
    return float(((parallax - parallax.mean()) * (around - around.mean())).mean() / spread) if spread > 0 else 0.0


def _per_track(fit: BundleFit, cameras: Cameras) -> Array:
    """N root mean square residuals in noise units."""
    squared = np.nan_to_num((fit.residual(cameras) ** 2).sum(axis=2) / fit.spread**2)
    return np.asarray(np.sqrt(squared.sum(axis=0) / np.maximum(fit.seen.sum(axis=0), 1)))


def _travelled(fit: BundleFit, warm: list[Cameras], turning: Cameras, *, zooms: bool, free: bool) -> _Tried:
    """The best of several starts: given ones, and a few directions where these do not explain the tracks."""
    kind: dict[str, bool] = {"zooms": zooms, "free": free}
    best: _Tried | None = None
    for directions in (False, True):
        if best is not None and best.cost < (EXACT if not zooms and not free else WELL_EXPLAINED):
            break
        for begun in fit.travelling(turning, zooms=zooms) if directions else warm:
            found = fit.repaired(fit.refined(begun, FIRST_ROUNDS, 10 * fit.noise, **kind), **kind)
            cost = fit.cost(found)
            best = _Tried(found, cost) if best is None or cost < best.cost else best
    assert best is not None
    found = fit.repaired(fit.refined(best.cameras, ROUNDS, 5 * fit.noise, **kind), **kind)
    return _Tried(found, fit.cost(found))
