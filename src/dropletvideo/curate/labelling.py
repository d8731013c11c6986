"""Labels from a dataset or a folder of videos, and a dataset's camera classes against labels."""

from __future__ import annotations

import json
import os
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from dropletvideo.curate.sources import find_sources
from dropletvideo.data.label_score import ClassScore, score_classes
from dropletvideo.data.labels import Label, Labels
from dropletvideo.errors import ConfigError
from dropletvideo.moves import CAMERA_CLASSES
from dropletvideo.tables import views

LEAST_OVERLAP = 0.8
"""Intersection over union from which a labelled span and a clip are the same."""
TRUTH_SUFFIX = ".truth.json"


def labels_of_dataset(dataset: Path, where: str, count: int | None, folder: Path) -> Labels:
    """Entries for a dataset's clips, keyed by clip id, none of them labelled.

    Args:
        dataset: its folder.
        where: SQL condition over the view `clips`.
        count: at most so many, spread evenly over the clips in the order of their ids; None takes all.
        folder: where the labels will lie; paths are relative to it.
    """
    order = "hash(clip_id)" if count is not None else "video_path, start_frame"
    rows = views.read_clips(dataset, where, ("clip_id", "video_path", "start_frame", "end_frame"), order)
    clips = {
        str(row["clip_id"]): Label(
            video=_relative(str(row["video_path"]), folder), start_frame=row["start_frame"], end_frame=row["end_frame"]
        )
        for row in rows[:count]
    }
    return Labels(about=f"camera classes of {len(clips)} clips", clips=clips)


def labels_of_files(given: Iterable[str | Path], count: int | None, folder: Path, *, truth: bool) -> Labels:
    """Entries for whole video files, keyed by file name (by relative path where names meet).

    Args:
        given: files, folders, lists.
        count: at most so many.
        folder: where the labels will lie.
        truth: take classes from the truth files beside rendered footage; one entry per shot.

    Raises:
        ConfigError: nothing there, or no truth file beside a video where `truth` asks for it.
    """
    clips: dict[str, Label] = {}
    for path in find_sources(list(given)).paths[:count]:
        relative = _relative(path, folder)
        name = Path(path).name if Path(path).name not in clips else relative
        for suffix, label in _true_labels(path) if truth else [("", Label())]:
            clips[f"{name}{suffix}"] = label.model_copy(update={"video": relative})
    if not clips:
        raise ConfigError("no video was given: name files or a folder")
    return Labels(about=f"camera classes of {len(clips)} clips", clips=clips)


def _true_labels(path: str) -> list[tuple[str, Label]]:
    """What a truth file says of the shots of a video."""
    file = Path(path).with_name(Path(path).stem + TRUTH_SUFFIX)
    if not file.is_file():
        raise ConfigError(f"{file} is not there: only rendered footage (droplet world) has its truth beside it")
    shots = json.loads(file.read_text(encoding="utf-8"))["shots"]
    if len(shots) == 1:
        return [("", Label(classes=(shots[0]["camera_class"],)))]
    return [
        (
            f"@{shot['start_frame']}-{shot['end_frame']}",
            Label(start_frame=shot["start_frame"], end_frame=shot["end_frame"], classes=(shot["camera_class"],)),
        )
        for shot in shots
    ]


def _relative(path: str, folder: Path) -> str:
    return os.path.relpath(path, folder.resolve())


@dataclass(frozen=True)
class DatasetScore:
    """A score, and what could not be compared: labels without a clip of theirs."""

    score: ClassScore
    unmatched: tuple[str, ...]

    def as_dict(self) -> dict[str, Any]:
        """For JSON."""
        return {**self.score.as_dict(), "unmatched": list(self.unmatched)}


def score_dataset(dataset: Path, labels: Labels, column: str) -> DatasetScore:
    """A dataset's classes against people's.

    A label belongs to the clip with its id, else to the clip of the file of its name whose span is the same by at
    least four fifths; a label without a span is about the whole file.

    Raises:
        ConfigError: no such column of classes, or no label with a class.
    """
    given = labels.given()
    if not given:
        raise ConfigError("the labels hold no class yet: label some by droplet label page")
    rows = views.read_clips(dataset)
    if rows and column not in rows[0]:
        known = [name for name in rows[0] if name.startswith("camera_class")]
        raise ConfigError(f"column={column!r} is not in {dataset}: one of {', '.join(known) or 'none yet'}")
    by_id = {str(row["clip_id"]): row for row in rows}
    by_file: dict[str, list[dict[str, Any]]] = {}
    for row in rows:
        by_file.setdefault(Path(str(row["video_path"])).name, []).append(row)
    pairs: list[tuple[tuple[str, ...], str | None]] = []
    unmatched: list[str] = []
    for key, label in given.items():
        clip = by_id.get(key) or _clip_of(by_file.get(Path(label.video or key).name, []), label)
        if clip is None:
            unmatched.append(key)
        else:
            told = clip[column]
            pairs.append((label.classes, str(told) if told in CAMERA_CLASSES else None))
    return DatasetScore(score_classes(pairs), tuple(unmatched))


def _clip_of(clips: list[dict[str, Any]], label: Label) -> dict[str, Any] | None:
    """The clip that a labelled span is; for a whole file, one that fills what the file's clips cover."""
    if not clips:
        return None
    first, last = label.span or (0, max(int(clip["end_frame"]) for clip in clips))
    best = max(clips, key=lambda clip: _overlap(clip, first, last))
    return best if _overlap(best, first, last) >= LEAST_OVERLAP else None


def _overlap(clip: dict[str, Any], first: int, last: int) -> float:
    start, end = int(clip["start_frame"]), int(clip["end_frame"])
    inner = max(0, min(end, last) - max(start, first))
    return inner / max(1, max(end, last) - min(start, first))
