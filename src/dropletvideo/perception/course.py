"""The camera's course, step by step, from the rigid windows of a clip: turns, zoom and travel of every sampled frame.

Unit: degrees for pan (right positive), tilt (up) and roll (clockwise), log of the focal ratio for zoom (in), short
sides at the median depth for truck (right), pedestal (up) and dolly (in), all as the camera sees them at that time.
Steps that windows share are averaged. Source: `rigid_scene.py`.
"""

from __future__ import annotations

import numpy as np

from dropletvideo.perception.camera_fit import Array, rotation_vector
from dropletvideo.perception.rigid_scene import RigidWindow

COURSE_AXES = ("pan", "tilt", "roll", "zoom", "truck", "pedestal", "dolly")


def course_of(windows: list[RigidWindow], count: int, short_side: int) -> Array:
    """Steps count-1,7 between the sampled frames, in the order of COURSE_AXES; nan where no window tells."""
    total, times = np.zeros((max(count - 1, 0), len(COURSE_AXES))), np.zeros(max(count - 1, 0))
    for window in windows:
        steps = _steps(window, short_side)
        part = slice(window.first, window.first + len(steps))
        total[part] += steps
        times[part] += 1
    return np.where(times[:, None] > 0, total / np.maximum(times, 1)[:, None], np.nan)


def _steps(window: RigidWindow, short_side: int) -> Array:
    turned = [np.eye(3), *(turn.content for turn in window.turns)]
    zoom = [0.0, *(turn.zoom for turn in window.turns)]
    place = [np.zeros(3), *(-turn.content.T @ tau for turn, tau in zip(window.turns, window.travel, strict=True))]
    steps = []
    for k in range(1, len(turned)):
        tilt, pan, roll = -np.degrees(rotation_vector(turned[k] @ turned[k - 1].T))
        right, down, ahead = turned[k - 1] @ (place[k] - place[k - 1]) * window.focal_px / short_side
        steps.append([pan, tilt, roll, zoom[k] - zoom[k - 1], right, -down, ahead])
    return np.array(steps)
