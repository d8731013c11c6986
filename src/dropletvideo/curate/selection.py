"""A selection: which clips are kept, in which order, with the reason of every drop as value and limit.

A selection is a small YAML file in the data set's `selections/` folder; it never touches the measured columns, so
changing a limit costs nothing. Example:

    description: moving shots without edits
    where:                            # DuckDB expressions over the view `clips`; all must hold
      - camera_class <> 'C6'
      - motion_score > 0.02 and sharpness >= 20
    order_by: motion_score desc
    quotas:                           # in this order, along `order_by`
      - {by: camera_class, value: C5, share: 0.05}
      - {by: video_path, count: 20}
    limit: 10000

`where` is taken apart at every top-level `and`; a clip's reason is the first condition that does not hold (a missing
value does not hold), so the drops of the funnel add up.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from pydantic import BaseModel, ConfigDict, Field, field_validator, model_validator

from dropletvideo.curate.absent import absent_columns, not_applied, reads_absent, without_absent
from dropletvideo.curate.conditions import Condition, Connection, conditions, thresholds_of
from dropletvideo.errors import ConfigError


class Quota(BaseModel):
    """At most `count` clips of a group, or at most a `share` of all that is left, along `order_by`.

    Without `value` the rule holds for every value of `by`; `share` needs a `value`.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    by: str
    value: str | float | None = None
    count: int | None = Field(default=None, ge=0)
    share: float | None = Field(default=None, ge=0, lt=1)

    @model_validator(mode="after")
    def _one_limit(self) -> Quota:
        if (self.count is None) == (self.share is None):
            raise ValueError("a quota needs one of count and share")
        if self.share is not None and self.value is None:
            raise ValueError("a share needs the value that it limits")
        return self

    @property
    def text(self) -> str:
        """The rule in words, as reasons and funnels show it."""
        group = f"{self.by} = {self.value}" if self.value is not None else f"each {self.by}"
        return f"{group}: at most {self.count if self.share is None else format(self.share, '.0%')}"


class Selection(BaseModel):
    """See the module text."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    description: str = ""
    where: tuple[str, ...] = ()
    order_by: str = "clip_id"
    quotas: tuple[Quota, ...] = ()
    limit: int | None = Field(default=None, ge=0)

    @field_validator("where", mode="before")
    @classmethod
    def _listed(cls, value: Any) -> Any:
        return (value,) if isinstance(value, str) else value


@dataclass(frozen=True, kw_only=True)
class Step:
    """One step of the funnel: clips before, dropped here first, and left; `alone` would fail this step by itself."""

    condition: str
    before: int
    dropped: int
    alone: int

    @property
    def after(self) -> int:
        """Clips left."""
        return self.before - self.dropped


@dataclass(frozen=True, kw_only=True)
class Funnel:
    """What a selection did. `clip_ids` are the kept ones in the selection's order."""

    total: int
    steps: tuple[Step, ...]
    clip_ids: tuple[str, ...]
    thresholds: dict[str, tuple[float | None, float | None]]

    @property
    def kept(self) -> int:
        """Number of clips kept."""
        return len(self.clip_ids)


def apply(connection: Connection, selection: Selection) -> Funnel:
    """Run a selection over the view `clips`; the verdicts stay in the temporary table `verdicts`.

    What reads a column of a stage that was skipped (its weights are missing) is not applied, drops nothing, and says so
    in its step.

    `verdicts` has `clip_id, step` (0 kept, else the number of the step that dropped it), `reason` and `place` (order
    of the kept ones, from 1).

    Raises:
        ConfigError: an expression that does not parse or names an unknown column.
    """
    absent = absent_columns(connection)
    found = [without_absent(condition, absent) for condition in conditions(connection, selection.where)]
    missing_order = reads_absent(selection.order_by, absent)
    _judge(connection, found, "clip_id" if missing_order else selection.order_by)
    (total,) = connection.execute("SELECT count(*) FROM verdicts").fetchone()
    steps: list[Step] = []
    for number, condition in enumerate(found, 1):
        steps.append(_step(connection, number, condition.text, total, steps))
    if missing_order:
        steps.append(
            _step(
                connection, len(steps) + 1, not_applied(f"order by {selection.order_by}", missing_order), total, steps
            )
        )
    for number, quota in enumerate(selection.quotas, len(steps) + 1):
        missing = reads_absent(quota.by, absent)
        if not missing:
            _apply_quota(connection, quota, number)
        steps.append(_step(connection, number, not_applied(quota.text, missing), total, steps))
    if selection.limit is not None:
        number = len(steps) + 1
        _drop(connection, number, f"beyond limit {selection.limit}", f"place > {selection.limit}")
        steps.append(_step(connection, number, f"limit {selection.limit}", total, steps))
    rows = connection.execute("SELECT clip_id FROM verdicts WHERE step = 0 ORDER BY place").fetchall()
    return Funnel(
        total=total, steps=tuple(steps), clip_ids=tuple(row[0] for row in rows), thresholds=thresholds_of(found)
    )


