"""What lists say of the videos of a data set, kept in `DATASET/.listed.sqlite`: the rows of each video by its path.

Worker processes look up one video at a time, out of millions of rows; so this is an index by key and no Parquet part.
A list that is given again takes the place of what was known of its videos.
"""

from __future__ import annotations

import hashlib
import json
import sqlite3
from collections.abc import Sequence
from contextlib import closing
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path

from dropletvideo.curate.items import Item, item_of
from dropletvideo.curate.sources import listed_items
from dropletvideo.errors import CatalogError

INDEX = ".listed.sqlite"
_TABLE = "(path TEXT, number INTEGER, row TEXT, PRIMARY KEY (path, number))"
_OF_PATHS = (
    "SELECT path, group_concat(row, char(10)) AS text FROM (SELECT * FROM {} ORDER BY path, number) GROUP BY path"
)


@dataclass(frozen=True, kw_only=True)
class Indexed:
    """How many videos and rows the given lists hold, and how many of the videos had other rows before."""

    videos: int = 0
    rows: int = 0
    changed: int = 0


def index_lists(root: Path, lists: Sequence[Path]) -> Indexed:
    """Take the rows of some lists into the index of a data set, all of them or, if killed, none.

    Raises:
        ConfigError: a row without a file.
        CatalogError: the folder cannot be written.
    """
    if not lists:
        return Indexed()
    root.mkdir(parents=True, exist_ok=True)
    try:
        with closing(sqlite3.connect(root / INDEX, timeout=60.0)) as connection, connection:
            connection.create_aggregate("digest_of", 2, _Digest)  # type: ignore[arg-type]
            connection.execute(f"CREATE TABLE IF NOT EXISTS items {_TABLE}")
            connection.execute("CREATE TABLE IF NOT EXISTS facts (name TEXT PRIMARY KEY, value TEXT)")
            connection.execute(f"CREATE TEMP TABLE given {_TABLE}")
            given = (found for source in lists for found in listed_items(source))
            rows = (
                (path, number, json.dumps(item.as_row(), ensure_ascii=False, sort_keys=True, default=str))
                for number, (path, item) in enumerate(given)
            )
            connection.executemany("INSERT INTO given VALUES (?, ?, ?)", rows)
            ((count, videos),) = connection.execute("SELECT count(*), count(DISTINCT path) FROM given")
            both = f"({_OF_PATHS.format('given')}) g JOIN ({_OF_PATHS.format('items')}) i USING (path)"
            ((changed,),) = connection.execute(f"SELECT count(*) FROM {both} WHERE g.text <> i.text")
            known = "SELECT digest_of(path, row) FROM items WHERE path IN (SELECT path FROM given)"
            ((before,), (after,)) = [
                *connection.execute(known),
                *connection.execute("SELECT digest_of(path, row) FROM given"),
            ]
            state = int(_state(connection), 16) ^ int(before or "0", 16) ^ int(after or "0", 16)
            connection.execute("INSERT OR REPLACE INTO facts VALUES ('digest', ?)", (f"{state:016x}",))
            connection.execute("DELETE FROM items WHERE path IN (SELECT path FROM given)")
            connection.execute("INSERT INTO items SELECT * FROM given")
    except (sqlite3.Error, OSError) as error:
        raise CatalogError(f"{root / INDEX} cannot be written ({error}): mend that, then go on") from error
    return Indexed(videos=videos, rows=count, changed=changed)


class _Digest:
    """Of a set of rows: the exclusive or of their hashes, so that it follows rows which come and go."""

    def __init__(self) -> None:
        self.value = 0

    def step(self, path: str, row: str) -> None:
        self.value ^= int.from_bytes(hashlib.blake2b(f"{path}\n{row}".encode(), digest_size=8).digest())

    def finalize(self) -> str:
        return f"{self.value:016x}"


def _state(connection: sqlite3.Connection) -> str:
    row = connection.execute("SELECT value FROM facts WHERE name = 'digest'").fetchone()
    return str(row[0]) if row else "0"


def digest_of_lists(root: Path) -> str:
    """Digest of all that lists say of a data set's videos; empty where no list was ever given."""
    if not (root / INDEX).exists():
        return ""
    with closing(sqlite3.connect(root / INDEX, timeout=60.0)) as connection:
        return _state(connection)


def items_of_video(index: str | Path, *paths: str) -> list[Item]:
    """The rows of a video under all of its paths, in order; none where no list names it.

    Raises:
        CatalogError: the index cannot be read.
    """
    items: list[Item] = []
    try:
        for path in dict.fromkeys(paths):
            found = _connection(str(index)).execute("SELECT row FROM items WHERE path = ? ORDER BY number", (path,))
            items += [item_of(json.loads(row)) for (row,) in found]
    except sqlite3.Error as error:
        raise CatalogError(f"{index} cannot be read ({error}): give the lists again") from error
    return items


@lru_cache(maxsize=4)
def _connection(index: str) -> sqlite3.Connection:
    return sqlite3.connect(f"file:{index}?mode=ro", uri=True, check_same_thread=False, timeout=60.0)
