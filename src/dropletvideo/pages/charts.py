"""Charts as inline SVG: bars, histogram, lines, scatter. Colours come from the page's style sheet.

Every function returns a string of markup whose text is escaped; each mark carries its number as a tooltip.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from html import escape

import numpy as np
from numpy.typing import ArrayLike

from dropletvideo.pages.axes import MISSING, Scale, format_number, format_tick, scale_over

WIDTH, HEIGHT = 560, 270
LEFT, RIGHT, TOP, BOTTOM = 58, 16, 14, 44
CHARACTER_WIDTH = 7.2  # of the chart font at 13 units, generous so that labels never run into bars
MAX_POINTS = 800
MAX_LABEL = 36
NUM_COLOURS = 8


@dataclass(frozen=True, kw_only=True)
class Bar:
    """One bar: `low` and `high` draw a whisker, `colour` is a series number (0 to 7), `note` follows the value."""

    label: str
    value: float | None
    low: float | None = None
    high: float | None = None
    colour: int = 0
    note: str = ""
    is_muted: bool = False


@dataclass(frozen=True, kw_only=True)
class Point:
    """One point of a scatter: `low` and `high` draw a vertical whisker, `label` is the tooltip."""

    x: float
    y: float
    low: float | None = None
    high: float | None = None
    label: str = ""


@dataclass(frozen=True, kw_only=True)
class Axes:
    """What a chart says beside its marks.

    Labels, logarithmic axes, zero kept in range, horizontal reference lines `y_marks`, and `x_ticks` where the values
    on the x axis are few and known (M = 4, 8, 16, 32).
    """

    x_label: str = ""
    y_label: str = ""
    log_x: bool = False
    log_y: bool = False
    zero_y: bool = False
    y_marks: Mapping[str, float] | None = None
    x_ticks: tuple[float, ...] = ()


PLAIN = Axes()


def bars(items: Sequence[Bar], *, unit: str = "", digits: int | None = None, legend: Sequence[str] = ()) -> str:
    """Horizontal bars with their numbers; negative values go left of zero, a missing value is a dash.

    `legend` names the colours 0, 1, ... where the bars use several.
    """
    row, longest = 26, max([len(bar.label) for bar in items], default=0)
    left = 12 + min(longest, MAX_LABEL) * CHARACTER_WIDTH
    texts = [_bar_text(bar, unit, digits) for bar in items]
    right = 14 + max([len(text) for text in texts], default=0) * CHARACTER_WIDTH
    height = row * len(items) + 8
    ends = [v for bar in items for v in (bar.value, bar.low, bar.high) if v is not None]
    scale = scale_over(ends, start=left, end=WIDTH - right, include_zero=True)
    parts = [
        _bar(bar, text, scale, row * index + 4, row) for index, (bar, text) in enumerate(zip(items, texts, strict=True))
    ]
    zero = scale(0.0)
    parts.append(f'<line class="axis" x1="{zero:.1f}" x2="{zero:.1f}" y1="2" y2="{height - 2}"/>')
    return _svg("".join(parts), height=height) + _legend(legend)


def _bar_text(bar: Bar, unit: str, digits: int | None) -> str:
    number = format_number(bar.value, digits)
    text = f"{number} {unit}".strip() if number != MISSING else number
    if bar.low is not None and bar.high is not None:
        text += f" [{format_number(bar.low, digits)}, {format_number(bar.high, digits)}]"
    return f"{text} {bar.note}".strip()


def _bar(bar: Bar, text: str, scale: Scale, top: float, row: float) -> str:
    middle = top + row / 2
    label = _text(scale.start - 8, middle + 4, _short(bar.label), "label", "end")
    zero, end = scale(0.0), scale(0.0)
    shape = ""
    if bar.value is not None and math.isfinite(bar.value):
        end = scale(bar.value)
        kind = "muted-fill" if bar.is_muted else f"fill{bar.colour % NUM_COLOURS}"
        shape = (
            f'<rect class="{kind}" x="{min(zero, end):.1f}" y="{top + 4:.1f}" rx="2" '
            f'width="{max(abs(end - zero), 0.8):.1f}" height="{row - 8:.1f}"/>'
        )
    if bar.low is not None and bar.high is not None:
        shape += _whisker(scale(bar.low), scale(bar.high), middle, is_vertical=False)
        end = max(end, scale(bar.high))
    number = _text(max(end, zero) + 7, middle + 4, text, "number")
    return f"<g><title>{escape(bar.label)}: {escape(text)}</title>{label}{shape}{number}</g>"


def _short(label: str) -> str:
    return label if len(label) <= MAX_LABEL else label[: MAX_LABEL - 1] + "…"


def _whisker(low: float, high: float, across: float, *, is_vertical: bool) -> str:
    lines = ((low, across, high, across), (low, across - 4, low, across + 4), (high, across - 4, high, across + 4))
    if is_vertical:
        lines = tuple((y1, x1, y2, x2) for x1, y1, x2, y2 in lines)  # type: ignore[assignment]
    return "".join(
        f'<line class="whisker" x1="{x1:.1f}" y1="{y1:.1f}" x2="{x2:.1f}" y2="{y2:.1f}"/>' for x1, y1, x2, y2 in lines
    )


def shares(parts: Sequence[Bar]) -> str:
    """One stacked bar of the shares of a whole, with a legend that gives count and percentage."""
    total = sum(part.value or 0.0 for part in parts) or 1.0
    at, rects, legend = 0.0, [], []
    for part in parts:
        value = part.value or 0.0
        width = value / total * WIDTH
        text = f"{part.label}: {format_number(value)} ({value / total:.0%})"
        shape = f'x="{at:.1f}" y="0" width="{max(0.0, width - 1):.1f}" height="34"'
        rects.append(f'<rect class="fill{part.colour % NUM_COLOURS}" {shape}><title>{escape(text)}</title></rect>')
        at += width
        legend.append(_key(part.colour, text))
    return _svg("".join(rects), height=34) + f'<p class="legend">{"".join(legend)}</p>'


def histogram(
    values: ArrayLike,
    *,
    bins: int | None = None,
    thresholds: Mapping[str, float] | None = None,
    keep: tuple[float | None, float | None] = (None, None),
    log_x: bool = False,
    x_label: str = "",
) -> str:
    """Counts of the finite values; bins outside `keep` are muted; each threshold is a labelled vertical line.

    `bins` defaults to a number between 10 and 40 that grows with the root of the number of values.
    """
    data = np.asarray(values, dtype=np.float64).ravel()
    shown = data[np.isfinite(data) & ((data > 0) | (not log_x))]
    marks = dict(thresholds or {})
    bins = bins or int(np.clip(2 * np.sqrt(shown.size), 10, 40))
    x = scale_over([*shown.tolist(), *marks.values()], start=LEFT, end=WIDTH - RIGHT, log=log_x)
    edges = np.geomspace(x.low, x.high, bins + 1) if log_x else np.linspace(x.low, x.high, bins + 1)
    for value in keep:  # no bin lies on both sides of a limit
        if value is not None and edges[0] < value < edges[-1]:
            edges[1 + int(np.abs(edges[1:-1] - value).argmin())] = value
    counts, _ = np.histogram(shown, edges)
    y = scale_over([0.0, float(max(counts.max(initial=0), 1))], start=HEIGHT - BOTTOM, end=TOP, include_zero=True)
    y = replace(y, fixed_ticks=tuple(tick for tick in y.ticks() if float(tick).is_integer()))
    body = "".join(
        _bin(x, y, float(low), float(high), int(count), keep)
        for low, high, count in zip(edges[:-1], edges[1:], counts, strict=True)
        if count
    )
    body += "".join(_threshold(x, name, value, line) for line, (name, value) in enumerate(marks.items()))
    left_out = data.size - shown.size
    why = "not finite or not positive" if log_x else "not finite"
    tail = f'<p class="caption">{left_out:,} values {why}, not shown.</p>' if left_out else ""
    return _svg(_grid(x, y, Axes(x_label=x_label, y_label="count")) + body) + tail


def _bin(x: Scale, y: Scale, low: float, high: float, count: int, keep: tuple[float | None, float | None]) -> str:
    middle = (low + high) / 2
    is_out = (keep[0] is not None and middle < keep[0]) or (keep[1] is not None and middle > keep[1])
    return (
        f'<rect class="{"muted-fill" if is_out else "fill0"}" x="{x(low) + 0.5:.1f}" y="{y(count):.1f}" '
        f'width="{max(0.5, x(high) - x(low) - 1):.1f}" height="{y(0.0) - y(count):.1f}">'
        f"<title>{format_number(low)} to {format_number(high)}: {count:,}</title></rect>"
    )


def _threshold(x: Scale, name: str, value: float, line: int) -> str:
    at, is_right = x(value), x(value) > WIDTH * 0.6
    anchor, shift = ("end", -5) if is_right else ("start", 5)
    return (
        f'<line class="threshold" x1="{at:.1f}" x2="{at:.1f}" y1="{TOP}" y2="{HEIGHT - BOTTOM}"/>'
        f'<text class="threshold-label" x="{at + shift:.1f}" y="{TOP + 10 + 14 * line}" text-anchor="{anchor}">'
        f"{escape(name)} {format_number(value)}</text>"
    )


def lines(
    series: Mapping[str, tuple[ArrayLike, ArrayLike]],
    *,
    axes: Axes = PLAIN,
    bands: Mapping[str, tuple[ArrayLike, ArrayLike]] | None = None,
    dashed: Sequence[str] = (),
) -> str:
    """Line chart of several series `name: (x, y)`; `bands` holds `name: (low, high)` over the same x.

    A value that is not finite breaks the line. Beyond 800 points the extremes of each bucket are kept.
    """
    data = {name: _thinned(xs, ys) for name, (xs, ys) in series.items()}
    spread = [np.asarray(v, dtype=np.float64) for pair in (bands or {}).values() for v in pair]
    x, y = _scales([xs for xs, _ in data.values()], [ys for _, ys in data.values()] + spread, axes)
    body = _grid(x, y, axes)
    for index, (name, (low, high)) in enumerate((bands or {}).items()):
        colour = list(data).index(name) if name in data else index
        body += _band(x, y, series[name][0], (low, high), colour)
    for index, (name, (xs, ys)) in enumerate(data.items()):
        body += _polyline(x, y, xs, ys, f"stroke{index % NUM_COLOURS}" + (" dashed" if name in dashed else ""), name)
    return _svg(body + _y_marks(x, y, axes)) + _legend(list(data))


def scatter(
    series: Mapping[str, Sequence[Point]],
    *,
    axes: Axes = PLAIN,
    reference: Mapping[str, tuple[ArrayLike, ArrayLike]] | None = None,
    is_joined: bool = False,
) -> str:
    """Points with whiskers; `reference` holds dashed lines `name: (x, y)`; `is_joined` draws a line through each."""
    every = [point for points in series.values() for point in points]
    heights = [v for p in every for v in (p.y, p.low, p.high) if v is not None]
    dashes = {name: (_floats(xs), _floats(ys)) for name, (xs, ys) in (reference or {}).items()}
    x, y = _scales(
        [_floats([p.x for p in every]), *(xs for xs, _ in dashes.values())],
        [_floats(heights), *(ys for _, ys in dashes.values())],
        axes,
    )
    body = _grid(x, y, axes)
    for name, (xs, ys) in dashes.items():
        body += _polyline(x, y, xs, ys, "reference dashed", name)
    for index, points in enumerate(series.values()):
        if is_joined:
            xs, ys = _floats([p.x for p in points]), _floats([p.y for p in points])
            body += _polyline(x, y, xs, ys, f"stroke{index % NUM_COLOURS}", "")
        body += "".join(_point(x, y, point, index) for point in points)
    return _svg(body + _y_marks(x, y, axes)) + _legend(list(series), list(dashes))


def _floats(values: ArrayLike) -> np.ndarray:
    return np.asarray(values, dtype=np.float64).ravel()


def _scales(xs: Sequence[np.ndarray], ys: Sequence[np.ndarray], axes: Axes) -> tuple[Scale, Scale]:
    all_x = [v for values in xs for v in values.tolist()]
    all_y = [v for values in ys for v in values.tolist()] + list((axes.y_marks or {}).values())
    x = scale_over(all_x, start=LEFT, end=WIDTH - RIGHT, log=axes.log_x)
    y = scale_over(all_y, start=HEIGHT - BOTTOM, end=TOP, log=axes.log_y, include_zero=axes.zero_y)
    return replace(x, fixed_ticks=axes.x_ticks), y


def _thinned(xs: ArrayLike, ys: ArrayLike) -> tuple[np.ndarray, np.ndarray]:
    x, y = _floats(xs), _floats(ys)
    if x.size <= MAX_POINTS:
        return x, y
    kept: set[int] = {0, x.size - 1}
    for bucket in np.array_split(np.arange(x.size), MAX_POINTS // 2):
        values = np.where(np.isfinite(y[bucket]), y[bucket], 0.0)
        kept.update((int(bucket[values.argmin()]), int(bucket[values.argmax()])))
    index = np.array(sorted(kept))
    return x[index], y[index]


def _grid(x: Scale, y: Scale, axes: Axes) -> str:
    parts = []
    x_ticks, y_ticks = x.ticks(7), y.ticks(5)
    for tick in y_ticks:
        at = y(tick)
        parts.append(f'<line class="grid" x1="{x.start}" x2="{x.end}" y1="{at:.1f}" y2="{at:.1f}"/>')
        parts.append(_text(x.start - 8, at + 4, format_tick(tick, y_ticks), "tick", "end"))
    for tick in x_ticks:
        at = x(tick)
        parts.append(f'<line class="axis" x1="{at:.1f}" x2="{at:.1f}" y1="{y.start}" y2="{y.start + 4}"/>')
        parts.append(_text(at, y.start + 17, format_tick(tick, x_ticks), "tick", "middle"))
    parts.append(f'<line class="axis" x1="{x.start}" x2="{x.end}" y1="{y.start}" y2="{y.start}"/>')
    middle_x, middle_y = (x.start + x.end) / 2, (y.start + y.end) / 2
    parts.append(_text(middle_x, HEIGHT - 6, axes.x_label, "axis-label", "middle"))
    turned = _text(12, middle_y, axes.y_label, "axis-label", "middle")
    parts.append(f'<g transform="rotate(-90 12 {middle_y})">{turned}</g>')
    return "".join(parts)


def _polyline(x: Scale, y: Scale, xs: np.ndarray, ys: np.ndarray, kind: str, name: str) -> str:
    runs: list[list[str]] = [[]]
    for a, b in zip(xs.tolist(), ys.tolist(), strict=True):
        if not (math.isfinite(a) and math.isfinite(b)) or (y.log and b <= 0) or (x.log and a <= 0):
            runs.append([])
            continue
        runs[-1].append(f"{x(a):.1f},{y(b):.1f}")
    return "".join(
        f'<polyline class="line {kind}" points="{" ".join(run)}"><title>{escape(name)}</title></polyline>'
        for run in runs
        if run
    )


def _band(x: Scale, y: Scale, xs: ArrayLike, edges: tuple[ArrayLike, ArrayLike], colour: int) -> str:
    places = _floats(xs).tolist()
    low, high = (_floats(edge).tolist() for edge in edges)
    there = [f"{x(a):.1f},{y(b):.1f}" for a, b in zip(places, high, strict=True)]
    back = [f"{x(a):.1f},{y(b):.1f}" for a, b in zip(places[::-1], low[::-1], strict=True)]
    return f'<polygon class="band fill{colour % NUM_COLOURS}" points="{" ".join(there + back)}"/>'


def _point(x: Scale, y: Scale, point: Point, colour: int) -> str:
    if not (math.isfinite(point.x) and math.isfinite(point.y)):
        return ""
    whisker = ""
    if point.low is not None and point.high is not None:
        whisker = _whisker(y(point.low), y(point.high), x(point.x), is_vertical=True)
    text = f"{point.label} ({format_number(point.x)}, {format_number(point.y)})".strip()
    return (
        f"<g><title>{escape(text)}</title>{whisker}"
        f'<circle class="fill{colour % NUM_COLOURS} dot" cx="{x(point.x):.1f}" cy="{y(point.y):.1f}" r="4"/></g>'
    )


def _y_marks(x: Scale, y: Scale, axes: Axes) -> str:
    return "".join(
        f'<line class="threshold" x1="{x.start}" x2="{x.end}" y1="{y(value):.1f}" y2="{y(value):.1f}"/>'
        f'<text class="threshold-label" x="{x.end - 4}" y="{y(value) - 5:.1f}" text-anchor="end">'
        f"{escape(name)} {format_number(value)}</text>"
        for name, value in (axes.y_marks or {}).items()
    )


def _text(x: float, y: float, text: str, kind: str, anchor: str = "start") -> str:
    return f'<text class="{kind}" x="{x:.1f}" y="{y:.1f}" text-anchor="{anchor}">{escape(text)}</text>'


def _key(colour: int, text: str, *, is_dash: bool = False) -> str:
    mark = f'<rect class="fill{colour % NUM_COLOURS}" width="12" height="12" rx="3"/>'
    if is_dash:
        mark = '<line class="line reference dashed" x1="0" x2="12" y1="6" y2="6"/>'
    return f'<span><svg class="key" viewBox="0 0 12 12">{mark}</svg>{escape(text)}</span>'


def _legend(names: Sequence[str], dashes: Sequence[str] = ()) -> str:
    if len(names) + len(dashes) < 2:
        return ""
    keys = [_key(index, name) for index, name in enumerate(names)] + [_key(0, name, is_dash=True) for name in dashes]
    return f'<p class="legend">{"".join(keys)}</p>'


def _svg(body: str, *, height: float = HEIGHT) -> str:
    return f'<svg class="chart" viewBox="0 0 {WIDTH} {height:g}" role="img">{body}</svg>'
