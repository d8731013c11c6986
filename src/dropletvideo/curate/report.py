"""The data set's report: one HTML file with the funnel, the measures, the clips themselves, speed and errors."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import yaml

from dropletvideo.curate.conditions import Connection
from dropletvideo.curate.selection import Funnel, apply
from dropletvideo.curate.store import load_selection, read_runs, selection_names
from dropletvideo.curate.thumbnails import Thumbnails, of_many_videos, spread
from dropletvideo.moves import CAMERA_CLASSES, MOVES
from dropletvideo.pages.charts import Bar
from dropletvideo.pages.grid import Column
from dropletvideo.pages.page import Page, Tile

DEFAULT_SELECTION = "default"
PER_CLASS = 8
MOTION_STEPS = 12
PER_DROP = 6
MAX_TABLE_ROWS = 500
MAX_CLIPS = 50_000
NOT_MEASURES = frozenset(
    ("start_frame", "end_frame", "start_pts", "end_pts", "start_seconds", "height", "width", "num_frames", "source_fps")
)
MAIN_MEASURES = (
    "motion_score", "duration_seconds", "brightness", "sharpness", "colourfulness", "camera_confidence",
)  # fmt: skip
LOG_SCALES = frozenset(("motion_score", "flow_2fps_px", "sharpness"))
UNITS = {
    "motion_score": "frame diagonals per second",
    "flow_2fps_px": "pixels per pair at 2 frames/s",
    "duration_seconds": "seconds",
    "brightness": "mean luma, 0 to 255",
}


@dataclass(kw_only=True)
class ReportData:
    """All that a report shows, read from the data set.

    Attributes:
        name: of the data set.
        videos, clips, boundaries, errors: rows of the views; of very many clips a random sample.
        num_clips, clip_seconds: number and length of all clips.
        skipped: stages that the last run left out, and why.
        runs: what `runs.jsonl` says of the runs that made the data set.
        recipe: text of the recipe.
        selection: name, and what it did; None shows the data set alone.
        reasons: drop reason by clip id.
    """

    name: str
    videos: list[dict[str, Any]]
    clips: list[dict[str, Any]]
    boundaries: list[dict[str, Any]]
    errors: list[dict[str, Any]]
    num_clips: int
    clip_seconds: float
    skipped: list[dict[str, Any]] = field(default_factory=list)
    runs: list[dict[str, Any]] = field(default_factory=list)
    recipe: str = ""
    selection: tuple[str, Funnel] | None = None
    reasons: dict[str, tuple[int, str]] = field(default_factory=dict)

    def total(self, name: str) -> float:
        """A count of all runs together."""
        return float(sum(run.get(name) or 0 for run in self.runs))


def read_data(root: Path, selection: str | None = None) -> ReportData:
    """Read all that the report shows; `selection` defaults to the one named `default`, where there is one.

    Raises:
        CatalogError: no data set there.
        ConfigError: no selection of that name, or one that does not fit the clips.
    """
    from dropletvideo.tables.views import open_views

    name = selection or (DEFAULT_SELECTION if DEFAULT_SELECTION in selection_names(root) else None)
    with open_views(root) as connection:
        funnel, reasons = None, {}
        if name is not None:
            funnel = apply(connection, load_selection(root, name))
            verdicts = connection.execute("SELECT clip_id, step, reason FROM verdicts WHERE step > 0").fetchall()
            reasons = {clip_id: (step, reason) for clip_id, step, reason in verdicts}
        (count, seconds) = connection.execute(
            "SELECT count(*), coalesce(sum(duration_seconds), 0) FROM clips"
        ).fetchone()
        sample = f" USING SAMPLE reservoir({MAX_CLIPS} ROWS) REPEATABLE (1)" if count > MAX_CLIPS else ""
        return ReportData(
            num_clips=count,
            clip_seconds=seconds,
            name=root.resolve().name,
            videos=_rows(connection, "SELECT * FROM videos"),
            clips=_rows(connection, f"SELECT * FROM (SELECT * FROM clips{sample}) ORDER BY video_path, start_frame"),
            boundaries=_rows(connection, "SELECT * FROM boundaries"),
            errors=_rows(connection, "SELECT * FROM errors ORDER BY stage, video_path"),
            skipped=_rows(connection, "SELECT stage, reason, columns FROM skipped"),
            runs=read_runs(root),
            recipe=_recipe_text(root),
            selection=None if name is None or funnel is None else (name, funnel),
            reasons=reasons,
        )


def _rows(connection: Connection, query: str) -> list[dict[str, Any]]:
    result = connection.execute(query)
    names = [column[0] for column in result.description]
    return [dict(zip(names, row, strict=True)) for row in result.fetchall()]


def _recipe_text(root: Path) -> str:
    path = root / "run.json"
    recipe = json.loads(path.read_text(encoding="utf-8")).get("recipe") if path.is_file() else None
    return yaml.safe_dump(recipe, sort_keys=False, allow_unicode=True) if recipe else ""


def build_page(data: ReportData) -> Page:
    """The report of a data set."""
    page = Page(f"Data set {data.name}", _subtitle(data))
    _opening(page, data)
    add_dataset(page, data)
    _measures(page, data)
    _shots(page, data)
    _speed(page, data)
    _errors(page, data)
    if data.recipe:
        page.section("Recipe", "What was run; every parameter that changes a value is in the stages' fingerprints.")
        page.code(data.recipe)
    return page


def add_dataset(page: Page, data: ReportData) -> None:
    """Funnel, clips and camera of a data set: what other reports show of it."""
    _funnel(page, data)
    _clips(page, data, Thumbnails(_shown(data)))
    _camera(page, data)


def _subtitle(data: ReportData) -> str:
    seconds = sum(v.get("duration_seconds") or 0.0 for v in data.videos)
    return f"{len(data.videos):,} videos · {_duration(seconds)} of footage · {_clips_text(data.num_clips)}"


def _duration(seconds: float) -> str:
    if seconds < 120:
        return f"{seconds:.1f} s"
    return f"{seconds / 60:.1f} min" if seconds < 7200 else f"{seconds / 3600:.1f} h"


def _opening(page: Page, data: ReportData) -> None:
    lead = f"**{_clips_text(data.num_clips)}** ({_duration(data.clip_seconds)}) in {len(data.videos):,} videos."
    if data.selection is not None:
        name, funnel = data.selection
        lead += f" The selection `{name}` keeps **{funnel.kept:,}** of them."
    page.lead(lead)
    failed = len({row["video_path"] for row in data.errors})
    tiles = [
        Tile(label="videos", value=len(data.videos), note=f"{data.total('passed_over'):,.0f} other files passed over"),
        Tile(label="clips", value=data.num_clips, note=_duration(data.clip_seconds)),
        Tile(label="boundaries", value=len(data.boundaries)),
    ]
    if data.selection is not None:
        _, funnel = data.selection
        tiles.append(Tile(label="kept", value=funnel.kept, note=_share(funnel.kept, funnel.total), style="good"))
    if videos := data.total("decoded_videos"):
        tiles.append(Tile(label="decodes per video", value=data.total("decodes") / videos))
    tiles.append(
        Tile(label="failed videos", value=failed, note="see Errors", style="warning")
        if failed
        else Tile(label="failed videos", value=0)
    )
    page.tiles(tiles)
    for row in data.skipped:
        columns = ", ".join(f"`{name}`" for name in row["columns"])
        page.note(f"**Skipped: {row['stage']}** (no {columns}): {row['reason']}", "warning")
    if len(data.clips) < data.num_clips:
        page.note(f"Charts and pictures show {len(data.clips):,} clips drawn at random; the funnel counts them all.")


def _share(part: float, whole: float) -> str:
    return f"{part / whole:.0%} of {whole:,}" if whole else ""


def _funnel(page: Page, data: ReportData) -> None:
    if data.selection is None:
        page.section("Funnel")
        page.text("No selection is shown: all clips are kept. `droplet select` makes one; the measures never change.")
        return
    name, funnel = data.selection
    page.section("Funnel", f"What the selection `{name}` drops, and where. A clip counts at the first step it fails.")
    bars = [Bar(label="all clips", value=funnel.total, colour=7)]
    bars += [
        Bar(label=step.condition, value=step.after, note=f"(−{step.dropped:,})" if step.dropped else "")
        for step in funnel.steps
    ]
    page.bars(bars, title="Clips left after each step", digits=0)
    page.table(
        [
            {
                "step": s.condition,
                "before": s.before,
                "dropped here": s.dropped,
                "left": s.after,
                "would drop alone": s.alone,
            }
            for s in funnel.steps
        ],
        caption="“Would drop alone” counts the clips that fail this condition, whatever the others say.",
    )


def _shown(data: ReportData) -> list[dict[str, Any]]:
    """All clips of which the report shows a picture."""
    picked = {id(row): row for rows in [*_by_class(data).values(), _by_motion(data)] for row in rows}
    for _, rows in _by_drop(data):
        picked.update({id(row): row for row in rows})
    return list(picked.values())


def _by_class(data: ReportData) -> dict[str, list[Any]]:
    found: dict[str, list[Any]] = {name: [] for name in [*CAMERA_CLASSES, ""]}
    for clip in data.clips:
        found.setdefault(clip.get("camera_class") or "", []).append(clip)
    return {name: of_many_videos(rows, PER_CLASS) for name, rows in found.items() if rows}


def _by_motion(data: ReportData) -> list[Any]:
    measured = [clip for clip in data.clips if clip.get("motion_score") is not None]
    return spread(sorted(measured, key=lambda clip: float(clip["motion_score"])), MOTION_STEPS)


def _by_drop(data: ReportData) -> list[tuple[str, list[Any]]]:
    if data.selection is None:
        return []
    dropped: dict[int, list[Any]] = {}
    for clip in data.clips:
        if (found := data.reasons.get(clip["clip_id"])) is not None:
            dropped.setdefault(found[0], []).append(clip)
    steps = data.selection[1].steps
    return [(steps[n - 1].condition, of_many_videos(rows, PER_DROP)) for n, rows in sorted(dropped.items())]


def _clips(page: Page, data: ReportData, shown: Thumbnails) -> None:
    if not data.clips:
        return
    page.section("Clips", "The middle frame of each; the caption names the file and its frames.")
    counts = Counter(clip.get("camera_class") or "" for clip in data.clips)
    if by_motion := _by_motion(data):
        page.heading("From least to most motion")
        page.contact_sheet(shown.pictures(by_motion), caption="Evenly spread over the ranks of `motion_score`.")
    if len(counts) > 1 or "" not in counts:
        for name, rows in _by_class(data).items():
            page.heading(f"{_class_name(name)} ({_clips_text(counts[name])})")
            page.contact_sheet(shown.pictures(rows))
    if drops := _by_drop(data):
        page.heading("Dropped")
        reasons = {clip_id: reason for clip_id, (_, reason) in data.reasons.items()}
        for condition, rows in drops:
            with page.fold(f"by {condition}"):
                page.contact_sheet(shown.pictures(rows, reasons))
    if shown.unread:
        page.note(f"{shown.unread} clips have no picture: their source could not be read any more.", "warning")


def _clips_text(count: int) -> str:
    return "1 clip" if count == 1 else f"{count:,} clips"


def _class_name(name: str) -> str:
    return f"{name} {CAMERA_CLASSES[name]}" if name in CAMERA_CLASSES else name or "no class told"


def _camera(page: Page, data: ReportData) -> None:
    if not any("camera_class" in clip for clip in data.clips):
        return
    page.section("Camera")
    counts = Counter(clip.get("camera_class") or "" for clip in data.clips)
    names = [*CAMERA_CLASSES, *([""] if counts[""] else [])]
    page.shares(
        [Bar(label=_class_name(n), value=counts[n], colour=7 if not n else i) for i, n in enumerate(names)],
        title="Camera classes",
    )
    moves = Counter(move for clip in data.clips for move in set(clip.get("camera_moves") or ()))
    if moves:
        page.bars(
            {name.replace("_", " "): moves[name] for name in MOVES if moves[name]},
            title="Clips in which a move occurs",
            caption="Directions are the camera's own; a clip with two moves counts in both.",
            digits=0,
        )


def _measures(page: Page, data: ReportData) -> None:
    names = [name for name in _columns(data.clips) if name not in NOT_MEASURES and _is_number(data.clips, name)]
    if not names:
        return
    limits = data.selection[1].thresholds if data.selection is not None else {}
    grey = " Grey bars lie outside the selection's limits." if limits else ""
    page.section("Measures", f"Every number that a selection can use.{grey}")
    first = [name for name in (*MAIN_MEASURES, *limits) if name in names]
    with page.columns():
        for name in dict.fromkeys(first):
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


def _shots(page: Page, data: ReportData) -> None:
    kinds = Counter(row["kind"] for row in data.boundaries)
    if not kinds:
        return
    page.section("Boundaries", "All that were found, before trimming and the limits of length.")
    with page.columns():
        page.bars(dict(kinds.most_common()), title="By kind", digits=0)
        page.histogram(
            [row["score"] for row in data.boundaries if row.get("score") is not None], title="Score", x_label="score"
        )


def _speed(page: Page, data: ReportData) -> None:
    videos, frames = data.total("decoded_videos"), data.total("decoded_frames")
    if not videos:
        return
    page.section("Speed")
    seconds = sum(video.get("duration_seconds") or 0.0 for video in data.videos)
    cpu: Counter[str] = Counter()
    for run in data.runs:
        cpu.update(run.get("cpu_seconds") or {})
    every = sum(cpu.values())
    runs = f" over {len(data.runs)} runs" if len(data.runs) > 1 else ""
    page.text(
        f"{data.total('decodes'):,.0f} sequential decodes of {videos:,.0f} videos ({frames:,.0f} frames) served every "
        f"stage, beside {data.total('sparse_reads'):,.0f} places sought for a few frames, in "
        f"{_duration(data.total('total_seconds'))} of wall time{runs}."
    )
    rows = [
        {
            "stage": name,
            "cpu": spent,
            "frames": frames / spent if spent else None,
            "rate": seconds / spent if spent else None,
        }
        for name, spent in [*cpu.most_common(), ("all together", every)]
    ]
    page.table(
        rows,
        [
            Column(key="stage"),
            Column(key="cpu", title="CPU seconds", digits=2, is_bar=True),
            Column(key="frames", title="frames per CPU second", digits=0),
            Column(key="rate", title="video seconds per CPU second", digits=1),
        ],
        caption="CPU seconds of the workers, summed over runs; `decode` includes resizing for all stages.",
        emphasis=[len(rows) - 1],
    )


def _errors(page: Page, data: ReportData) -> None:
    page.section("Errors")
    if not data.errors:
        page.note("No file and no clip failed.", "good")
        return
    page.note(f"{len(data.errors):,} failures. An error is never a score and never counts as dropped.", "warning")
    columns = ["stage", "reason", "video_path", "clip_id"]
    caption = f"The first {MAX_TABLE_ROWS}; all of them are in the view `errors`."
    page.table(data.errors[:MAX_TABLE_ROWS], columns, caption=caption if len(data.errors) > MAX_TABLE_ROWS else "")


def write_report(root: Path, out: Path, selection: str | None = None) -> int:
    """Write the report of a data set; returns its size in bytes."""
    return build_page(read_data(root, selection)).save(out)
