"""Workers on a Ray cluster, each an actor that keeps one worker process of `processes`.

So a row that hangs, dies or fails gives the same error as on one machine; only the loss of a machine is Ray's matter:
its row is done anew elsewhere.

Ray's actors and not Ray Data: a row has to be given back as soon as it is done, a silent one has to be killed alone,
and a crash is the row's result; Ray Data knows blocks of rows and repeats or fails them as a whole.

Functions and rows travel as bytes that only the worker process opens. Results may be computed twice where a machine is
lost just before it answers; they are given once.
"""

from __future__ import annotations

import logging
import os
import pickle
import signal
import socket
import threading
import time
from collections import deque
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from importlib import import_module
from typing import Any

from dropletvideo import __version__
from dropletvideo.engine.processes import Answers, Fatal, Job, Processes, Rows
from dropletvideo.errors import DropletError, WorkerLost

PLACE_SECONDS = 600.0
SAY_SECONDS = 20.0
REACH_SECONDS = 10.0
LOSSES = 3
_POLL_SECONDS = 0.5
logger = logging.getLogger(__name__)


class Sealed:
    """What is pickled already; it becomes what it holds where it is unpickled next."""

    def __init__(self, content: bytes) -> None:
        self.content = content

    def __reduce__(self) -> tuple[Any, ...]:
        return pickle.loads, (self.content,)


class Host:
    """The actor: a worker process on its machine, one row at a time."""

    def __init__(self, timeout_seconds: float | None) -> None:
        self.processes = Processes(1, timeout_seconds)
        self.number, self.job = -1, Sealed(b"")

    def version(self) -> str:
        """Of the package on this machine; an answer says that the actor has been placed."""
        return __version__

    def answer(self, number: int, job: bytes, row: bytes, label: str) -> tuple[str, Any]:
        """("result", what came of the row) or ("fatal", the exception that ends the map)."""
        if number != self.number:
            self.number, self.job = number, Sealed(job)
        try:
            ((_, result),) = self.processes.run(self.job, iter([Sealed(row)]), lambda _: label)  # type: ignore[arg-type]
        except Fatal as fatal:  # its cause, an exit too, crosses the wire as a value; the driver raises it
            self.processes.kill()
            return "fatal", fatal.cause
        return "result", result


@dataclass(eq=False)
class _Worker:
    actor: Any
    future: Any
    ready: bool = False
    busy: bool = False
    row: Any = None
    losses: int = 0
    started: float = field(default_factory=time.monotonic)


