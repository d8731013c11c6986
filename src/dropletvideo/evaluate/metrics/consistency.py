"""Integral spatio-temporal consistency (IST): was the asked camera delivered, and does the rest hold under it?

    ist = delivered * (product of the parts that apply) ^ (1 / their number)          range 0 to 1, higher is better

`delivered`: 2 * sum of g over asked moves that were measured / (number asked + number measured), with
g = 1 - |log2(measured amount / asked amount)| / 2 (at least 0; 1 where no amount is asked; of a zoom the logarithms of
the ratios are compared): all of it at the right amount, a half at twice or half. Parts: `geometry` always; `revisit`,
`emergence`, `plot` and `causality` where the request or the video has something of the kind. A part that could not be
told is left out and never counts as 0; without an asked camera there is no IST, only the parts.

A frozen picture delivers `static` alone, and then only where no plot is asked. Where a Ken-Burns zoom is the right
answer (a zoom without plot, near its own amount), it scores as the truth does. Source: own.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from typing import Any

from dropletvideo.evaluate.aggregate import mean_estimate
from dropletvideo.evaluate.manifest import CameraAsk, ManifestRow
from dropletvideo.evaluate.metric import Column, Metric, ScoredRow
from dropletvideo.evaluate.metrics import causality, emergence, geometry, plot, revisit
from dropletvideo.perception.camera import CameraJudge
from dropletvideo.perception.consistency import ConsistencyJudge

_COLUMNS = (
    Column(name="ist", label="IST", unit="", better="higher", decimals=2),
    Column(name="delivered", label="camera delivered", unit="", better="higher", decimals=2),
)
PARTS = (geometry, revisit, emergence, plot, causality)
NAMES = ("geometry", "revisit", "emergence", "plot", "causality")


def delivered(row: ManifestRow, measures: Mapping[str, Any]) -> float | None:
    """See the module text; None where nothing was asked of the camera or no points could be tracked."""
    if not row.camera or measures.get("camera_detail") is None or measures.get("rigid_agreement") is None:
        return None
    measured = [move for move in measures["camera_detail"] if isinstance(move, Mapping)]
    names = {move["move"] for move in measured if move["move"] != "shake"}
    asked = {ask.move: ask for ask in row.camera}
    agreement = sum(_amount_agreement(ask, measured) for name, ask in asked.items() if name in names)
    return 2 * agreement / (len(asked) + len(names)) if names else 0.0


def _amount_agreement(ask: CameraAsk, measured: Sequence[Mapping[str, Any]]) -> float:
    amounts = [move.get("amount") for move in measured if move["move"] == ask.move]
    if ask.amount is None or any(amount is None for amount in amounts):
        return 1.0
    total, wanted = sum(_size(ask.move, amount) for amount in amounts if amount), _size(ask.move, ask.amount)
    if total <= 0 or wanted <= 0:
        return 0.0
    return max(0.0, 1.0 - abs(math.log2(total / wanted)) / 2)


def _size(move: str, amount: float) -> float:
    """An amount as a length that adds up: the logarithm of a zoom's ratio, else the amount itself."""
    return abs(math.log(max(amount, 1e-6))) if move.startswith("zoom") else abs(amount)


def score(row: ManifestRow, measures: Mapping[str, Any]) -> dict[str, float | None]:
    """See the module text; left out where no camera was asked."""
    if not row.camera:
        return {}
    got = delivered(row, measures)
    parts = [module.score(row, measures).get(name) for module, name in zip(PARTS, NAMES, strict=True)]
    told = [part for part in parts if part is not None]
    if got is None or not told:
        return {"ist": None, "delivered": got}
    return {"ist": got * math.prod(told) ** (1 / len(told)), "delivered": got}


def tables(scored: Sequence[ScoredRow]) -> dict[str, Any]:
    """Mean IST with its 95 % interval per asked move, of rows that ask one."""
    by_move: dict[str, list[ScoredRow]] = {}
    for each in scored:
        if each.row.moves and len(set(each.row.moves)) == 1 and each.scores.get("ist") is not None:
            by_move.setdefault(each.row.moves[0], []).append(each)
    return {
        "by_move": {
            move: mean_estimate(
                [float(each.scores["ist"] or 0.0) for each in rows], [each.row.cluster for each in rows]
            ).as_dict()
            for move, rows in sorted(by_move.items())
        }
    }


def build() -> Metric:
    """The metric with its only setting."""
    return Metric(
        name="consistency",
        title="Integral spatio-temporal consistency",
        version=1,
        about="Delivered camera times the geometric mean of what must hold under it.",
        columns=_COLUMNS,
        judges=(CameraJudge(), ConsistencyJudge()),
        score=score,
        suites=("truth",),
        tables=tables,
    )
