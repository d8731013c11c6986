"""Another limit in a selection: `changed(selection, "motion_score > 0.03")` puts it where the old one stood."""

from __future__ import annotations

from collections.abc import Sequence

from dropletvideo.curate.conditions import Condition, Connection, comparisons, conditions
from dropletvideo.curate.selection import Selection
from dropletvideo.errors import ConfigError


def changed(connection: Connection, selection: Selection, expressions: Sequence[str]) -> Selection:
    """The selection with each condition of `expressions` in the place of the one over the same column.

    A comparison with a number takes the place of one in the same direction (`>` of `>=`, not of `<`); any other
    condition that of one over exactly the same columns.

    Raises:
        ConfigError: an expression that does not parse, or one over columns on which the selection has no condition.
    """
    where = [(old, old.text) for old in conditions(connection, selection.where)]
    for new in conditions(connection, expressions):
        places = [place for place, (old, _) in enumerate(where) if _is_same(old, new)]
        if not places:
            columns = ", ".join(new.columns) or "no column"
            raise ConfigError(
                f"--change {new.text!r}: the selection has no such condition over {columns} to put it in the place of: "
                "add it with --where"
            )
        first = places[0]
        left = [_other_side(where[place][0], new) for place in places]
        where = [entry for place, entry in enumerate(where) if place not in places]
        kept = [(new, text) for text in left if text]
        where[first:first] = [(new, new.text), *kept]
    return selection.model_copy(update={"where": tuple(text for _, text in where)})


def _sides(condition: Condition) -> set[tuple[str, str]]:
    return {(column, operator[0]) for column, operator, _ in comparisons(condition.sql)}


def _is_same(old: Condition, new: Condition) -> bool:
    if sides := _sides(new):
        return bool(sides & _sides(old))
    return bool(new.columns) and not _sides(old) and set(old.columns) == set(new.columns)


def _other_side(old: Condition, new: Condition) -> str:
    """What stays of a `between` when only one of its limits is changed."""
    gone = _sides(new)
    sides = comparisons(old.sql)
    stays = [f"{column} {sign} {value:g}" for column, sign, value in sides if (column, sign[0]) not in gone]
    return " AND ".join(stays)
