"""Gates: an SQL condition over the columns computed so far decides which clips a costly stage measures now."""

from __future__ import annotations

from pathlib import Path

from dropletvideo.errors import ConfigError
from dropletvideo.tables.catalog import Current
from dropletvideo.tables.clips import ClipPart
from dropletvideo.tables.order import Level
from dropletvideo.tables.views import clips_sql


def passing(root: Path, level: Level, part: ClipPart, gate: str) -> set[str]:
    """Clip ids of a part for which the gate holds; a condition on a column without a value does not hold.

    The part must be on disk.

    Raises:
        ConfigError: the gate is no condition over the columns there are.
    """
    import duckdb

    current = Current(level.fingerprint, None, None, tuple(level.groups.values()))
    text = clips_sql(root, current, only_part=part.number)
    with duckdb.connect(":memory:") as connection:
        try:
            rows = connection.execute(f"SELECT clip_id FROM ({text}) WHERE ({gate})").fetchall()
        except duckdb.Error as error:
            raise ConfigError(f"gate {gate!r} cannot be evaluated: {error}") from error
    return {clip_id for (clip_id,) in rows}
