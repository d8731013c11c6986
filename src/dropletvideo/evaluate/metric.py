"""What a metric is: judges from `perception/`, how a video's measures become scores, and tables of its own.

A metric measures nothing itself. `judges` look at the frames; `score` turns one row and its measures into numbers,
purely, so that a change of the arithmetic needs no new decode; `tables` looks at all scored rows of one system (the
model, or a baseline) at once. One file in `evaluate/metrics/` with a `build()` adds one: the folder is the registry.
"""

from __future__ import annotations

import importlib
import pkgutil
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Literal

from dropletvideo.evaluate.manifest import ManifestRow
from dropletvideo.perception.judge import Judge

Better = Literal["higher", "lower", "neither"]


@dataclass(frozen=True, kw_only=True)
class Column:
    """A score of one video. `better` says which way is better; "neither" describes and ranks nothing."""

    name: str
    label: str
    unit: str
    better: Better
    decimals: int = 3


@dataclass(frozen=True, kw_only=True)
class ScoredRow:
    """A manifest row of one system with its measures (judge columns) and scores (metric columns)."""

    row: ManifestRow
    measures: Mapping[str, Any]
    scores: Mapping[str, float | None]


@dataclass(frozen=True, kw_only=True)
class Metric:
    """See the module text.

    Attributes:
        version: raised when `score` or `tables` change a number. score: columns to value; a column that the row does
        not ask for is left out, one that is asked but could not be told
            is None and counts as missing.
        tables: JSON-able summary over all rows of one system, or None.
    """

    name: str
    title: str
    version: int
    about: str
    columns: tuple[Column, ...]
    judges: tuple[Judge, ...]
    score: Callable[[ManifestRow, Mapping[str, Any]], dict[str, float | None]]
    tables: Callable[[Sequence[ScoredRow]], dict[str, Any]] | None = None


def metric_names() -> list[str]:
    """Names of the files in `evaluate/metrics/`, in the order of the alphabet."""
    package = importlib.import_module("dropletvideo.evaluate.metrics")
    return sorted(module.name for module in pkgutil.iter_modules(package.__path__))


def load_metric(name: str) -> Metric:
    """Build the metric of one file."""
    metric: Metric = importlib.import_module(f"dropletvideo.evaluate.metrics.{name}").build()
    return metric


def load_metrics() -> list[Metric]:
    """All metrics, in the order of the alphabet."""
    return [load_metric(name) for name in metric_names()]


def judges_of(metrics: Sequence[Metric]) -> list[Judge]:
    """The judges that the metrics ask for, each once."""
    judges = {judge.name: judge for metric in metrics for judge in metric.judges}
    return list(judges.values())
