"""What the selections of a data set keep, and where the clips drop."""

from __future__ import annotations

from dropletvideo.curate.figures.data import ReportData
from dropletvideo.curate.figures.words import duration
from dropletvideo.pages.charts import Bar
from dropletvideo.pages.grid import Column
from dropletvideo.pages.page import Page


def add_funnel(page: Page, data: ReportData) -> None:
    """The shown selection step by step, then all selections side by side."""
    if data.selection is None:
        page.section("Funnel")
        page.text("No selection is shown: all clips are kept. `droplet select` makes one; the measures never change.")
        return
    name, funnel = data.selection
    page.section("Funnel", f"What the selection `{name}` drops, and where. A clip counts at the first step it fails.")
    bars = [Bar(label="all clips", value=funnel.total, colour=7)]
    bars += [
        Bar(label=s.condition, value=s.after, note=f"(−{s.dropped:,})" if s.dropped else "", is_muted=not s.is_applied)
        for s in funnel.steps
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
    if len(data.chosen) > 1:
        _all(page, data)


def _all(page: Page, data: ReportData) -> None:
    page.heading("Every selection of this data set")
    shown = data.selection[0] if data.selection else ""
    rows = [
        {
            "selection": one.name,
            "kept": one.kept,
            "share": one.kept / data.num_clips if data.num_clips else None,
            "length": duration(one.seconds),
            "steps not applied": one.not_applied,
            "what": one.description,
        }
        for one in data.chosen
    ]
    columns: list[Column | str] = [
        "selection", "kept", Column(key="share", digits=2, is_bar=True), "length", "steps not applied", "what",
    ]  # fmt: skip
    page.table(
        rows,
        columns,
        caption="A step over measures that are missing (a stage was skipped or never run) is not applied.",
        emphasis=[n for n, one in enumerate(data.chosen) if one.name == shown],
    )
