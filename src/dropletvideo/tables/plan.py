"""The decode plan: one sequential pass over a video serves every dense judge of a run.

Equal wants (rate, short side, colour) are decoded and resized once; a shared backbone runs once per frame for all
judges that name it with equal settings. Judges with `span="video"` see the whole file; the others see each clip
apart. Which frames belong to which clip is often known only after cut detection, so the shot detector works inside
the same pass:

**`settled(state) -> (boundaries, frame)`** is an optional method of a judge with `span="video"` whose `finish` gives
a column `boundaries` (a list of `{frame, end_frame, kind, score}`, JSON form of `records.Boundary`). It is asked
after every `update`. Every boundary whose `frame` lies before the returned `frame` is final and in the list, in
order, with its final `end_frame`; later ones may be missing. The returned frame never falls, and lags the newest
frame by a bounded look-ahead (about 5 seconds at most, for frames wait in memory): a dissolve that may have begun
at frame 100 keeps it at 100 or below until its end is known. Frames from `frame` to `end_frame` of a boundary belong
to neither shot. A detector without `settled` still works: clips are then measured in a second decode.

A detector may also give a column `blended_spans`, a list of `[start_frame, end_frame]` of frames that belong to no shot
(a fade's first frames lie before the frame that people call its boundary; a fade at the end of the file is no boundary
at all). Shots then lie between these spans and the boundaries that are cuts, and `settled` gives these edges.

**Clip rule** (`spans.ClipRule`): a function `rule(shot) -> [(start_frame, end_frame), ...]`, pure and picklable. It
is asked again and again while a shot is open (`shot.is_closed` False, `shot.end_frame` grows), and once when it is
closed. What it returns for an open shot is a promise: a span keeps its start, its end only grows, and every frame in
it stays in it; only the close may drop spans (too short). So a rule that trims the end gives an open shot
`end_frame - trim` and a rule that limits the length cuts from the front. `shot.clock.seconds(frame)` and
`.frame_at(seconds)` follow the file's timestamps.

**`row` at `start`** holds what is known when the first frame comes: the video's columns and `start_frame`; a clip of
a streaming pass has no `end_frame` yet.

If more than `max_waiting_bytes` of frames wait for a boundary, the plan gives up waiting and decodes a second time.
`decodes` says which it was.
"""

from __future__ import annotations

import logging
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from functools import cache
from importlib import import_module
from pathlib import Path
from typing import Any

from dropletvideo import media
from dropletvideo.engine import heartbeat
from dropletvideo.perception.edges import edges_of
from dropletvideo.perception.judge import Features, Frames, Judge, Picked
from dropletvideo.records import Boundary
from dropletvideo.tables.clock import FrameClock
from dropletvideo.tables.revisit import revisit
from dropletvideo.tables.spans import (
    ENDLESS,
    ClipRule,
    Costs,
    Shot,
    Span,
    SpanRun,
    Spans,
    Wanting,
    boundary_of,
    whole_shots,
)

logger = logging.getLogger(__name__)
MAX_WAITING_BYTES = 1 << 30
Outcome = dict[str, dict[str, Any] | Exception]


@dataclass(kw_only=True)
class Watched:
    """What one pass over a video found.

    Attributes:
        clips: a row per span: frame numbers, timestamps, size.
        outcomes: per span, judge name to its columns or to the exception that ended it.
        video: the same for judges with `span="video"`.
        boundaries: all boundaries found (empty without a shot detector).
        num_frames: frames decoded, exact where some judge asks for every frame.
        decodes: sequential decodes made.
        reads: places that were sought afterwards for a few frames.
    """

    clips: list[dict[str, Any]]
    outcomes: list[Outcome]
    video: Outcome
    boundaries: list[Boundary]
    num_frames: int
    decodes: int
    costs: Costs = field(default_factory=Costs)
    reads: int = 0


def measure_video(
    path: str | Path,
    judges: Sequence[Judge],
    spans: Sequence[tuple[int, int | None]] | None = None,
    rows: Sequence[Mapping[str, Any]] | None = None,
    threads: int = 1,
) -> list[dict[str, Any]]:
    """Measure spans of one video in one sequential decode; no catalog needed.

    Args:
        path: the video.
        judges: all of them are served by the same decode.
        spans: `(start_frame, end_frame)` pairs, end exclusive, None for the end of the file; default the whole file.
        rows: one row per span for the judges' `start` (prompt, image, asked camera); same length as `spans`.
        threads: decoder threads.

    Returns:
        One row per span: `path, start_frame, end_frame, num_frames, source_fps, duration_seconds, height, width,
        start_pts, end_pts, time_base` and every column of every judge; columns of `span="video"` judges are the
        same in all rows.

    Raises:
        MediaError: the file cannot be decoded. A judge's own exception is passed on.
    """
    spans = [(0, None)] if spans is None else spans
    watched = watch_video(path, judges, spans=spans, rows=rows, threads=threads)
    answer = []
    for clip, outcome in zip(watched.clips, watched.outcomes, strict=True):
        row: dict[str, Any] = {"path": str(path), **clip}
        for columns in (*watched.video.values(), *outcome.values()):
            assert not isinstance(columns, Exception)
            row.update(columns)
        answer.append(row)
    return answer


