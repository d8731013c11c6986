"""What a run is given to read: files, folders, and CSV or JSONL lists of files.

A folder is walked in name order; files that are no video by their name are passed over and counted, as are hidden
ones. A list holds one file per row, under the column (key) `video_path`, `path`, `video`, `file_path`, `file_name` or
`file`, else under its first column; a relative path counts from the list's own folder. A listed file that does not
exist stays in: it becomes a row of `errors`, so that a list and its data set always add up.
"""

from __future__ import annotations

import csv
import json
import os
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from dropletvideo.errors import ConfigError
from dropletvideo.media import VIDEO_SUFFIXES

LIST_SUFFIXES = frozenset((".csv", ".jsonl"))
PATH_KEYS = ("video_path", "path", "video", "file_path", "file_name", "file")


@dataclass(frozen=True, kw_only=True)
class Sources:
    """Absolute paths in reading order, each once, and how many files were passed over as no video by name."""

    paths: tuple[str, ...]
    passed_over: int


def find_sources(given: Sequence[str | Path], *, leave_out: Path | None = None) -> Sources:
    """All videos that `given` names.

    Args:
        given: files, folders, CSV or JSONL lists.
        leave_out: a folder that is not walked (the data set that is being written).

    Raises:
        ConfigError: nothing at such a path and its name is not a video's; a list that cannot be read.
    """
    paths: dict[str, None] = {}
    passed_over = 0
    for name in given:
        for path in _listed(Path(name), leave_out):
            if path.suffix.lower() in VIDEO_SUFFIXES:
                paths[str(path.absolute())] = None
            else:
                passed_over += 1
    return Sources(paths=tuple(paths), passed_over=passed_over)


def _listed(path: Path, leave_out: Path | None) -> Iterator[Path]:
    suffix = path.suffix.lower()
    if path.is_dir():
        yield from _walk(path, leave_out)
    elif suffix in LIST_SUFFIXES and path.is_file():
        yield from (_from_list(path, entry) for entry in (_csv if suffix == ".csv" else _jsonl)(path))
    elif path.exists() or suffix in VIDEO_SUFFIXES:
        yield path
    else:
        raise ConfigError(f"{path} does not exist: give video files, folders, or a CSV or JSONL list of files")


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


def _from_list(source: Path, entry: str) -> Path:
    path = Path(entry).expanduser()
    # a listed file counts as a video whatever its name: someone chose it
    return path if path.is_absolute() else source.parent / path


def _csv(source: Path) -> Iterator[str]:
    with source.open(newline="", encoding="utf-8-sig") as file:
        reader = csv.DictReader(file)
        names = reader.fieldnames or []
        if not names:
            raise ConfigError(f"{source} is empty: give a CSV with a header and one file per row")
        key = next((key for key in PATH_KEYS if key in names), names[0])
        for row in reader:
            if entry := (row.get(key) or "").strip():
                yield entry


def _jsonl(source: Path) -> Iterator[str]:
    for number, line in enumerate(source.read_text(encoding="utf-8").splitlines(), 1):
        if not line.strip():
            continue
        try:
            row: Any = json.loads(line)
        except json.JSONDecodeError as error:
            raise ConfigError(f"{source}, line {number} is not JSON ({error.msg}): give one object per line") from error
        entry = row if isinstance(row, str) else _path_of(row)
        if not isinstance(entry, str):
            raise ConfigError(f"{source}, line {number} names no file: give one of the keys {', '.join(PATH_KEYS)}")
        yield entry


def _path_of(row: Any) -> Any:
    return next((row[key] for key in PATH_KEYS if key in row), None) if isinstance(row, dict) else None
