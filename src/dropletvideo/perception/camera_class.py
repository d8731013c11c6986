"""From rates to words: moves of the vocabulary in time order, and the class C1 to C6 of the clip."""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from dropletvideo.moves import MOVES
from dropletvideo.perception.camera_fit import Array
from dropletvideo.perception.camera_segments import AXES, Rates, equal_runs
from dropletvideo.perception.camera_windows import FOCAL_RATIO
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
OFF_MIDDLE = 0.35
MIN_SECONDS = 0.4
MIN_SPEED = {
    "pan": 0.35, "tilt": 0.35, "roll": 0.4, "zoom": 0.005, "truck": 0.003, "pedestal": 0.003, "dolly": 0.003, "arc": 0.8
}  # fmt: skip
MIN_AMOUNT = {
    "pan": 1.5,
    "tilt": 1.5,
    "roll": 2.0,
    "zoom": 0.03,
    "truck": 0.02,
    "pedestal": 0.02,
    "dolly": 0.018,
    "arc": 3.0,
}
TRAVEL = ("truck", "pedestal", "dolly")
MOST_PARALLAX = 4.0
"""Spread of parallax over the travel at most: what is more are objects that move."""
MIN_BESIDE_TURN = 0.06
"""Travel is named if it moves the picture at least this much of what turning does: lenses are not quite known."""
MIN_COMPONENT = {"truck": 0.35, "pedestal": 0.12, "dolly": 0.4}
"""A direction of travel is named if it has this share of the whole: a camera that looks down dollies ahead and up."""
MIN_LESSER = 0.62
"""The same for the lesser of rise and forward travel: a camera that looks up or down shows some of the other."""
RISE_IN_ARC = 0.05
"""The same for a rise or fall during an arc, which itself travels level."""
SHAKE_MARGIN = 2.5
"""Degrees more that a pan or tilt must reach per degree of shake."""
PIECE_SHARE = 0.5
"""Share of the least amount that a piece must add to a run."""
SLIVER_SECONDS, SLIVER_SHARE = 0.75, 0.2
TURNS = ("pan", "tilt", "roll", "zoom")
MIN_SHARE, MIN_SHARE_IN_TRAVEL = 0.3, 0.45
"""A move is named if it moves the picture at least this much of what the strongest move of its time does."""
WELL_EXPLAINED, MIN_ZOOM_SHARE = 0.85, 0.06
"""Where turning explains this share of the points, a zoom beside a wide pan or tilt is sure though it is small."""
FITS_ACROSS, ASIDE = 0.7, 0.6
"""The same for travel, if no more than this share of it goes ahead."""


@dataclass(frozen=True)
class Run:
    """A time in which one axis keeps its sign. `weight` is the picture motion it causes, in short sides."""

    axis: str
    first: int
    end: int
    amount: float
    weight: float


def picture_weight(rates: Rates, focal_ratio: float, short_side: int) -> Array:
    """W,8 typical picture motion of every axis in short sides per second. `focal_ratio` is focal over short side."""
    degree = np.radians(1) * focal_ratio
    scale = np.array([degree, degree, np.radians(1) * 0.35, 0.35, 0.0, 0.0, 0.0, degree])
    weights = np.abs(rates.values) * scale
    travel = np.abs(rates.values[:, 4:7])
    parallax = np.minimum(rates.spread / short_side, MOST_PARALLAX * rates.speed)[:, None]
    weights[:, 4:7] = parallax * travel / np.maximum(rates.speed[:, None], 1e-9)
    return np.asarray(weights)


def runs_of(
    rates: Rates, pieces: list[tuple[int, int]], weights: Array, shake: float, focal_ratio: float = FOCAL_RATIO
) -> list[Run]:
    """Every axis cut at its changes of sign; runs that are too short, slow or small beside the others are left out.

    Args:
        rates: constant over each of `pieces`; weights: of `picture_weight`; shake: degrees.
        focal_ratio: focal length over the short side: a long lens makes much of a small angle.
    """
    seconds = rates.ends - rates.starts
    least, least_speed = dict(MIN_AMOUNT), dict(MIN_SPEED)
    nearer = min(1.0, FOCAL_RATIO / focal_ratio)
    for axis in ("pan", "tilt"):
        least[axis] = least[axis] * nearer + SHAKE_MARGIN * shake
        least_speed[axis] *= nearer
    runs = []
    for column, axis in enumerate(AXES):
        value = rates.values[:, column]
        share = np.where(rates.travels & (column < len(TURNS)), MIN_SHARE_IN_TRAVEL, MIN_SHARE)
        if axis == "zoom":
            share[_tells_zoom(rates)] = MIN_ZOOM_SHARE
        strong = (np.abs(value) > least_speed[axis]) & (weights[:, column] > share * weights.max(axis=1))
        if axis in TRAVEL:
            least_share = _least_share(axis, rates)
            strong = (np.abs(value) > least_speed[axis]) & (np.abs(value) > least_share * rates.speed)
            strong &= weights[:, column] > MIN_BESIDE_TURN * weights.max(axis=1)
        for first, end in pieces:
            strong[first:end] &= abs(value[first] * seconds[first:end].sum()) > PIECE_SHARE * least[axis]
        for first, end in equal_runs(np.where(strong, np.sign(value), 0)):
            amount = float((value[first:end] * seconds[first:end]).sum())
            weight = float((weights[first:end, column] * seconds[first:end]).sum())
            if seconds[first:end].sum() >= MIN_SECONDS and abs(amount) >= least[axis]:
                runs.append(Run(axis, first, end, amount, weight))
    for first, end in equal_runs(rates.tracks.astype(float)):
        runs.append(Run("tracking", first, end, 1.0, float(seconds[first:end].sum())))
    return _without_slivers(runs, seconds)