def watch_video(  # noqa: PLR0913 - the one door of the plan; all but two are optional
    path: str | Path,
    judges: Sequence[Judge],
    *,
    spans: Sequence[tuple[int, int | None]] | None = None,
    rows: Sequence[Mapping[str, Any]] | None = None,
    detector: Judge | None = None,
    rule: ClipRule = whole_shots,
    threads: int = 1,
    tolerate: tuple[type[Exception], ...] = (),
    max_waiting_bytes: int = MAX_WAITING_BYTES,
) -> Watched:
    """One pass over a video: given spans, or the clips that `rule` makes of the shots that `detector` finds.

    Judges that ask for `Picked` frames are served after it, by seeking.

    Args:
        path: the video.
        judges: measured per clip, or over the file for those with `span="video"`.
        spans: spans to measure; leave out with a `detector`.
        rows: what the judges' `start` gets beside the frame numbers: one per span, or a single one for all clips.
        detector: shot detector, a `span="video"` judge with a `boundaries` column; it need not be in `judges`.
        rule: clips of a shot.
        threads: decoder threads.
        tolerate: exceptions of a judge that become its outcome; the default passes them on.
        max_waiting_bytes: frames held for undecided boundaries before a second decode is preferred.
    """
    assert (spans is None) == (detector is not None), "give spans or a detector"
    assert rows is None or len(rows) == (1 if spans is None else len(spans)), "one row per span"
    settings: dict[str, Any] = {"threads": threads, "tolerate": tolerate}
    sparse = [judge for judge in judges if isinstance(judge.needs, Picked)]
    judges = [judge for judge in judges if judge not in sparse]
    if spans is not None:
        one_pass = _Pass(path, judges, rows or [], None, spans=spans, **settings)
        one_pass.run()
        watched = one_pass.result(decodes=int(bool(one_pass.wants)))
    else:
        assert detector is not None
        watched = _follow_detector(path, judges, rows or [], detector, rule, max_waiting_bytes, settings)
    if sparse:
        watched.reads = revisit(path, sparse, watched.clips, rows or [], watched.outcomes, watched.costs, tolerate)
    return watched


def _follow_detector(
    path: str | Path,
    judges: Sequence[Judge],
    rows: Sequence[Mapping[str, Any]],
    detector: Judge,
    rule: ClipRule,
    max_waiting_bytes: int,
    settings: Mapping[str, Any],
) -> Watched:
    clip_judges = [judge for judge in judges if not _sees_video(judge)]
    seen_first = judges if hasattr(detector, "settled") else [judge for judge in judges if _sees_video(judge)]
    first = _Pass(path, seen_first, rows, detector, **settings)
    first.run(rule=rule if hasattr(detector, "settled") else None, max_waiting_bytes=max_waiting_bytes)
    if first.followed:
        return first.result(decodes=1)
    first.apply_rule(rule)
    found = [(span.start, span.end) for span in first.clips.spans]
    if not clip_judges or not found:
        return first.result(decodes=1)
    again = _Pass(path, clip_judges, rows, None, spans=found, **settings)
    again.run()
    return again.result(decodes=2, after=first)


