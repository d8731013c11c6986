"""Spans of one video while it is decoded: which frames may be handed to which judge already.

A span may be known beforehand (`Spans.fixed`) or come out of the shot detector during the same pass
(`Spans.follow`). Frames whose span is not certain yet wait; a frame is handed on at most once.
"""

from __future__ import annotations

import time
from collections import defaultdict
from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from functools import partial
from typing import Any

from dropletvideo.engine import heartbeat
from dropletvideo.media import FrameRun
from dropletvideo.perception.judge import Chunk, Features, Judge
from dropletvideo.records import Boundary
from dropletvideo.tables.clock import FrameClock

ENDLESS = 1 << 60


@dataclass(frozen=True, kw_only=True)
class Shot:
    """Frames `start_frame` to `end_frame` (exclusive) between two boundaries.

    While `is_closed` is False the shot goes on: `end_frame` is the first frame not yet known to belong to it.
    """

    start_frame: int
    end_frame: int
    is_closed: bool
    clock: FrameClock


ClipRule = Callable[[Shot], Sequence[tuple[int, int]]]
"""Clips of a shot. See the module text of `tables.plan` for what it must keep to while the shot is open."""


def whole_shots(shot: Shot) -> Sequence[tuple[int, int]]:
    """The rule without trim or limits: a shot is a clip."""
    return [(shot.start_frame, shot.end_frame)] if shot.end_frame > shot.start_frame else []


@dataclass
class Costs:
    """CPU and wall seconds by name (`decode`, judge names, `backbone:<name>`); a pass runs in one thread."""

    cpu_seconds: dict[str, float] = field(default_factory=lambda: defaultdict(float))
    wall_seconds: dict[str, float] = field(default_factory=lambda: defaultdict(float))

    @contextmanager
    def of(self, name: str) -> Iterator[None]:
        """Count what the body takes."""
        cpu, wall = time.thread_time(), time.perf_counter()
        try:
            yield
        finally:
            self.cpu_seconds[name] += time.thread_time() - cpu
            self.wall_seconds[name] += time.perf_counter() - wall


Wanting = tuple[Judge, int]
"""A judge and the number of the decode want that serves it."""


class SpanRun:
    """All judges of one span. `outcome[judge name]` becomes its columns, or the exception that ended it.

    Args:
        row: what the judges' `start` is given.
        wanting: judges and the wants that serve them.
        backbones: shared backbones by name, for judges that need `Features`.
        costs: where CPU and wall seconds are counted.
        tolerate: exceptions that end one judge and not the pass (the runner says which).
    """

    def __init__(
        self,
        row: Mapping[str, Any],
        wanting: Sequence[Wanting],
        backbones: Mapping[str, Any],
        costs: Costs,
        tolerate: tuple[type[Exception], ...] = (),
    ) -> None:
        self.row, self.outcome = row, dict[str, dict[str, Any] | Exception]()
        self._wanting, self._backbones, self._costs, self._tolerate = wanting, backbones, costs, tolerate
        self._states: dict[str, Any] = {}
        self._backbone_states: dict[tuple[str, int], Any] = {}
        for judge, _ in wanting:
            self._attempt([judge], judge.name, partial(self._start, judge))

    def _attempt(self, judges: Sequence[Judge], cost: str, action: Callable[[], Any]) -> Any:
        """Run `action`; a tolerated exception becomes the outcome of `judges`."""
        try:
            with self._costs.of(cost):
                answer = action()
            heartbeat()
            return answer
        except self._tolerate as error:
            self.outcome.update({judge.name: error for judge in judges})
            return None

    def _start(self, judge: Judge) -> None:
        self._states[judge.name] = judge.start(self.row)

    def feed(self, want: int, run: FrameRun) -> None:
        """Hand the next frames of a want to the judges that it serves."""
        chunk = Chunk(frames=run.frames, times=run.times, indices=run.indices)
        served = [judge for judge, number in self._wanting if number == want and judge.name not in self.outcome]
        features: dict[str, Any] = {}
        for name in dict.fromkeys(judge.needs.backbone for judge in served if isinstance(judge.needs, Features)):
            asking = [j for j in served if isinstance(j.needs, Features) and j.needs.backbone == name]
            features[name] = self._attempt(asking, f"backbone:{name}", partial(self._extract, name, want, chunk))
        for judge in served:
            if judge.name in self.outcome:
                continue
            needs = judge.needs
            own = (
                replace(chunk, features={needs.backbone: features[needs.backbone]})
                if isinstance(needs, Features)
                else chunk
            )
            self._attempt([judge], judge.name, partial(judge.update, self._states[judge.name], own))

    def _extract(self, name: str, want: int, chunk: Chunk) -> Any:
        backbone = self._backbones[name]
        if (name, want) not in self._backbone_states:
            self._backbone_states[name, want] = backbone.start(self.row)
        return backbone(self._backbone_states[name, want], chunk)

    def state(self, judge: Judge) -> Any:
        """The running state of a judge, or None once it has failed."""
        return None if judge.name in self.outcome else self._states[judge.name]

    def finish(self) -> dict[str, dict[str, Any] | Exception]:
        """Columns of every judge, or the exception that ended it."""
        for judge, _ in self._wanting:
            if judge.name not in self.outcome:
                columns = self._attempt([judge], judge.name, partial(judge.finish, self._states[judge.name]))
                self.outcome.setdefault(judge.name, columns)
        self._states.clear()
        self._backbone_states.clear()
        return self.outcome


