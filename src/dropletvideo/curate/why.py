"""Why a clip is kept or dropped: every step of a selection with the clip's own values."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Literal

from dropletvideo.curate.absent import absent_columns
from dropletvideo.curate.conditions import Condition, Connection, conditions
from dropletvideo.curate.selection import Funnel, Selection, Step, spelled
from dropletvideo.errors import ConfigError

MOST_CLIPS = 50
Verdict = Literal["holds", "fails", "not reached", "not applied"]


@dataclass(frozen=True, kw_only=True)
class Look:
    """One step seen by one clip: `not reached` where the clip does not come to a quota or limit."""

    condition: str
    values: str
    verdict: Verdict


@dataclass(frozen=True, kw_only=True)
class Why:
    """One clip: `step` dropped it (from 1; 0 for a clip that is kept) for `reason`."""

    clip_id: str
    video_path: str
    start_frame: int
    end_frame: int
    step: int
    reason: str
    looks: tuple[Look, ...]


def why(connection: Connection, selection: Selection, funnel: Funnel, named: str) -> list[Why]:
    """The clips that `named` names, after `apply(connection, selection)` gave `funnel`.

    Args:
        connection: the one that `apply` used.
        selection: the one applied.
        funnel: what it did.
        named: a clip id, the beginning of one, or a video's file name; `NAME:FRAME` is its clip with that frame.

    Raises:
        ConfigError: it names no clip, or more than can be told.
    """
    ids = _named(connection, named)
    absent = absent_columns(connection, is_partial=selection.partial)
    found = [absent.apply(condition) for condition in conditions(connection, selection.where)]
    told = "".join(f", ({c.sql}) IS TRUE, {_values(c)}" for c in found)
    rows = connection.execute(
        f"SELECT clip_id, video_path, start_frame, end_frame{told} FROM clips "
        f"WHERE clip_id IN ({', '.join('?' * len(ids))})",
        ids,
    ).fetchall()
    verdicts = connection.execute(
        f"SELECT clip_id, step, reason FROM verdicts WHERE clip_id IN ({', '.join('?' * len(ids))})", ids
    ).fetchall()
    by_id = {clip_id: (step, reason) for clip_id, step, reason in verdicts}
    return [_why(row, found, funnel, *by_id[row[0]]) for row in sorted(rows, key=lambda row: (row[1], row[2]))]


def _why(row: Sequence[Any], found: Sequence[Condition], funnel: Funnel, step: int, reason: str | None) -> Why:
    looks = []
    for number, each in enumerate(funnel.steps, 1):
        values, holds = "", step != number
        if number <= len(found):
            holds, values = row[4 + 2 * (number - 1) : 6 + 2 * (number - 1)]
        is_reached = number <= len(found) or step in (0, number) or step > number
        looks.append(Look(condition=each.condition, values=values, verdict=_verdict(each, holds, is_reached)))
    return Why(
        clip_id=row[0], video_path=row[1], start_frame=row[2], end_frame=row[3], step=step, reason=reason or "",
        looks=tuple(looks),
    )  # fmt: skip


def _verdict(seen: Step, holds: bool, is_reached: bool) -> Verdict:
    if not seen.is_applied:
        return "not applied"
    if not is_reached:
        return "not reached"
    return "holds" if holds else "fails"


def _values(condition: Condition) -> str:
    """SQL that spells the clip's values of a condition: `motion_score = 0.0131`."""
    return " || ', ' || ".join(spelled(condition)) or "''"


def _named(connection: Connection, named: str) -> list[str]:
    name, colon, frame = named.rpartition(":")
    tries: list[tuple[str, list[Any]]] = [("clip_id = ?", [named]), ("starts_with(clip_id, ?)", [named])]
    path = "'/' || video_path"
    of_video = rf"(video_path = ? OR ends_with({path}, ?) OR ends_with(regexp_replace({path}, '\.\w+$', ''), ?))"
    tries.append((of_video, [named, f"/{named}", f"/{named}"]))
    if colon and frame.isdigit():
        inside = f"{of_video} AND start_frame <= ? AND end_frame > ?"
        tries.append((inside, [name, f"/{name}", f"/{name}", int(frame), int(frame)]))
    for where, values in tries:
        query = f"SELECT clip_id FROM clips WHERE {where} LIMIT {MOST_CLIPS + 1}"
        if ids := [row[0] for row in connection.execute(query, values).fetchall()]:
            if len(ids) > MOST_CLIPS:
                raise ConfigError(f"--why {named!r} names more than {MOST_CLIPS} clips: give more of a clip's id")
            return ids
    raise ConfigError(f"--why {named!r} names no clip: give a clip's id or its beginning, a file name, or NAME:FRAME")
