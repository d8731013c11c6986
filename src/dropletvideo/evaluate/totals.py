"""Totals of a suite from the means of its columns, with the interval that draws all columns' rows together."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from dropletvideo.evaluate.aggregate import drawn_clusters, interval_of
from dropletvideo.evaluate.metric import Column, Metric, ScoredRow
from dropletvideo.evaluate.suite import Suite


def total_estimates(
    suite: Suite, metrics: Sequence[Metric], scored: Sequence[ScoredRow], scores: Mapping[str, Mapping[str, Any]]
) -> dict[str, dict[str, Any]]:
    """Each total of a suite with its interval; one that needs an absent column has the value None.

    Clusters are drawn once for all columns, so that what an image does to several columns is kept together. A column
    that is no mean over rows (a set metric) stays at its value in every draw.
    """
    assert suite.totals is not None
    names = tuple(suite.columns or scores)
    means = {name: (scores.get(name) or {}).get("value") for name in names}
    totals = suite.totals(means)
    intervals = _intervals(suite, metrics, scored, means, totals)
    clusters = len({each.row.cluster for each in scored})
    return {
        name: {
            "value": value,
            "low": intervals.get(name, (None, None))[0],
            "high": intervals.get(name, (None, None))[1],
            "count": len(scored),
            "missing": 0 if value is not None else len(scored),
            "clusters": clusters,
        }
        for name, value in totals.items()
    }


def _intervals(
    suite: Suite,
    metrics: Sequence[Metric],
    scored: Sequence[ScoredRow],
    means: Mapping[str, float | None],
    totals: Mapping[str, float | None],
) -> dict[str, tuple[float | None, float | None]]:
    assert suite.totals is not None
    clusters = {name: number for number, name in enumerate(dict.fromkeys(each.row.cluster for each in scored))}
    columns = {column.name: column for metric in metrics for column in metric.columns}
    sums = {n: _sums(columns[n], scored, clusters) for n in means if n in columns and columns[n].of == "video"}
    told = [name for name, value in totals.items() if value is not None]
    if len(clusters) < 2 or not told:
        return {}
    found = [
        suite.totals({name: _mean(sums.get(name), drawn, means[name]) for name in means})
        for drawn in drawn_clusters(len(clusters))
    ]
    return {name: interval_of(np.array([each[name] for each in found], dtype=np.float64)) for name in told}


def _sums(
    column: Column, scored: Sequence[ScoredRow], clusters: Mapping[str, int]
) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Weighted sum and weight of a column in each cluster."""
    tops, weights = np.zeros(len(clusters)), np.zeros(len(clusters))
    for each in scored:
        value = each.scores.get(column.name)
        weight = 1.0 if column.weight is None else each.measures.get(column.weight)
        if value is not None and weight is not None:
            tops[clusters[each.row.cluster]] += value * weight
            weights[clusters[each.row.cluster]] += weight
    return tops, weights


def _mean(
    sums: tuple[NDArray[np.float64], NDArray[np.float64]] | None, drawn: NDArray[np.int64], otherwise: float | None
) -> float | None:
    if sums is None or otherwise is None:
        return otherwise
    bottom = float(sums[1][drawn].sum())
    return float(sums[0][drawn].sum()) / bottom if bottom > 0 else None
