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
    partial: true                     # conditions over columns that were never measured are left out, and say so

`where` is taken apart at every top-level `and`; a clip's reason is the first condition that does not hold (a missing
value does not hold), so the drops of the funnel add up.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from pydantic import BaseModel, ConfigDict, Field, field_validator, model_validator

from dropletvideo.curate.absent import Absent, absent_columns, not_applied
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
    partial: bool = False

    @field_validator("where", mode="before")
    @classmethod
    def _listed(cls, value: Any) -> Any:
        return (value,) if isinstance(value, str) else value


@dataclass(frozen=True, kw_only=True)
class Step:
    """One step of the funnel: clips before, dropped here first, and left; `alone` would fail this step by itself.

    A step over columns that are absent is not applied and drops nothing; its text says why.
    """

    condition: str
    before: int
    dropped: int
    alone: int
    is_applied: bool = True

    @property
    def after(self) -> int:
        """Clips left."""
        return self.before - self.dropped


@dataclass(frozen=True, kw_only=True)
class Funnel:
    """What a selection did. `clip_ids` are the kept ones in the selection's order, where they were asked for."""

    total: int
    kept: int
    steps: tuple[Step, ...]
    clip_ids: tuple[str, ...]
    thresholds: dict[str, tuple[float | None, float | None]]


def apply(connection: Connection, selection: Selection, *, with_ids: bool = True) -> Funnel:
    """Run a selection over the view `clips`; the verdicts are then in the temporary view `verdicts`.

    What reads a column that is absent (`curate.absent`: its stage was skipped) is not applied, drops nothing, and says
    so in its step.

    `verdicts` has `clip_id, step` (0 kept, else the number of the step that dropped it), `reason` and `place` (along
    `order_by`, of those that meet all conditions). It is read anew at every use; the funnel itself reads only the
    columns that the selection names.

    Raises:
        ConfigError: an expression that does not parse or names an unknown column.
    """
    absent = absent_columns(connection, is_partial=selection.partial)
    found = [absent.apply(condition) for condition in conditions(connection, selection.where)]
    missing_order = absent.reason_of(connection, selection.order_by)
    _keep(connection, found, "clip_id" if missing_order else selection.order_by)
    _explain(connection, found)
    total, dropped, alone = _count(connection, found)
    texts = [(c.text, c.is_applied) for c in found]
    if missing_order:
        texts.append((not_applied(f"order by {selection.order_by}", missing_order), False))
    texts += _quotas(connection, selection, absent, len(texts) + 1)
    later = dict(connection.execute("SELECT step, count(*) FROM kept WHERE step > 0 GROUP BY step").fetchall())
    steps: list[Step] = []
    for number, (text, is_applied) in enumerate(texts, 1):
        here = dropped[number - 1] if number <= len(found) else later.get(number, 0)
        by_itself = alone[number - 1] if number <= len(found) else here
        before = steps[-1].after if steps else total
        steps.append(Step(condition=text, before=before, dropped=here, alone=by_itself, is_applied=is_applied))
    ids = connection.execute("SELECT clip_id FROM kept WHERE step = 0 ORDER BY place").fetchall() if with_ids else ()
    return Funnel(
        total=total,
        kept=steps[-1].after if steps else total,
        steps=tuple(steps),
        clip_ids=tuple(row[0] for row in ids),
        thresholds=thresholds_of(found),
    )


def _keep(connection: Connection, found: Sequence[Condition], order_by: str) -> None:
    """The table `kept`: clips that meet all conditions, with their place; quotas and the limit set its `step`."""
    import duckdb

    where = " AND ".join(f"({c.sql})" for c in found) or "TRUE"
    query = (
        f"CREATE OR REPLACE TEMP TABLE kept AS SELECT clip_id, 0 AS step, NULL::VARCHAR AS reason, "
        f"row_number() OVER (ORDER BY {order_by}, clip_id) AS place FROM clips WHERE {where}"
    )
    try:
        connection.execute(query)
    except duckdb.Error as error:
        for condition in found:
            _check(connection, condition)
        raise ConfigError(f"selection cannot be applied: {_first_line(error)}") from error


def _explain(connection: Connection, found: Sequence[Condition]) -> None:
    """The view `verdicts`: why each clip is kept or dropped."""
    steps = " ".join(f"WHEN ({c.sql}) IS NOT TRUE THEN {number}" for number, c in enumerate(found, 1))
    reasons = " ".join(f"WHEN ({c.sql}) IS NOT TRUE THEN {_reason(c)}" for c in found)
    connection.execute(
        "CREATE OR REPLACE TEMP VIEW verdicts AS SELECT clip_id, "
        f"{f'CASE {steps} ELSE kept.step END' if found else 'kept.step'} AS step, "
        f"{f'CASE {reasons} ELSE kept.reason END' if found else 'kept.reason'} AS reason, kept.place AS place "
        "FROM clips LEFT JOIN kept USING (clip_id)"
    )


