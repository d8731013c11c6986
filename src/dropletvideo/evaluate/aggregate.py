"""From scores of videos to a mean with an interval: cluster bootstrap over prompts or images, never over videos.

Videos of one image (several M, several seeds) are not independent, so whole groups are drawn with replacement. A
value that is missing stays missing: it is counted, and is never a zero.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Hashable, Sequence
from dataclasses import asdict, dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

NUM_RESAMPLES = 2000
CONFIDENCE = 0.95
SEED = 20250306


@dataclass(frozen=True, kw_only=True)
class Estimate:
    """A number with its bootstrap interval.

    Attributes:
        value: None where nothing could be counted.
        low, high: bounds of the 95 % interval (percentiles); None with fewer than two clusters.
        count: values that counted; missing: values that were asked for and are not there.
        clusters: independent groups among the counted.
    """

    value: float | None
    low: float | None
    high: float | None
    count: int
    missing: int
    clusters: int

    def as_dict(self) -> dict[str, Any]:
        """Plain dictionary for JSON."""
        return asdict(self)


def mean_estimate(
    values: Sequence[float | None],
    clusters: Sequence[Hashable],
    weights: Sequence[float | None] | None = None,
) -> Estimate:
    """Mean of the present values, interval by drawing clusters; what is not finite counts as missing.

    `weights` weigh the values (frames of a video); a value without a finite weight counts as missing.
    """
    weights = [1.0] * len(values) if weights is None else weights
    present = [
        (float(value), float(weight), cluster)
        for value, weight, cluster in zip(values, weights, clusters, strict=True)
        if value is not None and weight is not None and math.isfinite(value) and math.isfinite(weight)
    ]
    missing = len(values) - len(present)
    if not present:
        return Estimate(value=None, low=None, high=None, count=0, missing=missing, clusters=0)
    sums, counts = _cluster_sums(present)
    low, high = bootstrap_interval(len(sums), lambda drawn: _ratio(sums[drawn].sum(-1), counts[drawn].sum(-1)))
    value = float(sums.sum() / counts.sum()) if counts.sum() > 0 else None
    return Estimate(value=value, low=low, high=high, count=len(present), missing=missing, clusters=len(sums))


def set_estimate(
    clusters: Sequence[Hashable],
    statistic: Callable[[NDArray[np.int64]], float | None],
    *,
    missing: int = 0,
    resamples: int = 200,
) -> Estimate:
    """A value of a whole set (a distance of distributions) with its interval, by drawing clusters.

    Args:
        clusters: one per row that has features.
        statistic: takes row numbers (repeated as drawn; all rows once for the value itself) and returns the value, or
            None where these rows do not define it.
        missing: rows without features.
    """
    members: dict[Hashable, list[int]] = {}
    for number, cluster in enumerate(clusters):
        members.setdefault(cluster, []).append(number)
    groups = [np.array(numbers, dtype=np.int64) for numbers in members.values()]
    value = statistic(np.arange(len(clusters))) if groups else None

    def of_drawn(drawn: NDArray[np.int64]) -> NDArray[np.float64]:
        found = [statistic(np.concatenate([groups[number] for number in one])) for one in drawn]
        return np.array([np.nan if each is None else each for each in found], dtype=np.float64)

    low, high = (None, None)
    if value is not None:
        low, high = bootstrap_interval(len(groups), of_drawn, resamples=resamples)
    return Estimate(
        value=None if value is None or not math.isfinite(value) else float(value),
        low=low,
        high=high,
        count=len(clusters),
        missing=missing,
        clusters=len(groups),
    )


def bootstrap_interval(
    num_clusters: int,
    statistic: Callable[[NDArray[np.int64]], NDArray[np.float64]],
    *,
    resamples: int = NUM_RESAMPLES,
    seed: int = SEED,
) -> tuple[float | None, float | None]:
    """Percentile interval of a statistic over resampled clusters.

    Args:
        num_clusters: clusters to draw from; fewer than two give no interval.
        statistic: takes drawn cluster numbers (resamples, num_clusters) and returns one value per resample; NaN and
            infinite values (a resample for which it is not defined) are left out.
    """
    if num_clusters < 2:
        return None, None
    return interval_of(statistic(drawn_clusters(num_clusters, resamples=resamples, seed=seed)))


def drawn_clusters(num_clusters: int, *, resamples: int = NUM_RESAMPLES, seed: int = SEED) -> NDArray[np.int64]:
    """Cluster numbers drawn with replacement, (resamples, num_clusters); the same for the same arguments."""
    return np.random.default_rng(seed).integers(0, num_clusters, size=(resamples, num_clusters))


def interval_of(values: NDArray[np.float64]) -> tuple[float | None, float | None]:
    """The middle 95 % of drawn values; NaN and infinite ones are left out, none left give no interval."""
    values = values[np.isfinite(values)]
    if not len(values):
        return None, None
    tail = (1.0 - CONFIDENCE) / 2.0
    low, high = np.quantile(values, [tail, 1.0 - tail])
    return float(low), float(high)


def _cluster_sums(
    present: Sequence[tuple[float, float, Hashable]],
) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Weighted sum and weight of each cluster, in order of first appearance."""
    totals: dict[Hashable, list[float]] = {}
    for value, weight, cluster in present:
        total = totals.setdefault(cluster, [0.0, 0.0])
        total[0] += value * weight
        total[1] += weight
    table = np.array(list(totals.values()), dtype=np.float64)
    return table[:, 0], table[:, 1]


def _ratio(top: NDArray[np.float64], bottom: NDArray[np.float64]) -> NDArray[np.float64]:
    return np.divide(top, bottom, out=np.full_like(top, np.nan), where=bottom > 0)
