"""Device, number type, seeds, thread limits, logging, progress and `run.json`; called by the CLI, never at import."""

from __future__ import annotations

import logging
import os
import platform
import random
import signal
import sys
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from dropletvideo import __version__
from dropletvideo.errors import ConfigError
from dropletvideo.files import write_json

DTYPES = ("float32", "bfloat16", "float16")
_THREAD_VARIABLES = (
    "OMP_NUM_THREADS",
    "OPENBLAS_NUM_THREADS",
    "MKL_NUM_THREADS",
    "NUMEXPR_NUM_THREADS",
    "VECLIB_MAXIMUM_THREADS",
)
QUIET_SECONDS = 30.0


def pick_device(name: str = "auto") -> str:
    """`auto` becomes `cuda`, `mps` or `cpu`, the first that works; a name that cannot be had is refused.

    Raises:
        ConfigError: the device asked for is not there.
    """
    import torch

    has_cuda, has_mps = torch.cuda.is_available(), torch.backends.mps.is_available()
    if name == "auto":
        return "cuda" if has_cuda else "mps" if has_mps else "cpu"
    kind = name.partition(":")[0]
    if kind not in ("cpu", "cuda", "mps"):
        raise ConfigError(f"device={name!r} is unknown: give auto, cpu, cuda, cuda:N or mps")
    if (kind == "cuda" and not has_cuda) or (kind == "mps" and not has_mps):
        raise ConfigError(f"device={name!r} is not on this machine: give --device auto or cpu")
    return name


def pick_dtype(name: str, device: str) -> Any:
    """The torch dtype for `name`; `auto` is bfloat16 on a GPU that has it and float32 elsewhere.

    Raises:
        ConfigError: a name other than auto, float32, bfloat16 and float16.
    """
    import torch

    if name == "auto":
        has_bfloat16 = device.startswith("cuda") and torch.cuda.is_bf16_supported()
        return torch.bfloat16 if has_bfloat16 else torch.float32
    if name not in DTYPES:
        raise ConfigError(f"dtype={name!r} is unknown: give auto, {', '.join(DTYPES)}")
    return getattr(torch, name)


def seed_everything(seed: int) -> None:
    """Seed Python, NumPy and, where it is loaded already, torch on every device."""
    import numpy as np

    random.seed(seed)
    np.random.seed(seed % 2**32)
    if "torch" in sys.modules:
        import torch

        torch.manual_seed(seed)


def limit_threads(threads: int) -> None:
    """Let this process use so many threads per library; libraries not loaded yet are limited by the environment."""
    os.environ.update(dict.fromkeys(_THREAD_VARIABLES, str(threads)))
    if "cv2" in sys.modules:
        import cv2

        cv2.setNumThreads(threads)
    if "torch" in sys.modules:
        import torch

        torch.set_num_threads(threads)


@contextmanager
def thread_environment(threads: int) -> Iterator[None]:
    """Processes started in the body begin with this many threads per library."""
    before = {name: os.environ.get(name) for name in _THREAD_VARIABLES}
    os.environ.update(dict.fromkeys(_THREAD_VARIABLES, str(threads)))
    try:
        yield
    finally:
        for name, value in before.items():
            if value is None:
                os.environ.pop(name, None)
            else:
                os.environ[name] = value


def stop_on_terminate() -> None:
    """Let SIGTERM end the program as Ctrl-C does, so that half-written files are removed on the way out."""

    def stop(_number: int, _frame: Any) -> None:
        raise KeyboardInterrupt

    signal.signal(signal.SIGTERM, stop)


def usable_cpus() -> int:
    """CPU cores that this process may use."""
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1


def set_up_logging(*, verbose: bool = False) -> None:
    """Send log lines to stderr through rich; FFmpeg's own chatter is left out."""
    from rich.console import Console
    from rich.logging import RichHandler

    handler = RichHandler(console=Console(stderr=True), show_path=False, show_time=verbose, markup=False)
    level = logging.DEBUG if verbose else logging.INFO
    logging.basicConfig(level=logging.WARNING, format="%(message)s", handlers=[handler], force=True)
    logging.getLogger("dropletvideo").setLevel(level)
    logging.getLogger("libav").setLevel(logging.CRITICAL)


