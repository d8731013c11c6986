"""What a metric is: judges from `perception/`, how a video's measures become scores, and sums over many videos.

A metric measures nothing itself. `judges` look at the frames; `score` turns one row and its measures into numbers,
purely, so that a change of the arithmetic needs no new decode; `aggregate` and `tables` look at all scored rows of one
system (the model, or a baseline) at once. One file in `evaluate/metrics/` with a `build()` adds one: the folder is the
registry, and `suites` says in which suites it takes part.

**Learned metrics** name their files in `weights` (entries of `published.py`) and the packages in `libraries`. Where one
is not here, or its licence does not fit the profile asked for, the metric is *absent*: not run, listed with the reason,
never a zero. `build()` must work without them: a judge opens its file at the first frame, by `weights.weights_path`.

**Set metrics** (FVD, FID): a judge column of type `numpy.ndarray` holds the features of one video (one row a frame or
window). They are kept as `OUT/features/*.npz` beside the rows; `ScoredRow.feature(column)` reads them back, `aggregate`
makes the value with its interval (`aggregate.set_estimate`). Its columns have `of="set"` and no score per video.

**What a judge reads of the row** beside the frames: an optional attribute `reads` of the judge names manifest fields
(`prompt`, `image`, `reference_video`, `camera`, `events`, ...). A change of one of these measures that video again. The
row handed to `start` has the manifest's fields, and `image_frame` (HWC uint8, or None) where `image` is read.
"""

from __future__ import annotations

import importlib
import pkgutil
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from importlib.util import find_spec
from pathlib import Path
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray

from dropletvideo.evaluate.aggregate import Estimate
from dropletvideo.evaluate.manifest import ManifestRow
from dropletvideo.perception.judge import Judge
from dropletvideo.weights import look_for, named

Better = Literal["higher", "lower", "neither"]
Flavour = Literal["compat", "fixed", "paper", "own"]
Profile = Literal["paper", "permissive"]
SuiteName = Literal["truth", "vbench-i2v", "istp", "mirabench", "survey"]


@dataclass(frozen=True, kw_only=True)
class Column:
    """A score of one video, or of a set of them.

    Attributes:
        better: which way is better; "neither" describes and ranks nothing.
        of: "video" has a value per row and the mean over rows; "set" only what `Metric.aggregate` gives.
        weight: measure by which videos count in the mean (frame pairs, where a tool pools frames); None counts equally.
        flavour: compat (the published tool's numbers, its faults kept), fixed (without its fault), paper (as the paper
            writes it, where the tool differs), own; None takes the metric's.
        official: the published name of the column ("I2V-S"), where it has one.
        judges: names of those of the metric's judges that it needs; empty for all of them.
    """

    name: str
    label: str
    unit: str
    better: Better
    decimals: int = 3
    of: Literal["video", "set"] = "video"
    weight: str | None = None
    flavour: Flavour | None = None
    official: str = ""
    judges: tuple[str, ...] = ()


@dataclass(frozen=True, kw_only=True)
class ScoredRow:
    """A manifest row of one system with its measures (judge columns) and scores (metric columns).

    `folder` is where the features of set metrics lie; a measure of type array is the name of its file there.
    """

    row: ManifestRow
    measures: Mapping[str, Any]
    scores: Mapping[str, float | None]
    folder: Path | None = None

    def feature(self, column: str) -> NDArray[np.float32] | None:
        """The array of a judge column, None where this video has none."""
        name = self.measures.get(column)
        if name is None or self.folder is None:
            return None
        with np.load(self.folder / str(name)) as arrays:
            array: NDArray[np.float32] = arrays[column]
        return array


Score = Callable[[ManifestRow, Mapping[str, Any]], dict[str, float | None]]
Aggregate = Callable[[Sequence[ScoredRow], Sequence[ScoredRow]], dict[str, Estimate]]
"""(rows of a system, rows of the real clips, empty where none are given) -> estimates by column."""


def as_measured(columns: Sequence[Column]) -> Score:
    """The `score` of a metric whose columns are its judges' own, under the same names."""
    return lambda row, measures: {column.name: measures.get(column.name) for column in columns}  # noqa: ARG005