def _judge(connection: Connection, found: Sequence[Condition], order_by: str) -> None:
    import duckdb

    for condition in found:
        _check(connection, condition)
    cases = " ".join(f"WHEN ({c.sql}) IS NOT TRUE THEN {number}" for number, c in enumerate(found, 1))
    reasons = " ".join(f"WHEN ({c.sql}) IS NOT TRUE THEN {_reason(c)}" for c in found)
    fails = ", ".join(f"({c.sql}) IS NOT TRUE AS fails_{number}" for number, c in enumerate(found, 1))
    query = (
        "CREATE OR REPLACE TEMP TABLE verdicts AS SELECT *, row_number() OVER (ORDER BY rank) AS place FROM ("
        f"SELECT clip_id, {f'CASE {cases} ELSE 0 END' if found else '0'} AS step, "
        f"{f'CASE {reasons} END' if found else 'NULL::VARCHAR'} AS reason, "
        f"row_number() OVER (ORDER BY {order_by}, clip_id) AS rank{', ' + fails if found else ''} FROM clips)"
    )
    try:
        connection.execute(query)
    except duckdb.Error as error:
        raise ConfigError(f"selection cannot be applied: {_first_line(error)}") from error
    _renumber(connection)


def _check(connection: Connection, condition: Condition) -> None:
    import duckdb

    try:
        connection.execute(f"EXPLAIN SELECT 1 FROM clips WHERE {condition.sql}")
    except duckdb.Error as error:
        raise ConfigError(f"condition {condition.text!r} does not fit the clips: {_first_line(error)}") from error


def _first_line(error: Exception) -> str:
    lines = [line.strip() for line in str(error).splitlines() if line.strip() and not line.startswith("LINE")]
    return " ".join(lines[:2])


def _reason(condition: Condition) -> str:
    """SQL that spells `motion_score = 0.0131, need motion_score > 0.02`."""
    values = [
        f"'{name} = ' || coalesce(CASE WHEN typeof({name}) IN ('DOUBLE', 'FLOAT') "
        f"THEN format('{{:.4g}}', try_cast({name} AS DOUBLE)) ELSE CAST({name} AS VARCHAR) END, 'missing')"
        for name in condition.columns
    ]
    need = "need " + condition.text.replace("'", "''")
    return " || ', ' || ".join([*values, f"'{need}'"])


def _renumber(connection: Connection) -> None:
    connection.execute(
        "UPDATE verdicts SET place = CASE WHEN step = 0 THEN kept.place END FROM (SELECT clip_id, "
        "row_number() OVER (ORDER BY step > 0, rank) AS place FROM verdicts) kept WHERE kept.clip_id = verdicts.clip_id"
    )


def _drop(connection: Connection, step: int, reason: str, which: str) -> None:
    connection.execute(f"UPDATE verdicts SET step = {step}, reason = $1 WHERE step = 0 AND ({which})", [reason])
    _renumber(connection)


def _apply_quota(connection: Connection, quota: Quota, step: int) -> None:
    import duckdb

    is_of_group = "TRUE" if quota.value is None else f"({quota.by}) = {_literal(quota.value)}"
    try:
        number = f"row_number() OVER (PARTITION BY {quota.by} ORDER BY v.place) AS number"
        groups = (
            f"(SELECT v.clip_id, {number}, {is_of_group} AS hit "
            "FROM verdicts v JOIN clips USING (clip_id) WHERE v.step = 0)"
        )
        most = quota.count
        if quota.share is not None:
            (others,) = connection.execute(f"SELECT count(*) FROM {groups} WHERE hit IS NOT TRUE").fetchone()
            most = math.floor(others * quota.share / (1 - quota.share) + 1e-9)
        over = f"clip_id IN (SELECT clip_id FROM {groups} WHERE hit AND number > {most})"
        _drop(connection, step, f"{quota.text} ({most} clips), reached", over)
    except duckdb.Error as error:
        raise ConfigError(f"quota by {quota.by!r} cannot be applied: {_first_line(error)}") from error


def _literal(value: str | float) -> str:
    return repr(value) if isinstance(value, float | int) else "'" + value.replace("'", "''") + "'"


def _step(connection: Connection, number: int, text: str, total: int, earlier: Sequence[Step]) -> Step:
    (dropped,) = connection.execute("SELECT count(*) FROM verdicts WHERE step = $1", [number]).fetchone()
    columns = {row[0] for row in connection.execute("DESCRIBE verdicts").fetchall()}
    alone = dropped
    if f"fails_{number}" in columns:
        (alone,) = connection.execute(f"SELECT count(*) FROM verdicts WHERE fails_{number}").fetchone()
    return Step(condition=text, before=earlier[-1].after if earlier else total, dropped=dropped, alone=alone)
