"""Claims of `expected.py` against scored videos: does each hold, how sure is that, and what is it without any fault?

A claim is held to the mean over clips: it holds when the mean follows the level with a rank correlation of 0.95 or
better, or when it keeps to the noise floor of the score: the largest of twice what a harmless second coding changes, a
tenth of what the faults that the score follows change at their largest (the median of them), a fiftieth of the score
itself, and half of the last digit shown.

How sure: clips are drawn anew with replacement, and `sure` is the share of draws that give the same verdict. A verdict
is called sure from 0.95 up and on five clips or more.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from dropletvideo.evaluate.aggregate import CONFIDENCE, NUM_RESAMPLES, SEED
from dropletvideo.evaluate.expected import EVENT_COLUMNS, EXPECTED, INVARIANT, columns_of_truth, wanted_of
from dropletvideo.evaluate.faulty_videos import AGAIN, NONE

LEAST_SPEARMAN = 0.95
LEAST_FLOOR = 0.02
SURE, SURE_CLIPS = 0.95, 5
Values = NDArray[np.float64]
Row = Mapping[str, Any]


def judge_scores(rows: Sequence[Row]) -> dict[str, Any]:
    """Claims and zero-fault values from scored videos.

    Args:
        rows: `fault`, `level` (0 to 1), `kind`, `move`, `group` (the clip) and `scores` of each video; those without a
            fault have the fault `none`, their harmless second coding `again`.
    """
    told = {name for row in rows for name, value in row["scores"].items() if value is not None}
    there = {row["fault"] for row in rows}
    curves = {
        (fault, column): found
        for fault, expected in EXPECTED.items()
        for column in (*expected.rises, *expected.falls, *expected.stays)
        if fault in there and column in told and len((found := curve_of(rows, fault, column))[1])
    }
    floors = {column: _floor(rows, column, curves) for _, column in curves}
    claims = [_claim(fault, column, *curve, floors[column]) for (fault, column), curve in curves.items()]
    return {"claims": claims, "zero": [_zero(rows, column, curves) for column in INVARIANT if column in told]}


def curve_of(rows: Sequence[Row], fault: str, column: str) -> tuple[list[float], Values]:
    """The levels, 0 (no fault) first, and the scores N,L of the clips that have one at every level.

    Columns about events are told on clips with events, all others on clips without.
    """
    by_clip: dict[str, dict[float, float]] = {}
    levels = sorted({0.0} | {row["level"] for row in rows if row["fault"] == fault})
    for row in rows:
        value = row["scores"].get(column)
        is_told = value is not None and (row["kind"] == "event") == (column in EVENT_COLUMNS)
        if is_told and row["fault"] in (fault, NONE):
            by_clip.setdefault(row["group"], {})[0.0 if row["fault"] == NONE else row["level"]] = value
    whole = [[curve[level] for level in levels] for curve in by_clip.values() if set(curve) == set(levels)]
    return levels, np.array(whole, np.float64).reshape(len(whole), len(levels))


def _reaction(
    column: str, curves: Mapping[tuple[str, str], tuple[list[float], Values]], ways: Sequence[str] = ("rises", "falls")
) -> float:
    """What the faults that a column must follow, one of these ways, change at their largest: the median of them, 0
    where there is none."""
    changes = [
        abs(float(np.mean(values[:, -1] - values[:, 0])))
        for (fault, name), (_, values) in curves.items()
        if name == column and wanted_of(fault, column) in ways
    ]
    return float(np.median(changes)) if changes else 0.0


def _floor(rows: Sequence[Row], column: str, curves: Mapping[tuple[str, str], tuple[list[float], Values]]) -> float:
    _, again = curve_of(rows, AGAIN, column)
    clean, coded = (again[:, 0].mean(), again[:, -1].mean()) if len(again) else (0.0, 0.0)
    seen = 0.5 * 10.0 ** -columns_of_truth()[column].decimals
    return max(seen, 2.0 * abs(float(coded - clean)), 0.1 * _reaction(column, curves), LEAST_FLOOR * abs(float(clean)))


def _claim(fault: str, column: str, levels: Sequence[float], values: Values, floor: float) -> dict[str, Any]:
    wanted = wanted_of(fault, column) or ""
    means = values.mean(0, keepdims=True)
    drawn = values[np.random.default_rng(SEED).integers(0, len(values), (NUM_RESAMPLES, len(values)))].mean(1)
    held = bool(_holds(means, wanted, floor)[0])
    share = float(np.mean(_holds(drawn, wanted, floor) == held))
    at = int(np.argmax(np.abs(means[0] - means[0, 0])))
    tail = 100 * (1 - CONFIDENCE) / 2
    low, high = np.percentile(drawn[:, at] - drawn[:, 0], [tail, 100 - tail])
    return {
        "fault": fault,
        "column": column,
        "wanted": wanted,
        "curve": [{"level": level, "mean": float(mean)} for level, mean in zip(levels, means[0], strict=True)],
        "spearman": _spearman(means)[0],
        "change": float(means[0, at] - means[0, 0]),
        "change_low": float(low),
        "change_high": float(high),
        "floor": floor,
        "keeps_to": _keeps_to(levels, means[0], floor),
        "holds": held,
        "sure": share,
        "is_sure": share >= SURE and len(values) >= SURE_CLIPS,
        "clips": len(values),
    }


def _keeps_to(levels: Sequence[float], means: Values, floor: float) -> float:
    """The level up to which a score keeps to its floor."""
    inside = np.abs(means - means[0]) <= floor + 1e-9
    return float(levels[int(np.argmin(inside)) - 1]) if not inside.all() else 1.0


def _holds(means: Values, wanted: str, floor: float) -> NDArray[np.bool_]:
    """Whether each of the curves M,L does what is wanted."""
    if wanted == "stays":
        return np.asarray(np.abs(means - means[:, :1]).max(1) <= floor + 1e-9)
    return np.asarray(_spearman(means) * (1 if wanted == "rises" else -1) >= LEAST_SPEARMAN)


def _spearman(means: Values) -> Values:
    """Rank correlation of each curve M,L with its level, ties sharing the mean of their ranks; 0 for a level line."""
    above = (means[:, :, None] > means[:, None, :]).sum(2) + (means[:, :, None] == means[:, None, :]).sum(2) / 2.0
    ranks = above - above.mean(1, keepdims=True)
    order = np.arange(means.shape[1]) - (means.shape[1] - 1) / 2.0
    size = np.sqrt((ranks**2).sum(1) * (order**2).sum())
    return np.asarray(np.divide(ranks @ order, size, out=np.zeros(len(means)), where=size > 0))


def _zero(
    rows: Sequence[Row], column: str, curves: Mapping[tuple[str, str], tuple[list[float], Values]]
) -> dict[str, Any]:
    """A score without any fault, by camera move: a clip is outside where it lies off the median over moves by more
    than half of what the faults that make the score worse change at their largest (nothing, where none does).
    """
    by_move: dict[str, list[float]] = {}
    for row in rows:
        if row["fault"] == NONE and row["kind"] == "move" and row["scores"].get(column) is not None:
            by_move.setdefault(row["move"], []).append(row["scores"][column])
    means = {move: float(np.mean(values)) for move, values in by_move.items()}
    middle = float(np.median(list(means.values()))) if means else 0.0
    worse = "falls" if columns_of_truth()[column].better == "higher" else "rises"
    limit = 0.5 * _reaction(column, curves, (worse,))
    off = {move: [abs(value - middle) > limit + 1e-9 for value in values] for move, values in by_move.items()}
    return {
        "column": column,
        "by_move": means,
        "lowest": {move: min(values) for move, values in by_move.items()},
        "highest": {move: max(values) for move, values in by_move.items()},
        "median": middle,
        "limit": limit,
        "outside": sorted(move for move, value in means.items() if abs(value - middle) > limit + 1e-9),
        "clips": sum(map(len, off.values())),
        "clips_outside": {move: sum(found) for move, found in off.items() if any(found)},
    }
