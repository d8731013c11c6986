"""Tracking shots: the background flows one way while something in the middle of the view keeps its place.

A far backdrop keeps its place too when the camera travels, and so does the pivot of an arc; so the held points must
be compact, near the middle, with flowing points on both sides and below, and all that flows must go one way (round a
pivot, near and far go opposite ways).
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from dropletvideo.perception.camera_fit import Array
from dropletvideo.perception.camera_windows import Pair

MIN_FLOW = 0.012
"""Flow of the background over a pair, in short sides, below which nothing can be told."""
HELD = 0.3
"""Held points move less than this share of the background's flow."""
MIN_HELD, MAX_HELD = 4, 0.5
SAME_WAY = 0.85
ROW = 0.05
"""Half the height of the band in which a held point's neighbours are looked at, in picture heights."""
MIDDLE = 0.28
"""Distance of the held points' centre from the picture's, as a share of its width and height, at most."""


def holds_subject(pair: Pair, turning: Array | float, height: int, width: int) -> bool | None:
    """Whether a pair shows a held subject; None if the background hardly moves.

    `turning` N,2 (pixels) is what the camera's turns did and is taken off: hand-held shake moves the subject too.
    """
    shift = pair.b - pair.a - turning
    size = np.linalg.norm(shift, axis=1)
    flow = float(np.percentile(size, 65))
    if flow < MIN_FLOW * min(height, width):
        return None
    flows = size > 2 * HELD * flow
    held = _compact(pair.a, _among_flow(pair.a, size < HELD * flow, flows, height), min(height, width))
    if held.sum() < MIN_HELD or held.mean() > MAX_HELD or flows.sum() < 2 * MIN_HELD:
        return False
    way = np.median(shift[flows], axis=0)
    same = float((shift[flows] @ way > 0.7 * size[flows] * np.linalg.norm(way)).mean())
    centre = np.median(pair.a[held], axis=0)
    central = abs(centre[0]) < MIDDLE * width and abs(centre[1]) < MIDDLE * height
    return bool(same > SAME_WAY and central and _is_enclosed(pair.a, held, flows))


def _among_flow(places: Array, held: NDArray[np.bool_], flows: NDArray[np.bool_], height: int) -> NDArray[np.bool_]:
    """The held points in whose row most points flow, on both sides: a far backdrop fills its rows."""
    row = np.abs(places[held, None, 1] - places[None, :, 1]) < ROW * height
    left = places[None, :, 0] < places[held, None, 0]
    sides = np.minimum((row & left & flows).sum(axis=1), (row & ~left & flows).sum(axis=1))
    among = held.copy()
    among[held] = (sides >= 2) & ((row & flows).sum(axis=1) > 0.3 * row.sum(axis=1))
    return among


def _compact(places: Array, held: NDArray[np.bool_], short_side: int) -> NDArray[np.bool_]:
    """The held points near their median place: a subject, not a strip of far backdrop."""
    if not held.any():
        return held
    centre = np.median(places[held], axis=0)
    near = np.abs(places - centre).max(axis=1) < 0.4 * short_side
    return held & near if (held & near).sum() > 0.6 * held.sum() else np.zeros_like(held)


def _is_enclosed(places: Array, held: NDArray[np.bool_], flows: NDArray[np.bool_]) -> bool:
    low, high = np.percentile(places[held], [10, 90], axis=0)
    rows = (places[:, 1] > low[1] - 10) & (places[:, 1] < high[1] + 10) & flows
    left, right = rows & (places[:, 0] < low[0]), rows & (places[:, 0] > high[0])
    below = flows & (places[:, 1] > high[1])
    return bool(left.sum() >= 2 and right.sum() >= 2 and below.sum() >= 2)
