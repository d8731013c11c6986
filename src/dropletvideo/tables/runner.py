"""The runner: sources in, a dataset whose clips have every column of the recipe out; what exists is never redone.

For each video that has no clips yet one decode finds its clips and measures all ungated stages; for videos that have,
only the columns that are missing are computed. Errors become rows of `errors`, with the stage and the reason; the
others go on. An error is tried again when its file's size or time of change differs, when its stage's fingerprint
differs, or when `retry_errors` is given; a row that then succeeds leaves `errors`.

This is the one place of `tables` that decides which exceptions become rows: every `Exception` of a judge or a source.
"""

from __future__ import annotations

import logging
import signal
import threading
import time
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import closing, contextmanager
from dataclasses import asdict, dataclass, field, replace
from fractions import Fraction
from pathlib import Path
from typing import Any

from dropletvideo import engine, runtime
from dropletvideo.errors import CatalogError, DropletError, MediaError, WorkerLost
from dropletvideo.files import FULL, why_not
from dropletvideo.records import clip_id_of
from dropletvideo.tables.asking import WAS_FAILED, ask_about
from dropletvideo.tables.catalog import Catalog
from dropletvideo.tables.clips import DONE, FAILED, HELD, MISSING, STATE, ClipPart, ClipTable, Group
from dropletvideo.tables.gates import passing
from dropletvideo.tables.gpus import gpus_of
from dropletvideo.tables.ingest import Ingest
from dropletvideo.tables.lock import locked
from dropletvideo.tables.order import Level, Wave, order
from dropletvideo.tables.rework import derive, fill_table
from dropletvideo.tables.skipped import Skipped, leave_out
from dropletvideo.tables.stage import Stage
from dropletvideo.tables.tally import Tally
from dropletvideo.tables.work import Fault, Measure, Measured, Task, reason_of

FLUSH_SECONDS = 60.0
FLUSH_CLIPS = 5_000
logger = logging.getLogger(__name__)


@dataclass(kw_only=True)
class Summary:
    """What a run did, and what stands in the dataset now.

    Attributes:
        sources: files given to this run.
        videos, clips: rows in the dataset after the run.
        cut_videos: videos that were cut into clips by this run.
        measured_clips: clip rows that got a stage's columns, by stage.
        held_clips: clip rows left out by a gate, by stage.
        skipped: stages that could not run for want of weights or a library, and why.
        failures: rows in `errors` that concern the current recipe.
        decodes, decoded_videos, decoded_frames: sequential decodes of this run and what they were spent on.
        sparse_reads: places sought for a few frames beside the sequential decodes.
        asked: by stage that asks outside: requests, tokens, cost and the rest that its session counts.
        cpu_seconds, wall_seconds: by stage (`decode` and `backbone:NAME` beside them), summed over workers.
        total_seconds: wall time of the run.
    """

    sources: int = 0
    videos: int = 0
    clips: int = 0
    cut_videos: int = 0
    measured_clips: dict[str, int] = field(default_factory=dict)
    held_clips: dict[str, int] = field(default_factory=dict)
    skipped: list[Skipped] = field(default_factory=list)
    failures: int = 0
    decodes: int = 0
    sparse_reads: int = 0
    decoded_videos: int = 0
    decoded_frames: int = 0
    asked: dict[str, dict[str, float]] = field(default_factory=dict)
    cpu_seconds: dict[str, float] = field(default_factory=dict)
    wall_seconds: dict[str, float] = field(default_factory=dict)
    total_seconds: float = 0.0

    def as_dict(self) -> dict[str, Any]:
        """Plain dictionary for JSON."""
        return asdict(self)


