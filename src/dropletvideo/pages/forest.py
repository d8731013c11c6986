"""A forest plot as inline SVG: one line per score, a dot with its interval about a zero line, the text to the right."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from html import escape

from dropletvideo.pages.axes import scale_over

WIDTH, ROW, LABEL, TEXT = 760, 26, 230, 190
MAX_LABEL = 34


@dataclass(frozen=True, kw_only=True)
class Leaf:
    """One line: a value with its interval, its words, and the colour of the dot (0 to 7)."""

    label: str
    value: float
    low: float
    high: float
    text: str = ""
    colour: int = 7


def forest(leaves: Sequence[Leaf], *, left: str = "", right: str = "") -> str:
    """The plot; `left` and `right` say what the two sides of zero mean. Values have one scale."""
    top = 24 if left or right else 4
    height = top + ROW * len(leaves) + 6
    ends = [end for leaf in leaves for end in (leaf.low, leaf.high, leaf.value)]
    widest = max([abs(end) for end in ends], default=1.0) or 1.0
    scale = scale_over([-widest, widest], start=LABEL, end=WIDTH - TEXT, include_zero=True)
    zero = scale(0.0)
    parts = [
        f'<text class="label" x="{zero - 8:.1f}" y="14" text-anchor="end">{escape(left)}</text>',
        f'<text class="label" x="{zero + 8:.1f}" y="14" text-anchor="start">{escape(right)}</text>',
        f'<line class="axis" x1="{zero:.1f}" x2="{zero:.1f}" y1="{top - 2}" y2="{height - 4}"/>',
    ]
    for number, leaf in enumerate(leaves):
        middle = top + ROW * (number + 0.5)
        label = leaf.label if len(leaf.label) <= MAX_LABEL else leaf.label[: MAX_LABEL - 1] + "…"
        low, high = scale(leaf.low), scale(leaf.high)
        parts.append(
            f"<g><title>{escape(leaf.label)}: {escape(leaf.text)}</title>"
            f'<text class="label" x="{LABEL - 10}" y="{middle + 4:.1f}" text-anchor="end">{escape(label)}</text>'
            f'<line class="whisker" x1="{low:.1f}" x2="{high:.1f}" y1="{middle:.1f}" y2="{middle:.1f}"/>'
            f'<circle class="fill{leaf.colour % 8} dot" cx="{scale(leaf.value):.1f}" cy="{middle:.1f}" r="5"/>'
            f'<text class="number" x="{WIDTH - TEXT + 10}" y="{middle + 4:.1f}">{escape(leaf.text)}</text></g>'
        )
    return f'<svg class="chart" viewBox="0 0 {WIDTH} {height:g}" role="img">{"".join(parts)}</svg>'
