"""Measure one video for all metrics in one decode, and know what need not be measured again.

Each judge of each video has a key: the bytes of the video, the judge's name and version, its weights, and what it reads
of the row (`reads`). Equal keys are measured once, in this run or a later one; a new metric measures only what is new.
Arrays (the features of set metrics) are written as files of that key's name and stay out of the rows.
"""

from __future__ import annotations

import hashlib
import json
import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from functools import cache
from pathlib import Path
from typing import Any

import numpy as np

from dropletvideo import media
from dropletvideo.errors import MediaError
from dropletvideo.evaluate.manifest import ManifestRow
from dropletvideo.evaluate.metric import Metric, load_metric
from dropletvideo.evaluate.reference import Asked, ReferenceFrames
from dropletvideo.files import write_file
from dropletvideo.perception.judge import Judge
from dropletvideo.tables.plan import watch_video
from dropletvideo.weights import look_for

FACTS = "frame_facts"
FACT_COLUMNS = ("num_frames", "height", "width", "source_fps")
NOT_FINITE = "not_finite"
"""Measure that names the columns of a judge whose value was NaN or infinite, which JSON does not have."""
FEATURES = "features"


@dataclass(frozen=True)
class Task:
    """One video to measure; travels to a worker process.

    Attributes:
        judges: name of each judge to run, to its key; `FACTS` stands for what the file itself says.
        metrics: files that name these judges.
        out: folder of the results, below which features are written.
    """

    row: ManifestRow
    judges: Mapping[str, str]
    metrics: tuple[str, ...]
    out: Path


@dataclass(kw_only=True)
class Measured:
    """Columns by judge, what ended a judge, and the sequential decodes and seeks that it took."""

    columns: dict[str, dict[str, Any]] = field(default_factory=dict)
    errors: dict[str, str] = field(default_factory=dict)
    decodes: int = 0
    reads: int = 0


def file_digest(path: Path) -> str:
    """blake2b of a file's bytes (128 bit, hex).

    Raises:
        OSError: the file cannot be read.
    """
    with path.open("rb") as file:
        return hashlib.file_digest(file, lambda: hashlib.blake2b(digest_size=16)).hexdigest()


class Keys:
    """Keys of judges and rows; a file's digest and that of weights are taken once."""

    def __init__(self, metrics: Sequence[Metric]) -> None:
        self._files: dict[Path, str] = {}
        self._weights: dict[str, set[str]] = {}
        for metric in metrics:
            found = {look_for(name).digest for name in metric.weights}
            for judge in metric.judges:
                self._weights.setdefault(judge.name, set()).update(found)

    def of_row(self, row: ManifestRow, judges: Sequence[Judge]) -> dict[str, str]:
        """Key of every judge for this row, and of the file itself under `FACTS`.

        Raises:
            OSError: the video, or a file that a judge reads, cannot be read.
        """
        video = self._digest(row.video)
        keys = {FACTS: video[:24]}
        for judge in judges:
            read = {name: self._read(row, name) for name in getattr(judge, "reads", ())}
            parts = [video, judge.name, judge.version, sorted(self._weights.get(judge.name, ())), read]
            keys[judge.name] = hashlib.blake2b(json.dumps(parts, default=str).encode(), digest_size=12).hexdigest()
        return keys

    def _digest(self, path: Path) -> str:
        if path not in self._files:
            self._files[path] = file_digest(path)
        return self._files[path]

    def _read(self, row: ManifestRow, name: str) -> Any:
        value = getattr(row, name) if name in ManifestRow.model_fields else row.extra.get(name)
        if isinstance(value, Path):
            return self._digest(value)
        if name == "camera":
            return None if row.camera is None else [ask.model_dump() for ask in row.camera]
        return value


def measure_row(task: Task) -> Measured:
    """All judges of one video, in one decode.

    Raises:
        MediaError: the file cannot be decoded or has no frame.
    """
    judges = [judge for judge in _judges(task.metrics) if judge.name in task.judges]
    asked = asked_row(task.row, judges)
    watched = watch_video(task.row.video, judges, spans=[(0, None)], rows=[asked], tolerate=(Exception,))
    if judges and watched.num_frames == 0:
        raise MediaError(task.row.video, "has no frame that can be decoded")
    clip = watched.clips[0] if watched.clips else {}
    facts = {name: clip.get(name) for name in FACT_COLUMNS}
    facts["num_frames"] = watched.num_frames or facts["num_frames"]
    measured = Measured(columns={FACTS: facts}, decodes=watched.decodes, reads=watched.reads)
    for name, columns in (*watched.video.items(), *watched.outcomes[0].items()):
        if isinstance(columns, Exception):
            measured.errors[name] = reason_of(columns)
        else:
            measured.columns[name] = _kept(columns, task.out, task.judges[name])
    return measured


def asked_row(row: ManifestRow, judges: Sequence[Judge]) -> dict[str, Any]:
    """What `start` of the judges gets: the manifest's fields, the asked image and the reference where they are read."""
    reads = {name for judge in judges for name in getattr(judge, "reads", ())}
    info = media.probe(row.video)
    asked: dict[str, Any] = {**row.extra, **row.model_dump(exclude={"extra"}), "num_frames": info.num_frames}
    asked["image_frame"] = media.read_image(row.image) if row.image is not None and "image" in reads else None
    if "reference_video" in reads and row.reference_video is not None:
        shape = Asked(info.num_frames or 1 << 30, info.height, info.width, info.source_fps)
        asked["reference_frames"] = ReferenceFrames(row, shape)
    return asked


def reason_of(error: Exception) -> str:
    """What an exception says, or its kind."""
    return str(error) or type(error).__name__


@cache
def _judges(metrics: tuple[str, ...]) -> list[Judge]:
    """The judges of some metrics, made once a process: a learned one keeps its network."""
    judges = {judge.name: judge for name in metrics for judge in load_metric(name).judges}
    return list(judges.values())


def _kept(columns: Mapping[str, Any], out: Path, key: str) -> dict[str, Any]:
    """Columns as a row keeps them: arrays are written to a file and become its name, NaN becomes None with a note."""
    arrays = {name: value for name, value in columns.items() if isinstance(value, np.ndarray)}
    kept = {name: value for name, value in columns.items() if name not in arrays}
    bad = sorted(name for name, value in kept.items() if isinstance(value, float) and not math.isfinite(value))
    kept |= dict.fromkeys(bad)
    if bad:
        kept[NOT_FINITE] = bad
    if arrays:
        place = Path(FEATURES) / f"{key}.npz"
        write_file(out / place, lambda file: np.savez(file, allow_pickle=False, **arrays))
        kept |= dict.fromkeys(arrays, str(place))
    return kept
