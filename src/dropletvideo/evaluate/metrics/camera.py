"""Camera moves asked against measured: set precision, recall, F1 and order of sequences, 0 to 1, higher is better;
the error of the amounts of those moves that were found, 0 to 1, lower is better; and the share of what moves that the
judge could name: what it cannot tell is not found, but for an asked zoom before one flat surface.

Tables: per move, confusion of single-move requests, found rate of single-move requests by M, and F1, order and amounts
corrected by the best constant policy (0: as good as always answering the same; 1: perfect). Sources:
`perception/camera.py`, `evaluate/camera_match.py`. Rows that ask nothing of the camera are not scored.
"""

from __future__ import annotations

from collections.abc import Hashable, Mapping, Sequence
from typing import Any

from dropletvideo.evaluate.aggregate import mean_estimate
from dropletvideo.evaluate.camera_match import (
    amount_errors,
    amount_table,
    best_constant_policy,
    chance_corrected,
    confusion,
    coverage,
    found_entries,
    found_moves,
    match_moves,
    order_table,
    per_move_table,
    relative_error,
)
from dropletvideo.evaluate.manifest import ManifestRow
from dropletvideo.evaluate.metric import Column, Metric, ScoredRow
from dropletvideo.perception.camera import CameraJudge

_COLUMNS = (
    Column(name="camera_precision", label="camera precision", unit="", better="higher", decimals=2),
    Column(name="camera_recall", label="camera recall", unit="", better="higher", decimals=2),
    Column(name="camera_f1", label="camera F1", unit="", better="higher", decimals=2),
    Column(name="camera_order", label="camera order", unit="", better="higher", decimals=2),
    Column(name="camera_amount_error", label="camera amount error", unit="", better="lower", decimals=2),
    Column(name="camera_coverage", label="camera told", unit="", better="neither", decimals=2),
)


def score(row: ManifestRow, measures: Mapping[str, Any]) -> dict[str, float | None]:
    """Agreement of the sets; `camera_order` where two moves or more are asked, `camera_amount_error` where an amount
    is; nothing where no move is asked."""
    if not row.moves:
        return {}
    left_out = set() if len(row.moves) > 1 else {"camera_order"}
    if all(ask.amount is None for ask in row.camera or ()):
        left_out.add("camera_amount_error")
    names = [column.name for column in _COLUMNS if column.name not in left_out]
    if measures.get("camera_moves") is None:
        return dict.fromkeys(names)
    measured = found_moves(row.moves, measures)
    match = match_moves(row.moves, measured)
    errors = [relative_error(wanted, found) for _, wanted, found in _amounts(row, measures)]
    values = {
        "camera_precision": match.precision,
        "camera_recall": match.recall,
        "camera_f1": match.f1,
        "camera_order": match.order,
        "camera_amount_error": sum(errors) / len(errors) if errors else None,
        "camera_coverage": coverage(measures["camera_moves"], measures.get("camera_unclear") or ()),
    }
    return {name: values[name] for name in names}


def _amounts(row: ManifestRow, measures: Mapping[str, Any]) -> list[tuple[str, float, float]]:
    asked = [(ask.move, ask.amount) for ask in row.camera or ()]
    return amount_errors(asked, found_entries(row.moves or (), measures))


def tables(scored: Sequence[ScoredRow]) -> dict[str, Any]:
    """See the module text; empty where no row asks a move."""
    told = [each for each in scored if each.row.moves and each.measures.get("camera_moves") is not None]
    if not told:
        return {}
    asked = [list(each.row.moves or ()) for each in told]
    measured = [found_moves(each.row.moves or (), each.measures) for each in told]
    unclear = [[entry["moves"] for entry in each.measures.get("camera_unclear") or ()] for each in told]
    f1 = sum(match_moves(moves, found).f1 for moves, found in zip(asked, measured, strict=True)) / len(told)
    policy, constant = best_constant_policy(asked)
    return {
        "f1": f1,
        "best_constant_policy": {"moves": list(policy), "f1": constant},
        "f1_chance_corrected": chance_corrected(f1, constant),
        "order": order_table(asked, measured),
        "amount": amount_table([_amounts(each.row, each.measures) for each in told]),
        "coverage": sum(
            coverage(each.measures["camera_moves"], times) for each, times in zip(told, unclear, strict=True)
        )
        / len(told),
        "per_move": per_move_table(asked, measured),
        "confusion": confusion(asked, measured, unclear),
        "single_move": single_move_found(told),
    }


def single_move_found(told: Sequence[ScoredRow], max_motion: float | None = None) -> dict[str, Any]:
    """Found rate of rows that ask one move: overall, by M, by move and M; interval over images.

    `max_motion` leaves out rows with a higher M.
    """
    single = [
        each
        for each in told
        if len(set(each.row.moves or ())) == 1
        and (max_motion is None or (each.row.motion is not None and each.row.motion <= max_motion))
    ]
    motions = sorted({each.row.motion for each in single if each.row.motion is not None})
    moves = sorted({_move(each) for each in single})
    return {
        "found": _found(single),
        "by_motion": [{"motion": m, **_found([e for e in single if e.row.motion == m])} for m in motions],
        "by_move": {
            move: {
                "all": _found([e for e in single if _move(e) == move]),
                "by_motion": [
                    {"motion": m, **_found([e for e in single if _move(e) == move and e.row.motion == m])}
                    for m in motions
                ],
            }
            for move in moves
        },
    }


def _move(each: ScoredRow) -> str:
    return (each.row.moves or ("",))[0]


def _found(rows: Sequence[ScoredRow]) -> dict[str, Any]:
    clusters: list[Hashable] = [each.row.cluster for each in rows]
    hits = [float(_move(each) in found_moves(each.row.moves or (), each.measures)) for each in rows]
    return mean_estimate(hits, clusters).as_dict()


def build() -> Metric:
    """The metric with its only setting."""
    return Metric(
        name="camera",
        title="Camera moves asked against measured",
        version=3,
        about="An extra move costs precision. A frozen picture finds every `static` request and no other.",
        suites=("truth",),
        columns=_COLUMNS,
        judges=(CameraJudge(),),
        score=score,
        tables=tables,
    )