class Cluster:
    """Workers on the cluster at `address`, started as they are needed and ended with `close`."""

    def __init__(self, address: str | None, size: int | None, timeout_seconds: float | None) -> None:
        self.size, self.timeout_seconds = size, timeout_seconds
        self.workers: list[_Worker] = []
        self.label: Callable[[Any], str] = str
        self.jobs = self.failed_starts = 0
        self.num_gpus = self.wanted_gpus = 0.0
        self.limit = 1
        self._lost: deque[tuple[Any, int]] = deque()
        self._ray, self._is_ours = _connect(address)

    def run(self, job: Job, rows: Iterator[Any], label: Callable[[Any], str], num_gpus: float = 0.0) -> Answers:
        """Hand out rows until none is left and every worker is idle."""
        self.label, self.jobs = label, self.jobs + 1
        sealed = self._ray.put(self._ray.cloudpickle.dumps(job))
        self.wanted_gpus = num_gpus
        self._make_room()
        waiting = Rows(rows)
        quiet = time.monotonic()
        self._lost.clear()
        while self._lost or waiting or any(worker.busy for worker in self.workers):
            busy = sum(worker.busy for worker in self.workers)
            while len(self.workers) < min(self.limit, busy + len(self._lost) + waiting.at_least(self.limit)):
                self.workers.append(self._start())
            for worker in self.workers:
                if worker.ready and not worker.busy and (self._lost or waiting):
                    self._hand_out(worker, sealed, *(self._lost.popleft() if self._lost else (waiting.pop(), 0)))
            yield from self._news()
            quiet = self._see_that_some_are_placed(quiet)

    def _make_room(self) -> None:
        """See how many workers there may be; those that hold another share of a GPU are ended."""
        there, num_gpus = self._ray.cluster_resources(), self.wanted_gpus
        if num_gpus and not there.get("GPU"):
            logger.warning("the cluster has no GPU: stages that ask for %g of one run on its CPUs", num_gpus)
            num_gpus = 0.0
        if num_gpus != self.num_gpus:
            self.kill()
            self.num_gpus = num_gpus
        most = self.size or int(there.get("CPU", 1))
        self.limit = max(1, min(most, int(there["GPU"] / num_gpus)) if num_gpus else most)

    def _start(self) -> _Worker:
        actor_class = self._ray.remote(
            num_cpus=1, num_gpus=self.num_gpus, max_restarts=0, max_task_retries=0, scheduling_strategy="SPREAD"
        )(Host)
        actor = actor_class.remote(self.timeout_seconds)
        return _Worker(actor, actor.version.remote())

    def _hand_out(self, worker: _Worker, job: Any, row: Any, losses: int) -> None:
        worker.row, worker.losses, worker.busy = row, losses, True
        content = self._ray.cloudpickle.dumps(row)
        worker.future = worker.actor.answer.remote(self.jobs, job, content, self.label(row))

    def _news(self) -> Answers:
        futures = {worker.future: worker for worker in self.workers if worker.busy or not worker.ready}
        done, _ = self._ray.wait(list(futures), timeout=_POLL_SECONDS) if futures else ([], [])
        for future in done:
            worker = futures[future]
            try:
                answer = self._ray.get(future)
            except self._ray.exceptions.RayTaskError as error:
                raise DropletError(f"a worker of the cluster failed: {_first_line(error.cause or error)}") from error
            except self._ray.exceptions.RayError as error:
                yield from self._lose(worker, error)
                continue
            if worker.busy:
                yield from self._take(worker, *answer)
            else:
                self._welcome(worker, answer)

    def _take(self, worker: _Worker, kind: str, value: Any) -> Answers:
        if kind == "fatal":
            raise Fatal(value)
        row, worker.row, worker.busy = worker.row, None, False
        yield row, value

    def _welcome(self, worker: _Worker, version: str) -> None:
        worker.ready, self.failed_starts = True, 0
        if version != __version__:
            raise DropletError(
                f"a machine of the cluster has dropletvideo {version}, this one {__version__}: install the same on all"
            )

    def _lose(self, worker: _Worker, error: Exception) -> Answers:
        """An actor is gone, mostly with its machine: its row goes to another one, a few times."""
        self._end(worker)
        if not worker.busy:
            self.failed_starts += 1
            if self.failed_starts >= LOSSES:
                raise DropletError(
                    f"{LOSSES} workers in a row did not start on the cluster ({_first_line(error)}): install "
                    "dropletvideo with the same Python on every machine, and see ray's logs there"
                ) from error
            return
        losses = worker.losses + 1
        if losses >= LOSSES:
            yield worker.row, WorkerLost(self.label(worker.row), f"its worker was lost {losses} times")
            return
        logger.warning("a worker was lost (%s); done anew: %s", _first_line(error), self.label(worker.row))
        self._lost.append((worker.row, losses))

    def _see_that_some_are_placed(self, quiet: float) -> float:
        """Say so where the cluster has no room, and end there if it stays so; returns since when none is ready."""
        now = time.monotonic()
        if any(worker.ready for worker in self.workers) or not self.workers:
            return now
        waited = now - quiet
        wanted = f"1 CPU{f' and {self.num_gpus:g} GPU' if self.num_gpus else ''}"
        if waited > PLACE_SECONDS:
            raise DropletError(
                f"no worker found room on the cluster in {waited:.0f} s: each needs {wanted} and the cluster has "
                f"{_told(self._ray.available_resources())} free: free some, add machines, or use --engine local"
            )
        if int(waited / SAY_SECONDS) > int((waited - _POLL_SECONDS) / SAY_SECONDS):
            logger.warning("waiting for room on the cluster, %s per worker, for %.0f s", wanted, waited)
            self._make_room()  # the machine with the GPU may be gone for good
        return quiet

    def _end(self, worker: _Worker) -> None:
        self.workers.remove(worker)
        with suppress(Exception):  # it may be gone already, and its machine with it
            self._ray.kill(worker.actor, no_restart=True)

    def kill(self) -> None:
        """End every worker, whatever it does; the next `run` starts others."""
        for worker in list(self.workers):
            self._end(worker)

    def close(self) -> None:
        """End the workers, and the connection where it was made here."""
        self.kill()
        if self._is_ours:
            self._ray.shutdown()


def _connect(address: str | None) -> tuple[Any, bool]:
    """Ray, connected, and whether this call connected it."""
    os.environ.setdefault("RAY_DEDUP_LOGS_SKIP_REGEX", ".")  # Ray prints the raylets' chatter to stdout otherwise
    os.environ.setdefault("RAY_USAGE_STATS_ENABLED", "0")
    ray: Any = import_module("ray")
    if ray.is_initialized():
        return ray, False
    address = address or os.environ.get("RAY_ADDRESS")
    own: dict[str, Any] = {} if address else {"include_dashboard": False}
    try:
        _see_that_it_listens(address)
        with _handlers_kept():
            ray.init(address=address, log_to_driver=False, logging_level=logging.ERROR, namespace="dropletvideo", **own)
    except (ConnectionError, RuntimeError, ValueError, OSError) as error:
        raise DropletError(
            f"no Ray cluster answers at {address or 'this machine'} ({_first_line(error)}): start one with "
            "`ray start --head` and give its address, or use --engine local"
        ) from error
    there = ray.cluster_resources()
    machines = sum(node["Alive"] for node in ray.nodes())
    logger.info("Ray: %d machines, %s", machines, _told(there))
    return ray, True


def _see_that_it_listens(address: str | None) -> None:
    """Ask the port itself: Ray tries for many minutes to reach one where nobody listens."""
    host, colon, port = (address or "").rpartition(":")
    if not (colon and port.isdigit()) or host.startswith("ray:"):
        return
    socket.create_connection((host.strip("[]"), int(port)), timeout=REACH_SECONDS).close()


@contextmanager
def _handlers_kept() -> Iterator[None]:
    """Ray sets a handler for SIGTERM that ends the process on the spot; ours writes what was measured first."""
    if threading.current_thread() is not threading.main_thread():
        yield
        return
    before = signal.getsignal(signal.SIGTERM)
    try:
        yield
    finally:
        signal.signal(signal.SIGTERM, before)


def _told(resources: dict[str, float]) -> str:
    return f"{resources.get('CPU', 0):g} CPUs, {resources.get('GPU', 0):g} GPUs"


def _first_line(error: BaseException) -> str:
    lines = [line.strip() for line in str(error).splitlines() if line.strip()]
    return (lines[0] if lines else type(error).__name__)[:300]
