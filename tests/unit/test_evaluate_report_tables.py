"""Protects what a report says beyond the scores: captions, changed pairs, classes, best and worst, what is missing."""

from __future__ import annotations

import numpy as np
import pytest

from dropletvideo import media
from dropletvideo.evaluate.manifest import CameraAsk, ManifestRow
from dropletvideo.evaluate.metric import Column, ScoredRow
from dropletvideo.evaluate.report import add_camera, add_score_table
from dropletvideo.evaluate.report_suites import add_suites, total_tiles
from dropletvideo.evaluate.report_tables import add_asked_classes, add_captions, add_changed_pairs, caption_means
from dropletvideo.evaluate.report_videos import _add_players, _players, _strip
from dropletvideo.evaluate.rows import MODEL
from dropletvideo.evaluate.weak import weak_points
from dropletvideo.pages.page import Page


def estimate(value, count=4, missing=0):
    return {"value": value, "low": None, "high": None, "count": count, "missing": missing, "clusters": count}


def summary_of(tables, columns=(), scores=None, **more):
    model = {"label": "model", "tables": tables, "scores": scores or {}, "totals": {}, "missing": [], **more}
    return {"systems": {MODEL: model}, "columns": list(columns), "metrics": {}, "protocol": {}, "suites": {}}


def column(name, flavour="own", better="higher"):
    shown = Column(name=name, label=name, unit="", better=better, decimals=2)
    return {**vars(shown), "metric": name, "flavour": flavour}


def html(add, summary) -> str:
    page = Page("test")
    add(page, summary)
    return page.html()


def test_captions_come_short_dense_structured_and_all_metrics_in_one_table():
    tables = {
        "one": {"by_caption": {"dense": {"a": estimate(0.25)}, "short": {"a": estimate(0.5)}}},
        "two": {"by_caption": {"structured": {"b": estimate(0.75)}, "odd": {"b": estimate(0.1)}}},
    }
    assert list(caption_means(tables)) == ["short", "dense", "structured", "odd"]
    page = html(add_captions, summary_of(tables, [column("a", "compat"), column("b", "paper")]))
    assert page.index("0.50") < page.index("0.25") < page.index("0.75")
    assert "compat" in page
    assert "By kind of caption" not in html(add_captions, summary_of({}))


def test_changed_pairs_are_shown_with_their_number():
    pairs = {"causality": {"counterfactual": {"camera": {"control": 0.875, "pairs": 3}}}}
    page = html(add_changed_pairs, summary_of(pairs))
    assert "control over the camera" in page
    assert "0.88" in page
    assert "Pairs that differ" not in html(add_changed_pairs, summary_of({"causality": {}}))


def test_vbench_classes_name_what_always_zooming_in_would_have():
    classes = {
        "vbench_camera_motion": {"by_move": {"zoom_in": 1.0, "static": 0.25}, "always_zooming_in_would_have": 0.5}
    }
    page = html(add_asked_classes, summary_of(classes))
    assert "always zooms in would have 0.50" in page
    assert "0.25" in page


def test_camera_shows_order_amounts_and_what_is_above_the_best_constant_answer():
    camera = {
        "f1": 0.5,
        "f1_chance_corrected": 0.125,
        "best_constant_policy": {"moves": ["static"], "f1": 0.25},
        "order": {"order": 0.75, "corrected": 0.375, "constant": 0.6, "constant_sequence": ["pan_left", "tilt_up"]},
        "amount": {"error": 0.0625, "constant_error": 0.5, "corrected": 0.875, "count": 4},
        "coverage": 0.9375,
        "single_move": {"found": estimate(None), "by_motion": [], "by_move": {}},
        "confusion": {},
    }
    page = html(add_camera, summary_of({"camera": camera}))
    for cell in ("0.12", "0.75", "0.38", "0.06", "0.88", "0.94"):
        assert f">{cell}<" in page
    assert "Of the order: pan_left, tilt_up, 0.60." in page
    assert "median that is asked of each move, error 0.50" in page


@pytest.mark.parametrize(("flavours", "is_shown"), [(("own",), False), (("own", "compat"), True)])
def test_flavours_are_named_where_there_are_several(flavours, is_shown):
    columns = [column(f"c{number}", flavour) for number, flavour in enumerate(flavours)]
    page = html(add_score_table, summary_of({}, columns, {each["name"]: estimate(0.5) for each in columns}))
    assert ("published tool&#x27;s number" in page) is is_shown


