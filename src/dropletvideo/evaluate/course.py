"""The asked camera against the measured course, as vectors: how much of what was asked was done, and nothing else.

Every axis is brought to rough motion of the picture in short sides (a pan of one degree moves a usual picture by
0.019), the asked moves are laid over the time line, and in each stretch between their starts and ends

    delivered = 1 - |measured - asked| / max(|asked|, |measured|, 0.05)          0 to 1, weighted by time

so that doing nothing, too little, too much, the opposite, or something else beside it all cost what they move. Travel
is compared up to a factor of two: its amount is parallax at a typical depth, which pictures tell no better. A move
asked without amount is asked by direction, with 0.05 at least. Pure functions over plain numbers.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from itertools import pairwise
from typing import Any

from dropletvideo.evaluate.manifest import CameraAsk

AXES = ("pan", "tilt", "roll", "zoom", "truck", "pedestal", "dolly")
WEIGHTS = (0.0192, 0.0192, 0.0061, 0.35, 1.0, 1.0, 0.35)
"""Picture motion in short sides per degree, per log focal ratio, and per short side of parallax."""
TRAVEL = (4, 5, 6)
LEAST, ASKED_AT_LEAST = 0.05, 0.05
DEPTH_FACTOR = 2.0
ARC_RATIO = (0.25, 4.0)
"""Sideways travel of an arc over the picture motion of its turn: depends on how far its pivot is."""
LEANS = 0.35
"""Rise beside a dolly, and the other way round, that a camera sees which looks up or down by up to 20 degrees."""
_SIGNS = {
    "left": -1.0, "right": 1.0, "up": 1.0, "down": -1.0, "cw": 1.0, "ccw": -1.0, "in": 1.0, "out": -1.0
}  # fmt: skip

Vector = list[float]
Course = Mapping[str, Any]
"""`times` of F sampled frames in seconds from the first, `steps` of F-1 lists in the order of AXES, or None."""


def is_told(ask: CameraAsk) -> bool:
    """Whether a course can say if a move was made: not of tracking, which is about a subject, nor of shake."""
    return ask.move not in ("tracking", "shake")


def delivered(asks: Sequence[CameraAsk], course: Course) -> float | None:
    """See the module text; None for a course without frames."""
    times, steps = course.get("times") or [], course.get("steps") or []
    if len(times) < 2:
        return None
    end = times[-1]
    edges = sorted({0.0, end, *(min(t, end) for ask in asks for t in (ask.start, ask.end) if t is not None)})
    score = 0.0
    for first, last in pairwise(edges):
        middle = (first + last) / 2
        running = [ask for ask in asks if (ask.start or 0.0) <= middle <= (end if ask.end is None else ask.end)]
        measured = measured_between(times, steps, first, last)
        shares = [_share(ask, first, last, end) for ask in running]
        score += (last - first) * _agreement(running, shares, measured)
    return score / end if end > 0 else None


def measured_between(times: Sequence[float], steps: Sequence[Any], first: float, last: float) -> Vector:
    """Picture motion along every axis between two times; steps across an edge count by their part."""
    total = [0.0] * len(AXES)
    for k, step in enumerate(steps):
        if step is None:
            continue
        inside = min(times[k + 1], last) - max(times[k], first)
        if inside > 0:
            part = inside / (times[k + 1] - times[k])
            total = [t + part * weight * value for t, weight, value in zip(total, WEIGHTS, step, strict=True)]
    return total


def _share(ask: CameraAsk, first: float, last: float, end: float) -> float:
    start, stop = ask.start or 0.0, min(end if ask.end is None else ask.end, end)
    return (last - first) / max(stop - start, last - first, 1e-6)


def _agreement(asks: Sequence[CameraAsk], shares: Sequence[float], measured: Vector) -> float:
    asked = [0.0] * len(AXES)
    for ask, share in zip(asks, shares, strict=True):
        asked = [a + b for a, b in zip(asked, asked_vector(ask, share, measured), strict=True)]
    best = 0.0
    for factor in (1.0, *(DEPTH_FACTOR**power for power in (-1.0, -0.75, -0.5, -0.25, 0.25, 0.5, 0.75, 1.0))):
        scaled = [value * factor if k in TRAVEL and asked[k] else value for k, value in enumerate(measured)]
        apart = math.dist(scaled, asked)
        best = max(best, 1.0 - apart / max(math.hypot(*asked), math.hypot(*scaled), LEAST))
    return best


def asked_vector(ask: CameraAsk, share: float, measured: Vector) -> Vector:
    """Picture motion that a share of a move asks along every axis; what it leaves open is taken as measured."""
    vector = [0.0] * len(AXES)
    axis, _, way = ask.move.partition("_")
    if axis in ("static", "tracking", "shake"):
        return vector
    sign = _SIGNS[way]
    if axis == "arc":
        turn = _size(0, ask.amount, share, -sign * measured[0])
        vector[0] = -sign * turn
        vector[4] = sign * min(max(sign * measured[4], ARC_RATIO[0] * turn), ARC_RATIO[1] * turn)
        return vector
    number = AXES.index(axis)
    amount = abs(math.log(max(ask.amount, 1e-6))) if axis == "zoom" and ask.amount is not None else ask.amount
    size = _size(number, amount, share, sign * measured[number])
    vector[number] = sign * size
    if axis in ("dolly", "pedestal"):
        other = AXES.index("pedestal" if axis == "dolly" else "dolly")
        limit = LEANS * size / WEIGHTS[number] * WEIGHTS[other]
        vector[other] = min(max(measured[other], -limit), limit)
    return vector


def _size(number: int, amount: float | None, share: float, measured: float) -> float:
    return max(measured, ASKED_AT_LEAST * share) if amount is None else WEIGHTS[number] * abs(amount) * share


def middle_of(ask: CameraAsk, course: Course) -> float | None:
    """Second about which a move's axis runs in its direction, weighted by how fast; None where it hardly does."""
    times, steps = course.get("times") or [], course.get("steps") or []
    total, moment = 0.0, 0.0
    for k, step in enumerate(steps):
        amount = along(ask, step)
        total += amount
        moment += amount * (times[k] + times[k + 1]) / 2
    return moment / total if total >= LEAST / 2 else None


def along(ask: CameraAsk, step: Sequence[float] | None) -> float:
    """Picture motion of one step in the direction of a move, 0 where it goes the other way."""
    axis, _, way = ask.move.partition("_")
    if step is None or axis in ("static", "tracking", "shake"):
        return 0.0
    if axis == "arc":
        return max(0.0, -_SIGNS[way] * WEIGHTS[0] * step[0])
    number = AXES.index(axis)
    return max(0.0, _SIGNS[way] * WEIGHTS[number] * step[number])


def change_between(one: Course, other: Course) -> float:
    """0 to 1: how different two whole courses are, over their lengths together."""
    first, second = (
        measured_between(course["times"], course["steps"], 0.0, course["times"][-1]) for course in (one, other)
    )
    return math.dist(first, second) / max(math.hypot(*first) + math.hypot(*second), 2 * LEAST)
