"""Hand-held shake: how far the view strays from a smooth course.

The course of the picture (summed median displacement of the tracked points, as an angle) is compared with a parabola
through half a second on either side; what strays from it is shake. Unit: degrees, rms per axis, 0 for a tripod.
"""

from __future__ import annotations

import numpy as np

from dropletvideo.perception.camera_fit import Array
from dropletvideo.perception.camera_tracks import Tracks
from dropletvideo.perception.camera_windows import FOCAL_RATIO

HALF_SECONDS = 0.5
MIN_FRAMES = 5
MIN_SHAKE = 0.08
"""Degrees through an ordinary lens below which a camera counts as steady: about the tracking noise of small files."""
SHAKE_PER_SPEED = 0.02
"""The same per degree a second of smooth motion along an axis: starts and stops stray from a parabola too."""


def shake_of(tracks: Tracks, focal_px: float) -> float | None:
    """Shake in degrees, or None if it is below what can be told from a steady camera."""
    steps = np.array([frame.step for frame in tracks.frames])
    times = np.array([frame.time for frame in tracks.frames])
    course = np.degrees(np.cumsum(steps, axis=0) / focal_px)
    strays = [stray for at in range(len(times)) if (stray := _stray(times, course, at)) is not None]
    if len(strays) < MIN_FRAMES:
        return None
    off = np.array([stray for stray, _ in strays])
    # what is noise in degrees is less through a long lens
    least = MIN_SHAKE * min(1.0, FOCAL_RATIO * min(tracks.height, tracks.width) / focal_px)
    steady = least + SHAKE_PER_SPEED * np.mean([speed for _, speed in strays], axis=0)
    middle = 1.4826 * np.median(np.abs(off), axis=0)
    rms = np.sqrt((off**2).mean(axis=0))
    # shake goes both ways: a hand that pans is told by what it does up and down
    shakes = np.mean(np.minimum(middle, rms) / steady) > 1
    return float((middle + rms).mean() / 2) if shakes else None


def _stray(times: Array, course: Array, at: int) -> tuple[Array, Array] | None:
    """x and y distance of a moment from the parabola through its neighbours, and its speeds; None near the ends."""
    near = np.flatnonzero(np.abs(times - times[at]) <= HALF_SECONDS + 1e-6)
    if len(near) < MIN_FRAMES or at - near[0] < 2 or near[-1] - at < 2:
        return None
    powers = np.vander(times[near] - times[at], 3)
    coefficients, *_ = np.linalg.lstsq(powers, course[near], rcond=None)
    return course[at] - coefficients[-1], np.abs(coefficients[-2])