def rows(tmp_path, scores):
    made = []
    for number, value in enumerate(scores):
        video = tmp_path / f"{number}.mp4"
        media.write_video(video, np.full((9, 32, 48, 3), 20 * number, np.uint8), playback_fps=8)
        row = ManifestRow(id=f"video-{number}", video=video, camera=(CameraAsk(move="static"),))
        measures = {"num_frames": 9, "height": 32, "width": 48}
        made.append(ScoredRow(row=row, measures=measures, scores={"a": value}))
    return made


def test_a_video_as_good_as_the_best_is_not_among_the_worst(tmp_path):
    page = Page("test")
    _add_players(page, rows(tmp_path, [1.0, 1.0, 1.0, 0.5]), column("a"))
    best, worst = page.html().split("Worst by")
    assert "video-0" in best
    assert "video-3" in worst
    assert "video-2" not in worst


def test_a_video_that_is_no_mp4_shows_a_few_frames_and_one_that_is_gone_is_left_out(tmp_path):
    made = rows(tmp_path, [1.0, 0.5])
    made[0].row.video.rename(tmp_path / "0.mkv")
    other = ScoredRow(
        row=made[0].row.model_copy(update={"video": tmp_path / "0.mkv"}), measures=made[0].measures, scores={"a": 1.0}
    )
    made[1].row.video.unlink()
    (player,) = _players([other, made[1]], column("a"))
    assert player.video.shape == (8, 32, 48, 3)
    assert "8 frames of it" in player.note
    assert "measured" not in player.note  # nobody measured the camera
    assert _strip(made[1]) is None


def test_scores_that_are_missing_for_one_reason_are_one_sentence():
    missing = [{"column": name, "reason": "the judge x failed: y", "count": 2} for name in ("a", "b")]
    scores = {"a": estimate(None, 0, 2), "b": estimate(None, 0, 2)}
    found = weak_points(summary_of({}, [column("a"), column("b")], scores, missing=missing, failed=0, not_made=[]))
    assert [line for line in found if "missing" in line] == [
        "a, b are missing for 2 of 2 videos (the judge x failed: y); they are left out."
    ]


def test_a_suite_has_a_table_for_each_flavour_and_its_total_stands_beside_a_frozen_picture():
    columns = [column("a", "compat") | {"official": "A-1"}, column("a_fixed", "fixed")]
    scores = {"a": estimate(0.25), "a_fixed": estimate(0.5)}
    summary = summary_of({}, columns, scores)
    model = summary["systems"][MODEL]
    frozen = model | {"label": "frozen picture", "totals": {"s": {"total": estimate(87.58)}}}
    real = model | {"scores": {}, "totals": {"s": {"total": estimate(None)}}}
    model["totals"] = {"s": {"total": estimate(85.5)}}
    summary["systems"] |= {"frozen": frozen, "real": real}
    suite = {"title": "Suite", "about": "", "columns": ["a", "a_fixed", "b"], "absent": ["b"]}
    summary["suites"] = {"s": suite | {"total_labels": {"total": "total score"}}}
    page = html(add_suites, summary)
    assert page.count(">A-1<") == 2  # the published name heads both flavours
    assert page.index(">Compat<") < page.index(">0.25<") < page.index(">Fixed<") < page.index(">0.50<")
    assert "Without a value, and so no part of any total: b." in page
    assert ">real<" not in page  # nothing was scored: no row of dashes
    (tile,) = total_tiles(summary)
    assert (tile.value, tile.note) == ("85.50", "a frozen picture has 87.58")


def test_long_names_stand_below_one_another():
    columns = [column("a", "compat") | {"official": "Temporal Consistency"}, column("b", "compat")]
    summary = summary_of({}, columns, {"a": estimate(0.25), "b": estimate(0.5)})
    summary["suites"] = {"s": {"title": "S", "about": "", "columns": ["a", "b"], "absent": ["c"], "total_labels": {}}}
    page = html(add_suites, summary)
    assert page.index(">Temporal Consistency<") < page.index(">0.25<") < page.index(">b<") < page.index(">0.50<")
