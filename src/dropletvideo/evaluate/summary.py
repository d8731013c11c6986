"""From results to `summary.json`: per system (the model, each baseline) means with intervals, tables, failures.

{"protocol": {...}, "metrics": {name: {title, about}}, "columns": [...], "weak": [sentences],
 "systems": {"model": {"rows", "scored", "failed", "failures", "tables": {metric: {...}}, "not_made",
                       "scores": {column: {value, low, high, count, missing, clusters}}}, "frozen": ...}}
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import asdict
from typing import Any

from dropletvideo.evaluate.aggregate import mean_estimate
from dropletvideo.evaluate.baselines import KINDS, TRIVIAL_KINDS
from dropletvideo.evaluate.metric import Metric, ScoredRow, judges_of
from dropletvideo.evaluate.rows import MODEL, Result, scores_of

SYSTEMS: tuple[str, ...] = (MODEL, "real", "codec", "frozen", "ken_burns", "shuffled")
SYSTEM_LABELS: Mapping[str, str] = {
    MODEL: "model",
    "real": "real clip",
    "codec": "codec ceiling",
    "frozen": "frozen picture",
    "ken_burns": "Ken-Burns zoom",
    "shuffled": "shuffled frames",
}
SCORED_VIDEO_FAILED = "the scored video itself cannot be read"
assert set(SYSTEMS) == {MODEL, *KINDS}


def summarise(
    results: Sequence[Result], metrics: Sequence[Metric], *, not_made: Iterable[tuple[str, str]] = ()
) -> dict[str, Any]:
    """Everything that `summary.json` holds but the protocol.

    Args:
        results: one per video and system.
        not_made: (baseline, reason) for each baseline video that could not be made.
    """
    reasons: dict[str, Counter[str]] = {}
    for kind, reason in not_made:
        reasons.setdefault(kind, Counter())[reason] += 1
    present = {result.system for result in results} | reasons.keys()
    systems = {
        system: {
            "label": SYSTEM_LABELS[system],
            **_system([result for result in results if result.system == system], metrics),
            "not_made": [{"reason": reason, "count": n} for reason, n in reasons.get(system, Counter()).most_common()],
        }
        for system in SYSTEMS
        if system in present
    }
    told = {name for system in systems.values() for name in system["scores"]}
    columns = [
        {"metric": metric.name, **asdict(column)}
        for metric in metrics
        for column in metric.columns
        if column.name in told
    ]
    about = {metric.name: {"title": metric.title, "about": metric.about} for metric in metrics}
    return {"metrics": about, "columns": columns, "systems": systems}


def versions_of(metrics: Sequence[Metric]) -> dict[str, Any]:
    """Version of every metric and judge, for the protocol record."""
    return {
        "metrics": {metric.name: metric.version for metric in metrics},
        "judges": {judge.name: judge.version for judge in judges_of(metrics)},
    }


def shown(estimate: Mapping[str, Any] | None, column: Mapping[str, Any]) -> str:
    """`0.42 [0.31, 0.55]` with the column's decimals; a dash where there is no value."""
    if estimate is None or estimate["value"] is None:
        return "–"
    digits = column["decimals"]
    text = f"{estimate['value']:.{digits}f}"
    if estimate["low"] is None:
        return text
    return f"{text} [{estimate['low']:.{digits}f}, {estimate['high']:.{digits}f}]"


def trivial_wins(summary: Mapping[str, Any], system: str) -> list[dict[str, Any]]:
    """Columns in which a baseline without any model does as well as `system` or better."""
    wins = []
    for column in summary["columns"]:
        own = _value(summary, system, column["name"])
        if own is None or column["better"] == "neither":
            continue
        sign = 1.0 if column["better"] == "higher" else -1.0
        for kind in TRIVIAL_KINDS:
            other = _value(summary, kind, column["name"])
            if kind != system and other is not None and sign * (other - own) >= 0:
                wins.append({"column": column, "baseline": kind, "value": other, "own": own})
    return wins


def _system(results: Sequence[Result], metrics: Sequence[Metric]) -> dict[str, Any]:
    scored = [
        ScoredRow(row=result.row, measures=result.measures, scores=scores_of(result, metrics))
        for result in results
        if result.error is None
    ]
    failures = [{"id": result.row.id, "reason": result.error} for result in results if result.error is not None]
    judge_failures = [
        {"id": result.row.id, "judge": judge, "reason": reason}
        for result in results
        for judge, reason in result.judge_errors.items()
    ]
    return {
        "rows": len(results),
        "scored": len(scored),
        "failed": len(failures),
        "failures": failures,
        "judge_failures": judge_failures,
        "scores": _scores(scored, metrics),
        "tables": _tables(scored, metrics),
    }


def _scores(scored: Sequence[ScoredRow], metrics: Sequence[Metric]) -> dict[str, Any]:
    out = {}
    for metric in metrics:
        for column in metric.columns:
            asking = [each for each in scored if column.name in each.scores]
            if asking:
                values = [each.scores[column.name] for each in asking]
                out[column.name] = mean_estimate(values, [each.row.cluster for each in asking]).as_dict()
    return out


def _tables(scored: Sequence[ScoredRow], metrics: Sequence[Metric]) -> dict[str, Any]:
    tables = {}
    for metric in metrics:
        asked = [each for each in scored if metric.name in (each.row.extra.get("only") or [metric.name])]
        made = metric.tables(asked) if metric.tables and asked else {}
        if made:
            tables[metric.name] = made
    return tables


def _value(summary: Mapping[str, Any], system: str, column: str) -> float | None:
    estimate = summary["systems"].get(system, {}).get("scores", {}).get(column)
    return None if estimate is None else estimate["value"]
