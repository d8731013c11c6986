"""`map_rows` and `Workers`: one interface whoever does the work."""

from __future__ import annotations

from collections.abc import Callable, Generator, Iterable, Iterator, Sequence
from dataclasses import dataclass
from importlib.util import find_spec
from typing import Protocol, TypeVar

from dropletvideo import runtime
from dropletvideo.engine.processes import Answers, Fatal, Job, Processes
from dropletvideo.errors import ConfigError, DropletError

Row = TypeVar("Row")
Result = TypeVar("Result")
Results = Generator[tuple[Row, Result | Exception], None, None]
TOLERATED: tuple[type[Exception], ...] = (DropletError, OSError)
ENGINES = ("local", "ray")


@dataclass(frozen=True)
class OnRay:
    """Workers on a Ray cluster in place of this machine's.

    Args:
        address: as `ray.init` takes it (`auto`, `HOST:PORT`); None is the cluster that RAY_ADDRESS names, or else one
            that is started on this machine and ends with the work.
        workers: how many; None is one for each CPU of the cluster.
    """

    address: str | None = None
    workers: int | None = None


def workers_of(engine: str = "local", workers: int | None = None, ray_address: str | None = None) -> int | OnRay:
    """What `workers=` takes, from the options `--engine`, `--workers` and `--ray-address` of a command.

    Raises:
        ConfigError: an unknown engine, an address without Ray, or Ray is not installed.
    """
    if engine not in ENGINES:
        raise ConfigError(f"engine={engine!r} is unknown: one of {', '.join(ENGINES)}")
    if engine == "local":
        if ray_address is not None:
            raise ConfigError(
                f"ray_address={ray_address!r} goes with engine=ray, not with engine=local: give both or none"
            )
        return workers or runtime.usable_cpus()
    if find_spec("ray") is None:
        raise ConfigError("engine=ray needs Ray, which is not installed: pip install 'dropletvideo[ray]'")
    return OnRay(ray_address, workers)


def map_rows(
    function: Callable[[Row], Result],
    rows: Iterable[Row],
    *,
    workers: int | OnRay = 1,
    timeout_seconds: float | None = None,
    tolerate: tuple[type[Exception], ...] = TOLERATED,
    label: Callable[[Row], str] = str,
    num_gpus: float = 0.0,
) -> Results[Row, Result]:
    """Yield (row, result or exception) as rows finish; close the generator to stop at once.

    Args:
        function: called with one row; picklable where workers are used.
        rows: taken one by one, never all at once.
        workers: 0 or 1 without a time limit runs here; otherwise so many worker processes, each with one thread; or
            workers on a cluster (`OnRay`, `workers_of`).
        timeout_seconds: longest silence of a row before its worker is killed; None waits for ever.
        tolerate: exceptions of `function` that become the row's result; any other one ends the map and is raised.
        label: name of a row in error messages.
        num_gpus: share of a GPU that each worker gets on a cluster; nothing on this machine.

    Raises:
        DropletError: workers cannot be started at all.
    """
    with Workers(workers, timeout_seconds) as pool:
        yield from pool.map(function, rows, tolerate=tolerate, label=label, num_gpus=num_gpus)


def map_in_order(
    function: Callable[[Row], Result],
    rows: Sequence[Row],
    *,
    workers: int | OnRay = 1,
    timeout_seconds: float | None = None,
    label: Callable[[Row], str] = str,
    advance: Callable[[str], object] | None = None,
) -> list[Result]:
    """Results in the order of the rows; the first that is an exception ends the map and is raised.

    Args: as of `map_rows`; labels differ, and `advance` is called with that of each row as it finishes.
    """
    done: dict[str, Result] = {}
    for row, result in map_rows(function, rows, workers=workers, timeout_seconds=timeout_seconds, label=label):
        if isinstance(result, Exception):
            raise result
        done[label(row)] = result
        if advance is not None:
            advance(label(row))
    return [done[label(row)] for row in rows]


class Pool(Protocol):
    """Who does the work of `Workers`."""

    def run(self, job: Job, rows: Iterator[Row], label: Callable[[Row], str], num_gpus: float = 0.0) -> Answers:
        """Each row with its result."""
        ...

    def kill(self) -> None:
        """End every worker, whatever it does; the next `run` starts others."""
        ...

    def close(self) -> None:
        """As `kill`, and let go of what the pool holds."""
        ...


class Workers:
    """Workers that serve several maps, one after the other; `map_rows` is the short form for one.

    Args:
        workers: 0 or 1 without a time limit means this process; otherwise so many worker processes, or a cluster's.
        timeout_seconds: longest silence of a row before its worker is killed; None waits for ever.
    """

    def __init__(self, workers: int | OnRay = 1, timeout_seconds: float | None = None) -> None:
        self._pool: Pool | None = None
        if isinstance(workers, OnRay):
            from dropletvideo.engine.cluster import Cluster

            self._pool = Cluster(workers.address, workers.workers, timeout_seconds)
        elif workers > 1 or timeout_seconds is not None:
            self._pool = Processes(max(1, workers), timeout_seconds)

    def __enter__(self) -> Workers:
        return self

    def __exit__(self, *_: object) -> None:
        if self._pool is not None:
            self._pool.close()

    def map(
        self,
        function: Callable[[Row], Result],
        rows: Iterable[Row],
        *,
        tolerate: tuple[type[Exception], ...] = TOLERATED,
        label: Callable[[Row], str] = str,
        num_gpus: float = 0.0,
    ) -> Results[Row, Result]:
        """As `map_rows`."""
        if self._pool is None:
            yield from _map_here(function, rows, tolerate)
            return
        finished = False
        try:
            yield from self._pool.run(Job(function, tolerate), iter(rows), label, num_gpus)
            finished = True
        except Fatal as fatal:
            raise fatal.cause from None
        finally:
            if not finished:
                self._pool.kill()


def _map_here(
    function: Callable[[Row], Result], rows: Iterable[Row], tolerate: tuple[type[Exception], ...]
) -> Results[Row, Result]:
    for row in rows:
        result: Result | Exception
        try:
            result = function(row)
        except tolerate as error:
            result = error
        yield row, result