def _count(connection: Connection, found: Sequence[Condition]) -> tuple[int, list[int], list[int]]:
    """All clips; how many each condition drops first, and how many it would drop alone."""
    holds = "".join(f", ({c.sql}) IS TRUE AS h{number}" for number, c in enumerate(found))
    counts = ["count(*)"]
    for number in range(len(found)):
        earlier = "".join(f"h{before} AND " for before in range(number))
        counts += [f"count(*) FILTER (WHERE {earlier}NOT h{number})", f"count(*) FILTER (WHERE NOT h{number})"]
    row = connection.execute(f"SELECT {', '.join(counts)} FROM (SELECT clip_id{holds} FROM clips)").fetchone()
    return row[0], list(row[1::2]), list(row[2::2])


def _quotas(connection: Connection, selection: Selection, absent: Absent, first: int) -> list[tuple[str, bool]]:
    """Apply quotas and limit as steps from `first` on; gives the text of each and whether it was applied.

    Whatever a later one drops, every share holds in what is left at the end.
    """
    missing = [absent.reason_of(connection, quota.by) for quota in selection.quotas]
    applied = [(n, quota) for n, quota in enumerate(selection.quotas, first) if not missing[n - first]]
    for number, quota in applied:
        _group(connection, quota, number)
        _apply_quota(connection, quota, number)
    texts = [(not_applied(q.text, reason), not reason) for q, reason in zip(selection.quotas, missing, strict=True)]
    if selection.limit is not None:
        texts.append((f"limit {selection.limit}", True))
        left = "SELECT place FROM kept WHERE step = 0 ORDER BY place"
        beyond = f"place IN ({left} OFFSET {selection.limit})"
        _drop(connection, first + len(texts) - 1, f"beyond limit {selection.limit}", beyond)
    shares = [(number, quota) for number, quota in applied if quota.share is not None]
    is_settled = len(texts) < 2
    while not is_settled:  # ends: each round but the last drops a clip
        is_settled = not sum(_apply_quota(connection, quota, number) for number, quota in shares)
    return texts


def _drop(connection: Connection, step: int, reason: str, which: str) -> int:
    """Drop what is still kept and meets `which`; gives the number."""
    query = f"UPDATE kept SET step = {step}, reason = $1 WHERE step = 0 AND ({which})"
    return int(connection.execute(query, [reason]).fetchone()[0])


def _group(connection: Connection, quota: Quota, step: int) -> None:
    """The table `group_<step>`: the place of each kept clip and the group that a quota puts it in."""
    import duckdb

    is_of_group = "TRUE" if quota.value is None else f"(({quota.by}) = {_literal(quota.value)}) IS TRUE"
    try:
        connection.execute(
            f"CREATE OR REPLACE TEMP TABLE group_{step} AS SELECT kept.place, {quota.by} AS name, "
            f"{is_of_group} AS hit FROM kept JOIN clips USING (clip_id) WHERE kept.step = 0"
        )
    except duckdb.Error as error:
        raise ConfigError(f"quota by {quota.by!r} cannot be applied: {_first_line(error)}") from error


def _apply_quota(connection: Connection, quota: Quota, step: int) -> int:
    left = f"FROM group_{step} g JOIN kept USING (place) WHERE kept.step = 0"
    most = quota.count
    if quota.share is not None:
        (others,) = connection.execute(f"SELECT count(*) {left} AND NOT g.hit").fetchone()
        most = math.floor(others * quota.share / (1 - quota.share) + 1e-9)
    ranked = f"SELECT place, hit, row_number() OVER (PARTITION BY g.name ORDER BY place) AS number {left}"
    over = f"place IN (SELECT place FROM ({ranked}) WHERE hit AND number > {most})"
    return _drop(connection, step, f"{quota.text} ({most} clips), reached", over)


def _check(connection: Connection, condition: Condition) -> None:
    import duckdb

    try:
        connection.execute(f"EXPLAIN SELECT 1 FROM clips WHERE {condition.sql}")
    except duckdb.Error as error:
        raise ConfigError(f"condition {condition.text!r} does not fit the clips: {_first_line(error)}") from error


def _first_line(error: Exception) -> str:
    lines = [line.strip() for line in str(error).splitlines() if line.strip() and not line.startswith("LINE")]
    return " ".join(lines[:2])


def spelled(condition: Condition) -> list[str]:
    """SQL texts that spell a clip's value of each column that a condition reads: `motion_score = 0.0131`."""
    return [
        f"'{name} = ' || coalesce(CASE WHEN typeof({name}) IN ('DOUBLE', 'FLOAT') "
        f"THEN format('{{:.4g}}', try_cast({name} AS DOUBLE)) ELSE CAST({name} AS VARCHAR) END, 'missing')"
        for name in condition.columns
    ]


def _reason(condition: Condition) -> str:
    """SQL that spells `motion_score = 0.0131, need motion_score > 0.02`."""
    need = "need " + condition.text.replace("'", "''")
    return " || ', ' || ".join([*spelled(condition), f"'{need}'"])


def _literal(value: str | float) -> str:
    return repr(value) if isinstance(value, float | int) else "'" + value.replace("'", "''") + "'"
