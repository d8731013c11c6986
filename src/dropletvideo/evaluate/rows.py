"""`rows.jsonl`: one line per scored video, appended as soon as it is done; what resuming reads.

A line holds what was asked, the measures, the scores, or the error. Its `measure_key` covers the bytes of the video
and of the image, the fit and the judges' versions: equal keys are measured once and never again, in this run or a
later one. A line cut off by a crash is passed over. An error is a line of its own kind: it holds no score and is
tried again.
"""

from __future__ import annotations

import hashlib
import json
import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from dropletvideo.evaluate.manifest import ManifestRow
from dropletvideo.evaluate.metric import Metric, judges_of

MODEL = "model"


@dataclass(frozen=True, kw_only=True)
class Result:
    """One video of one system: `system` is "model" or a baseline's name.

    Attributes:
        measures: judge columns; empty where the video failed.
        judge_errors: judge name to what ended it, where others went on.
        error: why the video has no measures at all, else None.
    """

    system: str
    row: ManifestRow
    measure_key: str | None = None
    measures: Mapping[str, Any] = field(default_factory=dict)
    judge_errors: Mapping[str, str] = field(default_factory=dict)
    error: str | None = None


def file_digest(path: Path) -> str:
    """blake2b of a file's bytes (128 bit, hex).

    Raises:
        OSError: the file cannot be read.
    """
    with path.open("rb") as file:
        return hashlib.file_digest(file, lambda: hashlib.blake2b(digest_size=16)).hexdigest()


def measure_key(row: ManifestRow, metrics: Sequence[Metric]) -> str:
    """Identity of the measures of a row: same key, same numbers.

    Raises:
        OSError: the video or the image cannot be read.
    """
    versions = sorted((judge.name, judge.version) for judge in judges_of(metrics))
    image = file_digest(row.image) if row.image else None
    parts = [file_digest(row.video), image, row.fit, versions]
    return hashlib.blake2b(json.dumps(parts).encode(), digest_size=12).hexdigest()


def scores_of(result: Result, metrics: Sequence[Metric]) -> dict[str, float | None]:
    """Scores of a measured video over all metrics that are asked of it."""
    only = result.row.extra.get("only")
    scores: dict[str, float | None] = {}
    for metric in metrics:
        if only is None or metric.name in only:
            scores.update(metric.score(result.row, result.measures))
    return scores


def line_of(result: Result, metrics: Sequence[Metric]) -> dict[str, Any]:
    """The JSON object of a result."""
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
        "measure_key": result.measure_key,
    }
    if result.error is not None:
        return line | {"error": result.error}
    scores = scores_of(result, metrics)
    errors = {"judge_errors": dict(result.judge_errors)} if result.judge_errors else {}
    return line | {"scores": scores, "measures": dict(result.measures), **errors}


class RowFile:
    """The append-only file. `lines` holds what it had when opened, the last line of each video and system."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self.lines = {(line["system"], line["id"]): line for line in _read_lines(path)}

    def known_measures(self) -> dict[str, dict[str, Any]]:
        """Measures of earlier runs by `measure_key`, without those whose judges failed."""
        return {
            line["measure_key"]: line["measures"]
            for line in self.lines.values()
            if line.get("measure_key") and line.get("measures") and not line.get("judge_errors")
        }

    def append(self, line: Mapping[str, Any]) -> bool:
        """Write a line at the end, unless the file's last word on this video is the same; True if written."""
        plain = _plain(dict(line))
        key = (plain["system"], plain["id"])
        if self.lines.get(key) == plain:
            return False
        self.path.parent.mkdir(parents=True, exist_ok=True)
        with self.path.open("a", encoding="utf-8") as file:
            file.write(("\n" if _lacks_newline(self.path) else "") + json.dumps(plain, ensure_ascii=False) + "\n")
        self.lines[key] = plain
        return True


def _read_lines(path: Path) -> list[dict[str, Any]]:
    if not path.is_file():
        return []
    lines = []
    for text in path.read_text(encoding="utf-8", errors="replace").split("\n"):
        try:
            line = json.loads(text) if text.strip() else None
        except json.JSONDecodeError:
            continue  # the end of a run that was killed while it wrote
        if isinstance(line, dict) and "system" in line and "id" in line:
            lines.append(line)
    return lines


def _lacks_newline(path: Path) -> bool:
    if not path.exists() or path.stat().st_size == 0:
        return False
    with path.open("rb") as file:
        file.seek(-1, 2)
        return file.read(1) != b"\n"


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
