"""The conditions of a selection: one expression taken apart into the terms that must all hold.

DuckDB's own parser does the work, so every expression that DuckDB understands may be used.
"""

from __future__ import annotations

import json
import re
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from dropletvideo.errors import ConfigError

Connection = Any  # duckdb.DuckDBPyConnection; duckdb is imported late
NUMBER = r"-?\d+(?:\.\d+)?(?:[eE][-+]?\d+)?"
_COMPARISON = re.compile(rf"^\(?\s*(\w+)\s*(>=|<=|>|<)\s*\(?({NUMBER})\)?\s*\)?$")
_MIRRORED = re.compile(rf"^\(?\s*\(?({NUMBER})\)?\s*(>=|<=|>|<)\s*(\w+)\s*\)?$")
_BETWEEN = re.compile(rf"^\(?\s*(\w+)\s+BETWEEN\s+\(?({NUMBER})\)?\s+AND\s+\(?({NUMBER})\)?\s*\)?$", re.IGNORECASE)
_FLIPPED = {">": "<", "<": ">", ">=": "<=", "<=": ">="}


@dataclass(frozen=True, kw_only=True)
class Condition:
    """One term of the conjunction: as SQL, as people read it, the columns that it reads, and whether it is applied.

    An expression of one term is shown as it was written, the terms of a longer one in DuckDB's spelling.
    """

    sql: str
    text: str
    columns: tuple[str, ...]
    is_applied: bool = True


def conditions(connection: Connection, where: Sequence[str]) -> list[Condition]:
    """The terms of `where`, taken apart at top-level `and` by DuckDB's own parser."""
    found: list[Condition] = []
    for expression in where:
        tree = _parse(connection, expression)
        clause = tree["statements"][0]["node"]["where_clause"]
        terms = _terms(clause)
        written = " ".join(expression.split()) if len(terms) == 1 else None
        found.extend(_condition(connection, tree, term, written) for term in terms)
    return found


def columns_of(connection: Connection, order_by: str) -> tuple[str, ...]:
    """The columns that an SQL order or grouping reads; none where it does not parse, which applying it tells."""
    query = f"SELECT 1 FROM clips ORDER BY {order_by}"
    (text,) = connection.execute("SELECT json_serialize_sql($1)", [query]).fetchone()
    return tuple(dict.fromkeys(_columns(json.loads(text))))


def _parse(connection: Connection, expression: str) -> dict[str, Any]:
    (text,) = connection.execute(
        "SELECT json_serialize_sql($1)", [f"SELECT 1 FROM clips WHERE {expression}"]
    ).fetchone()
    tree: dict[str, Any] = json.loads(text)
    if tree.get("error"):
        raise ConfigError(f"where {expression!r} is not a valid expression: {tree.get('error_message')}")
    node = tree["statements"][0]["node"]
    if len(tree["statements"]) != 1 or node.get("where_clause") is None or node.get("modifiers"):
        raise ConfigError(f"where {expression!r} must be one expression: put order and limit under their own keys")
    return tree


def _terms(clause: dict[str, Any]) -> list[dict[str, Any]]:
    if clause.get("type") != "CONJUNCTION_AND":
        return [clause]
    return [term for child in clause["children"] for term in _terms(child)]


def _condition(connection: Connection, tree: dict[str, Any], term: dict[str, Any], written: str | None) -> Condition:
    node = tree["statements"][0]["node"]
    alone = {**tree, "statements": [{"node": {**node, "where_clause": None, "select_list": [term]}}]}
    (text,) = connection.execute("SELECT json_deserialize_sql($1)", [json.dumps(alone)]).fetchone()
    body = re.sub(r"\s+FROM clips$", "", str(text).removeprefix("SELECT ").strip())
    sql = _bare(body)
    return Condition(sql=sql, text=written or sql, columns=tuple(dict.fromkeys(_columns(term))))


def _bare(text: str) -> str:
    """Without the brackets that enclose the whole of it."""
    while text.startswith("(") and text.endswith(")"):
        depth = [0]
        for letter in text:
            depth.append(depth[-1] + (letter == "(") - (letter == ")"))
        if 0 in depth[1:-1]:
            return text
        text = text[1:-1]
    return text


def _columns(tree: Any) -> list[str]:
    if isinstance(tree, list):
        return [name for item in tree for name in _columns(item)]
    if not isinstance(tree, dict):
        return []
    if tree.get("class") == "COLUMN_REF":
        return [str(tree["column_names"][-1])]
    return [name for item in tree.values() for name in _columns(item)]


def thresholds_of(found: Sequence[Condition]) -> dict[str, tuple[float | None, float | None]]:
    """(least, most) per column, from the conditions that compare one column with a number."""
    limits: dict[str, tuple[float | None, float | None]] = {}
    for condition in found:
        for column, operator, value in comparisons(condition.sql):
            low, high = limits.get(column, (None, None))
            if operator.startswith(">"):
                low = value if low is None else max(low, value)
            else:
                high = value if high is None else min(high, value)
            limits[column] = (low, high)
    return limits


def comparisons(text: str) -> list[tuple[str, str, float]]:
    """Column, operator and number of a term that compares one column with numbers; nothing for any other term."""
    if match := _COMPARISON.match(text):
        return [(match[1], match[2], float(match[3]))]
    if match := _MIRRORED.match(text):
        return [(match[3], _FLIPPED[match[2]], float(match[1]))]
    if match := _BETWEEN.match(text):
        return [(match[1], ">=", float(match[2])), (match[1], "<=", float(match[3]))]
    return []
