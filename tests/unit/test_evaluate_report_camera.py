"""A report of requests that all ask several moves has no single-move table, and says the rest."""

from __future__ import annotations

from dropletvideo.evaluate.report import add_camera
from dropletvideo.evaluate.rows import MODEL
from dropletvideo.pages.page import Page


def test_requests_of_several_moves_alone_leave_out_the_single_move_table():
    nothing = {"value": None, "low": None, "high": None, "count": 0, "missing": 0, "clusters": 0}
    camera = {
        "f1": 0.5,
        "f1_chance_corrected": 0.1,
        "best_constant_policy": {"moves": ["static"], "f1": 0.2},
        "single_move": {"found": nothing, "by_motion": [], "by_move": {}},
        "confusion": {},
    }
    page = Page("test")
    add_camera(page, {"systems": {MODEL: {"label": "model", "tables": {"camera": camera}}}})
    assert "F1 above" in page.html()
    assert "Found, by move and M" not in page.html()
