"""Paths on object storage (`s3://`, `gs://`, `memory://` and whatever else fsspec reaches), beside local ones.

fsspec comes with the base install; a protocol may need a package of its own (`s3://` needs s3fs: the extra `[s3]`).
"""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import IO, Any

from dropletvideo.errors import ConfigError
from dropletvideo.media import VIDEO_SUFFIXES

WEB = ("http", "https")
_EXTRAS = {"s3": "s3", "s3a": "s3", "gs": "gcs", "gcs": "gcs"}


def protocol_of(text: str | Path) -> str:
    """The part before `://`, or an empty text for a local path."""
    name, mark, _ = str(text).partition("://")
    return name.lower() if mark and name.isalnum() else ""


def is_remote(text: str | Path) -> bool:
    """Whether a path lies on object storage (or at a web address)."""
    return protocol_of(text) not in ("", "file")


def open_storage(url: str) -> tuple[Any, str]:
    """(fsspec file system, path on it).

    Raises:
        ConfigError: a protocol that nobody knows, or whose package is not installed.
    """
    import fsspec

    name = protocol_of(url)
    try:
        system, path = fsspec.core.url_to_fs(url)
    except ImportError as error:
        extra = _EXTRAS.get(name)
        line = f"pip install 'dropletvideo[{extra}]'" if extra else str(error)
        raise ConfigError(f"{url}: {name}:// needs a package that is not installed: {line}") from error
    except ValueError as error:
        raise ConfigError(f"{url}: {error}") from error
    return system, str(path)


@contextmanager
def open_bytes(place: str | Path) -> Iterator[IO[bytes]]:
    """A local or remote file, opened for reading.

    Raises:
        ConfigError: it is not there or cannot be read.
    """
    try:
        if is_remote(place):
            system, path = open_storage(str(place))
            with system.open(path, "rb") as file:
                yield file
        else:
            with Path(place).open("rb") as file:
                yield file
    except FileNotFoundError as error:
        raise ConfigError(f"{place} does not exist: give a list, a folder or an address that is there") from error
    except PermissionError as error:
        raise ConfigError(f"{place} may not be read: check the permissions or credentials") from error


def videos_under(url: str) -> list[str]:
    """Addresses of all videos under a remote folder, in name order."""
    system, path = open_storage(url)
    mark = f"{protocol_of(url)}://"
    names = sorted(str(name) for name in system.find(path))
    return [
        f"{mark}{name.removeprefix(mark).lstrip('/')}" for name in names if Path(name).suffix.lower() in VIDEO_SUFFIXES
    ]


def fetch_file(url: str, target: Path) -> None:
    """Copy a remote file to `target`, which appears only as far as it was read (give a temporary name)."""
    system, path = open_storage(url)
    with system.open(path, "rb") as source, target.open("wb") as file:
        shutil.copyfileobj(source, file, 1 << 20)


def put_folder(folder: Path, url: str) -> int:
    """Copy all files of a local folder to a remote one, in name order; returns how many.

    Raises:
        ConfigError: the storage refuses.
    """
    system, root = open_storage(url)
    count = 0
    try:
        for path in sorted(path for path in folder.rglob("*") if path.is_file()):
            target = f"{root.rstrip('/')}/{path.relative_to(folder).as_posix()}"
            system.makedirs(target.rpartition("/")[0], exist_ok=True)
            system.put_file(str(path), target)
            count += 1
    except OSError as error:
        raise ConfigError(
            f"{url} cannot be written ({error.strerror or error}): check it, then export again"
        ) from error
    return count
