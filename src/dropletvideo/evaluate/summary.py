"""From results to `summary.json`: per system (the model, each baseline) means with intervals, tables, failures.

{"protocol": {...}, "metrics": {name: {title, about, ...}}, "columns": [...], "absent": [...], "suites": {...},
 "weak": [sentences],
 "systems": {"model": {"rows", "scored", "failed", "failures", "judge_failures", "missing", "not_scored", "not_made",
                       "tables": {metric: {...}}, "totals": {suite: {name: estimate}},
                       "scores": {column: {value, low, high, count, missing, clusters}}}, "frozen": ...}}
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from dropletvideo.evaluate.aggregate import mean_estimate
from dropletvideo.evaluate.baselines import KINDS, TRIVIAL_KINDS
from dropletvideo.evaluate.metric import Metric, ScoredRow, judges_of
from dropletvideo.evaluate.rows import MODEL, Result, Scores, scored_row, scores_of
from dropletvideo.evaluate.suite import Suite
from dropletvideo.evaluate.totals import total_estimates

SYSTEMS: tuple[str, ...] = (MODEL, "real", "codec", "frozen", "ken_burns", "shuffled", "reversed")
SYSTEM_LABELS: Mapping[str, str] = {
    MODEL: "model",
    "real": "real clip",
    "codec": "codec ceiling",
    "frozen": "frozen picture",
    "ken_burns": "Ken-Burns zoom",
    "shuffled": "shuffled frames",
    "reversed": "reversed frames",
}
SCORED_VIDEO_FAILED = "the scored video itself cannot be read"
assert set(SYSTEMS) == {MODEL, *KINDS}


@dataclass(frozen=True, kw_only=True)
class Absent:
    """A metric that was asked for and cannot run here, with the reason and the next step."""

    metric: Metric
    reason: str


def summarise(
    results: Sequence[Result],
    metrics: Sequence[Metric],
    *,
    not_made: Iterable[tuple[str, str]] = (),
    absent: Sequence[Absent] = (),
    suites: Sequence[Suite] = (),
    folder: Path | None = None,
) -> dict[str, Any]:
    """Everything that `summary.json` holds but the protocol.

    Args:
        results: one per video and system.
        metrics: those that ran.
        not_made: (baseline, reason) for each baseline video that could not be made.
        absent: metrics that were asked for and did not run.
        suites: whose columns and totals are shown.
        folder: where the features of set metrics lie.
    """
    reasons: dict[str, Counter[str]] = {}
    for kind, reason in not_made:
        reasons.setdefault(kind, Counter())[reason] += 1
    present = {result.system for result in results} | reasons.keys()
    scored = {
        system: [scored_row(r, metrics, folder) for r in results if r.system == system and r.error is None]
        for system in present
    }
    systems = {
        system: {
            "label": SYSTEM_LABELS[system],
            **_system([r for r in results if r.system == system], metrics, scored[system], scored.get("real", [])),
            "not_made": [{"reason": reason, "count": n} for reason, n in reasons.get(system, Counter()).most_common()],
        }
        for system in SYSTEMS
        if system in present
    }
    for name, system in systems.items():
        system["totals"] = {
            suite.name: total_estimates(suite, metrics, scored[name], system["scores"])
            for suite in suites
            if suite.totals is not None
        }
    told = {name for system in systems.values() for name in system["scores"]}
    about = {metric.name: {"title": metric.title, "about": metric.about} for metric in metrics}
    return {
        "metrics": about,
        "columns": [c for c in columns_of(metrics) if c["name"] in told],
        "absent": [_absent_line(each) for each in absent],
        "suites": {suite.name: _suite_line(suite, metrics, told) for suite in suites},
        "systems": systems,
    }


def columns_of(metrics: Sequence[Metric]) -> list[dict[str, Any]]:
    """Every column of the metrics as JSON has it, with its metric and its flavour."""
    return [
        {**asdict(column), "metric": metric.name, "flavour": column.flavour or metric.flavour}
        for metric in metrics
        for column in metric.columns
    ]


def _absent_line(absent: Absent) -> dict[str, Any]:
    metric = absent.metric
    return {
        "metric": metric.name,
        "title": metric.title,
        "columns": [column.official or column.label for column in metric.columns],
        "suites": list(metric.suites),
        "weights": list(metric.weights),
        "reason": absent.reason,
    }


def _suite_line(suite: Suite, metrics: Sequence[Metric], told: set[str]) -> dict[str, Any]:
    own = [column.name for metric in metrics if suite.name in metric.suites for column in metric.columns]
    wanted = list(suite.columns if suite.columns is not None else [name for name in own if name in told])
    return {
        "title": suite.title,
        "about": suite.about,
        "columns": wanted,
        "absent": [name for name in wanted if name not in told],
        "total_labels": dict(suite.total_labels or {}),
    }


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


def total_columns(summary: Mapping[str, Any]) -> list[dict[str, Any]]:
    """The totals of all suites as columns, with the name of their `suite`."""
    return [
        {"name": name, "label": label, "unit": "", "better": "higher", "decimals": 2, "suite": suite}
        for suite, found in summary["suites"].items()
        for name, label in found["total_labels"].items()
    ]


def trivial_wins(summary: Mapping[str, Any], system: str) -> list[dict[str, Any]]:
    """Columns in which a baseline without any model does better than `system`."""
    wins = []
    for column in summary["columns"]:
        own = _value(summary, system, column["name"])
        if own is None or column["better"] == "neither":
            continue
        sign = 1.0 if column["better"] == "higher" else -1.0
        for kind in TRIVIAL_KINDS:
            other = _value(summary, kind, column["name"])
            if kind != system and other is not None and sign * (other - own) > 0:
                wins.append({"column": column, "baseline": kind, "value": other, "own": own})
    return wins


def _system(
    results: Sequence[Result], metrics: Sequence[Metric], scored: Sequence[ScoredRow], real: Sequence[ScoredRow]
) -> dict[str, Any]:
    failures = [{"id": result.row.id, "reason": result.error} for result in results if result.error is not None]
    judge_failures = [
        {"id": result.row.id, "judge": judge, "reason": reason}
        for result in results
        for judge, reason in result.judge_errors.items()
    ]
    found = [scores_of(result, metrics) for result in results if result.error is None]
    return {
        "rows": len(results),
        "scored": len(scored),
        "failed": len(failures),
        "failures": failures,
        "judge_failures": judge_failures,
        "frozen_videos": sum(each.measures.get("repeated_share") == 1.0 for each in scored),
        **_missing(found),
        "scores": _scores(scored, metrics, real),
        "tables": _tables(scored, metrics),
    }


def _missing(found: Sequence[Scores]) -> dict[str, Any]:
    """Scores that were asked and are not there, and rows that lack what a metric needs, counted by reason."""
    missing = Counter((name, reason) for each in found for name, reason in each.missing.items())
    lacking = Counter((name, reason) for each in found for name, reason in each.not_scored.items())
    return {
        "missing": [{"column": name, "reason": reason, "count": n} for (name, reason), n in missing.most_common()],
        "not_scored": [{"metric": name, "reason": reason, "count": n} for (name, reason), n in lacking.most_common()],
    }


def _scores(scored: Sequence[ScoredRow], metrics: Sequence[Metric], real: Sequence[ScoredRow]) -> dict[str, Any]:
    out: dict[str, Any] = {}
    for metric in metrics:
        for column in metric.columns:
            asking = [each for each in scored if column.name in each.scores]
            if asking:
                values = [each.scores[column.name] for each in asking]
                weights = None if column.weight is None else [each.measures.get(column.weight) for each in asking]
                out[column.name] = mean_estimate(values, [each.row.cluster for each in asking], weights).as_dict()
        if metric.aggregate is not None and (asked := _asked(scored, metric)):
            made = metric.aggregate(asked, _asked(real, metric))
            out |= {name: estimate.as_dict() for name, estimate in made.items()}
    return out


def _asked(scored: Sequence[ScoredRow], metric: Metric) -> list[ScoredRow]:
    return [each for each in scored if metric.asked_of(each.row) and not metric.not_scored(each.row)]


def _tables(scored: Sequence[ScoredRow], metrics: Sequence[Metric]) -> dict[str, Any]:
    tables = {}
    for metric in metrics:
        asked = _asked(scored, metric)
        made = metric.tables(asked) if metric.tables and asked else {}
        if made:
            tables[metric.name] = made
    return tables


def _value(summary: Mapping[str, Any], system: str, column: str) -> float | None:
    estimate = summary["systems"].get(system, {}).get("scores", {}).get(column)
    return None if estimate is None else estimate["value"]
