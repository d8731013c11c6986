"""Integral spatio-temporal consistency (IST): was the asked camera delivered, and does the rest hold under it?

    ist = delivered * opening * kept * (product of the parts that apply) ^ (1 / their number)

Range 0 to 1, higher is better.

`delivered` is the agreement of the asked moves with the measured course in direction, amount and time
(`evaluate/course.py`); of `tracking`, which is about a subject, whether the camera judge sees it, where metric `camera`
runs beside this one. `opening` is the likeness of the first frame to the asked image, where one is given, over 0.8 and
at most 1: coding costs nothing, and a crop, another picture or another scene is no answer. `kept` falls from 1 to 0 as
the least likeness of what stays in view falls from 0.5 to 0.3: a fade into something else; where travel across the view
is asked (truck, arc, tracking), near things change as much, and it is 1. Where neither `emergence` nor `plot` applies,
their `unchanged` is one more factor. Parts: `geometry` always; `revisit`, `emergence`, `plot` and `causality` where the
request or the video has something of the kind. A part that could not be told is left out and never counts as 0; without
an asked camera there is no IST, only the parts.

A frozen picture delivers `static` alone, and then only where no plot is asked. Where a Ken-Burns zoom is the right
answer (a zoom without plot, near its own amount), it scores as the truth does. Source: own.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from typing import Any

from dropletvideo.evaluate import course
from dropletvideo.evaluate.aggregate import mean_estimate
from dropletvideo.evaluate.camera_match import found_moves, match_moves
from dropletvideo.evaluate.manifest import ManifestRow
from dropletvideo.evaluate.metric import Column, Metric, ScoredRow
from dropletvideo.evaluate.metrics import causality, emergence, geometry, plot, revisit
from dropletvideo.perception.consistency import ConsistencyJudge

_COLUMNS = (
    Column(name="ist", label="IST", unit="", better="higher", decimals=2),
    Column(name="delivered", label="camera delivered", unit="", better="higher", decimals=2),
)
PARTS = (geometry, revisit, emergence, plot, causality)
ALIKE = 0.8
"""Likeness from which on a first frame is the asked image."""
FADED, KEPT = 0.3, 0.5
"""Likeness of what stays in view at which a picture has become another, and from which on it goes on."""
NAMES = ("geometry", "revisit", "emergence", "plot", "causality")


def delivered(row: ManifestRow, measures: Mapping[str, Any]) -> float | None:
    """See the module text; None where nothing was asked of the camera or no points could be tracked."""
    asks = [ask for ask in row.camera or () if ask.move != "shake"]
    if not asks or measures.get("rigid_agreement") is None:
        return None
    if all(course.is_told(ask) for ask in asks):
        return course.delivered(asks, measures.get("rigid_course") or {})
    if measures.get("camera_moves") is None:
        return None
    wanted = [ask.move for ask in asks]
    return match_moves(wanted, [name for name in found_moves(wanted, measures) if name != "shake"]).f1


def score(row: ManifestRow, measures: Mapping[str, Any]) -> dict[str, float | None]:
    """See the module text; left out where no camera was asked."""
    if not row.camera:
        return {}
    got = delivered(row, measures)
    parts = {name: module.score(row, measures).get(name) for module, name in zip(PARTS, NAMES, strict=True)}
    told = [part for part in parts.values() if part is not None]
    if got is None or not told:
        return {"ist": None, "delivered": got}
    opening = measures.get("opening_likeness")
    begins = 1.0 if opening is None else min(opening / ALIKE, 1.0)
    if parts["emergence"] is None and parts["plot"] is None:  # neither says whether something changes
        begins *= emergence.unchanged(measures)
    return {"ist": got * begins * _kept(row, measures) * math.prod(told) ** (1 / len(told)), "delivered": got}


def _kept(row: ManifestRow, measures: Mapping[str, Any]) -> float:
    likeness = measures.get("kept_look")
    across = any(ask.move.partition("_")[0] in plot.ACROSS for ask in row.camera or ())
    return 1.0 if likeness is None or across else min(max((likeness - FADED) / (KEPT - FADED), 0.0), 1.0)


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
        version=2,
        about="Delivered camera times the geometric mean of what must hold under it.",
        columns=_COLUMNS,
        judges=(ConsistencyJudge(),),
        score=score,
        suites=("truth",),
        tables=tables,
    )