def run(
    root: str | Path,
    sources: Iterable[str | Path],
    stages: Sequence[Stage],
    *,
    workers: int | engine.OnRay = 1,
    timeout_seconds: float | None = 300.0,
    retry_errors: bool = False,
    flush_seconds: float = FLUSH_SECONDS,
    recipe: Mapping[str, Any] | None = None,
) -> Summary:
    """Bring a dataset up to a recipe: new sources are cut into clips, missing columns are computed.

    Args:
        root: the dataset folder; made when it is not there.
        sources: video files; those already in the dataset cost a look at size and time of change.
        stages: the recipe, first the shot detector (see `tables.stage`).
        workers: processes that decode, one thread each; 0 or 1 without a time limit runs in this process. Or workers
            on a cluster (`engine.OnRay`), whose machines see the same paths; this process alone writes the dataset.
        timeout_seconds: longest silence of a video's decoder before it is killed; None waits for ever.
        retry_errors: try again what stands in `errors`.
        flush_seconds: what is measured is written at least this often.
        recipe: the resolved recipe as plain values, for `run.json`.

    Raises:
        ConfigError: the stages do not fit together; nothing was done.
        WeightsError: the shot detector lacks its weights; nothing was done.
        CatalogLocked: a live run writes this dataset.
        CatalogError: the folder is foreign or damaged, or the disk is full; run again to go on.
        DropletError: a stage failed on nearly everything; what the others gave is kept.
        KeyboardInterrupt: on Ctrl-C or SIGTERM, after what was measured has been written.
    """
    runnable, skipped = leave_out(stages)
    levels = order(runnable)
    folder = Path(root)
    try:
        with locked(folder), _terminate_as_interrupt(), engine.Workers(workers, timeout_seconds) as pool:
            catalog = Catalog.create_or_open(folder)
            catalog.make_current(levels, skipped)
            started = _Run(catalog, levels, pool, retry_errors, flush_seconds)
            started.summary.skipped = skipped
            return started.all(list(sources), recipe or {})
    except OSError as error:
        mend = "free space, then give the same command again" if error.errno in FULL else "give another folder"
        raise CatalogError(f"{folder} cannot be used ({why_not(folder, error)}): {mend}") from error


@contextmanager
def _terminate_as_interrupt() -> Iterator[None]:
    """Let SIGTERM end the run as Ctrl-C does, where signals can be caught at all."""
    if threading.current_thread() is not threading.main_thread():
        yield
        return

    def interrupt(*_: object) -> None:
        raise KeyboardInterrupt

    before = signal.signal(signal.SIGTERM, interrupt)
    try:
        yield
    finally:
        signal.signal(signal.SIGTERM, before)


@contextmanager
def _whole_table(stage: Stage) -> Iterator[None]:
    """Name a stage that fails on the table as a whole: there is no row to note it at."""
    try:
        yield
    except (DropletError, OSError):
        raise
    except Exception as error:  # the runner: a stage may be anybody's code, and its name is all a user can act on
        raise DropletError(
            f"stage {stage.name} failed on the table: {reason_of(error)}. What the other stages gave is kept: "
            "mend the stage or leave it out, then go on"
        ) from error


