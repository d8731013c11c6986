"""Selections over columns that are not there: such a condition drops nothing, and says so.

A column whose stage was skipped (its weights are missing) is left alone in every selection. A column that no stage of
the data set gives is an error, save in a selection that says `partial: true` and may be put to any data set.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace

from dropletvideo.curate.conditions import Condition, Connection, columns_of


@dataclass(frozen=True, kw_only=True)
class Absent:
    """What a data set lacks: columns of skipped stages, and all but those of `there` where that is given."""

    skipped: Mapping[str, str]
    there: frozenset[str] | None = None

    def reason(self, columns: Iterable[str]) -> str:
        """Why something that reads these columns cannot be applied, or an empty text."""
        for name in columns:
            if name in self.skipped:
                return f"the stage {self.skipped[name]} was skipped"
            if self.there is not None and name not in self.there:
                return f"{name} was not measured"
        return ""

    def reason_of(self, connection: Connection, order_by: str) -> str:
        """The same for the columns of an SQL order or grouping."""
        return self.reason(columns_of(connection, order_by)) if self.skipped or self.there is not None else ""

    def apply(self, condition: Condition) -> Condition:
        """The condition, or one that holds everywhere and says why."""
        reason = self.reason(condition.columns)
        if not reason:
            return condition
        return replace(condition, sql="TRUE", text=not_applied(condition.text, reason), columns=(), is_applied=False)


def absent_columns(connection: Connection, *, is_partial: bool = False) -> Absent:
    """What the clips lack."""
    there = frozenset(row[0] for row in connection.execute("DESCRIBE clips").fetchall())
    skipped: dict[str, str] = {}
    views = "SELECT 1 FROM information_schema.tables WHERE table_name = 'skipped'"
    if connection.execute(views).fetchone() is not None:  # clips of another source than a dataset folder have none
        rows = connection.execute("SELECT unnest(columns), stage FROM skipped").fetchall()
        skipped = {column: stage for column, stage in rows if column not in there}
    return Absent(skipped=skipped, there=there if is_partial else None)


def not_applied(text: str, reason: str) -> str:
    """How a step reads that could not be applied; without a reason the text as it is."""
    return f"{text} (not applied: {reason})" if reason else text
