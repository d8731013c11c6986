"""Camera classes and moves, beside DropletVideo's rule."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from typing import Any

from dropletvideo.curate.figures.data import ReportData
from dropletvideo.curate.figures.words import class_name
from dropletvideo.moves import CAMERA_CLASSES, MOVES
from dropletvideo.pages.charts import Bar
from dropletvideo.pages.grid import Column
from dropletvideo.pages.page import Page

MEASURED, LEARNED = "camera_class", "camera_class_learned"


def add_camera(page: Page, data: ReportData) -> None:
    """Shares of the classes, how two classifiers agree, and the moves."""
    if not any(MEASURED in clip or LEARNED in clip for clip in data.clips):
        return
    page.section("Camera", "DropletVideo keeps no C6 and less than 5 % of C5.")
    for label, clips, _, _ in data.parts():
        for column in (MEASURED, LEARNED):
            if any(clip.get(column) is not None for clip in clips):
                _shares(page, clips, column, label)
    if data.has(MEASURED) and data.has(LEARNED):
        _agreement(page, data)
    moves = Counter(move for clip in data.clips for move in set(clip.get("camera_moves") or ()))
    if moves:
        page.bars(
            {name.replace("_", " "): moves[name] for name in MOVES if moves[name]},
            title="Clips in which a move occurs",
            caption="Directions are the camera's own; a clip with two moves counts in both.",
            digits=0,
        )


def _shares(page: Page, clips: Sequence[dict[str, Any]], column: str, label: str) -> None:
    counts = Counter(clip.get(column) or "" for clip in clips)
    names = [*CAMERA_CLASSES, *([""] if counts[""] else [])]
    page.shares(
        [Bar(label=class_name(n), value=counts[n], colour=7 if not n else i) for i, n in enumerate(names)],
        title=f"Camera classes of {label}" + (" (by the trained network)" if column == LEARNED else ""),
    )


def _agreement(page: Page, data: ReportData) -> None:
    pairs = Counter((c[MEASURED], c[LEARNED]) for c in data.clips if c.get(MEASURED) and c.get(LEARNED))
    total = sum(pairs.values())
    same = sum(count for (a, b), count in pairs.items() if a == b)
    page.heading("Fitted camera and trained network")
    page.table(
        [{"fitted": a, **{b: pairs[a, b] for b in CAMERA_CLASSES}} for a in CAMERA_CLASSES],
        ["fitted", *(Column(key=name, heat="high") for name in CAMERA_CLASSES)],
        caption=f"Rows: `{MEASURED}`, columns: `{LEARNED}`; the same for {same:,} of {total:,} clips.",
    )
