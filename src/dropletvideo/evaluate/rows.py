"""`rows.jsonl`: one line per scored video, appended as soon as it is done; what resuming reads.

A line holds what was asked, the measures, the scores, what is missing and why, or the error. `judges` has the key of
every judge whose measures the line holds (see `measuring`): equal keys are measured once and never again, in this run
or a later one. A line cut off by a crash is passed over. An error is a line of its own kind: it holds no score and is
tried again.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np

from dropletvideo.evaluate.manifest import ManifestRow
from dropletvideo.evaluate.measuring import FACT_COLUMNS, FACTS, NOT_FINITE, reason_of
from dropletvideo.evaluate.metric import Metric, ScoredRow
from dropletvideo.files import JsonLines
from dropletvideo.perception.judge import Judge

MODEL = "model"


@dataclass(frozen=True, kw_only=True)
class Result:
    """One video of one system: `system` is "model" or a baseline's name.

    Attributes:
        keys: judge name to the key of its measures, of the judges that answered.
        measures: judge columns; empty where the video failed.
        judge_errors: judge name to what ended it, where others went on.
        error: why the video has no measures at all, else None.
    """

    system: str
    row: ManifestRow
    keys: Mapping[str, str] = field(default_factory=dict)
    measures: Mapping[str, Any] = field(default_factory=dict)
    judge_errors: Mapping[str, str] = field(default_factory=dict)
    error: str | None = None


@dataclass(frozen=True, kw_only=True)
class Scores:
    """Scores of a video by column, and why a score that was asked is not there.

    Attributes:
        values: columns asked for; None where it could not be told.
        missing: column to reason, for each None.
        not_scored: metric to reason, where the row lacks what the metric needs (a prompt, a reference).
    """

    values: dict[str, float | None]
    missing: dict[str, str]
    not_scored: dict[str, str]


def scores_of(result: Result, metrics: Sequence[Metric]) -> Scores:
    """Scores of a measured video over all metrics that are asked of it."""
    values: dict[str, float | None] = {}
    missing: dict[str, str] = {}
    not_scored: dict[str, str] = {}
    for metric in metrics:
        if not metric.asked_of(result.row):
            continue
        if reason := metric.not_scored(result.row):
            not_scored[metric.name] = reason
            continue
        try:
            found = metric.score(result.row, result.measures)
        except Exception as error:  # the fault of one metric costs its own columns only
            broken = [column.name for column in metric.columns if column.of == "video"]
            values |= dict.fromkeys(broken)
            missing |= dict.fromkeys(broken, f"the metric {metric.name} failed: {reason_of(error)}")
            continue
        values |= {name: _finite(value) for name, value in found.items()}
        missing |= {n: _why_missing(metric, n, v, result) for n, v in found.items() if _finite(v) is None}
    return Scores(values=values, missing=missing, not_scored=not_scored)


def scored_row(result: Result, metrics: Sequence[Metric], folder: Path | None = None) -> ScoredRow:
    """A result as `aggregate` and `tables` of a metric take it."""
    return ScoredRow(row=result.row, measures=result.measures, scores=scores_of(result, metrics).values, folder=folder)


def _finite(value: float | None) -> float | None:
    return value if value is not None and math.isfinite(value) else None


def _why_missing(metric: Metric, column: str, value: float | None, result: Result) -> str:
    for judge in metric.judges:
        if judge.name in result.judge_errors:
            return f"the judge {judge.name} failed: {result.judge_errors[judge.name]}"
    bad = {name for judge in metric.judges for name in judge.columns} & set(result.measures.get(NOT_FINITE) or ())
    if value is not None or column in bad or (bad and len(metric.columns) == 1):
        return "not a number"
    return "cannot be told from one frame" if result.measures.get("num_frames") == 1 else "cannot be told"


def line_of(result: Result, metrics: Sequence[Metric], absent: Sequence[str] = ()) -> dict[str, Any]:
    """The JSON object of a result; `absent` names metrics that were asked and cannot run here."""
    row = result.row
    line: dict[str, Any] = {
        "system": result.system,
        "id": row.id,
        "video": str(row.video),
        "group": row.cluster,
        "motion": row.motion,
        "moves": None if row.moves is None else list(row.moves),
        "seed": row.seed,
        "metrics": {metric.name: metric.version for metric in metrics},
    }
    if result.error is not None:
        return line | {"error": result.error}
    scores = scores_of(result, metrics)
    line |= {"scores": scores.values, "measures": dict(result.measures), "judges": dict(result.keys)}
    more = {
        "missing": scores.missing,
        "not_scored": scores.not_scored,
        "judge_errors": dict(result.judge_errors),
        "absent": list(absent),
    }
    return line | {key: value for key, value in more.items() if value}


class RowFile:
    """The append-only file. `lines` holds what it had when opened, the last line of each video and system."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self.lines: dict[tuple[str, str], dict[str, Any]] = {}
        self._all = read_lines(path)
        for line in self._all:
            self.lines[line["system"], line["id"]] = line

    def known(self, judges: Sequence[Judge]) -> dict[str, dict[str, Any]]:
        """Measures of earlier runs by key, for these judges and for what files say of themselves."""
        columns = {judge.name: tuple(judge.columns) for judge in judges} | {FACTS: FACT_COLUMNS}
        arrays = {judge.name: _arrays(judge) for judge in judges}
        found: dict[str, dict[str, Any]] = {}
        for line in self._all:
            measures, keys = line.get("measures") or {}, line.get("judges") or {}
            for judge, names in columns.items():
                if (
                    judge in keys
                    and all(name in measures for name in names)
                    and self._has_files(measures, arrays, judge)
                ):
                    found[keys[judge]] = _own(measures, names)
        return found

    def append(self, line: Mapping[str, Any]) -> bool:
        """Write a line at the end, unless the file's last word on this video is the same; True if written."""
        plain = _plain(dict(line))
        key = (plain["system"], plain["id"])
        if self.lines.get(key) == plain:
            return False
        JsonLines(self.path).append(plain)
        self.lines[key] = plain
        self._all.append(plain)
        return True

    def _has_files(self, measures: Mapping[str, Any], arrays: Mapping[str, Sequence[str]], judge: str) -> bool:
        return all((self.path.parent / str(measures[name])).is_file() for name in arrays.get(judge, ()))


def read_lines(path: Path) -> list[dict[str, Any]]:
    """All whole lines of the file, oldest first; none where there is no file."""
    return [line for _, line in JsonLines(path).read() if "system" in line and "id" in line]


def _arrays(judge: Judge) -> list[str]:
    return [name for name, kind in judge.columns.items() if kind is np.ndarray]


def _own(measures: Mapping[str, Any], names: Sequence[str]) -> dict[str, Any]:
    own = {name: measures[name] for name in names}
    bad = [name for name in measures.get(NOT_FINITE) or () if name in own]
    return own | ({NOT_FINITE: bad} if bad else {})


def _plain(value: Any) -> Any:
    """Values as JSON has them: numpy scalars become numbers, NaN and infinities None."""
    if isinstance(value, Mapping):
        return {str(key): _plain(item) for key, item in value.items()}
    if isinstance(value, list | tuple):
        return [_plain(item) for item in value]
    if hasattr(value, "tolist"):
        return _plain(value.tolist())
    if isinstance(value, float):
        return value if math.isfinite(value) else None
    return value
