"""Parquet parts: whole files or none, typed columns, plain Python values in and out.

A part is written whole (`files.write_file`); a reader sees the old part or the new one. The
last part of a table grows (it is written anew with more rows) until it holds `PART_ROWS`; then the next one begins.
"""

from __future__ import annotations

import json
import math
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq

from dropletvideo import files
from dropletvideo.errors import CatalogError

PART_ROWS = 20_000
_SCALARS: dict[Any, Any] = {
    float: pa.float64(),
    int: pa.int64(),
    str: pa.string(),
    bool: pa.bool_(),
    dict: pa.string(),
    list: pa.list_(pa.string()),
    list[str]: pa.list_(pa.string()),
    list[float]: pa.list_(pa.float64()),
    list[int]: pa.list_(pa.int64()),
}
_SQL_TYPES = {
    pa.float64(): "DOUBLE",
    pa.int64(): "BIGINT",
    pa.string(): "VARCHAR",
    pa.bool_(): "BOOLEAN",
    pa.list_(pa.string()): "VARCHAR[]",
    pa.list_(pa.float64()): "DOUBLE[]",
    pa.list_(pa.int64()): "BIGINT[]",
}
TYPE_NAMES: dict[str, Any] = {kind.__name__ if isinstance(kind, type) else str(kind): kind for kind in _SCALARS}
Columns = Mapping[str, Any]
"""Column name to its Python type: float, int, str, bool, dict, list, list[str], list[float] or list[int]."""


def type_name(kind: Any) -> str:
    """Name of a column's type, as `dataset.json` keeps it."""
    for name, known in TYPE_NAMES.items():
        if known == kind:
            return name
    raise ValueError(f"column type {kind!r} is unknown: one of {', '.join(TYPE_NAMES)}")


def arrow_type(kind: Any) -> Any:
    """Arrow type of a column's Python type; an Arrow type stays as it is."""
    return kind if isinstance(kind, pa.DataType) else _SCALARS[TYPE_NAMES[type_name(kind)]]


def sql_type(kind: Any) -> str:
    """DuckDB type of a column's Python type."""
    return _SQL_TYPES[arrow_type(kind)]


def encode(value: Any, kind: Any) -> Any:
    """A value as it is stored. NaN becomes null (it would pass every `>` otherwise); nested values become JSON.

    Items of a plain `list` stay as they are when they are strings and become JSON otherwise.
    """
    if value is None or (isinstance(value, float) and math.isnan(value)):
        return None
    if kind is dict:
        return json.dumps(value, ensure_ascii=False, default=_plain)
    if kind is list:
        return [item if isinstance(item, str) else json.dumps(item, default=_plain) for item in value]
    if kind in (list[float], list[int], list[str]):
        return [encode(item, kind.__args__[0]) for item in value]
    if kind in (float, int, bool, str):
        value = _plain(value)
        return None if isinstance(value, float) and math.isnan(value) else kind(value)
    return value


def decode(value: Any, kind: Any) -> Any:
    """The Python value of a stored one; the inverse of `encode`."""
    if value is None:
        return None
    if kind is dict:
        return json.loads(value)
    if kind is list:
        return [json.loads(item) if item[:1] in ("{", "[") else item for item in value]
    return value


def _plain(value: Any) -> Any:
    """NumPy scalars and arrays as Python values."""
    return value.tolist() if hasattr(value, "tolist") else value


def part_path(folder: Path, number: int) -> Path:
    """Path of a part by its number."""
    return folder / f"part-{number:06d}.parquet"


def part_numbers(folder: Path) -> list[int]:
    """Numbers of the parts in a folder, in order."""
    if not folder.is_dir():
        return []
    return sorted(int(path.stem.removeprefix("part-")) for path in folder.glob("part-*.parquet"))


def count_rows(path: Path) -> int:
    """Rows of a part, from its footer."""
    with _sound(path):
        return int(pq.read_metadata(path).num_rows)