class _Run:
    """State of one run."""

    def __init__(
        self, catalog: Catalog, levels: Sequence[Level], pool: engine.Workers, retry_errors: bool, flush_seconds: float
    ) -> None:
        self.catalog, self.levels, self.pool = catalog, levels, pool
        self.flush_seconds = flush_seconds
        self.summary = Summary()
        self._decoded: set[str] = set()
        self.ingest = Ingest(catalog, retry_errors)
        self._started = self._saved = time.monotonic()
        self._unsaved_clips = 0
        self._tally = Tally()

    def all(self, sources: Sequence[str | Path], recipe: Mapping[str, Any]) -> Summary:
        """Look at the sources, then go through levels and waves."""
        self.summary.sources = len(sources)
        is_whole = True
        try:
            self.ingest.look(sources, self.pool)
            for number, level in enumerate(self.levels):
                table = self.catalog.clips(level)
                if number:
                    before = self.levels[number - 1]
                    with _whole_table(level.maker):
                        derive(self.catalog.clips(before), before, table, level, self._path_of_number)
                    self.catalog.save()
                waves = level.waves
                if number == 0 and (not waves or waves[0].is_table or waves[0].is_asked or waves[0].gate):
                    waves = [Wave([]), *waves]
                for place, wave in enumerate(waves):
                    self._wave(level, table, wave, cuts=number == 0 and place == 0)
        except CatalogError:
            is_whole = False  # what is in memory may not be what lies on the disk
            raise
        finally:  # whatever ends a run, an interrupt too: what it has is kept
            try:
                if is_whole:
                    self.catalog.save()
            finally:
                self._sum_up(recipe)
        for stage, words in self._tally.all_failed().items():
            logger.warning("stage %s %s", stage, words)
        return self.summary

    def _path_of_number(self, number: int) -> str:
        return self.ingest.existing_path(self.catalog.videos.rows[number])

    def _wave(self, level: Level, table: ClipTable, wave: Wave, *, cuts: bool) -> None:
        if wave.stages and wave.is_table:
            self._table_wave(level, table, wave.stages[0])
            return
        if wave.stages and wave.is_asked:
            self._asked_wave(level, table, wave)
            return
        tasks = self._tasks_of(level, table, wave, cuts)
        described = "cutting and measuring" if cuts else f"measuring {', '.join(each.name for each in wave.stages)}"
        detector = self.levels[0].maker
        function = Measure(detector, tuple(wave.stages), (Exception,))
        is_fresh = cuts and not table.numbers
        with runtime.progress(described, sum(1 for _ in self._uncut(table)) if is_fresh else None) as bar:
            gpus = gpus_of([*wave.stages, detector] if cuts else wave.stages)
            found = self.pool.map(function, tasks, tolerate=(Exception,), label=_path_of, num_gpus=gpus)
            for task, result in found:
                self._take(level, table, wave, task, result)
                bar.advance(1, Path(task.path).name)
                self._save_now_and_then()
        self.catalog.save()

    def _table_wave(self, level: Level, table: ClipTable, stage: Stage) -> None:
        with _whole_table(stage):
            filled = fill_table(table, level, stage)
        self.summary.measured_clips[stage.name] = filled
        self.catalog.save()

    def _asked_wave(self, level: Level, table: ClipTable, wave: Wave) -> None:
        stage = wave.stages[0]
        group = level.groups[stage.name]

        def tasks() -> Iterator[Task]:
            for number in list(table.numbers):
                for task in self._missing_in(level, table, wave, number):
                    states = table.part(number).column(group)
                    failed = [{WAS_FAILED: states[place][STATE] == FAILED} for place in task.places]
                    rows = [{**task.video, **row, **state} for row, state in zip(task.rows, failed, strict=True)]
                    yield replace(task, rows=tuple(rows))

        root, totals = self.catalog.root, self.summary.asked
        number = self._count_open(level, table, wave, group)
        with closing(ask_about(stage, tasks(), self.pool, root, totals, (Exception,), number)) as answers:
            for task, place, found in answers:
                self._put(group, table.part(task.part), place, found)
                self._save_now_and_then()
        self.catalog.save()

    def _count_open(self, level: Level, table: ClipTable, wave: Wave, group: Group) -> int:
        """How many clips will be asked about, so that a run of days tells how far it has come."""
        count = 0
        for number in list(table.numbers):
            if table.is_complete(number, [group]):
                continue
            part = table.part(number)
            passes = passing(self.catalog.root, level, part, wave.gate) if wave.gate else None
            open_clips = [clip["clip_id"] for place, clip in enumerate(part.clips) if self._lacks(part, place, group)]
            count += len(open_clips) if passes is None else len(passes.intersection(open_clips))
            table.release(number)
        return count

    # --- what is to be done

    def _uncut(self, table: ClipTable) -> Iterator[dict[str, Any]]:
        for video in self.catalog.videos.rows:
            if video["video_id"] not in table.made and self.ingest.is_wanted(video):
                yield video

    def _tasks_of(self, level: Level, table: ClipTable, wave: Wave, cuts: bool) -> Iterator[Task]:
        names = tuple(stage.name for stage in wave.stages)
        for number in list(table.numbers) if names else ():
            yield from self._missing_in(level, table, wave, number)
        if not cuts:
            return
        for video in list(self._uncut(table)):
            if self.ingest.may_try(video["video_path"], None, level.maker.name, level.fingerprint):
                yield Task(path=self.ingest.existing_path(video), video=self.ingest.judge_row(video), stages=names)

    def _missing_in(self, level: Level, table: ClipTable, wave: Wave, number: int) -> Iterator[Task]:
        """Tasks for the rows of one part that lack a stage of the wave."""
        groups = [level.groups[stage.name] for stage in wave.stages]
        if table.is_complete(number, groups):
            return
        part = table.part(number)
        passes = passing(self.catalog.root, level, part, wave.gate) if wave.gate else None
        by_video: dict[int, list[int]] = {}
        lacking: set[str] = set()
        for place, clip in enumerate(part.clips):
            wanted = [group for group in groups if self._lacks(part, place, group)]
            if passes is not None and clip["clip_id"] not in passes:
                self._hold(part, place, wanted)
            elif wanted:
                by_video.setdefault(clip["video_number"], []).append(place)
                lacking.update(group.stage for group in wanted)
        needed = _needed_groups(level, wave)
        for video_number, places in by_video.items():
            video = self.catalog.videos.rows[video_number]
            rows = [dict(part.clips[place]) for place in places]
            for row, place in zip(rows, places, strict=True):
                for group in needed:
                    row.update(part.values(group, place))
            yield Task(
                path=self.ingest.existing_path(video),
                video=self.ingest.judge_row(video),
                stages=tuple(stage.name for stage in wave.stages if stage.name in lacking),
                spans=tuple((row["start_frame"], row["end_frame"]) for row in rows),
                rows=tuple(rows),
                part=number,
                places=tuple(places),
            )
        if not by_video:
            table.release(number)

    def _lacks(self, part: ClipPart, place: int, group: Group) -> bool:
        state = part.column(group)[place][STATE]
        if state != FAILED:
            return bool(state in (MISSING, HELD))
        clip = part.clips[place]
        path = self.catalog.videos.rows[clip["video_number"]]["video_path"]
        return self.ingest.may_try(path, clip["clip_id"], group.stage, group.fingerprint)

    def _hold(self, part: ClipPart, place: int, groups: Sequence[Group]) -> None:
        for group in groups:
            self.summary.held_clips[group.stage] = self.summary.held_clips.get(group.stage, 0) + 1
            if part.column(group)[place][STATE] == MISSING:
                part.put(group, place, HELD)

    # --- what came of it

    def _take(self, level: Level, table: ClipTable, wave: Wave, task: Task, result: Measured | Exception) -> None:
        if isinstance(result, Exception):
            self._take_failure(level, table, task, result)
            return
        self.summary.decodes += result.decodes
        self.summary.sparse_reads += result.reads
        if result.decodes:
            self._decoded.add(task.path)
        self.summary.decoded_videos = len(self._decoded)
        self.summary.decoded_frames += result.num_frames
        for mine, theirs in (
            (self.summary.cpu_seconds, result.cpu_seconds),
            (self.summary.wall_seconds, result.wall_seconds),
        ):
            for name, seconds in theirs.items():
                mine[name] = mine.get(name, 0.0) + seconds
        part, places = table.part(task.part), task.places
        if task.spans is None:
            part, places = self._add_clips(level, table, task, result)
        for place, outcome in zip(places, result.outcomes, strict=True):
            for stage in wave.stages:
                if stage.name in outcome:
                    self._put(level.groups[stage.name], part, place, outcome[stage.name])

    def _add_clips(
        self, level: Level, table: ClipTable, task: Task, result: Measured
    ) -> tuple[ClipPart, tuple[int, ...]]:
        video = self.catalog.videos.get(task.video["video_id"])
        assert video is not None
        same = {"video_id": video["video_id"], "video_number": video["video_number"]}
        clips = [_clip_row(same, clip) for clip in result.clips]
        made = {
            **same,
            "num_frames": result.num_frames,
            "decodes": result.decodes,
            "boundaries": result.boundaries,
        }
        part, first = table.add_video(made, clips)
        self.ingest.forget(video["video_path"], None, level.maker.name)
        if result.left_out:
            self.ingest.note(video["video_path"], None, level.maker.name, result.left_out, level.fingerprint)
        self._tally.succeeded(level.maker.name)
        self.summary.cut_videos += 1
        self._unsaved_clips += len(clips)
        return part, tuple(range(first, first + len(clips)))

    def _put(self, group: Group, part: ClipPart, place: int, found: Mapping[str, Any] | Fault) -> None:
        if part.column(group)[place][STATE] == DONE:  # another stage of the task lacked this row
            return
        clip = part.clips[place]
        path = self.catalog.videos.rows[clip["video_number"]]["video_path"]
        if isinstance(found, Fault):
            part.put(group, place, FAILED)
            self._fault(path, clip["clip_id"], group, found)
            return
        part.put(group, place, DONE, found)
        self.ingest.forget(path, clip["clip_id"], group.stage)
        self.ingest.forget(path, None, group.stage)
        self.summary.measured_clips[group.stage] = self.summary.measured_clips.get(group.stage, 0) + 1
        self._tally.succeeded(group.stage)

    def _fault(self, path: str, clip_id: str | None, group: Group, fault: Fault) -> None:
        self.ingest.note(path, clip_id, group.stage, fault.reason, group.fingerprint)
        if not fault.is_medium:
            self._tally.failed(group.stage, fault.reason)

    def _take_failure(self, level: Level, table: ClipTable, task: Task, error: Exception) -> None:
        """The whole video failed: one row for the detector, or one per stage that wanted it."""
        path, reason = str(task.video["video_path"]), reason_of(error)
        is_medium = isinstance(error, MediaError) and not isinstance(error, WorkerLost)
        if not isinstance(error, MediaError):
            logger.debug("%s failed", path, exc_info=error)
        if task.spans is None:
            self.ingest.note(path, None, level.maker.name, reason, level.fingerprint)
            names: tuple[str, ...] = (level.maker.name,)
        else:
            part, names = table.part(task.part), task.stages
            for name in names:
                group = level.groups[name]
                self.ingest.note(path, None, name, reason, group.fingerprint)
                for place in task.places:
                    if part.column(group)[place][STATE] != DONE:
                        part.put(group, place, FAILED)
        for name in names if not is_medium else ():
            self._tally.failed(name, reason)

    def _save_now_and_then(self) -> None:
        if time.monotonic() - self._saved >= self.flush_seconds or self._unsaved_clips >= FLUSH_CLIPS:
            self.catalog.save()
            self._saved, self._unsaved_clips = time.monotonic(), 0

    def _sum_up(self, recipe: Mapping[str, Any]) -> None:
        last = self.levels[-1]
        there = [video["video_id"] for video in self.catalog.videos.rows if video["video_path"]]
        made = self.catalog.clips(last).made if last.fingerprint in self.catalog.tables else {}
        self.summary.videos, self.summary.clips = len(there), sum(made.get(video_id, 0) for video_id in there)
        current = {"", *(level.fingerprint for level in self.levels)}
        current |= {group.fingerprint for level in self.levels for group in level.groups.values()}
        self.summary.failures = sum((row["fingerprint"] or "") in current for row in self.catalog.errors.rows)
        self.summary.total_seconds = time.monotonic() - self._started
        root, seconds = self.catalog.root, self.summary.total_seconds
        try:
            runtime.write_run(root, recipe=recipe, wall_seconds=seconds, summary=self.summary.as_dict())
        except OSError as error:
            logger.warning("run.json was not written: %s", error)


def _path_of(task: Task) -> str:
    return task.path


def _needed_groups(level: Level, wave: Wave) -> list[Group]:
    needed = {name for stage in wave.stages for name in stage.needs_columns}
    return [group for group in level.groups.values() if needed.intersection(group.columns)]


def _clip_row(same: Mapping[str, Any], clip: Mapping[str, Any]) -> dict[str, Any]:
    start = float(clip["start_pts"] * Fraction(clip["time_base"]))
    clip_id = clip_id_of(same["video_id"], clip["start_frame"], clip["end_frame"])
    return {**same, **clip, "clip_id": clip_id, "start_seconds": start}
