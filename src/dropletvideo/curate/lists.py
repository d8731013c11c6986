"""Dataset lists as files: CSV, TSV, JSONL, JSON and Parquet, local or on object storage, row by row.

A JSON file holds a list of rows, or the DropletVideo form: rows by video id, `{"<id>": [{...}, ...], ...}`.
"""

from __future__ import annotations

import csv
import io
import json
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path, PurePosixPath
from typing import IO, Any

from dropletvideo.curate.items import URL_KEYS, YOUTUBE, Item, is_empty, item_of
from dropletvideo.curate.storage import open_bytes
from dropletvideo.errors import ConfigError

LIST_SUFFIXES = frozenset((".csv", ".tsv", ".jsonl", ".ndjson", ".json", ".parquet"))
MAX_CELL = 1 << 24  # captions of a long video; the csv module stops at 131,072 characters by default
Numbered = Iterator[tuple[int, Any]]


@dataclass(frozen=True)
class BadRow:
    """A row that is no item: its line (or row) number and why."""

    number: int
    reason: str


def is_list(place: str | Path) -> bool:
    """Whether a path or address is a list by its name."""
    return PurePosixPath(str(place)).suffix.lower() in LIST_SUFFIXES


def read_list(place: str | Path, on_bad: Callable[[BadRow], None] | None = None) -> Iterator[Item]:
    """Items of a list in order; rows without any content are passed over.

    Args:
        place: a local path or an address that fsspec reaches.
        on_bad: told of each row that is no item; without it the first one ends the reading.

    Raises:
        ConfigError: the file cannot be read as what its name says, or a bad row without `on_bad`.
    """
    suffix = PurePosixPath(str(place)).suffix.lower()
    with open_bytes(place) as file:
        rows, first_column = _reader_of(suffix, place)(file, place)
        for number, row in rows:
            found = _item(row, first_column)
            if isinstance(found, Item):
                yield found
            elif found is not None and on_bad is not None:
                on_bad(BadRow(number, found))
            elif found is not None:
                raise ConfigError(f"{place}, line {number} {found}")


def _item(row: Any, first_column: str | None) -> Item | str | None:
    """The item, why there is none, or None for an empty row."""
    if isinstance(row, _NotJson):
        return row.reason
    if isinstance(row, str):
        row = {"path": row}
    if not isinstance(row, Mapping):
        return f"is {row!r}: give one object or path per row"
    if is_empty(row):
        return None
    try:
        return item_of(row, first_column)
    except ValueError as error:
        return str(error)


@dataclass(frozen=True)
class _NotJson:
    reason: str


Reader = Callable[[IO[bytes], Any], tuple[Numbered, str | None]]


def _reader_of(suffix: str, place: str | Path) -> Reader:
    readers: dict[str, Reader] = {
        ".csv": _csv, ".tsv": _csv, ".jsonl": _jsonl, ".ndjson": _jsonl, ".json": _json, ".parquet": _parquet,
    }  # fmt: skip
    if suffix not in readers:
        raise ConfigError(f"{place} is no list by its name: give {', '.join(sorted(readers))}")
    return readers[suffix]


def _csv(file: IO[bytes], place: Any) -> tuple[Numbered, str | None]:
    csv.field_size_limit(MAX_CELL)
    text = io.TextIOWrapper(file, encoding="utf-8-sig", newline="")
    reader = csv.DictReader(text, delimiter="\t" if str(place).lower().endswith(".tsv") else ",")
    names = [name for name in (reader.fieldnames or []) if name]
    if not names:
        text.detach()
        raise ConfigError(f"{place} is empty: give a CSV with a header and one file per row")

    def rows() -> Numbered:
        try:
            for row in reader:
                yield reader.line_num, row
        except (csv.Error, UnicodeDecodeError) as error:
            raise ConfigError(f"{place}, line {reader.line_num} cannot be read ({error}): mend the file") from error
        finally:
            if not text.closed:  # the file belongs to whoever opened it
                text.detach()

    has_address = any(key in names for key in (*URL_KEYS, "video_id"))
    return rows(), None if has_address else names[0]


def _jsonl(file: IO[bytes], _place: Any) -> tuple[Numbered, str | None]:
    def rows() -> Numbered:
        for number, line in enumerate(file, 1):
            if not line.strip():
                continue
            try:
                yield number, json.loads(line)
            except (json.JSONDecodeError, UnicodeDecodeError) as error:
                reason = getattr(error, "msg", str(error))
                yield number, _NotJson(f"is not JSON ({reason}): give one object per line")

    return rows(), None


def _json(file: IO[bytes], place: Any) -> tuple[Numbered, str | None]:
    try:
        content = json.load(file)
    except (json.JSONDecodeError, UnicodeDecodeError) as error:
        raise ConfigError(f"{place} is not JSON ({error}): mend the file") from error
    if isinstance(content, list):
        return enumerate(content, 1), None
    if isinstance(content, dict) and all(isinstance(rows, list) for rows in content.values()):
        return enumerate(_by_video(content), 1), None
    raise ConfigError(f"{place} must hold a list of rows, or lists of rows by video id")


def _by_video(content: Mapping[str, list[Any]]) -> Iterator[Any]:
    for name, rows in content.items():
        for row in rows:
            yield {"url": f"{YOUTUBE}{name}", **row} if isinstance(row, Mapping) else row


def _parquet(file: IO[bytes], place: Any) -> tuple[Numbered, str | None]:
    import pyarrow as pa
    import pyarrow.parquet as pq

    try:
        table = pq.ParquetFile(file)
    except (pa.ArrowInvalid, OSError) as error:
        raise ConfigError(f"{place} is not Parquet ({error}): mend the file") from error

    def rows() -> Numbered:
        number = 0
        for batch in table.iter_batches(batch_size=2048):
            for row in batch.to_pylist():
                number += 1
                yield number, row

    return rows(), None
