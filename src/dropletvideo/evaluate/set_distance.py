"""A distance between the features of generated and of real clips, with an interval over prompts.

Distances of this kind grow when rows are fewer or stand twice, so that plain percentiles of a bootstrap lie above the
value itself. The interval here is the spread of the redrawn values about their own mean, laid upon the value.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from dropletvideo.evaluate.aggregate import Estimate, bootstrap_interval
from dropletvideo.evaluate.manifest import ManifestRow
from dropletvideo.evaluate.metric import ScoredRow

RESAMPLES = 50
Rows = NDArray[np.float32]
Distance = Callable[[Rows, Rows], float | None]


def distance_estimate(
    rows: Sequence[ScoredRow], real: Sequence[ScoredRow], column: str, distance: Distance
) -> Estimate:
    """The distance of the feature rows of `rows` to those of `real`; prompts of `rows` are redrawn, `real` is kept.

    Args:
        rows: of one system; those without features count as missing.
        real: of the real clips; without any there is no value, and every row counts as missing.
        column: judge column with N,D features of a video.
        distance: of two sets, None where they do not define it.
    """
    reference = features_of(real, column)
    if not reference:
        return _none(len(rows))
    against = np.concatenate([each for _, each in reference])
    return set_value(rows, column, lambda found: distance(found, against))


def set_value(rows: Sequence[ScoredRow], column: str, value_of: Callable[[Rows], float | None]) -> Estimate:
    """A value of all feature rows of a system, with its interval; see `distance_estimate`."""
    found = features_of(rows, column)
    clusters: dict[str, list[Rows]] = {}
    for row, features in found:
        clusters.setdefault(row.row.cluster, []).append(features)
    groups = [np.concatenate(members) for members in clusters.values()]
    value = value_of(np.concatenate(groups)) if groups else None
    if value is None:
        return _none(len(rows))

    def centred(drawn: NDArray[np.int64]) -> NDArray[np.float64]:
        redrawn = [value_of(np.concatenate([groups[number] for number in one])) for one in drawn]
        numbers = np.array([np.nan if each is None else each for each in redrawn], np.float64)
        return numbers - np.nanmean(numbers) + value if np.isfinite(numbers).any() else numbers

    low, high = bootstrap_interval(len(groups), centred, resamples=RESAMPLES)
    return Estimate(
        value=value, low=low, high=high, count=len(found), missing=len(rows) - len(found), clusters=len(groups)
    )


def no_score(row: ManifestRow, measures: Mapping[str, Any]) -> dict[str, float | None]:  # noqa: ARG001  sets only
    """A set metric has no score of a single video."""
    return {}


def features_of(rows: Sequence[ScoredRow], column: str) -> list[tuple[ScoredRow, Rows]]:
    """The rows that have features, with them."""
    found = ((row, row.feature(column)) for row in rows)
    return [(row, features) for row, features in found if features is not None and len(features)]


def _none(missing: int) -> Estimate:
    return Estimate(value=None, low=None, high=None, count=0, missing=missing, clusters=0)