class Progress:
    """How far a piece of work has come; made by `progress`."""

    def __init__(self, description: str, total: int | None) -> None:
        self.description, self.total, self.done, self.note = description, total, 0, ""

    def advance(self, steps: int = 1, note: str = "") -> None:
        """`steps` more are done; `note` stands beside the bar until the next one."""
        self.done += steps
        self.note = note or self.note
        self._show()

    def _show(self) -> None:
        """Shown by the classes below; this one is silent."""


class _Bar(Progress):
    def __init__(self, description: str, total: int | None, bars: Any) -> None:
        super().__init__(description, total)
        self._bars, self._task = bars, bars.add_task(description, total=total, note="")

    def _show(self) -> None:
        self._bars.update(self._task, completed=self.done, note=self.note)


class _Lines(Progress):
    """Where stderr is no terminal: a line every half minute, so that a log tells how far it has come."""

    def __init__(self, description: str, total: int | None) -> None:
        super().__init__(description, total)
        self._started = self._said = time.monotonic()

    def _show(self) -> None:
        now = time.monotonic()
        if now - self._said >= QUIET_SECONDS:
            self._said = now
            of_total = f" of {self.total}" if self.total is not None else ""
            sys.stderr.write(
                f"{self.description}: {self.done}{of_total} after {now - self._started:.0f} s {self.note}\n"
            )
            sys.stderr.flush()


@contextmanager
def progress(description: str, total: int | None = None) -> Iterator[Progress]:
    """A progress bar on stderr while the body runs; a line every half minute where stderr is no terminal.

    Example:
        >>> with progress("measuring", total=3) as bar:
        ...     for _ in range(3):
        ...         bar.advance()
    """
    if not sys.stderr.isatty():
        yield _Lines(description, total)
        return
    from rich.console import Console
    from rich.progress import BarColumn, MofNCompleteColumn, TextColumn, TimeElapsedColumn, TimeRemainingColumn
    from rich.progress import Progress as Bars

    columns = (TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn(), TimeElapsedColumn())
    more = (TimeRemainingColumn(), TextColumn("{task.fields[note]}", style="dim"))
    with Bars(*columns, *more, console=Console(stderr=True), transient=False) as bars:
        yield _Bar(description, total, bars)


def machine() -> dict[str, Any]:
    """What this run runs on: Python, libraries loaded so far, processor, GPU."""
    facts: dict[str, Any] = {
        "python": platform.python_version(),
        "system": f"{platform.system()} {platform.machine()}",
        "cpus": usable_cpus(),
        "libraries": {
            name: str(getattr(sys.modules[name], "__version__", ""))
            for name in ("numpy", "torch", "diffusers", "transformers", "av", "cv2", "pyarrow", "duckdb")
            if name in sys.modules
        },
    }
    if "torch" in sys.modules:
        import torch

        facts["gpu"] = torch.cuda.get_device_name() if torch.cuda.is_available() else None
    return facts


def write_run(
    folder: str | Path,
    *,
    recipe: Mapping[str, Any],
    seeds: Mapping[str, int] | None = None,
    weights: Mapping[str, str] | None = None,
    device: str = "cpu",
    wall_seconds: float | None = None,
    **more: Any,
) -> Path:
    """Write `folder/run.json`: resolved recipe, code version, weights digests, seeds, device, wall time, and `more`."""
    record = {
        "command": [Path(sys.argv[0]).name, *sys.argv[1:]],
        "written": datetime.now(UTC).isoformat(timespec="seconds"),
        "version": __version__,
        "recipe": dict(recipe),
        "weights": dict(weights or {}),
        "seeds": dict(seeds or {}),
        "device": device,
        "wall_seconds": None if wall_seconds is None else round(wall_seconds, 3),
        "machine": machine(),
        **more,
    }
    path = Path(folder) / "run.json"
    write_json(path, record, default=str)
    return path
