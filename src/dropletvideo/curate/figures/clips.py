"""Contact sheets: clips along each score, of each camera class, of duplicates, and of every drop."""

from __future__ import annotations

from collections import Counter
from typing import Any

from dropletvideo.curate.figures.data import ReportData
from dropletvideo.curate.figures.words import class_name, clips_text
from dropletvideo.curate.thumbnails import Thumbnails, of_many_videos, spread
from dropletvideo.moves import CAMERA_CLASSES
from dropletvideo.pages.page import Page

PER_CLASS = 8
PER_SCORE = 12
PER_DROP = 6
SHOWN_GROUPS, PER_GROUP = 6, 4
ALONG = {
    "motion_score": "From least to most motion",
    "aesthetic_v2_mean": "From least to most liked",
    "aesthetic_v1_mean": "From least to most liked (V1)",
    "dover_technical": "From worst to best technical quality",
}
"""Columns along which clips are shown, at even steps of their ranks; V1 only where V2 is missing."""


def add_clips(page: Page, data: ReportData) -> None:
    """All contact sheets; each video is opened once for all of them."""
    if not data.clips:
        return
    sheets = _Sheets(data)
    shown = Thumbnails(sheets.rows())
    page.section("Clips", "The middle frame of each; the caption names the file and its frames.")
    for column, rows in sheets.along.items():
        page.heading(ALONG[column])
        page.contact_sheet(shown.pictures(rows), caption=f"Evenly spread over the ranks of `{column}`.")
    counts = Counter(clip.get("camera_class") or "" for clip in data.clips)
    if len(counts) > 1 or "" not in counts:
        for name, rows in sheets.classes.items():
            page.heading(f"{class_name(name)} ({clips_text(counts[name])})")
            page.contact_sheet(shown.pictures(rows))
    if sheets.groups:
        _duplicates(page, data, sheets, shown)
    if sheets.drops:
        page.heading("Dropped")
        reasons = {clip_id: reason for clip_id, (_, reason) in data.reasons.items()}
        for condition, rows in sheets.drops:
            with page.fold(f"by {condition}"):
                page.contact_sheet(shown.pictures(rows, reasons))
    if shown.unread:
        page.note(f"{shown.unread} clips have no picture: their source could not be read any more.", "warning")


class _Sheets:
    """Which clips are shown where."""

    def __init__(self, data: ReportData) -> None:
        columns = [name for name in ALONG if data.has(name)]
        if "aesthetic_v2_mean" in columns and "aesthetic_v1_mean" in columns:
            columns.remove("aesthetic_v1_mean")
        self.along = {name: _along(data, name) for name in columns}
        self.classes = _by_class(data)
        self.groups = _groups(data)
        self.drops = _by_drop(data)

    def rows(self) -> list[dict[str, Any]]:
        """Each clip once."""
        every = [*self.along.values(), *self.classes.values(), *self.groups.values(), *(rows for _, rows in self.drops)]
        return list({id(row): row for rows in every for row in rows}.values())


def _along(data: ReportData, column: str) -> list[Any]:
    measured = [clip for clip in data.clips if clip.get(column) is not None]
    return spread(sorted(measured, key=lambda clip: float(clip[column])), PER_SCORE)


def _by_class(data: ReportData) -> dict[str, list[Any]]:
    found: dict[str, list[Any]] = {name: [] for name in [*CAMERA_CLASSES, ""]}
    for clip in data.clips:
        found.setdefault(clip.get("camera_class") or "", []).append(clip)
    return {name: of_many_videos(rows, PER_CLASS) for name, rows in found.items() if rows}


def _groups(data: ReportData) -> dict[int, list[Any]]:
    found: dict[int, list[Any]] = {}
    for clip in data.clips:
        if clip.get("duplicate_group") is not None:
            found.setdefault(int(clip["duplicate_group"]), []).append(clip)
    largest = sorted((rows for rows in found.values() if len(rows) > 1), key=len, reverse=True)[:SHOWN_GROUPS]
    return {number: rows[:PER_GROUP] for number, rows in enumerate(largest, 1)}


def _by_drop(data: ReportData) -> list[tuple[str, list[Any]]]:
    if data.selection is None:
        return []
    dropped: dict[int, list[Any]] = {}
    for clip in data.clips:
        if (found := data.reasons.get(clip["clip_id"])) is not None:
            dropped.setdefault(found[0], []).append(clip)
    steps = data.selection[1].steps
    return [(steps[n - 1].condition, of_many_videos(rows, PER_DROP)) for n, rows in sorted(dropped.items())]


def _duplicates(page: Page, data: ReportData, sheets: _Sheets, shown: Thumbnails) -> None:
    sizes = Counter(int(clip["duplicate_group"]) for clip in data.clips if clip.get("duplicate_group") is not None)
    copies = sum(1 for clip in data.clips if clip.get("duplicate_of") is not None)
    page.heading("Near-duplicates")
    page.text(
        f"{len(sizes):,} groups; **{clips_text(copies)}** are copies of another one ({copies / len(data.clips):.1%}). "
        "`duplicate_of` names the one to keep; whether copies are dropped is the selection's choice."
    )
    for number, rows in sheets.groups.items():
        bits = {str(row["clip_id"]): _role(row) for row in rows}
        page.contact_sheet(shown.pictures(rows, bits), caption=f"Group {number} of the {len(sheets.groups)} largest.")


def _role(row: dict[str, Any]) -> str:
    return "to keep" if row.get("duplicate_of") is None else f"copy, {row.get('duplicate_bits')} of 256 bits differ"
