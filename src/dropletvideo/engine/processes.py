"""Worker processes on this machine: started fresh, one row at a time over their own pipe, killed when silent.

A worker process is started by `spawn`, never forked: a fork copies locks of threads that it does not copy (OpenCV,
torch, OpenBLAS and FFmpeg all start threads), and a child that waits for such a lock waits for ever. The price is about
a second per worker, paid once.
"""

from __future__ import annotations

import multiprocessing
import os
import pickle
import signal
import threading
import time
from collections.abc import Callable, Generator, Iterator
from contextlib import suppress
from dataclasses import dataclass, field
from multiprocessing.connection import Connection, wait
from typing import Any

from dropletvideo import runtime
from dropletvideo.errors import DecoderTimeout, DropletError, WorkerLost

START_SECONDS = 180.0
BEAT_SECONDS = 0.5
_POLL_SECONDS = 0.5
_beat: Callable[[], None] | None = None


def heartbeat() -> None:
    """Say that the row under way still makes progress; outside a worker it does nothing."""
    if _beat is not None:
        _beat()


Answers = Generator[tuple[Any, Any], None, None]
"""Each row with its result or the exception that became its result."""


@dataclass(frozen=True, eq=False)
class Job:
    """What a worker does with each row; sent to it once."""

    function: Callable[[Any], Any]
    tolerate: tuple[type[Exception], ...]


@dataclass(eq=False)
class _Worker:
    process: Any
    connection: Connection
    ready: bool = False
    row: Any = None
    busy: bool = False
    job: Job | None = None
    last_sign: float = field(default_factory=time.monotonic)


class Fatal(Exception):
    """Ends a map: `cause` is what its caller is to see, such as an exception of the function that is not tolerated."""

    def __init__(self, cause: BaseException) -> None:
        super().__init__(str(cause))
        self.cause = cause


class Processes:
    """Worker processes, each with one row at a time over its own pipe."""

    def __init__(self, size: int, timeout_seconds: float | None) -> None:
        self.size, self.timeout_seconds = size, timeout_seconds
        self.label: Callable[[Any], str] = str
        self.workers: list[_Worker] = []
        self.failed_starts = 0

    def run(self, job: Job, rows: Iterator[Any], label: Callable[[Any], str], num_gpus: float = 0.0) -> Answers:  # noqa: ARG002
        """Hand out rows until none is left and every worker is idle; a share of a GPU means nothing on one machine."""
        self.label = label
        waiting = Rows(rows)
        while waiting or any(worker.busy for worker in self.workers):
            busy = sum(worker.busy for worker in self.workers)
            while len(self.workers) < min(self.size, busy + waiting.at_least(self.size)):
                self.workers.append(self._start())
            for worker in self.workers:
                if worker.ready and not worker.busy and waiting:
                    self._hand_out(worker, job, waiting.pop())
            for worker in self._with_news():
                yield from self._listen(worker)
            yield from self._give_up_on_silent()

    def _start(self) -> _Worker:
        context = multiprocessing.get_context("spawn")
        ours, theirs = context.Pipe()
        process = context.Process(target=_work, args=(theirs,), daemon=True)
        with runtime.thread_environment(1):
            process.start()
        theirs.close()
        return _Worker(process, ours)

    def _hand_out(self, worker: _Worker, job: Job, row: Any) -> None:
        worker.row, worker.busy, worker.last_sign = row, True, time.monotonic()
        fresh = None if worker.job is job else job
        worker.job = job
        with suppress(BrokenPipeError, ConnectionResetError):  # a dead worker is noticed by its sentinel
            worker.connection.send((fresh, row))

    def _with_news(self) -> list[_Worker]:
        sources: dict[Any, _Worker] = {worker.connection: worker for worker in self.workers}
        sources.update({worker.process.sentinel: worker for worker in self.workers})
        return list(dict.fromkeys(sources[source] for source in wait(list(sources), timeout=_POLL_SECONDS)))

    def _listen(self, worker: _Worker) -> Answers:
        try:
            while worker.connection.poll():
                kind, value = worker.connection.recv()
                worker.last_sign = time.monotonic()
                if kind == "ready":
                    worker.ready, self.failed_starts = True, 0
                elif kind == "fatal":
                    raise Fatal(value)
                elif kind in ("result", "error"):
                    worker.busy, row, worker.row = False, worker.row, None
                    yield row, value
        except (EOFError, ConnectionResetError, pickle.UnpicklingError):
            yield from self._bury(worker)
            return
        if not worker.process.is_alive() and not worker.connection.poll():
            yield from self._bury(worker)

    def _bury(self, worker: _Worker) -> Answers:
        """A worker has died: an error for its row; the loop starts another."""
        worker.process.join(5)
        code = worker.process.exitcode
        self._kill(worker)
        if worker.busy:
            yield worker.row, WorkerLost(self.label(worker.row), f"its worker process died ({_how_ended(code)})")
        elif not worker.ready:
            self._count_failed_start(_how_ended(code))

    def _count_failed_start(self, how: str) -> None:
        self.failed_starts += 1
        if self.failed_starts >= 3:
            reason = (
                f"3 worker processes in a row did not start ({how}): see their messages above; in a script of your "
                'own, put the work under `if __name__ == "__main__":`, or use workers=1 without a time limit'
            )
            raise Fatal(DropletError(reason))

    def _give_up_on_silent(self) -> Answers:
        now = time.monotonic()
        for worker in list(self.workers):
            silent = now - worker.last_sign
            if not worker.ready and silent > START_SECONDS:
                self._kill(worker)
                self._count_failed_start(f"no sign of life in {START_SECONDS:g} s")
            elif worker.busy and self.timeout_seconds is not None and silent > self.timeout_seconds:
                self._kill(worker)
                reason = f"no progress for {self.timeout_seconds:g} s, the time limit: its worker was killed"
                yield worker.row, DecoderTimeout(self.label(worker.row), reason)

    def _kill(self, worker: _Worker) -> None:
        self.workers.remove(worker)
        worker.process.kill()
        worker.process.join(5)
        worker.connection.close()

    def kill(self) -> None:
        """End every worker, whatever it does; the next `run` starts others."""
        for worker in self.workers:
            worker.process.kill()
        for worker in list(self.workers):
            self._kill(worker)

    close = kill


