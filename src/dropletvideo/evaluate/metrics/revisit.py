"""Revisit: what went out of view and comes back looks as it did. Range 0 to 1, higher is better.

    revisit = (mean likeness + likeness of the worst quarter) / 2

over the parts that were out of view between two frames of the same view, and over a full turn or orbit that closes.
A video whose view never returns has no value. `revisit_closing` is that of a full turn alone. Table: geometry error by
degrees turned, since a full turn is where models fail. Source: own; `perception/returning.py`.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from dropletvideo.evaluate.manifest import ManifestRow
from dropletvideo.evaluate.metric import Column, Metric, ScoredRow
from dropletvideo.perception.consistency import ConsistencyJudge

_COLUMNS = (
    Column(name="revisit", label="revisit", unit="", better="higher", decimals=2),
    Column(name="revisit_closing", label="full turn closes", unit="", better="higher", decimals=2),
)


def score(row: ManifestRow, measures: Mapping[str, Any]) -> dict[str, float | None]:  # noqa: ARG001
    """Left out where the view does not return; both None where nothing was measured."""
    if "return_detail" not in measures:
        return {"revisit": None}
    scores: dict[str, float | None] = {}
    likeness, worst = measures.get("return_likeness"), measures.get("return_worst")
    if likeness is not None and worst is not None:
        scores["revisit"] = (likeness + worst) / 2
    closing = (measures.get("return_detail") or {}).get("closing")
    if closing:
        scores["revisit_closing"] = (closing[1] + closing[2]) / 2
    return scores


def tables(scored: Sequence[ScoredRow]) -> dict[str, Any]:
    """Mean geometry error in px by degrees turned, over videos that turn by 30 degrees or more."""
    by_angle: dict[int, list[float]] = {}
    for each in scored:
        errors = each.measures.get("rigid_by_angle") or {}
        if len(errors) > 1:
            for step, error in errors.items():
                by_angle.setdefault(int(step), []).append(error)
    rows = [
        {"degrees": step, "error_px": sum(errors) / len(errors), "videos": len(errors)}
        for step, errors in sorted(by_angle.items())
    ]
    return {"by_angle": rows} if rows else {}


def build() -> Metric:
    """The metric with its only setting."""
    return Metric(
        name="revisit",
        title="The same place when the view returns",
        version=1,
        about="Only what was out of view counts. A frozen picture never leaves and so has no value.",
        columns=_COLUMNS,
        judges=(ConsistencyJudge(),),
        score=score,
        suites=("truth",),
        tables=tables,
    )