def _tells_zoom(rates: Rates) -> NDArray[np.bool_]:
    """W where a zoom is sure though it is small: beside a turn that fits, or travel across the view that fits; ahead,
    every point moves as a zoom moves it."""
    aside = np.linalg.norm(rates.values[:, 5:7], axis=1) < ASIDE * rates.speed
    return np.where(rates.travels, aside & (rates.explained > FITS_ACROSS), rates.explained > WELL_EXPLAINED)


def _least_share(axis: str, rates: Rates) -> Array:
    """W share of the whole travel that an axis needs to be named."""
    share = np.full(len(rates.times), MIN_COMPONENT[axis])
    if axis == "truck":
        return share
    rise, ahead = np.abs(rates.values[:, 5]), np.abs(rates.values[:, 6])
    share[(rise < ahead) if axis == "pedestal" else (ahead < rise)] = MIN_LESSER
    if axis == "pedestal":
        share[rates.values[:, 7] != 0] = RISE_IN_ARC
    return share


def _without_slivers(runs: list[Run], seconds: Array) -> list[Run]:
    """Without short and small runs: what windows across a change of moves show."""
    most = max((run.weight for run in runs), default=0.0)
    return [
        run for run in runs if seconds[run.first : run.end].sum() >= SLIVER_SECONDS or run.weight >= SLIVER_SHARE * most
    ]


def moves_of(
    runs: list[Run], rates: Rates, shake: float | None, *, moves_too: bool = False
) -> list[tuple[CameraMove, float]]:
    """Named moves with their weights, in time order; nothing that moves gives one `static`, unless the camera
    `moves_too` in a way that cannot be told. `shake` is in degrees."""
    whole = round(float(rates.ends[-1]), 3)
    still = [] if moves_too else [(CameraMove(move="static", start=0.0, end=whole), 0.0)]
    named = [_named(run, rates) for run in runs] or still
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


def class_of(moves: list[tuple[CameraMove, float]], seconds: float, step: float = 0.0) -> str:
    """Class whose moves last longest; of moves as long as each other, of those that move the picture most.

    Time without any move counts as static; tracking for half of the clip or more decides. The last sampled frame, at
    `seconds`, stands for `step` seconds that follow: what goes on there goes on till then.
    """
    acting = [(move, weight) for move, weight in moves if move.move not in ("shake", "static")]
    acting = [
        (replace(move, end=move.end + step) if move.end > seconds - MIN_SECONDS / 2 else move, weight)
        for move, weight in acting
    ]
    seconds += step
    spans = {"C5": seconds - _covered([move for move, _ in acting])}
    for name in {MOVES[move.move].camera_class for move, _ in acting}:
        own = [(move, weight) for move, weight in acting if MOVES[move.move].camera_class == name]
        strength = 1.0 if name in ("C1", "C3") else min(max(shift_of(move) for move, _ in own), 1.0)
        spans[name] = _covered([move for move, _ in own]) * (1 + 0.1 * strength)
    if spans.get("C3", 0.0) >= 0.5 * seconds:
        return "C3"
    return max(spans, key=lambda name: spans[name])


def shift_of(move: CameraMove, focal_ratio: float = FOCAL_RATIO) -> float:
    """Rough motion of the picture in short sides: of the middle for pans, tilts and travel aside, of a point OFF_MIDDLE
    from it for rolls, zooms and travel ahead."""
    axis, amount = move.move.split("_")[0], abs(move.amount or 0.0)
    if axis in ("pan", "tilt"):
        return float(np.radians(amount)) * focal_ratio
    if axis == "roll":
        return float(np.radians(amount)) * OFF_MIDDLE
    if axis == "zoom":
        return abs(float(np.log(max(amount, 1e-6)))) * OFF_MIDDLE
    return amount * OFF_MIDDLE if axis == "dolly" else amount


def confidence_of(runs: list[Run], rates: Rates, told: float) -> float:
    """0..1: share of the time that could be told, times how well it is explained, times the weakest move's margin."""
    explained = float(np.average(rates.explained, weights=np.maximum(rates.ends - rates.starts, 1e-6)))
    ratios = [abs(run.amount) / MIN_AMOUNT[run.axis] for run in runs if run.axis in MIN_AMOUNT]
    margin = float(np.clip(0.25 + 0.25 * min(ratios, default=3.0), 0.0, 1.0))
    return round(float(np.clip(told, 0, 1)) * explained * margin, 4)


def _covered(moves: list[CameraMove]) -> float:
    """Seconds in which at least one of the moves runs."""
    total, until = 0.0, 0.0
    for move in sorted(moves, key=lambda move: move.start):
        total += max(move.end - max(move.start, until), 0.0)
        until = max(until, move.end)
    return total
