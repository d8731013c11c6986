"""What a worker process does for the runner: look at a source, cut and measure a video, measure given spans."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path
from typing import Any

from dropletvideo import media
from dropletvideo.errors import MediaError
from dropletvideo.tables.fingerprint import video_id_of
from dropletvideo.tables.plan import Watched, watch_video
from dropletvideo.tables.stage import Stage


@dataclass(frozen=True, kw_only=True)
class Source:
    """A file as it was looked at: identity, size, time of change, what its headers say."""

    path: str
    video_id: str
    size_bytes: int
    mtime_ns: int
    info: media.VideoInfo


@dataclass(frozen=True, kw_only=True)
class Task:
    """One video to decode once.

    Attributes:
        path: an existing path of the video.
        video: its row, handed to the judges.
        stages: names of the stages to measure.
        spans: None to cut it into clips first.
        rows: one row per span.
        part, places: where the spans stand in the clip table.
    """

    path: str
    video: Mapping[str, Any]
    stages: tuple[str, ...]
    spans: tuple[tuple[int, int], ...] | None = None
    rows: tuple[Mapping[str, Any], ...] = ()
    part: int = 0
    places: tuple[int, ...] = ()


@dataclass(frozen=True, kw_only=True)
class Fault:
    """Why a stage has no value for a clip; `is_medium` when the file is to blame and not the stage."""

    reason: str
    is_medium: bool = False


@dataclass(kw_only=True)
class Measured:
    """What came of a task: clips (where they were asked for) and per clip each stage's columns or fault.

    `left_out` says which clips that were to be made could not be, for a row of `errors` beside those that were.
    """

    clips: list[dict[str, Any]]
    outcomes: list[dict[str, dict[str, Any] | Fault]]
    boundaries: list[dict[str, Any]]
    num_frames: int
    decodes: int
    reads: int = 0
    cpu_seconds: dict[str, float] = field(default_factory=dict)
    wall_seconds: dict[str, float] = field(default_factory=dict)
    left_out: str = ""


def look_at(path: str) -> Source:
    """Probe a source and tell who it is.

    Raises:
        MediaError: it is no video that can be decoded.
    """
    info = media.probe(path)
    try:
        facts = Path(path).stat()
        return Source(
            path=path, video_id=video_id_of(path), size_bytes=facts.st_size, mtime_ns=facts.st_mtime_ns, info=info
        )
    except OSError as error:
        raise MediaError(path, f"cannot be read ({error.strerror or error})") from error


@dataclass(frozen=True)
class Measure:
    """Run tasks: cut with the detector where no spans are given, measure the stages named.

    Args:
        detector: the stage of kind `video->clips`.
        stages: all `frames->columns` stages that tasks may name.
        tolerate: exceptions of a judge that become a fault of its stage.
    """

    detector: Stage
    stages: tuple[Stage, ...]
    tolerate: tuple[type[Exception], ...]

    def __call__(self, task: Task) -> Measured:
        """See `Task` and `Measured`. Raises MediaError where the file cannot be decoded."""
        chosen = [stage for stage in self.stages if stage.name in task.stages]
        judges = [stage.judge for stage in chosen if stage.judge is not None]
        watch = partial(watch_video, task.path, judges, tolerate=self.tolerate)
        left_out = ""
        if task.spans is None and hasattr(self.detector.judge, "spans_of"):
            watched, left_out = self._watch_known(task, watch)
        elif task.spans is None:
            assert self.detector.judge is not None
            assert self.detector.function is not None
            watched = watch(rows=[task.video], detector=self.detector.judge, rule=self.detector.function)
        else:
            rows = [{**task.video, **row} for row in task.rows]
            watched = watch(spans=task.spans, rows=rows)
        measured = _measured(watched, chosen, self.detector)
        measured.left_out = left_out
        return measured

    def _watch_known(self, task: Task, watch: Callable[..., Watched]) -> tuple[Watched, str]:
        """Clips that need no detector: its `spans_of(row)` names frames, columns it knows, and what it left out."""
        found, left_out = self.detector.judge.spans_of({**task.video, "path": task.path})  # type: ignore[union-attr]
        spans = [(span["start_frame"], span["end_frame"]) for span in found]
        watched = watch(spans=spans, rows=[task.video] * len(spans))
        for clip, span in zip(watched.clips, found, strict=True):
            clip.update({name: value for name, value in span.items() if name in clip and name != "end_frame"})
        return watched, left_out


def _measured(watched: Watched, stages: Sequence[Stage], detector: Stage) -> Measured:
    outcomes = [
        {stage.name: _outcome(stage, outcome[stage.judge.name]) for stage in stages if stage.judge is not None}
        for outcome in watched.outcomes
    ]
    names = {stage.judge.name: stage.name for stage in (detector, *stages) if stage.judge is not None}
    costs = watched.costs
    return Measured(
        clips=watched.clips,
        outcomes=outcomes,
        boundaries=[
            {"frame": each.frame, "end_frame": each.end_frame, "kind": each.kind, "score": float(each.score)}
            for each in watched.boundaries
        ],
        num_frames=watched.num_frames,
        decodes=watched.decodes,
        reads=watched.reads,
        cpu_seconds={names.get(name, name): seconds for name, seconds in costs.cpu_seconds.items()},
        wall_seconds={names.get(name, name): seconds for name, seconds in costs.wall_seconds.items()},
    )


def _outcome(stage: Stage, found: dict[str, Any] | Exception) -> dict[str, Any] | Fault:
    if isinstance(found, Exception):
        return Fault(reason=reason_of(found), is_medium=isinstance(found, MediaError))
    missing = [name for name in stage.columns if name not in found]
    if missing:
        return Fault(reason=f"the judge gave no column {missing[0]!r}, which the stage declares")
    return {name: found[name] for name in stage.columns}


def reason_of(error: Exception) -> str:
    """An exception in one line for the errors table."""
    if isinstance(error, MediaError):
        return error.reason
    return f"{type(error).__name__}: {error}".replace("\n", " ")[:500]
