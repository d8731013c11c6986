"""The views `videos, clips, boundaries, errors, skipped` over a dataset's Parquet parts, through DuckDB.

Reading needs no lock. Clips and their columns are put side by side by position: a column part has the rows and the
order of its clips part. Only a part whose columns are not whole yet stands in a branch of its own. `compact` writes the
view `clips` as one wide table, which is used as long as nothing it was made from has changed.
"""

from __future__ import annotations

import hashlib
import re
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from dropletvideo.errors import CatalogError
from dropletvideo.files import why_not, write_file
from dropletvideo.tables.catalog import ERROR_COLUMNS, FILE_TYPE, VIDEO_TABLE_COLUMNS, Current, read_current
from dropletvideo.tables.clips import CLIP_COLUMNS, Group, fit_of
from dropletvideo.tables.parts import decode, part_numbers, part_path, read_facts, sql_type

VIEWS = ("videos", "clips", "boundaries", "errors", "skipped")
WIDE_NAME = "clips.parquet"


@contextmanager
def open_views(root: str | Path, *, as_written: bool = False) -> Iterator[Any]:
    """A DuckDB connection with the views of a dataset; closed after the body.

    Args:
        root: the dataset folder.
        as_written: read the parts even where a compacted table is current.

    Raises:
        CatalogError: no dataset there.
    """
    import duckdb

    folder = Path(root)
    current = read_current(folder)
    connection = duckdb.connect(":memory:")
    try:
        connection.execute("SET enable_progress_bar = false")
        for name, text in _texts(folder, current, as_written=as_written).items():
            try:
                connection.execute(f"CREATE VIEW {name} AS {text}")
            except duckdb.Error as error:
                raise CatalogError(f"{root} is damaged, its view {name} cannot be opened: {error}") from error
        yield connection
    finally:
        connection.close()


def query(root: str | Path, sql: str) -> list[dict[str, Any]]:
    """Rows of one SQL statement over the views of a dataset; nested columns come as Python values.

    Raises:
        CatalogError: no dataset there, or a statement that DuckDB refuses, in its words.
    """
    import duckdb

    with open_views(root) as connection:
        try:
            found = connection.execute(sql)
            names = [column[0] for column in found.description or ()]
            nested = _nested(read_current(root), names)
            rows = [dict(zip(names, row, strict=True)) for row in found.fetchall()]
        except duckdb.Error as error:
            tables = f"views: {', '.join(VIEWS)}; columns of one: DESCRIBE clips"
            raise CatalogError(f"the query failed: {error}\n{tables}") from error
    for row in rows:
        row.update({name: decode(row[name], kind) for name, kind in nested.items() if _is_stored(row[name], kind)})
    return rows


def _nested(current: Current, names: Sequence[str]) -> dict[str, Any]:
    """Columns of a result that keep JSON."""
    kinds = {**VIDEO_TABLE_COLUMNS, **{name: kind for group in current.groups for name, kind in group.columns.items()}}
    return {name: kinds[name] for name in names if kinds.get(name) in (list, dict)}


def _is_stored(value: Any, kind: Any) -> bool:
    """Whether a value is the column itself and not something else of its name."""
    if kind is dict:
        return isinstance(value, str) and value[:1] == "{"
    return isinstance(value, list) and all(isinstance(item, str) for item in value)


def read_clips(
    root: str | Path,
    where: str = "true",
    columns: Sequence[str] | None = None,
    order_by: str = "video_path, start_frame",
) -> list[dict[str, Any]]:
    """Clip rows with their columns.

    Args:
        root: the dataset folder.
        where: SQL condition over the view `clips`.
        columns: names wanted; all by default.
        order_by: SQL order.
    """
    chosen = ", ".join(map(quote_name, columns)) if columns else "*"
    return query(root, f"SELECT {chosen} FROM clips WHERE {where} ORDER BY {order_by}")


