"""What a run is given to read: files, folders, and lists of files.

A folder is walked in name order; files that are no video by their name are passed over and counted, as are hidden
ones. A list (`curate.lists`: CSV, JSONL, JSON, Parquet) holds one file or one clip of a file per row; a relative path
counts from the list's own folder. A listed file that does not exist stays in: it becomes a row of `errors`, so that a
list and its data set always add up.
"""

from __future__ import annotations

import os
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

from dropletvideo.curate.items import Item
from dropletvideo.curate.lists import is_list, read_list
from dropletvideo.curate.storage import is_remote
from dropletvideo.errors import ConfigError
from dropletvideo.media import VIDEO_SUFFIXES


@dataclass(frozen=True, kw_only=True)
class Sources:
    """Absolute paths in reading order, each once, and how many files were passed over as no video by name.

    Attributes:
        lists: the lists among what was given; `listed_items` reads them again.
        has_spans: whether everything given is a list and every row of it names a part of a video.
    """

    paths: tuple[str, ...]
    passed_over: int
    lists: tuple[Path, ...] = ()
    has_spans: bool = False


def find_sources(given: Sequence[str | Path], *, leave_out: Path | None = None) -> Sources:
    """All videos that `given` names.

    Args:
        given: files, folders, lists.
        leave_out: a folder that is not walked (the data set that is being written).

    Raises:
        ConfigError: nothing at such a path and its name is not a video's; a list that cannot be read or that names
            addresses instead of files.
    """
    paths: dict[str, None] = {}
    passed_over, lists, rows, spans = 0, list[Path](), 0, 0
    for name in given:
        path = Path(name)
        if is_remote(name):
            raise ConfigError(f"{name} is not on this machine: fetch it first with droplet collect {name} --out DIR")
        if is_list(path) and path.is_file():
            lists.append(path)
            for found, item in listed_items(path):
                paths[found] = None
                rows, spans = rows + 1, spans + item.has_span
            continue
        for video in _videos(path, leave_out):
            if video.suffix.lower() in VIDEO_SUFFIXES:
                paths[str(video.absolute())] = None
            else:
                passed_over += 1
    has_spans = len(lists) == len(given) and rows == spans > 0
    return Sources(paths=tuple(paths), passed_over=passed_over, lists=tuple(lists), has_spans=has_spans)


def listed_items(source: Path) -> Iterator[tuple[str, Item]]:
    """(absolute path of the video, item) for each row of a list.

    Raises:
        ConfigError: a row without a file, with its line.
    """
    for number, item in enumerate(read_list(source), 1):
        if item.path is None:
            raise ConfigError(
                f"{source}, row {number} has an address and no file ({item.url}): fetch the list first with "
                f"droplet collect {source} --out DIR, then give DIR/clips.jsonl"
            )
        path = Path(item.path).expanduser()
        yield str((path if path.is_absolute() else source.parent / path).absolute()), item


def _videos(path: Path, leave_out: Path | None) -> Iterator[Path]:
    if path.is_dir():
        yield from _walk(path, leave_out)
    elif path.exists() or path.suffix.lower() in VIDEO_SUFFIXES:
        yield path
    else:
        raise ConfigError(f"{path} does not exist: give video files, folders, or a CSV, JSONL or Parquet list of files")


def _walk(folder: Path, leave_out: Path | None) -> Iterator[Path]:
    barred = leave_out.resolve() if leave_out is not None else None

    def refuse(error: OSError) -> None:
        raise ConfigError(f"{error.filename} cannot be listed ({error.strerror}): make it readable or leave it out")

    for root, folders, files in os.walk(folder, onerror=refuse, followlinks=True):
        here = Path(root)
        folders[:] = sorted(f for f in folders if not f.startswith(".") and (here / f).resolve() != barred)
        for name in sorted(files):
            # an AppleDouble or temporary file carries a video's suffix and no video
            yield here / name if not name.startswith(".") else here / f"{name}.hidden"