def read_rows(path: Path, columns: Sequence[str] | None = None) -> list[dict[str, Any]]:
    """Rows of a part as stored (see `decode`)."""
    with _sound(path):
        rows: list[dict[str, Any]] = pq.read_table(path, columns=columns, partitioning=None).to_pylist()
    return rows


def read_facts(path: Path) -> dict[str, str]:
    """Facts kept in a part's footer by `write_rows`."""
    with _sound(path):
        return {key.decode(): value.decode() for key, value in (pq.read_schema(path).metadata or {}).items()}


@contextmanager
def _sound(path: Path) -> Iterator[None]:
    """Name a part that Parquet cannot read."""
    try:
        yield
    except pa.ArrowInvalid as error:
        raise CatalogError(
            f"{path} is damaged ({error}): "
            "restore it (a part under columns/ may be removed: the next run computes it anew)"
        ) from error


def write_rows(
    path: Path, rows: Sequence[Mapping[str, Any]], columns: Columns, facts: Mapping[str, str] | None = None
) -> None:
    """Write a part whole. Values are stored ones (`encode`); a missing key is null."""
    schema = pa.schema([(name, arrow_type(kind)) for name, kind in columns.items()])
    table = pa.Table.from_pylist(list(rows), schema=schema.with_metadata(dict(facts or {})))
    files.write_file(path, lambda file: pq.write_table(table, file, compression="zstd"))


def sweep(folder: Path) -> None:
    """Remove temporary files that a killed run left; call it only under the lock."""
    for path in folder.rglob(".*.partial"):
        path.unlink(missing_ok=True)


class RowTable:
    """A table of few columns kept in memory by key: videos, errors. `save` writes the parts that changed.

    Rows keep their place: the row number of a key never changes.
    """

    def __init__(self, folder: Path, columns: Columns, key: Callable[[Mapping[str, Any]], Any]) -> None:
        self.folder, self.columns, self._key = folder, columns, key
        self.rows: list[dict[str, Any]] = []
        self.places: dict[Any, int] = {}
        self._changed: set[int] = set()
        numbers = part_numbers(folder)
        if numbers != list(range(len(numbers))):
            raise CatalogError(f"{folder} lacks a part (it has {numbers}): restore it, or curate into a new folder")
        for number in numbers:
            for row in read_rows(part_path(folder, number)):
                self.places[key(row)] = len(self.rows)
                self.rows.append(row)

    def get(self, key: Any) -> dict[str, Any] | None:
        """The row of a key."""
        place = self.places.get(key)
        return None if place is None else self.rows[place]

    def put(self, row: Mapping[str, Any]) -> int:
        """Add a row or replace the one of its key; returns its place."""
        stored = {name: encode(row.get(name), kind) for name, kind in self.columns.items()}
        place = self.places.setdefault(self._key(stored), len(self.rows))
        if place == len(self.rows):
            self.rows.append(stored)
        self.rows[place] = stored
        self._changed.add(place // PART_ROWS)
        return place

    def drop(self, keys: Iterable[Any]) -> None:
        """Remove rows; the places of later ones change, so only for tables that nobody refers to by place."""
        gone = {self.places[key] for key in keys if key in self.places}
        if not gone:
            return
        parts_before = -(-len(self.rows) // PART_ROWS)
        self.rows = [row for place, row in enumerate(self.rows) if place not in gone]
        self.places = {self._key(row): place for place, row in enumerate(self.rows)}
        self._changed.update(range(min(gone) // PART_ROWS, parts_before))

    def save(self) -> None:
        """Write what changed."""
        for number in sorted(self._changed):
            rows = self.rows[number * PART_ROWS : (number + 1) * PART_ROWS]
            if rows:
                write_rows(part_path(self.folder, number), rows, self.columns)
            else:
                part_path(self.folder, number).unlink(missing_ok=True)
            self._changed.discard(number)