@dataclass
class Span:
    """Frames `start` to `end` (exclusive); a span that is not final may still grow or vanish."""

    start: int
    end: int
    final: bool
    number: int = 0
    run: SpanRun | None = None
    finished: bool = False


class Spans:
    """Hands frames to the spans that they belong to, in order and once.

    Args:
        num_wants: how many decode wants there are.
        used: numbers of the wants that serve these spans; only their frames come here.
        open_run: makes the judges' run of a span when its first frame comes.
    """

    def __init__(self, num_wants: int, used: Collection[int], open_run: Callable[[Span], SpanRun]) -> None:
        self.spans: list[Span] = []
        self.frontier = 0
        self.waiting_bytes = 0
        self._open_run = open_run
        self._waiting: list[list[FrameRun]] = [[] for _ in range(num_wants)]
        self._seen = [0 if want in used else ENDLESS for want in range(num_wants)]
        self._first_live = 0

    def fix(self, spans: Sequence[tuple[int, int | None]]) -> None:
        """Spans known beforehand; they may overlap. None is the end of the file."""
        self.spans = [
            Span(start, ENDLESS if end is None else end, final=True, number=number)
            for number, (start, end) in enumerate(spans)
        ]
        self.frontier = ENDLESS

    def follow(self, shot: Shot, rule: ClipRule) -> None:
        """Take what is known of the shot under way: open or grow its spans; settle them once it is closed."""
        wanted = [(start, end) for start, end in rule(shot) if end > start]
        under_way = {span.start: span for span in self.spans if not span.final}
        for start, end in wanted:
            span = under_way.pop(start, None)
            if span is None:
                assert start >= self.frontier, f"clip rule opened a span at {start}, before frame {self.frontier}"
                span = Span(start, end, final=False)
                self.spans.append(span)
            assert end >= min(span.end, self.frontier), f"clip rule took frames back from the span at {start}"
            span.end = end
        assert shot.is_closed or not under_way, "clip rule dropped a span of an open shot"
        self.spans = [span for span in self.spans if span.start not in under_way or span.final]
        if shot.is_closed:
            for span in self.spans:
                span.final = True
            self.frontier = max(self.frontier, shot.end_frame)
        elif wanted:
            self.frontier = max(self.frontier, wanted[-1][1])
        self.drain()

    def take(self, want: int, run: FrameRun) -> None:
        """Frames of a want have been decoded."""
        self._waiting[want].append(run)
        self.waiting_bytes += run.frames.nbytes
        self._seen[want] = int(run.indices[-1]) + 1
        self.drain()

    def end(self, num_frames: int) -> None:
        """The file has ended: every want has given what it has."""
        for span in self.spans:
            span.end = min(span.end, num_frames)
            span.final = True
        self.frontier = ENDLESS
        self._seen = [ENDLESS] * len(self._seen)
        self.drain()

    def drain(self) -> None:
        """Hand on all frames before the frontier; finish spans that no frame can join any more."""
        for want, waiting in enumerate(self._waiting):
            while waiting and waiting[0].indices[0] < self.frontier:
                run = waiting.pop(0)
                self.waiting_bytes -= run.frames.nbytes
                ready = int((run.indices < self.frontier).sum())
                self._hand_on(want, run, ready)
                if ready < len(run.indices):
                    rest = part_of(run, ready, len(run.indices))
                    waiting.insert(0, rest)
                    self.waiting_bytes += rest.frames.nbytes
                    break
        passed = min(min(self._seen, default=ENDLESS), self.frontier)
        for span in self.spans[self._first_live :]:
            if span.final and not span.finished and passed >= span.end:
                self._finish(span)
        while self._first_live < len(self.spans) and self.spans[self._first_live].finished:
            self._first_live += 1

    def _hand_on(self, want: int, run: FrameRun, ready: int) -> None:
        for span in self.spans[self._first_live :]:
            low, high = run.indices[:ready].searchsorted([span.start, span.end])
            if low < high and not span.finished:
                span.run = span.run or self._open_run(span)
                span.run.feed(want, part_of(run, int(low), int(high)))

    def _finish(self, span: Span) -> None:
        span.run = span.run or self._open_run(span)
        span.run.finish()
        span.finished = True


def part_of(run: FrameRun, low: int, high: int) -> FrameRun:
    """Frames `low` to `high` of a run, without a copy."""
    if low == 0 and high == len(run.indices):
        return run
    return FrameRun(
        frames=run.frames[low:high], times=run.times[low:high], indices=run.indices[low:high], pts=run.pts[low:high]
    )


def boundary_of(found: Boundary | Mapping[str, Any]) -> Boundary:
    """A boundary from a record or from its JSON form."""
    if isinstance(found, Boundary):
        return found
    return Boundary(
        frame=int(found["frame"]),
        end_frame=int(found.get("end_frame", found["frame"])),
        kind=found["kind"],
        score=float(found.get("score", 1.0)),
    )
