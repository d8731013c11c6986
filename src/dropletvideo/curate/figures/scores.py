"""Distributions: aesthetics and quality as DropletVideo shows them, lengths, sizes, sources, and every other number."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from typing import Any

from dropletvideo.curate.figures.data import ReportData
from dropletvideo.curate.figures.words import mean, numbers
from dropletvideo.pages.page import Page

NOT_MEASURES = frozenset(
    (
        "start_frame", "end_frame", "start_pts", "end_pts", "start_seconds", "height", "width", "num_frames",
        "source_fps", "duplicate_group", "embedding_group",
    )
)  # fmt: skip
MAIN_MEASURES = ("motion_score", "brightness", "sharpness", "colourfulness", "camera_confidence")
LOG_SCALES = frozenset(("motion_score", "flow_2fps_px", "raft_flow_2fps_px", "raft_motion_score", "sharpness"))
UNITS = {
    "motion_score": "frame diagonals per second",
    "flow_2fps_px": "pixels per pair at 2 frames/s",
    "raft_flow_2fps_px": "pixels per pair at 2 frames/s",
    "duration_seconds": "seconds",
    "brightness": "mean luma, 0 to 255",
}
AESTHETIC, AESTHETIC_MARK, AESTHETIC_SHARE = "aesthetic_v2_mean", 3.5, 0.95
QUALITY, QUALITY_MARK, QUALITY_SHARE = "dover_technical_raw", 4.0, 0.78
QUALITY_SCALE = 100.0
"""DropletVideo's quality goes above 4, so it is no DOVER scale of 0 to 1; taken as 100 times the raw score."""
MIRADATA_SECONDS = 72.1
MOST_SOURCES = 20


def add_scores(page: Page, data: ReportData) -> None:
    """Figure 1 of DropletVideo's supplement for this data set."""
    if not (data.has(AESTHETIC) or data.has(QUALITY)):
        return
    page.section("Aesthetics and image quality", "Beside what DropletVideo tells of its ten million clips.")
    with page.columns():
        if data.has(AESTHETIC):
            values = numbers(data.clips, AESTHETIC)
            _marked(page, "Aesthetics (LAION V2)", values, AESTHETIC_MARK, AESTHETIC_SHARE, "score, about 1 to 10")
        if data.has(QUALITY):
            values = [QUALITY_SCALE * value for value in numbers(data.clips, QUALITY)]
            _marked(page, "Image quality (DOVER)", values, QUALITY_MARK, QUALITY_SHARE, "100 times the raw score")


def _marked(page: Page, title: str, values: Sequence[float], mark: float, published: float, unit: str) -> None:
    above = sum(value > mark for value in values) / len(values)
    page.histogram(
        values,
        title=title,
        thresholds={"DropletVideo's mark": mark},
        x_label=unit,
        caption=f"{above:.0%} of {len(values):,} clips above {mark:g}; DropletVideo-10M: {published:.0%}. "
        f"Mean {mean(values):.2f}.",
    )


def add_lengths(page: Page, data: ReportData) -> None:
    """Lengths, sizes and sources of the clips."""
    seconds = numbers(data.clips, "duration_seconds")
    if not seconds:
        return
    page.section("Lengths, sizes, sources")
    with page.columns():
        average = mean(seconds) or 0.0
        page.histogram(
            seconds,
            title="Length",
            x_label="seconds",
            thresholds={"mean": average, "mean of MiraData": MIRADATA_SECONDS},
            caption=f"Mean {average:.1f} s; {data.clip_seconds / 3600:,.2f} hours in all.",
        )
        sizes = Counter(f"{clip['width']} x {clip['height']}" for clip in data.clips)
        page.bars(dict(sizes.most_common(MOST_SOURCES)), title="Sizes", digits=0)
        for column in ("category", "source", "licence"):
            told = Counter(_told(clip, column) for clip in data.clips)
            if set(told) != {""}:
                named = {name or "not told": count for name, count in told.most_common(MOST_SOURCES)}
                page.bars(named, title=column.capitalize(), digits=0)


def _told(clip: Mapping[str, Any], column: str) -> str:
    from dropletvideo.curate.export.told import mapping_of

    return str(clip.get(column) or mapping_of(clip, "listed_more").get(column) or "")


def add_measures(page: Page, data: ReportData) -> None:
    """A histogram of every number that a selection can use, with the selection's limits."""
    names = [name for name in _columns(data.clips) if name not in NOT_MEASURES and _is_number(data.clips, name)]
    if not names:
        return
    limits = data.selection[1].thresholds if data.selection is not None else {}
    grey = " Grey bars lie outside the selection's limits." if limits else ""
    page.section("Measures", f"Every number that a selection can use.{grey}")
    first = [name for name in dict.fromkeys((*MAIN_MEASURES, *limits)) if name in names]
    with page.columns():
        for name in first:
            _histogram(page, data, name, limits.get(name, (None, None)))
    rest = [name for name in names if name not in first]
    if rest:
        with page.fold(f"{len(rest)} more: {', '.join(rest)}"), page.columns():
            for name in rest:
                _histogram(page, data, name, (None, None))


def _histogram(page: Page, data: ReportData, name: str, limits: tuple[float | None, float | None]) -> None:
    low, high = limits
    values = [float("nan") if clip.get(name) is None else float(clip[name]) for clip in data.clips]
    page.histogram(
        values,
        title=name,
        thresholds={k: v for k, v in (("at least", low), ("at most", high)) if v is not None},
        keep=limits,
        log_x=name in LOG_SCALES,
        x_label=UNITS.get(name, name),
    )


def _columns(rows: Sequence[Mapping[str, Any]]) -> list[str]:
    return list(dict.fromkeys(key for row in rows for key in row))


def _is_number(rows: Sequence[Mapping[str, Any]], name: str) -> bool:
    values = [row[name] for row in rows if row.get(name) is not None]
    return bool(values) and all(isinstance(v, int | float) and not isinstance(v, bool) for v in values)


def add_boundaries(page: Page, data: ReportData) -> None:
    """Boundaries by kind and score."""
    kinds = Counter(row["kind"] for row in data.boundaries)
    if not kinds:
        return
    page.section("Boundaries", "All that were found, before trimming and the limits of length.")
    with page.columns():
        page.bars(dict(kinds.most_common()), title="By kind", digits=0)
        page.histogram(
            [row["score"] for row in data.boundaries if row.get("score") is not None], title="Score", x_label="score"
        )
