"""How the data set was made: decodes, speed per stage, what was asked outside and paid, errors, the recipe."""

from __future__ import annotations

from collections import Counter, defaultdict
from pathlib import PurePath

from dropletvideo.curate.figures.data import ReportData
from dropletvideo.curate.figures.words import duration
from dropletvideo.pages.grid import Column
from dropletvideo.pages.page import Page

MAX_TABLE_ROWS = 500


def add_speed(page: Page, data: ReportData) -> None:
    """Decodes and CPU seconds of all runs together."""
    decodes, frames = data.total("decodes"), data.total("decoded_frames")
    if not decodes or not data.videos:
        return
    page.section("Speed")
    seconds = sum(video.get("duration_seconds") or 0.0 for video in data.videos)
    cpu: Counter[str] = Counter()
    for run in data.runs:
        cpu.update(run.get("cpu_seconds") or {})
    every = sum(cpu.values())
    wall = data.total("total_seconds")
    runs = f" over {len(data.runs)} runs" if len(data.runs) > 1 else ""
    hours = max(wall, 1e-9) / 3600
    page.text(
        f"{decodes:,.0f} sequential decodes of {len(data.videos):,} videos ({frames:,.0f} frames), "
        f"**{decodes / len(data.videos):.2f} per video**, served every stage, beside "
        f"{data.total('sparse_reads'):,.0f} places sought for a few frames. It took {duration(wall)}{runs}: "
        f"{data.num_clips / hours:,.0f} clips and {seconds / 3600 / hours:,.1f} hours of video per hour."
    )
    rows = [
        {
            "stage": _stage_name(name),
            "cpu": spent,
            "share": spent / every if every else None,
            "rate": seconds / spent if spent else None,
        }
        for name, spent in [*cpu.most_common(), ("all together", every)]
    ]
    page.table(
        rows,
        [
            Column(key="stage"),
            Column(key="cpu", title="CPU seconds", digits=2, is_bar=True),
            Column(key="share", title="share", digits=2),
            Column(key="rate", title="video seconds per CPU second", digits=1),
        ],
        caption="CPU seconds of the workers, summed over runs; `decode` includes resizing for all stages.",
        emphasis=[len(rows) - 1],
    )
    _asked(page, data)


def _stage_name(name: str) -> str:
    """A backbone by its own name and its model's, without the folder that the model lies in."""
    backbone, at, model = name.partition("@")
    return f"{backbone} ({PurePath(model).name})" if at else name


def _asked(page: Page, data: ReportData) -> None:
    """What stages asked outside and paid."""
    totals: dict[str, Counter[str]] = defaultdict(Counter)
    for run in data.runs:
        for stage, counts in (run.get("asked") or {}).items():
            totals[stage].update(counts)
    if not totals:
        return
    page.heading("Asked outside, and what it cost")
    rows = [
        {
            "stage": stage,
            "requests": counts["requests"],
            "prompt tokens": counts["prompt_tokens"],
            "completion tokens": counts["completion_tokens"],
            "cost": counts["cost"],
        }
        for stage, counts in totals.items()
    ]
    page.table(
        rows,
        ["stage", Column(key="requests", digits=0), Column(key="prompt tokens", digits=0),
         Column(key="completion tokens", digits=0), Column(key="cost", digits=4)],
        caption="Cost in the currency of the recipe's prices; nothing where it gives none.",
    )  # fmt: skip


def add_errors(page: Page, data: ReportData) -> None:
    """Every failure with its reason."""
    page.section("Errors")
    if not data.errors:
        page.note("No file and no clip failed.", "good")
        return
    page.note(f"{len(data.errors):,} failures. An error is never a score and never counts as dropped.", "warning")
    by_stage = Counter(row["stage"] for row in data.errors)
    if len(by_stage) > 1:
        page.bars(dict(by_stage.most_common()), title="By stage", digits=0)
    columns = ["stage", "reason", "video_path", "clip_id"]
    caption = f"The first {MAX_TABLE_ROWS}; all of them are in the view `errors`."
    page.table(data.errors[:MAX_TABLE_ROWS], columns, caption=caption if len(data.errors) > MAX_TABLE_ROWS else "")


def add_recipe(page: Page, data: ReportData) -> None:
    """What was run."""
    if data.recipe:
        page.section("Recipe", "What was run; every parameter that changes a value is in the stages' fingerprints.")
        with page.fold("The recipe with every value"):
            page.code(data.recipe)
