"""Stages of kind `clip->columns`: each clip is put as a question to something slow outside (an endpoint, a big model).

The function of such a stage makes an `Asker`. What a question needs of the file (`look`: a few frames) is read in the
worker processes that also decode, so that a hanging decoder can be killed; the questions themselves wait in threads of
this process, many at a time. Answers are paid for: a `Session` keeps each one in the dataset's folder `answers/`
before it counts, and `known` gives back what is kept there, so a run that was killed at any point asks nothing twice.
"""

from __future__ import annotations

from collections.abc import Generator, Iterable, Iterator, Mapping, Sequence
from concurrent.futures import FIRST_COMPLETED, Future, ThreadPoolExecutor, wait
from contextlib import AbstractContextManager
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, Protocol

from dropletvideo import runtime
from dropletvideo.engine import Workers, heartbeat
from dropletvideo.errors import DropletError, MediaError
from dropletvideo.tables.stage import Stage
from dropletvideo.tables.work import Fault, Task, reason_of

ANSWERS = "answers"
WAS_FAILED = "was_failed"
CLIPS_PER_LOOK = 8
Row = Mapping[str, Any]
Found = tuple[Task, int, dict[str, Any] | Fault]
"""A task, the place of the clip in its part, and the clip's columns or what went wrong."""


class AskingEnds(DropletError):
    """No further question makes sense (endpoint gone, budget spent): the run ends, clips not asked stay open."""


class Session(Protocol):
    """One run's questions. `ask` is called from several threads."""

    def known(self, row: Row) -> dict[str, Any] | None:
        """The columns of a clip if answers kept earlier give them; None if something has to be asked.

        `row["was_failed"]` says that this clip stands in `errors` and is to be tried anew. An exception is the
        clip's, as in `ask`.
        """
        ...

    def ask(self, row: Row, seen: Any) -> dict[str, Any]:
        """The columns of a clip; `seen` is what `Asker.look` gave. Any exception but `AskingEnds` is this clip's."""
        ...

    def stop(self) -> None:
        """Give up waiting: questions under way may finish, none is begun or tried again."""
        ...

    def note(self) -> str:
        """Rate, tokens and cost so far, for the progress bar."""
        ...

    def totals(self) -> dict[str, float]:
        """What this run asked and paid, for its summary."""
        ...


class Asker(Protocol):
    """What the function of a `clip->columns` stage makes; it travels to worker processes, so it holds settings only."""

    @property
    def threads(self) -> int:
        """Questions under way at a time."""
        ...

    def look(self, path: str, row: Row) -> Any:
        """What a question needs of the file; runs in a worker process. Raises MediaError."""
        ...

    def open(self, folder: Path) -> AbstractContextManager[Session]:
        """A session that keeps its answers in `folder`."""
        ...


@dataclass(frozen=True)
class _Look:
    """Read what the questions about a task's clips need."""

    asker: Asker
    tolerate: tuple[type[Exception], ...]

    def __call__(self, task: Task) -> list[Any | Fault]:
        seen: list[Any | Fault] = []
        for row in task.rows:
            try:
                seen.append(self.asker.look(task.path, row))
            except self.tolerate as error:
                seen.append(fault_of(error))
            heartbeat()
        return seen


def fault_of(error: Exception) -> Fault:
    """An exception of a clip as the runner notes it."""
    return Fault(reason=reason_of(error), is_medium=isinstance(error, MediaError))


def ask_about(
    stage: Stage,
    tasks: Iterable[Task],
    pool: Workers,
    root: Path,
    totals: dict[str, dict[str, float]],
    tolerate: tuple[type[Exception], ...],
    number: int | None = None,
) -> Generator[Found, None, None]:
    """Ask about every clip of the tasks; answers come as they are there.

    Args:
        stage: of kind `clip->columns`.
        tasks: clips that lack its columns.
        pool: where frames are read.
        root: the dataset folder.
        totals: the session's totals are put in under the stage's name.
        tolerate: exceptions that belong to a clip; `AskingEnds` never does.
        number: of clips in all, for the progress bar.

    Raises:
        AskingEnds: after everything that was answered has been given.
    """
    assert stage.function is not None
    asker: Asker = stage.function()
    with asker.open(root / ANSWERS) as session, runtime.progress(f"asking for {stage.name}", number) as bar:
        asking = _Asking(stage, asker, session, pool, tolerate)
        try:
            for found in asking.all(_pieces(tasks)):
                yield found
                bar.advance(1, session.note())
        finally:
            asking.close()
            totals[stage.name] = session.totals()


