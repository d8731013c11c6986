"""Stages that cannot run here (weights or a library are missing): they are left out and named, never replaced."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass

from dropletvideo.errors import WeightsError
from dropletvideo.tables.stage import Stage


@dataclass(frozen=True, kw_only=True)
class Skipped:
    """A stage that was left out, why (with the command that gets what it lacks), and the columns that it would give."""

    stage: str
    reason: str
    columns: tuple[str, ...] = ()


def leave_out(stages: Sequence[Stage]) -> tuple[list[Stage], list[Skipped]]:
    """Stages that can run, and those that cannot: for what they lack, or for a column of such a one.

    A stage whose gate reads a column of a skipped stage is skipped too: measuring everything would not be what the
    recipe asks for.

    Raises:
        WeightsError: the shot detector lacks something; without clips there is no run.
    """
    runnable: list[Stage] = []
    skipped: list[Skipped] = []
    given: set[str] = set()
    for stage in stages:
        reason = stage.lacks or _missing_column(stage, given, skipped)
        if not reason:
            runnable.append(stage)
            given.update(stage.columns)
        elif stage.kind == "video->clips":
            raise WeightsError(f"stage {stage.name} makes the clips and cannot run: {reason}")
        else:
            skipped.append(Skipped(stage=stage.name, reason=reason, columns=tuple(stage.columns)))
    return runnable, skipped


def _missing_column(stage: Stage, given: set[str], skipped: Sequence[Skipped]) -> str:
    wanted = {*stage.needs_columns, *re.findall(r"\w+", stage.gate or "")} - given
    if stage.needs_any and not any(given.issuperset(one) for one in stage.needs_any):
        wanted |= {column for one in stage.needs_any for column in one} - given
    for one in skipped:
        if found := sorted(wanted.intersection(one.columns)):
            return f"it needs the column {found[0]} of the stage {one.stage}, which was skipped"
    return ""
