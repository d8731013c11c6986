"""The head of a report: the result in a sentence, key figures, what was skipped."""

from __future__ import annotations

from dropletvideo.curate.figures.data import ReportData
from dropletvideo.curate.figures.words import clips_text, duration, share
from dropletvideo.curate.missing import fetch_line
from dropletvideo.pages.page import NoteStyle, Page, Tile


def subtitle(data: ReportData) -> str:
    """Videos, footage and clips."""
    seconds = sum(video.get("duration_seconds") or 0.0 for video in data.videos)
    return f"{len(data.videos):,} videos · {duration(seconds)} of footage · {clips_text(data.num_clips)}"


def add_opening(page: Page, data: ReportData) -> None:
    """Lead, tiles, notes on what is missing."""
    lead = f"**{clips_text(data.num_clips)}** ({duration(data.clip_seconds)}) in {len(data.videos):,} videos."
    if data.selection is not None:
        name, funnel = data.selection
        lead += f" The selection `{name}` keeps **{funnel.kept:,}** of them."
    page.lead(lead)
    page.tiles(_tiles(data))
    if data.skipped:
        _skipped(page, data)
    if len(data.clips) < data.num_clips:
        page.note(f"Charts and pictures show {len(data.clips):,} clips drawn at random; the funnel counts them all.")


def _skipped(page: Page, data: ReportData) -> None:
    """One note with the line that gets what is missing, and each stage's own words behind a click."""
    names = ", ".join(row["stage"] for row in data.skipped)
    line = fetch_line(row["reason"] for row in data.skipped)
    gets = f" `{line}` gets what can be fetched; then give the same command again." if line else ""
    page.note(
        f"**Skipped: {names}**, for want of weights or of a model to ask. Nothing took their place.{gets}", "warning"
    )
    with page.fold("What each skipped stage lacks"):
        rows = [{"stage": r["stage"], "gives": ", ".join(r["columns"]), "lacks": r["reason"]} for r in data.skipped]
        page.table(rows, ["stage", "gives", "lacks"])


def _tiles(data: ReportData) -> list[Tile]:
    tiles = [
        Tile(label="videos", value=len(data.videos), note=f"{data.total('passed_over'):,.0f} other files passed over"),
        Tile(label="clips", value=data.num_clips, note=f"from {len(data.boundaries):,} boundaries"),
        Tile(label="total hours", value=f"{data.clip_seconds / 3600:,.2f}", note=duration(data.clip_seconds)),
    ]
    if data.selection is not None:
        _, funnel = data.selection
        style: NoteStyle = "good" if funnel.kept else "warning"
        tiles.append(Tile(label="kept", value=funnel.kept, note=share(funnel.kept, funnel.total), style=style))
    if data.videos and data.runs:
        note = f"sequential, over {len(data.runs)} runs" if len(data.runs) > 1 else "sequential"
        tiles.append(Tile(label="decodes per video", value=data.total("decodes") / len(data.videos), note=note))
    if data.skipped:
        tiles.append(Tile(label="stages skipped", value=len(data.skipped), note="see below", style="warning"))
    return [*tiles, *_failed(data)]


def _failed(data: ReportData) -> list[Tile]:
    """Videos that failed whole, and clips of which some measure failed."""
    videos = len({row["video_path"] for row in data.errors if row["clip_id"] is None})
    clips = len({row["clip_id"] for row in data.errors if row["clip_id"] is not None})
    tiles = [Tile(label="failed videos", value=videos, note="see Errors", style="warning")]
    if not videos:
        tiles = [Tile(label="failed videos", value=0)]
    if clips:
        tiles.append(Tile(label="clips with a failed stage", value=clips, note="see Errors", style="warning"))
    return tiles
