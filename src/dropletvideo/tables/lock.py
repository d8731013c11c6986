"""One writer per dataset. The kernel drops the lock of a process that dies, however it dies."""

from __future__ import annotations

import fcntl
import json
import logging
import os
import socket
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from dropletvideo.errors import CatalogLocked

LOCK_NAME = ".lock"
logger = logging.getLogger(__name__)


@contextmanager
def locked(folder: Path) -> Iterator[None]:
    """Hold the lock of a dataset while the body runs.

    The file `.lock` names its owner (host, process, start, command). A lock whose owner is dead is taken over with a
    word. Where the file system has no locks, the owner named in the file is looked up among the processes.

    Raises:
        CatalogLocked: a live run holds it; the message names its owner.
    """
    folder.mkdir(parents=True, exist_ok=True)
    path = folder / LOCK_NAME
    descriptor = os.open(path, os.O_RDWR | os.O_CREAT, 0o644)
    try:
        owner = _read_owner(descriptor)
        if not _take(descriptor, owner):
            raise CatalogLocked(
                f"{folder} is being written by another run ({_describe(owner)}): wait for it or stop it; "
                "reading (query, select, report) needs no lock"
            )
        if owner:
            logger.warning("took over the lock of %s from a run that is dead (%s)", folder, _describe(owner))
        _write_owner(descriptor, _self())
        try:
            yield
        finally:
            os.ftruncate(descriptor, 0)
    finally:
        os.close(descriptor)


def _take(descriptor: int, owner: dict[str, Any]) -> bool:
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    except OSError:
        return not _is_alive(owner)
    return True


def _is_alive(owner: dict[str, Any]) -> bool:
    """Whether the process named in a lock file still runs; of another host's process it must be assumed."""
    if not owner:
        return False
    if owner.get("host") != socket.gethostname():
        return True
    started = _start_of(int(owner.get("pid", 0)))
    return started is not None and started == owner.get("process_start")


def _start_of(pid: int) -> str | None:
    """What tells a process from a later one with its number: its start time; None when it is not there."""
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return None
    except PermissionError:
        pass
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[19]
    except OSError:
        return ""


def _self() -> dict[str, Any]:
    return {
        "host": socket.gethostname(),
        "pid": os.getpid(),
        "process_start": _start_of(os.getpid()),
        "since": datetime.now(UTC).isoformat(timespec="seconds"),
        "command": " ".join([Path(sys.argv[0]).name, *sys.argv[1:]]),
    }


def _read_owner(descriptor: int) -> dict[str, Any]:
    try:
        owner = json.loads(os.pread(descriptor, 65536, 0) or b"{}")
    except ValueError:
        return {"command": "an owner that was cut off while writing its name"}
    return owner if isinstance(owner, dict) else {}


def _write_owner(descriptor: int, owner: dict[str, Any]) -> None:
    os.ftruncate(descriptor, 0)
    os.pwrite(descriptor, json.dumps(owner).encode(), 0)
    os.fsync(descriptor)


def _describe(owner: dict[str, Any]) -> str:
    known = {"process": owner.get("pid"), "on": owner.get("host"), "since": owner.get("since")}
    words = [f"{name} {value}" for name, value in known.items() if value]
    if owner.get("command"):
        words.append(f"command: {owner['command']}")
    return ", ".join(words) or "its owner has not said who it is"