class _Pass:
    """State of one sequential decode."""

    def __init__(
        self,
        path: str | Path,
        judges: Sequence[Judge],
        rows: Sequence[Mapping[str, Any]],
        detector: Judge | None,
        *,
        spans: Sequence[tuple[int, int | None]] | None = None,
        threads: int = 1,
        tolerate: tuple[type[Exception], ...] = (),
    ) -> None:
        self.path, self.rows, self.detector, self.threads, self.tolerate = path, rows, detector, threads, tolerate
        self.info = media.probe(path)
        self.costs = Costs()
        self.clock = FrameClock(self.info.time_base, self.info.source_fps)
        everyone = list(judges) if detector is None or detector in judges else [detector, *judges]
        self.clip_judges = [judge for judge in everyone if not _sees_video(judge)]
        self.backbones = _build_backbones(everyone)
        self.wants, wanting = _group(everyone, self.backbones)
        self._video_wanting = [(judge, want) for judge, want in wanting if _sees_video(judge)]
        self._clip_wanting = [(judge, want) for judge, want in wanting if not _sees_video(judge)]
        if spans is not None and not self._video_wanting and None not in (ends := [end for _, end in spans]):
            last = max((end for end in ends if end is not None), default=1)
            self.wants = [replace(want, end_frame=max(1, last)) for want in self.wants]  # nothing is wanted behind it
        self.clips = self._new_clips()
        if spans is not None:
            self.clips.fix(spans)
        self.video = Spans(
            len(self.wants),
            {want for _, want in self._video_wanting},
            lambda _: self._open_run(self._base_row(0), self._video_wanting),
        )
        self.video.fix([(0, None)])
        self.boundaries: list[Boundary] = []
        self.num_frames = 0
        self.followed = False
        self._shot_start = 0
        self.edges: list[Boundary] = []
        self._settled = 0
        self._closed_by: list[Boundary] = []

    def _new_clips(self) -> Spans:
        return Spans(len(self.wants), {want for _, want in self._clip_wanting}, self._open_clip)

    def _open_run(self, row: Mapping[str, Any], wanting: Sequence[Wanting]) -> SpanRun:
        return SpanRun(row, wanting, self.backbones, self.costs, self.tolerate)

    def _base_row(self, number: int) -> dict[str, Any]:
        own = dict(self.rows[number if len(self.rows) > number else 0]) if self.rows else {}
        known = {"path": str(self.path), "source_fps": self.info.source_fps}
        return {**known, "height": self.info.height, "width": self.info.width, **own}

    def _open_clip(self, span: Span) -> SpanRun:
        row = {**self._base_row(span.number), "start_frame": span.start}
        if span.final and span.end < ENDLESS:
            row["end_frame"] = span.end
        return self._open_run(row, self._clip_wanting)

    def run(self, rule: ClipRule | None = None, max_waiting_bytes: int = MAX_WAITING_BYTES) -> None:
        """Decode the file once. With a rule, clips follow the detector's settled boundaries."""
        self.followed = rule is not None
        clip_wants = {want for _, want in self._clip_wanting}
        video_wants = {want for _, want in self._video_wanting}
        detector_want = next((want for judge, want in self._video_wanting if judge is self.detector), None)
        feeding_clips = rule is not None or self.detector is None
        stream = media.stream_many(self.path, self.wants, threads=self.threads) if self.wants else iter(())
        while True:
            with self.costs.of("decode"):
                item = next(stream, None)
            if item is None:
                break
            heartbeat()
            want, run = item
            if not len(run.indices):
                continue
            self.clock.add(run.indices, run.pts)
            self.num_frames = max(self.num_frames, int(run.indices[-1]) + 1)
            if want in video_wants:
                self.video.take(want, run)
            if rule is not None and self.followed and want == detector_want:
                self._poll(rule)
            if feeding_clips and want in clip_wants:
                self.clips.take(want, run)
                if self.clips.waiting_bytes > max_waiting_bytes:
                    self.followed = feeding_clips = False
        if all(want.rate is not None for want in self.wants):  # the last frame was perhaps not sampled
            claimed = self.info.num_frames or round(self.info.duration_seconds * self.info.source_fps)
            self.num_frames = max(self.num_frames, claimed)
        self._end(rule)

    def _end(self, rule: ClipRule | None) -> None:
        self.video.end(self.num_frames)
        if self.detector is not None:
            outcome = self._video_outcome()[self.detector.name]
            if isinstance(outcome, Exception):
                raise outcome
            self.boundaries = [boundary_of(found) for found in outcome["boundaries"]]
            self.edges = edges_of(self.boundaries, outcome.get("blended_spans"))
        self.followed = self.followed and self._kept_its_word()
        if rule is not None and self.followed:
            self._follow_to(rule, self.edges, self.num_frames)
            self.clips.follow(self._shot(self.num_frames, is_closed=True), rule)
        if self.detector is None or self.followed:
            self.clips.end(self.num_frames)

    def _poll(self, rule: ClipRule) -> None:
        run = self.video.spans[0].run
        state = run.state(self.detector) if run is not None and self.detector is not None else None
        if state is None:
            return
        with self.costs.of(self.detector.name if self.detector else ""):
            found, frame = self.detector.settled(state)  # type: ignore[union-attr]
        self._follow_to(rule, [boundary_of(each) for each in found], int(frame))

    def _kept_its_word(self) -> bool:
        """Whether the boundaries that closed shots during the pass are the final ones; else clips are decoded anew."""
        final = [edge for edge in _between_shots(self.edges, 0, ENDLESS) if edge.frame < self._settled]
        if _frames_of(final) == _frames_of(self._closed_by):
            return True
        logger.warning("%s: the shot detector took back what it called settled; decoding again", self.path)
        return False

    def _follow_to(self, rule: ClipRule, boundaries: Sequence[Boundary], frame: int) -> None:
        """Close the shots that end before `frame`, then grow the one under way up to it."""
        for boundary in _between_shots(boundaries, self._shot_start, frame):
            self.clips.follow(self._shot(boundary.frame, is_closed=True), rule)
            self._shot_start = boundary.end_frame
            self._closed_by.append(boundary)
        self._settled = max(self._settled, frame)
        if frame > self._shot_start:
            self.clips.follow(self._shot(frame, is_closed=False), rule)

    def _shot(self, end_frame: int, *, is_closed: bool) -> Shot:
        start = min(self._shot_start, end_frame)
        return Shot(start_frame=start, end_frame=end_frame, is_closed=is_closed, clock=self.clock)

    def apply_rule(self, rule: ClipRule) -> None:
        """Clips of a file whose boundaries are all known, without measuring them."""
        self._shot_start, self._settled, self._closed_by, self._clip_wanting = 0, 0, [], []
        self.clips = self._new_clips()
        self._follow_to(rule, self.edges, self.num_frames)
        self.clips.follow(self._shot(self.num_frames, is_closed=True), rule)
        self.clips.end(self.num_frames)

    def _video_outcome(self) -> Outcome:
        run = self.video.spans[0].run
        return run.outcome if run is not None else {}

    def result(self, decodes: int, after: _Pass | None = None) -> Watched:
        """What the pass found; `after` is the pass before it, which saw the whole file."""
        if after is not None:
            self.clock, self.num_frames, self.boundaries = after.clock, after.num_frames, after.boundaries
            self.video = after.video
            for name in after.costs.cpu_seconds:
                self.costs.cpu_seconds[name] += after.costs.cpu_seconds[name]
                self.costs.wall_seconds[name] += after.costs.wall_seconds[name]
        clips = [self._clip_row(span) for span in self.clips.spans]
        outcomes = [span.run.outcome if span.run else {} for span in self.clips.spans]
        return Watched(
            clips=clips,
            outcomes=outcomes,
            video=self._video_outcome(),
            boundaries=self.boundaries,
            num_frames=self.num_frames,
            decodes=decodes,
            costs=self.costs,
        )

    def _clip_row(self, span: Span) -> dict[str, Any]:
        end = min(span.end, self.num_frames)
        start_pts, end_pts = self.clock.pts(span.start), self.clock.pts(end)
        return {
            "start_frame": span.start,
            "end_frame": end,
            "start_pts": start_pts,
            "end_pts": end_pts,
            "time_base": str(self.clock.time_base),
            "source_fps": self.info.source_fps,
            "duration_seconds": float((end_pts - start_pts) * self.clock.time_base),
            "num_frames": max(0, end - span.start),
            "height": self.info.height,
            "width": self.info.width,
        }


