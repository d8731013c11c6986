"""Files that are whole or not there, and lines that are kept one by one: how every package writes its records.

`write_file` and its kin: the old file or the new one, through a kill, a full disk or a power cut. `JsonLines`: a file
to which lines are only added, each on the disk before it counts; a kill costs at most the line that it cut off.
"""

from __future__ import annotations

import errno
import json
import os
import shutil
import threading
from collections.abc import Callable, Iterable, Iterator, Mapping
from pathlib import Path
from typing import Any, BinaryIO

FULL = (errno.ENOSPC, errno.EDQUOT, errno.EFBIG)


def write_file(path: Path, write: Callable[[BinaryIO], Any]) -> None:
    """Write to a temporary name, flush to the disk, rename; on any failure the old file stays."""
    path.parent.mkdir(parents=True, exist_ok=True)
    scratch = path.with_name(f".{path.name}.{os.getpid()}.partial")
    try:
        with scratch.open("wb") as file:
            write(file)
            file.flush()
            os.fsync(file.fileno())
        scratch.replace(path)
    finally:
        scratch.unlink(missing_ok=True)  # not there after the rename
    _sync_folder(path.parent)


def write_text(path: Path, text: str) -> None:
    """Write a text file whole."""
    write_file(path, lambda file: file.write(text.encode()))


def write_json(path: Path, value: Any, *, indent: int = 2, default: Callable[[Any], Any] | None = None) -> None:
    """Write a JSON file whole."""
    write_text(path, json.dumps(value, indent=indent, ensure_ascii=False, default=default) + "\n")


def write_json_lines(
    path: Path, rows: Iterable[Mapping[str, Any]], *, default: Callable[[Any], Any] | None = None
) -> None:
    """Write a file of JSON objects whole, one a line."""
    write_text(path, "".join(json.dumps(row, ensure_ascii=False, default=default) + "\n" for row in rows))


def _sync_folder(folder: Path) -> None:
    """Make a rename last through a power cut, where the file system can."""
    descriptor = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    except OSError:  # some network file systems refuse to sync a folder
        pass
    finally:
        os.close(descriptor)


def why_not(folder: Path, error: OSError) -> str:
    """Why nothing can be written there, and of a full disk how much is free: `No space left on device, 12 KB free`."""
    words = error.strerror or str(error)
    if error.errno not in FULL:
        return words
    try:
        space = shutil.disk_usage(folder)
    except OSError:
        return words
    return f"{words}, {space.free // 1024:,} KB free of {space.total // 1024:,} KB"


class JsonLines:
    """A file of JSON objects, one per line. The last line may be torn: it is passed over and closed off by the next.

    One process writes it at a time (whoever holds the lock of the folder), any of its threads.

    Args:
        path: the file; made with the first line.
    """

    def __init__(self, path: Path) -> None:
        self.path = path
        self._lock = threading.Lock()

    def read(self) -> Iterator[tuple[int, dict[str, Any]]]:
        """Each whole object with the place of its line in the file, in bytes; nothing where there is no file."""
        if not self.path.is_file():
            return
        place = 0
        with self.path.open("rb") as file:
            for line in file:
                if (entry := _object(line)) is not None:
                    yield place, entry
                place += len(line)

    def at(self, place: int) -> dict[str, Any] | None:
        """The object at a place that `read` or `append` gave."""
        with self.path.open("rb") as file:
            file.seek(place)
            return _object(file.readline())

    def append(self, entry: Mapping[str, Any]) -> int:
        """Add a line; it is on the disk when this returns. Gives its place.

        Raises:
            OSError: the disk is full or the file cannot be written.
        """
        line = json.dumps(entry, ensure_ascii=False, default=str).encode() + b"\n"
        with self._lock:
            self.path.parent.mkdir(parents=True, exist_ok=True)
            with self.path.open("ab+") as file:
                place = file.seek(0, os.SEEK_END)
                if not _ends_whole(file, place):
                    line, place = b"\n" + line, place + 1
                file.write(line)
                file.flush()
                os.fsync(file.fileno())
        return place


def _object(line: bytes) -> dict[str, Any] | None:
    try:
        entry = json.loads(line)
    except ValueError:
        return None
    return entry if isinstance(entry, dict) else None


def _ends_whole(file: BinaryIO, end: int) -> bool:
    if end == 0:
        return True
    file.seek(-1, os.SEEK_END)
    return file.read(1) == b"\n"