def compact(root: str | Path) -> Path:
    """Write the view `clips` as one wide Parquet table in `wide/`; the views use it while it is current."""
    folder = Path(root)
    state = state_of(folder, read_current(folder))
    target = folder / "wide" / WIDE_NAME
    scratch = target.with_name(f".{WIDE_NAME}.duckdb.partial")
    target.parent.mkdir(exist_ok=True)
    try:
        with open_views(folder, as_written=True) as connection:
            connection.execute(
                f"COPY (SELECT * FROM clips) TO {quote_text(str(scratch))} "
                f"(FORMAT parquet, COMPRESSION zstd, KV_METADATA {{state: {quote_text(state)}}})"
            )
        with scratch.open("rb") as written:
            write_file(target, lambda file: _copy(written, file))
    except OSError as error:
        raise CatalogError(f"{target} cannot be written ({why_not(folder, error)}): free space, then go on") from error
    finally:
        scratch.unlink(missing_ok=True)
    return target


def _copy(source: Any, target: Any) -> None:
    while block := source.read(1 << 20):
        target.write(block)


def state_of(folder: Path, current: Current) -> str:
    """Digest of all that the view `clips` is made from: names, sizes and times of files."""
    digest = hashlib.blake2b(digest_size=8)
    folders = [folder / "videos", *([folder / "clips" / current.clips] if current.clips else [])]
    folders += [folder / "columns" / group.folder for group in current.groups]
    for path in [folder / "dataset.json", *(path for each in folders for path in sorted(each.glob("part-*.parquet")))]:
        facts = path.stat()
        digest.update(f"{path.relative_to(folder)} {facts.st_size} {facts.st_mtime_ns}\n".encode())
    return digest.hexdigest()


def _texts(folder: Path, current: Current, *, as_written: bool) -> dict[str, str]:
    wide = folder / "wide" / WIDE_NAME
    use_wide = not as_written and wide.exists() and read_facts(wide).get("state") == state_of(folder, current)
    return {
        "videos": videos_sql(folder),
        "clips": f"SELECT * FROM {_files([wide])}" if use_wide else clips_sql(folder, current),
        "boundaries": _boundaries_sql(folder, current),
        "errors": _errors_sql(folder, current),
        "skipped": _skipped_sql(current),
    }


def _skipped_sql(current: Current) -> str:
    """The view `skipped`: a row per stage that the last run left out, and the columns that it would have given."""
    rows = [
        f"SELECT {quote_text(one.stage)} AS stage, {quote_text(one.reason)} AS reason, "
        f"[{', '.join(map(quote_text, one.columns))}]::VARCHAR[] AS columns"
        for one in current.skipped
    ]
    return " UNION ALL ".join(rows) or _empty({"stage": str, "reason": str, "columns": list[str]})


def videos_sql(folder: Path) -> str:
    """The view `videos`: one row per video, its first path and all of them."""
    kinds = {name: kind for name, kind in VIDEO_TABLE_COLUMNS.items() if kind is not FILE_TYPE and name != "files"}
    paths = _all_parts(folder / "videos")
    if not paths:
        return _empty(kinds)
    return f"SELECT {_names(kinds)} FROM {_files(paths)} WHERE video_path IS NOT NULL"


def clips_sql(folder: Path, current: Current, only_part: int | None = None) -> str:
    """The view `clips`: `video_path`, the clip's own columns, the columns of all current groups."""
    kinds = {**CLIP_COLUMNS, **{name: kind for group in current.groups for name, kind in group.columns.items()}}
    numbers = part_numbers(folder / "clips" / current.clips) if current.clips else []
    numbers = [number for number in numbers if only_part in (None, number)]
    if not numbers:
        return _empty({"video_path": str, **{name: kind for name, kind in kinds.items() if name != "video_number"}})
    branches = [
        _side_by_side(folder, current, group_of_parts, whole)
        for group_of_parts, whole in _alike(folder, current, numbers)
    ]
    chosen = ", ".join(f"c.{quote_name(name)}" for name in kinds if name != "video_number")
    return (
        f"SELECT v.video_path, {chosen} FROM ({' UNION ALL '.join(branches)}) c "
        f"JOIN ({videos_sql(folder)}) v USING (video_number)"
    )


def _alike(folder: Path, current: Current, numbers: Sequence[int]) -> Iterator[tuple[list[int], list[Group]]]:
    """Runs of parts that have the same column groups on disk; a part with a short column part stands alone."""
    gathered: list[int] = []
    before: tuple[str, ...] | None = None
    for number in numbers:
        clips_path = part_path(folder / "clips" / str(current.clips), number)
        fits = {
            group.folder: fit_of(clips_path, part_path(folder / "columns" / group.folder, number))
            for group in current.groups
        }
        there = tuple(name for name, fit in fits.items() if fit != "none")
        alone = "short" in fits.values()
        if gathered and (alone or there != before):
            yield gathered, [group for group in current.groups if group.folder in (before or ())]
            gathered = []
        gathered, before = [*gathered, number], there
        if alone:
            yield gathered, [group for group in current.groups if group.folder in there]
            gathered = []
    if gathered:
        yield gathered, [group for group in current.groups if group.folder in (before or ())]