class Rows:
    """An iterator that can be asked whether more will come."""

    def __init__(self, rows: Iterator[Any]) -> None:
        self._rows, self._ahead = rows, list[Any]()

    def at_least(self, number: int) -> int:
        """How many rows wait, counted no further than `number`."""
        while len(self._ahead) < number:
            try:
                self._ahead.append(next(self._rows))
            except StopIteration:
                break
        return len(self._ahead)

    def __bool__(self) -> bool:
        return self.at_least(1) > 0

    def pop(self) -> Any:
        """The next row."""
        return self._ahead.pop(0)


def _how_ended(code: int | None) -> str:
    if code is not None and code < 0:
        name = signal.Signals(-code).name if -code in signal.valid_signals() else str(-code)
        return f"{name}, perhaps out of memory" if name == "SIGKILL" else name
    return f"exit code {code}"


def _work(connection: Connection) -> None:
    """Body of a worker process."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # Ctrl-C reaches the whole group; the parent decides who ends
    threading.Thread(target=_end_with_parent, daemon=True).start()
    runtime.limit_threads(1)
    send = _sender(connection)
    send(("ready", None))
    job: Job | None = None
    while True:
        try:
            packed = connection.recv_bytes()
        except (EOFError, ConnectionResetError):
            return
        job, answer = _answer(job, packed)
        try:
            send(answer)
        except (pickle.PicklingError, TypeError, AttributeError) as error:  # nothing was sent: pickling comes first
            assert job is not None
            send(("fatal", DropletError(f"the result of {job.function} cannot be sent back: {error}")))


def _answer(job: Job | None, packed: bytes) -> tuple[Job | None, tuple[str, Any]]:
    """The job to go on with, which comes with its first row, and what is to be sent back."""
    tolerated: tuple[type[Exception], ...] = ()
    try:
        fresh, row = pickle.loads(packed)
        job = fresh or job
        assert job is not None
        tolerated = job.tolerate
        return job, ("result", job.function(row))
    except BaseException as error:  # anybody's code, unpickling too, even an exit; the parent raises the intolerable
        return job, ("error" if isinstance(error, tolerated) else "fatal", portable(error))


def portable(error: BaseException) -> BaseException:
    """The exception itself if it survives the journey, else one of ours with its words."""
    try:
        pickle.loads(pickle.dumps(error))
    except (pickle.PicklingError, TypeError, AttributeError, ValueError):
        return DropletError(f"{type(error).__name__}: {error}")
    return error


def _sender(connection: Connection) -> Callable[[tuple[str, Any]], None]:
    """A `send` that heartbeats of other threads cannot break into; also sets up the heartbeat."""
    global _beat  # noqa: PLW0603 - one worker, one heartbeat
    lock, last = threading.Lock(), [0.0]

    def send(message: tuple[str, Any]) -> None:
        with lock, suppress(BrokenPipeError):
            connection.send(message)

    def beat() -> None:
        now = time.monotonic()
        if now - last[0] >= BEAT_SECONDS:
            last[0] = now
            send(("alive", None))

    _beat = beat
    return send


def _end_with_parent() -> None:
    """Leave when the parent is gone, even if it was killed and even if a decoder hangs."""
    parent = multiprocessing.parent_process()
    if parent is not None:
        wait([parent.sentinel])
        os._exit(1)
