"""From rates to words: moves of the vocabulary in time order, and the class C1 to C6 of the clip."""

from __future__ import annotations

from dataclasses import dataclass
from itertools import pairwise

import numpy as np

from dropletvideo.moves import MOVES
from dropletvideo.perception.camera_fit import Array
from dropletvideo.perception.camera_segments import AXES, Rates
from dropletvideo.records import CameraMove

NAMES = {
    "pan": ("pan_right", "pan_left"),
    "tilt": ("tilt_up", "tilt_down"),
    "roll": ("roll_cw", "roll_ccw"),
    "zoom": ("zoom_in", "zoom_out"),
    "truck": ("truck_right", "truck_left"),
    "pedestal": ("pedestal_up", "pedestal_down"),
    "dolly": ("dolly_in", "dolly_out"),
    "arc": ("arc_right", "arc_left"),
    "tracking": ("tracking", "tracking"),
}
MIN_SECONDS = 0.4
MIN_SPEED = {
    "pan": 0.35, "tilt": 0.35, "roll": 0.4, "zoom": 0.005, "truck": 0.003, "pedestal": 0.003, "dolly": 0.004, "arc": 0.8
}  # fmt: skip
MIN_AMOUNT = {
    "pan": 1.5,
    "tilt": 1.5,
    "roll": 2.0,
    "zoom": 0.03,
    "truck": 0.02,
    "pedestal": 0.02,
    "dolly": 0.03,
    "arc": 3.0,
}
TRAVEL = ("truck", "pedestal", "dolly")
MIN_COMPONENT = 0.35
"""A direction of travel is named if it has this share of the whole: a camera that looks down dollies ahead and up."""
MIN_SHARE = 0.3
"""A move is named if it moves the picture at least this much of what the strongest move of its time does."""


@dataclass(frozen=True)
class Run:
    """A time in which one axis keeps its sign. `weight` is the picture motion it causes, in short sides."""

    axis: str
    first: int
    end: int
    amount: float
    weight: float


def picture_weight(values: Array, focal_ratio: float) -> Array:
    """...,8 rates to typical picture motion in short sides per second. `focal_ratio` is focal over short side."""
    scale = np.array(
        [np.radians(1) * focal_ratio] * 2
        + [np.radians(1) * 0.35, 0.35, 1.0, 1.0, 0.35 / focal_ratio, np.radians(1) * focal_ratio]
    )
    return np.asarray(np.abs(values) * scale)


def runs_of(rates: Rates, focal_ratio: float) -> list[Run]:
    """Every axis cut at its changes of sign; runs that are too short, slow or small beside the others are left out."""
    weights = picture_weight(rates.values, focal_ratio)
    seconds = rates.ends - rates.starts
    travel = np.linalg.norm(rates.values[:, 4:7], axis=1)
    runs = []
    for column, axis in enumerate(AXES):
        value = rates.values[:, column]
        strong = (np.abs(value) > MIN_SPEED[axis]) & (weights[:, column] > MIN_SHARE * weights.max(axis=1))
        if axis in TRAVEL:
            strong &= np.abs(value) > MIN_COMPONENT * travel
        sign = np.where(strong, np.sign(value), 0)
        for first, end in _equal_runs(sign):
            amount = float((value[first:end] * seconds[first:end]).sum())
            weight = float((weights[first:end, column] * seconds[first:end]).sum())
            if seconds[first:end].sum() >= MIN_SECONDS and abs(amount) >= MIN_AMOUNT[axis]:
                runs.append(Run(axis, first, end, amount, weight))
    for first, end in _equal_runs(rates.tracks.astype(float)):
        runs.append(Run("tracking", first, end, 1.0, float(seconds[first:end].sum())))
    return runs


def _equal_runs(sign: Array) -> list[tuple[int, int]]:
    edges = np.flatnonzero(np.diff(sign)) + 1
    bounds = [0, *edges.tolist(), len(sign)]
    return [(a, b) for a, b in pairwise(bounds) if sign[a] != 0]


def moves_of(runs: list[Run], rates: Rates, shake: float | None) -> list[tuple[CameraMove, float]]:
    """Named moves with their weights, in time order; nothing that moves gives one `static`. `shake` is in degrees."""
    whole = round(float(rates.ends[-1]), 3)
    named = [_named(run, rates) for run in runs] or [(CameraMove(move="static", start=0.0, end=whole), 0.0)]
    if shake is not None:
        named.append((CameraMove(move="shake", start=0.0, end=whole, amount=round(shake, 4)), 0.0))
    return sorted(named, key=lambda pair: (pair[0].start, -pair[1]))


def _named(run: Run, rates: Rates) -> tuple[CameraMove, float]:
    amount = float(np.exp(run.amount)) if run.axis == "zoom" else abs(run.amount)
    start, end = float(rates.starts[run.first]), float(rates.ends[run.end - 1])
    return CameraMove(
        move=NAMES[run.axis][run.amount < 0],
        start=round(start, 3),
        end=round(end, 3),
        amount=None if run.axis == "tracking" else round(amount, 4),
    ), run.weight


def class_of(moves: list[tuple[CameraMove, float]]) -> str:
    """Class whose moves last longest; of moves as long as each other, of those that move the picture most."""
    spans: dict[str, float] = {}
    for move, weight in moves:
        if move.move != "shake":
            name = MOVES[move.move].camera_class
            spans[name] = spans.get(name, 0.0) + (move.end - move.start) * (1 + 0.1 * min(weight, 1.0))
    return max(spans, key=lambda name: spans[name])