def _pieces(tasks: Iterable[Task]) -> Iterator[Task]:
    """Tasks of few clips, so that no video's frames are all in memory at a time."""
    for task in tasks:
        for start in range(0, len(task.rows), CLIPS_PER_LOOK):
            piece = slice(start, start + CLIPS_PER_LOOK)
            yield replace(task, rows=task.rows[piece], places=task.places[piece])


class _Asking:
    """Questions under way, and clips waiting for theirs."""

    def __init__(
        self, stage: Stage, asker: Asker, session: Session, pool: Workers, tolerate: tuple[type[Exception], ...]
    ) -> None:
        self.stage, self.asker, self.session, self.pool, self.tolerate = stage, asker, session, pool, tolerate
        self.executor = ThreadPoolExecutor(asker.threads, thread_name_prefix=stage.name)
        self.under_way: dict[Future[dict[str, Any]], tuple[Task, int]] = {}
        self.ended: AskingEnds | None = None

    def close(self) -> None:
        """Begin nothing new; wait for what is under way, so that what was paid for is kept."""
        self.session.stop()
        self.executor.shutdown(wait=True, cancel_futures=True)

    def all(self, pieces: Iterator[Task]) -> Iterator[Found]:
        """Read a slab of clips while questions are under way, hand them out, gather answers."""
        slab = max(1, 2 * self.asker.threads)
        more = True
        while self.ended is None and (more or self.under_way):
            if more and len(self.under_way) <= slab:
                wanted: list[Task] = []
                more = yield from self._unanswered(pieces, slab, wanted)
                yield from self._hand_out(wanted)
            yield from self._gather()
        if self.ended is not None:
            self.close()
            yield from self._gather(last=True)
            raise self.ended

    def _unanswered(self, pieces: Iterator[Task], slab: int, wanted: list[Task]) -> Generator[Found, None, bool]:
        """Fill `wanted` with about `slab` clips; those whose answers are kept are given at once. False: no more."""
        count = 0
        for piece in pieces:
            open_places = []
            for number, row in enumerate(piece.rows):
                found = self._known(row)
                if found is None:
                    open_places.append(number)
                else:
                    yield piece, piece.places[number], found
            if open_places:
                rows = tuple(piece.rows[number] for number in open_places)
                places = tuple(piece.places[number] for number in open_places)
                wanted.append(replace(piece, rows=rows, places=places))
                count += len(open_places)
            if count >= slab:
                return True
        return False

    def _known(self, row: Row) -> dict[str, Any] | Fault | None:
        try:
            found = self.session.known(row)
        except self.tolerate as error:
            if isinstance(error, AskingEnds):
                raise
            return fault_of(error)
        return None if found is None else self._checked(found)

    def _hand_out(self, wanted: Sequence[Task]) -> Iterator[Found]:
        look = _Look(self.asker, self.tolerate)
        for task, result in self.pool.map(look, wanted, tolerate=self.tolerate, label=lambda task: task.path):
            seen = [fault_of(result)] * len(task.rows) if isinstance(result, Exception) else result
            for row, place, one in zip(task.rows, task.places, seen, strict=True):
                if isinstance(one, Fault):
                    yield task, place, one
                else:
                    self.under_way[self.executor.submit(self.session.ask, row, one)] = (task, place)

    def _gather(self, *, last: bool = False) -> Iterator[Found]:
        """Give what is answered; wait for one if nothing is."""
        if not self.under_way:
            return
        done, _ = wait(self.under_way, return_when=FIRST_COMPLETED) if not last else (set(self.under_way), None)
        for future in done:
            task, place = self.under_way.pop(future)
            if future.cancelled():
                continue
            error = future.exception()
            if isinstance(error, AskingEnds):
                self.ended = self.ended or error
            elif error is None:
                yield task, place, self._checked(future.result())
            elif isinstance(error, self.tolerate):
                yield task, place, fault_of(error)
            else:
                raise error

    def _checked(self, found: Mapping[str, Any]) -> dict[str, Any] | Fault:
        missing = [name for name in self.stage.columns if name not in found]
        if missing:
            return Fault(reason=f"the answer gave no column {missing[0]!r}, which the stage declares")
        return {name: found[name] for name in self.stage.columns}