def _between_shots(boundaries: Sequence[Boundary], start: int, frame: int) -> list[Boundary]:
    """Boundaries from `start` to before `frame` that end a shot: one inside the transition before it ends none."""
    ends = []
    for boundary in boundaries:
        if start <= boundary.frame < frame and boundary.end_frame > start:
            ends.append(boundary)
            start = boundary.end_frame
    return ends


def _frames_of(edges: Sequence[Boundary]) -> list[tuple[int, int]]:
    return [(edge.frame, edge.end_frame) for edge in edges]


def _sees_video(judge: Judge) -> bool:
    return isinstance(judge.needs, Frames) and judge.needs.span == "video"


def _build_backbones(judges: Sequence[Judge]) -> dict[str, Any]:
    """The shared backbones that the judges name."""
    names = {judge.needs.backbone for judge in judges if isinstance(judge.needs, Features)}
    if not names:
        return {}
    return {name: _backbone(name) for name in sorted(names)}


@cache
def _backbone(name: str) -> Any:
    """One backbone per process; what it knows of a video lies in the state of its `start`."""
    backbones = import_module("dropletvideo.perception.backbones")  # loaded only where a judge asks for one
    return backbones.make(name)


def _group(judges: Sequence[Judge], backbones: Mapping[str, Any]) -> tuple[list[media.Want], list[Wanting]]:
    """Distinct wants of the judges, and the number of its want for each judge."""
    numbers: dict[media.Want, int] = {}
    wanting = []
    for judge in judges:
        needs = judge.needs
        assert not isinstance(needs, Picked), "judges of picked frames are served after the pass"
        if isinstance(needs, Features):
            colour: media.decoding.Colour = getattr(backbones[needs.backbone], "colour", "rgb")
        else:
            colour = needs.colour
        want = media.Want(rate=needs.rate, short_side=needs.short_side, colour=colour)
        wanting.append((judge, numbers.setdefault(want, len(numbers))))
    return list(numbers), wanting