def _side_by_side(folder: Path, current: Current, numbers: Sequence[int], there: Sequence[Group]) -> str:
    sources = [_files([part_path(folder / "clips" / str(current.clips), number) for number in numbers]) + " base"]
    chosen = [f"base.{quote_name(name)}" for name in CLIP_COLUMNS]
    for place, group in enumerate(current.groups):
        if group in there:
            paths = [part_path(folder / "columns" / group.folder, number) for number in numbers]
            sources.append(f"{_files(paths)} g{place}")
            chosen += [f"g{place}.{quote_name(name)}" for name in group.columns]
        else:
            chosen += [f"CAST(NULL AS {sql_type(kind)}) AS {quote_name(name)}" for name, kind in group.columns.items()]
    return f"SELECT {', '.join(chosen)} FROM {' POSITIONAL JOIN '.join(sources)}"


def _boundaries_sql(folder: Path, current: Current) -> str:
    """Boundaries that the detector found, those that later makers of clips name, and those of kind `length`: where a
    rule of length split a clip.
    """
    makers = dict.fromkeys(name for name in (current.detector, current.maker) if name)
    paths = [path for name in makers for path in _all_parts(folder / "columns" / name)]
    if not paths:
        kinds = {"video_path": str, "frame": int, "end_frame": int, "kind": str, "score": float}
        return _empty(kinds)
    found = f"SELECT video_number, UNNEST(boundaries) AS b FROM {_files(paths)}"
    every = (
        "SELECT video_number, b.frame AS frame, b.end_frame AS end_frame, b.kind AS kind, b.score AS score FROM found"
    )
    clips = _all_parts(folder / "clips" / str(current.clips))
    if clips:
        every += (
            " UNION ALL SELECT c.video_number, c.start_frame, c.start_frame, 'length', 1.0 FROM (SELECT video_number, "
            "start_frame, lag(end_frame) OVER (PARTITION BY video_number ORDER BY start_frame) AS before "
            f"FROM {_files(clips)}) c ANTI JOIN found f ON f.video_number = c.video_number "
            "AND f.b.frame = c.start_frame WHERE c.before = c.start_frame"
        )
    return (
        f"WITH found AS ({found}) SELECT v.video_path, e.frame, e.end_frame, e.kind, e.score FROM ({every}) e "
        f"JOIN ({videos_sql(folder)}) v USING (video_number)"
    )


def _errors_sql(folder: Path, current: Current) -> str:
    kinds = {name: ERROR_COLUMNS[name] for name in ("video_path", "clip_id", "stage", "reason")}
    paths = _all_parts(folder / "errors")
    if not paths:
        return _empty(kinds)
    known = [group.fingerprint for group in current.groups]
    known += [each.partition("@")[2] for each in (current.detector, current.maker) if each]
    known += current.before
    listed = ", ".join(map(quote_text, ["", *known]))
    return f"SELECT {_names(kinds)} FROM {_files(paths)} WHERE coalesce(fingerprint, '') IN ({listed})"


def _empty(kinds: Mapping[str, Any]) -> str:
    columns = ", ".join(f"CAST(NULL AS {sql_type(kind)}) AS {quote_name(name)}" for name, kind in kinds.items())
    return f"SELECT {columns} WHERE false"


def _all_parts(folder: Path) -> list[Path]:
    return [part_path(folder, number) for number in part_numbers(folder)]


def _files(paths: Sequence[Path]) -> str:
    listed = ", ".join(quote_text(re.sub(r"([\[*?])", r"[\1]", str(path))) for path in paths)
    return f"read_parquet([{listed}], hive_partitioning = false)"


def _names(kinds: Mapping[str, Any]) -> str:
    return ", ".join(map(quote_name, kinds))


def quote_name(name: str) -> str:
    """A name in SQL."""
    return '"' + name.replace('"', '""') + '"'


def quote_text(text: str) -> str:
    """A string in SQL."""
    return "'" + text.replace("'", "''") + "'"
