"""The data set's report: one HTML file with the funnel, the papers' figures, the clips themselves, speed and errors.

What each section shows lies in `curate/figures`, one topic per file; here is their order.
"""

from __future__ import annotations

from pathlib import Path

from dropletvideo.curate.figures.camera import add_camera
from dropletvideo.curate.figures.captions import add_captions
from dropletvideo.curate.figures.clips import add_clips
from dropletvideo.curate.figures.data import ReportData, read_data
from dropletvideo.curate.figures.funnel import add_funnel
from dropletvideo.curate.figures.opening import add_opening, subtitle
from dropletvideo.curate.figures.published import add_published
from dropletvideo.curate.figures.running import add_errors, add_recipe, add_speed
from dropletvideo.curate.figures.scores import add_boundaries, add_lengths, add_measures, add_scores
from dropletvideo.pages.page import Page

__all__ = ["add_dataset", "build_page", "read_data", "write_report"]


def build_page(data: ReportData) -> Page:
    """The report of a data set."""
    page = Page(f"Data set {data.name}", subtitle(data))
    add_opening(page, data)
    add_dataset(page, data)
    add_scores(page, data)
    add_captions(page, data)
    add_lengths(page, data)
    add_published(page, data)
    add_measures(page, data)
    add_boundaries(page, data)
    add_speed(page, data)
    add_errors(page, data)
    add_recipe(page, data)
    return page


def add_dataset(page: Page, data: ReportData) -> None:
    """Funnel, clips and camera of a data set: what other reports show of it."""
    add_funnel(page, data)
    add_clips(page, data)
    add_camera(page, data)


def write_report(root: Path, out: Path, selection: str | None = None) -> int:
    """Write the report of a data set; returns its size in bytes."""
    return build_page(read_data(root, selection)).save(out)
