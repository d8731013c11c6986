"""The page of a comparison: verdicts, differences with intervals as a picture, and the videos that differ most."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from dropletvideo import media
from dropletvideo.errors import DropletError
from dropletvideo.evaluate.compare import Scored, pairs_of
from dropletvideo.evaluate.summary import shown
from dropletvideo.pages.forest import Leaf
from dropletvideo.pages.grid import Column
from dropletvideo.pages.page import Page, Tile

SHOWN_PAIRS = 3
STRIP_SIDE = 112


def write_comparison(found: Mapping[str, Any], first: Scored, second: Scored, path: Path | str) -> int:
    """Write the page; returns its size in bytes."""
    names = {"first": found["first"]["name"], "second": found["second"]["name"]}
    page = Page(f"{names['first']} against {names['second']}", f"{found['common']} videos paired by id")
    decided = [line for line in found["columns"] if line["verdict"] in ("first", "second")]
    page.lead(_sentence(decided, names))
    page.tiles(
        [
            Tile(label=f"better in {name}", value=sum(line["verdict"] == side for line in decided))
            for side, name in names.items()
        ]
        + [Tile(label="undecided", value=sum(line["verdict"] == "undecided" for line in found["columns"]))]
    )
    for warning in found["warnings"]:
        page.note(warning, "warning")
    _add_picture(page, found, names)
    _add_table(page, found, names)
    _add_pairs(page, decided, first, second)
    return page.save(path)


def difference_text(line: Mapping[str, Any]) -> str:
    """`+0.12 [0.03, 0.20]`."""
    text = shown(line["difference"], line)
    return text if text.startswith(("-", "–")) else f"+{text}"


def _sentence(decided: Sequence[Mapping[str, Any]], names: Mapping[str, str]) -> str:
    if not decided:
        return "No score tells the two apart: every interval of a difference holds zero, or there are too few groups."
    parts = []
    for side, name in names.items():
        labels = [line["label"] for line in decided if line["verdict"] == side]
        if labels:
            parts.append(f"{name} is better in {', '.join(labels)}")
    return "; ".join(parts) + "."


def _add_picture(page: Page, found: Mapping[str, Any], names: Mapping[str, str]) -> None:
    """Differences in units of their own interval's half width, so that scores of all units fit one picture."""
    leaves = []
    for line in found["columns"]:
        difference = line["difference"]
        if difference["low"] is None or line["better"] == "neither" or line["verdict"] == "equal":
            continue
        sign = 1.0 if line["better"] == "higher" else -1.0
        half = max((difference["high"] - difference["low"]) / 2, 1e-12)
        ends = [_held(sign * difference[key] / half) for key in ("value", "low", "high")]
        colour = {"first": 1, "second": 0}.get(line["verdict"], 7)
        leaves.append(
            Leaf(
                label=line["label"],
                value=ends[0],
                low=min(ends[1:]),
                high=max(ends[1:]),
                text=difference_text(line),
                colour=colour,
            )
        )
    if not leaves:
        return
    page.section(
        "Differences", "An interval that stays clear of the line decides a score; the figures stand beside it."
    )
    page.forest(
        leaves,
        left=f"← {names['first']} is better",
        right=f"{names['second']} is better →",
        caption="Each line is in half widths of its own 95 % interval, cut at 6, so that all units fit one picture. "
        "Scores without a better end and scores that are equal in every pair are in the table alone.",
    )


def _held(value: float, limit: float = 6.0) -> float:
    """A decided score stays in the picture however narrow its interval is."""
    return max(-limit, min(limit, value))


def _add_table(page: Page, found: Mapping[str, Any], names: Mapping[str, str]) -> None:
    page.section("All scores", "Mean of the differences of pairs, with the 95 % interval over groups.")
    rows = [
        {
            "score": line["label"],
            "unit": line["unit"],
            "first": shown(line["first"], line),
            "second": shown(line["second"], line),
            "difference": difference_text(line),
            "pairs": line["difference"]["count"],
            "verdict": names.get(line["verdict"], line["verdict"]),
        }
        for line in found["columns"]
    ]
    titles = {"first": names["first"], "second": names["second"]}
    page.table(rows, [Column(key=key, title=titles.get(key, key)) for key in (rows[0] if rows else ())])


def _add_pairs(page: Page, decided: Sequence[Mapping[str, Any]], first: Scored, second: Scored) -> None:
    """For the decided scores, the videos where the two differ most."""
    common = [name for name in first.lines if name in second.lines]
    for line in decided[:SHOWN_PAIRS]:
        differences = pairs_of(first, second, line["name"], common)
        most = max(differences, key=lambda name: abs(differences[name]))
        strips = {}
        for side in (first, second):
            try:
                frames = media.read_video(side.lines[most]["video"], short_side=STRIP_SIDE).frames
            except DropletError:
                continue  # gone since it was scored
            strips[f"{side.name}: {side.lines[most]['scores'][line['name']]:.{line['decimals']}f}"] = frames
        if strips:
            page.section(f"Where {line['label']} differs most", f"`{most}`")
            page.strips(strips)