def _all_rows(row: ManifestRow) -> bool:  # noqa: ARG001  the default asks nothing of a row
    return True


@dataclass(frozen=True, kw_only=True)
class Metric:
    """See the module text.

    Attributes:
        version: raised when `score`, `aggregate` or `tables` change a number.
        score: columns to value; a column that the row does not ask for is left out, one that is asked but could not be
            told is None and counts as missing.
        suites: the suites it takes part in; without any it runs when it is named, and with `all`.
        flavour: see `Column.flavour`.
        weights: pretrained files by their names in `published.py`. libraries: packages that are no part of the base.
        requires: manifest fields (`prompt`, `image`, ...) without which a row cannot be scored: it is counted as not
            scored, with the field as the reason.
        dimension: a row that lists `dimensions` (VBench) is scored only when this one is among them.
        applies: further condition on the row; a row to which a metric does not apply is not decoded for it.
        aggregate: estimates over all rows by column, which stand in place of the mean.
        exported: what the published tool writes of a video, for the export of its format; `video_results` is its value.
        tables: JSON-able summary over all rows of one system, or None.
    """

    name: str
    title: str
    version: int
    about: str
    columns: tuple[Column, ...]
    judges: tuple[Judge, ...]
    score: Score
    suites: tuple[SuiteName, ...] = ()
    flavour: Flavour = "own"
    weights: tuple[str, ...] = ()
    libraries: tuple[str, ...] = ()
    requires: tuple[str, ...] = ()
    dimension: str | None = None
    applies: Callable[[ManifestRow], bool] = field(default=_all_rows)
    aggregate: Aggregate | None = None
    tables: Callable[[Sequence[ScoredRow]], dict[str, Any]] | None = None
    exported: Callable[[ScoredRow], dict[str, Any]] | None = None

    def asked_of(self, row: ManifestRow) -> bool:
        """Whether a row is scored by this metric."""
        only, dimensions = row.extra.get("only"), row.dimensions
        if only is not None and self.name not in only:
            return False
        if self.dimension is not None and dimensions is not None and self.dimension not in dimensions:
            return False
        return self.applies(row)

    def not_scored(self, row: ManifestRow) -> str:
        """Why a row that is asked cannot be scored, by what it does not hold; empty when it can."""
        return next((f"the row has no {name}" for name in self.requires if not getattr(row, name)), "")

    def only(self, flavours: Sequence[Flavour]) -> Metric | None:
        """The metric with its columns of these flavours and the judges that they need; None where it has none."""
        kept = tuple(column for column in self.columns if (column.flavour or self.flavour) in flavours)
        if not kept:
            return None
        names, needed = {column.name for column in kept}, {name for column in kept for name in column.judges}
        if all(column.judges for column in kept):
            judges = tuple(judge for judge in self.judges if judge.name in needed)
        else:
            judges = self.judges
        aggregate = self.aggregate

        def score(row: ManifestRow, measures: Mapping[str, Any]) -> dict[str, float | None]:
            return {name: value for name, value in self.score(row, measures).items() if name in names}

        def of_sets(rows: Sequence[ScoredRow], real: Sequence[ScoredRow]) -> dict[str, Estimate]:
            assert aggregate is not None
            return {name: value for name, value in aggregate(rows, real).items() if name in names}

        return replace(self, columns=kept, judges=judges, score=score, aggregate=aggregate and of_sets)

    def lacks(self, profile: Profile = "paper") -> str:
        """Why it cannot run here, with the next step; empty when it can. `permissive` refuses non-commercial files."""
        for name in self.weights:
            entry = named(name)
            if profile == "permissive" and not entry.is_free:
                return f"weights {name!r} are under {entry.licence}: take --profile paper where that is allowed"
        for library in self.libraries:
            if find_spec(library) is None:
                return f"the package {library!r} is not installed: pip install 'dropletvideo[eval]'"
        return next((found.lacks for name in self.weights if (found := look_for(name)).lacks), "")


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


def judges_behind(judges: Sequence[Judge], *measures: str | None) -> tuple[str, ...]:
    """Names of the judges that give these measures, as `Column.judges` takes them."""
    return tuple(judge.name for judge in judges if any(measure in judge.columns for measure in measures))
