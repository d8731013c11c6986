"""Selections over columns that are not there because their stage was skipped: such a condition drops nothing."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import replace

from dropletvideo.curate.conditions import Condition, Connection


def absent_columns(connection: Connection) -> dict[str, str]:
    """Columns of skipped stages that the clips do not have, and their stage."""
    views = "SELECT 1 FROM information_schema.tables WHERE table_name = 'skipped'"
    if connection.execute(views).fetchone() is None:  # clips of another source than a dataset folder
        return {}
    skipped = connection.execute("SELECT unnest(columns), stage FROM skipped").fetchall()
    there = {row[0] for row in connection.execute("DESCRIBE clips").fetchall()} if skipped else set()
    return {column: stage for column, stage in skipped if column not in there}


def reads_absent(text: str, absent: Mapping[str, str]) -> str:
    """The stage of the first absent column that an SQL text names, or an empty text."""
    return next((absent[word] for word in re.findall(r"\w+", text) if word in absent), "")


def not_applied(text: str, stage: str) -> str:
    """How a step reads that could not be applied; without a stage the text as it is."""
    return f"{text} (not applied: the stage {stage} was skipped)" if stage else text


def without_absent(condition: Condition, absent: Mapping[str, str]) -> Condition:
    """The condition, or one that holds everywhere and says why."""
    stage = next((absent[name] for name in condition.columns if name in absent), "")
    return replace(condition, sql="TRUE", text=not_applied(condition.text, stage), columns=()) if stage else condition
