"""What cannot be told: a turn seen through a long lens from travel past something flat, and then a zoom from a dolly.

A turning camera shows perspective: beside the shift s of the picture's middle, a point at (x, y) from it moves by
p (x, y) (s . (x, y)) more, with p = 1 / f^2 in pixels. A camera that travels past a flat surface that faces it shows
none; neither does a turn through a lens so long that p is lost in noise. Where p is told to be that small, the answer
is "pan or truck" (tilt or pedestal), never one of them. Once a clip has shown such a surface, or where one surface
fills the picture by its looks (`one_surface.py`), a zoom through it could be a dolly as well. Motion too small to tell
p is named as a turn: the commoner of the two.

Source: the motion field of a plane and of a rotation (Longuet-Higgins and Prazdny 1980).
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from dropletvideo.perception.camera_class import NAMES, Run, class_of
from dropletvideo.perception.camera_fit import Array
from dropletvideo.perception.camera_segments import Rates
from dropletvideo.perception.camera_windows import FOCAL_RATIO, WINDOW_WEIGHT, Pair
from dropletvideo.records import CameraMove

LONG_LENS = 3.5
"""Focal length over the short side from which on a turn looks like travel past something flat."""
SURE = 2.0
"""Deviations within which the perspective must lie."""
ALTERNATIVES = {"pan": "truck", "tilt": "pedestal", "zoom": "dolly"}
SOME_WINDOWS = 8
MIN_SCALE_PX = 0.15
STEPS = 5


@dataclass(frozen=True)
class Unclear:
    """A time in which one of two moves runs. `moves` and `amounts` belong together; seconds from the clip's start."""

    start: float
    end: float
    moves: tuple[str, str]
    amounts: tuple[float, float]
    weight: float

    def as_dict(self) -> dict[str, object]:
        """Plain dictionary for JSON."""
        return {"moves": list(self.moves), "start": self.start, "end": self.end, "amounts": list(self.amounts)}


def split_unclear(
    runs: Sequence[Run],
    rates: Rates,
    pairs: Sequence[Pair],
    focal_px: float,
    short_side: int,
    *,
    one_surface: bool,
) -> tuple[list[Run], list[Unclear]]:
    """The runs that can be told, and the others as pairs of names.

    Args:
        focal_px: what the angles were taken with; short_side: of the picture, in pixels.
        one_surface: whether nothing in the picture but one surface is seen.
    """
    flat = [run for run in runs if run.axis in ("pan", "tilt") and _is_flat(run, rates, pairs, short_side)]
    turns = [run for run in runs if run.axis in ("pan", "tilt") and run not in flat]
    if (one_surface or (flat and not turns)) and not rates.travels.any():
        flat += [run for run in runs if run.axis == "zoom"]
    unclear = [_unclear(run, rates, focal_px / short_side) for run in flat]
    return [run for run in runs if run not in flat], sorted(unclear, key=lambda each: each.start)


def _is_flat(run: Run, rates: Rates, pairs: Sequence[Pair], short_side: int) -> bool:
    """Whether a run shows no perspective, though it moves far enough to show that of any but a long lens."""
    if rates.travels[run.first : run.end].any():
        return False
    some = pairs[run.first : run.end : -(-(run.end - run.first) // SOME_WINDOWS)]
    found = [told for pair in some if (told := perspective(pair)) is not None]
    if not found:
        return False
    values, deviations = np.array(found).T * short_side**2
    weights = 1 / deviations**2
    value, deviation = float(values @ weights / weights.sum()), float(1 / np.sqrt(weights.sum()))
    return value + SURE * deviation < 1 / LONG_LENS**2


def perspective(pair: Pair) -> tuple[float, float] | None:
    """p of the module text (per squared pixel) and its standard deviation; None where nothing moves."""
    shift = pair.b - pair.a
    middle = np.median(shift, axis=0)
    size = float(np.linalg.norm(middle))
    if size < MIN_SCALE_PX:
        return None
    x, y = pair.a.T
    reach = max(float(np.abs(pair.a).max()), 1.0)
    towards = (pair.a @ middle) / (size * reach)
    one, none = np.ones(len(x)), np.zeros(len(x))
    rows = np.concatenate(
        [
            np.stack([one, none, y / reach, x / reach, x / reach * towards], axis=1),
            np.stack([none, one, -x / reach, y / reach, y / reach * towards], axis=1),
        ]
    )
    answer, spread = _robust(rows, np.concatenate([shift[:, 0], shift[:, 1]]))
    unit = size * reach**2
    return float(answer[-1] / unit), float(spread[-1] / unit)


def _robust(rows: Array, right: Array) -> tuple[Array, Array]:
    """Solution of a linear system whose first and second half belong to the same points, and its deviations."""
    count = len(right) // 2
    weight, scale = np.ones(len(right)), 1.0
    for _ in range(STEPS):
        left = rows.T @ (rows * weight[:, None]) + 1e-9 * np.eye(rows.shape[1])
        answer = np.linalg.solve(left, rows.T @ (weight * right))
        rest = right - rows @ answer
        squared = rest[:count] ** 2 + rest[count:] ** 2
        scale = max(1.4826 * float(np.median(np.sqrt(squared))) / 1.2, MIN_SCALE_PX)
        weight = np.tile((9 * scale**2 / (9 * scale**2 + squared)) ** 2, 2)
    spread = scale * np.sqrt(np.diag(np.linalg.inv(left)) * max(count / WINDOW_WEIGHT, 1.0))
    return np.asarray(answer), np.asarray(spread)


def _unclear(run: Run, rates: Rates, focal_ratio: float) -> Unclear:
    """A run of a turn or a zoom with the travel past something flat that looks the same."""
    backward = run.amount < 0
    if run.axis == "zoom":
        amounts = (float(np.exp(run.amount)), abs(run.amount) * FOCAL_RATIO)
    else:
        amounts = (abs(run.amount), abs(float(np.radians(run.amount))) * focal_ratio)
    return Unclear(
        start=round(float(rates.starts[run.first]), 3),
        end=round(float(rates.ends[run.end - 1]), 3),
        moves=(NAMES[run.axis][backward], NAMES[ALTERNATIVES[run.axis]][backward]),
        amounts=(round(amounts[0], 4), round(amounts[1], 4)),
        weight=run.weight,
    )


def named_share(unclear: Sequence[Unclear], seconds: float) -> float:
    """Share of the clip in which nothing is unclear, 0 to 1."""
    told, until = seconds, 0.0
    for each in sorted(unclear, key=lambda each: each.start):
        told -= max(each.end - max(each.start, until), 0.0)
        until = max(until, each.end)
    return max(told, 0.0) / seconds if seconds > 0 else 0.0


def class_either_way(
    moves: Sequence[tuple[CameraMove, float]], unclear: Sequence[Unclear], seconds: float, step: float
) -> str | None:
    """Class of the clip (`class_of`) if it is the same whichever of two moves ran, else None."""
    found = {
        class_of([*moves, *(_as_move(each, which) for each in unclear)], seconds, step)
        for which in ((0, 1) if unclear else (0,))
    }
    return found.pop() if len(found) == 1 else None


def _as_move(unclear: Unclear, which: int) -> tuple[CameraMove, float]:
    move = CameraMove(move=unclear.moves[which], start=unclear.start, end=unclear.end, amount=unclear.amounts[which])
    return move, unclear.weight
