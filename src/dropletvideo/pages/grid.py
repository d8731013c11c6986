"""Tables of a page: numbers to the right, optional heat colours, sortable by a click on a heading."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from html import escape
from typing import Any, Literal

from dropletvideo.pages.axes import MISSING, format_number
from dropletvideo.pages.text import caption_tag

SCROLL_ROWS = 30


@dataclass(frozen=True, kw_only=True)
class Column:
    """One column: `key` into the row, heading `title`, places after the point, and which end of the range is good.

    `heat="high"` colours larger numbers stronger as good ones, `heat="low"` smaller ones.
    """

    key: str
    title: str = ""
    digits: int | None = None
    heat: Literal["high", "low"] | None = None
    is_bar: bool = False


@dataclass(frozen=True)
class Interval:
    """A value with its interval, shown as `0.42 [0.31, 0.55]` and sorted by the value."""

    value: float
    low: float
    high: float


def table(
    rows: Sequence[Mapping[str, Any]],
    columns: Sequence[Column | str] | None = None,
    *,
    caption: str = "",
    emphasis: Sequence[int] = (),
) -> str:
    """A table of row dictionaries; columns default to the keys of the first row, `emphasis` sets rows in bold."""
    chosen = [c if isinstance(c, Column) else Column(key=c) for c in (columns or list(rows[0] if rows else []))]
    numeric = {c.key: _is_numeric(rows, c.key) for c in chosen}
    ranges = {c.key: _range(rows, c.key) for c in chosen if c.heat or c.is_bar}
    head = "".join(f'<th{_right(numeric[c.key])} scope="col">{escape(c.title or _title(c.key))}</th>' for c in chosen)
    body = "".join(
        f"<tr{' class=strong' if index in set(emphasis) else ''}>"
        + "".join(_cell(row.get(c.key), c, numeric[c.key], ranges.get(c.key)) for c in chosen)
        + "</tr>"
        for index, row in enumerate(rows)
    )
    scroll = " long" if len(rows) > SCROLL_ROWS else ""
    inside = f"<thead><tr>{head}</tr></thead><tbody>{body}</tbody>"
    return f'<div class="table{scroll}"><table class=sortable>{inside}</table></div>{caption_tag(caption)}'


def _title(key: str) -> str:
    return key.replace("_", " ")


def _right(is_numeric: bool) -> str:
    return " class=right" if is_numeric else ""


def _number(value: Any) -> float | None:
    if isinstance(value, Interval):
        return value.value
    if isinstance(value, int | float) and not isinstance(value, bool):
        return float(value)
    return float(value) if type(value).__module__ == "numpy" and getattr(value, "ndim", 1) == 0 else None


def _is_numeric(rows: Sequence[Mapping[str, Any]], key: str) -> bool:
    values = [row.get(key) for row in rows if row.get(key) is not None]
    return bool(values) and all(_number(value) is not None for value in values)


def _range(rows: Sequence[Mapping[str, Any]], key: str) -> tuple[float, float] | None:
    values = [v for row in rows if (v := _number(row.get(key))) is not None and math.isfinite(v)]
    return (min(values), max(values)) if values and max(values) > min(values) else None


def _cell(value: Any, column: Column, is_numeric: bool, span: tuple[float, float] | None) -> str:
    number = _number(value)
    attributes, style = _right(is_numeric), ""
    if number is not None:
        attributes += f' data-v="{number!r}"'
        if span is not None and math.isfinite(number):
            style = _style(number, column, span)
    return f"<td{attributes}{style}>{escape(_text(value, column.digits))}</td>"


def _style(number: float, column: Column, span: tuple[float, float]) -> str:
    if column.is_bar:
        return f' style="--part:{max(0.0, number) / max(span[1], 1e-12):.1%}"'
    share = (number - span[0]) / (span[1] - span[0])
    return f' style="--heat:{(share if column.heat == "high" else 1 - share) * 100:.0f}%"'


def _text(value: Any, digits: int | None) -> str:
    if value is None:
        return MISSING
    if isinstance(value, Interval):
        low, high = format_number(value.low, digits), format_number(value.high, digits)
        return f"{format_number(value.value, digits)} [{low}, {high}]"
    if isinstance(value, bool):
        return "yes" if value else "no"
    if isinstance(value, list | tuple):
        return ", ".join(_text(item, digits) for item in value)
    if (number := _number(value)) is not None:
        return format_number(int(number) if isinstance(value, int) else number, digits)
    return str(value)
