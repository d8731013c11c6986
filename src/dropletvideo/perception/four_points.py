"""VBench++'s camera classifier: seven moves told from four of 100 tracked points, between first and last frame.

On a 10 x 10 grid of points the one in the middle of each edge moves by (dx, dy) px; beyond 0.005 of the short side it
goes right or left, and down or up, else nowhere. Upper and lower point together, and left and right one, name the moves
of the tables below, or "None"; all that is named counts, but "static" only alone, and "None" only alone after that.
"Middle" is index 5 of 0 to 9, so 55 % of a side, which makes a zoom pan and tilt as well: `points=2` takes the mean of
indices 4 and 5.

Source: VBench++ (arXiv 2411.13503), the rule of its code. Faults kept: what lies between first and last frame is not
looked at, rotation and travel are one, extra moves cost nothing, roll is read as a tilt, an arc as a pan.
"""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType

import numpy as np
from numpy.typing import NDArray

GRID = 10
THRESHOLD = 0.005
MOVES = ("pan_left", "pan_right", "tilt_up", "tilt_down", "zoom_in", "zoom_out", "static")
NONE = "None"
_SHARED = {
    ("left", "left"): "pan_right",
    ("right", "right"): "pan_left",
    ("down", "down"): "tilt_up",
    ("up", "up"): "tilt_down",
    ("still", "still"): "static",
}
_UPPER_LOWER: Mapping[tuple[str, str], str] = MappingProxyType(
    {**_SHARED, ("up", "down"): "zoom_in", ("down", "up"): "zoom_out"}
)
_LEFT_RIGHT: Mapping[tuple[str, str], str] = MappingProxyType(
    {**_SHARED, ("left", "right"): "zoom_in", ("right", "left"): "zoom_out"}
)

Points = NDArray[np.float64]


def grid(height: float, width: float) -> Points:
    """10,10,2 starting points (x, y) as CoTracker lays them in a picture of this size: a margin of width // 64."""
    margin = width // 64
    xs, ys = (margin + np.arange(GRID) / (GRID - 1) * (length - 2 * margin) for length in (width, height))
    return np.stack(np.meshgrid(xs, ys), axis=-1)


def labels(first: Points, last: Points, short_side: float, points: int = 1) -> list[str]:
    """Moves named, in the order of `MOVES`, or `["None"]`.

    Args:
        first: 10,10,2 places (row, column, x and y in px) in the first frame. last: in the last.
        short_side: of the frame, px.
        points: how many in the middle of an edge are averaged.
    """
    low = int(np.ceil(GRID // 2 - points / 2))
    middle = slice(low, int(np.ceil(GRID // 2 + points / 2)))
    step = np.asarray(last, np.float64) - first
    upper, lower, left, right = (
        _directions(edge.mean(axis=0), THRESHOLD * short_side)
        for edge in (step[0, middle], step[-1, middle], step[middle, 0], step[middle, -1])
    )
    pairs = [(_UPPER_LOWER, upper, lower), (_LEFT_RIGHT, left, right)]
    named: set[str] = set()
    for table, ones, others in pairs:
        named |= {table[a, b] for a in ones for b in others if (a, b) in table} or {NONE}
    for weak in ("static", NONE):  # in this order: a still pair beside one that says nothing gives "None", not static
        if len(named) > 1:
            named.discard(weak)
    return [move for move in (*MOVES, NONE) if move in named]


def _directions(step: Points, threshold: float) -> list[str]:
    x, y = step
    found = ["right"] if x > threshold else ["left"] if x < -threshold else []
    found += ["down"] if y > threshold else ["up"] if y < -threshold else []
    return found or ["still"]


def credit(asked: str, named: list[str], *, shared: bool = False) -> float:
    """1 where the asked move is among the named ones, else 0; `shared` divides by their number, so extra moves cost."""
    return (1.0 / len(named) if shared else 1.0) if asked in named else 0.0
