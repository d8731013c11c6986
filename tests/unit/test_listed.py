"""Listed clips: cut exactly as listed, whatever the list counts in; every clip keeps where it comes from."""

from __future__ import annotations

import json
import logging
from fractions import Fraction

import numpy as np
import pytest

from dropletvideo import media
from dropletvideo.curate.items import Item
from dropletvideo.curate.list_index import index_lists, items_of_video
from dropletvideo.curate.listed_spans import VideoFrames
from dropletvideo.curate.run import curate, plan
from dropletvideo.errors import ConfigError
from dropletvideo.tables.views import open_views, read_clips

RECIPE = """
kind: curate
stages:
  listed: {}
  origin: {}
  look: {}
"""


def footage(path, frames=100, source_fps=25, times=None, seed=0):
    levels = np.linspace(20, 220, frames).astype(np.uint8) + np.uint8(seed)
    pixels = np.repeat(levels, 32 * 48 * 3).reshape(frames, 32, 48, 3)
    media.write_video(path, pixels, playback_fps=source_fps, times=times, preset="ultrafast")
    return path


def write_list(folder, *rows, name="clips.jsonl"):
    path = folder / name
    path.write_text("".join(json.dumps(row) + "\n" for row in rows))
    return path


@pytest.fixture
def recipe(tmp_path):
    path = tmp_path / "mine.yaml"
    path.write_text(RECIPE)
    return str(path)


def run(source, out, recipe, **more):
    return curate([source], out, recipe=recipe, in_process=True, with_report=False, **more)


def spans(out):
    return [(row["start_frame"], row["end_frame"]) for row in read_clips(out)]


def test_clips_are_the_listed_spans_even_where_they_overlap_and_carry_what_was_listed(tmp_path, recipe):
    footage(tmp_path / "a.mp4")
    row = {"path": "a.mp4", "url": "https://x.example/a", "source_fps": 25, "source": "x", "licence": "CC0"}
    first = {**row, "start_frame": 10, "end_frame": 60, "caption": "One.", "quality_score": 4.5}
    second = {**row, "start_frame": 40, "end_frame": 90, "dense_caption": "Two.", "clip_id": "7.1"}
    done = run(write_list(tmp_path, first, second), tmp_path / "set", recipe)
    assert done.failures == 0
    assert done.summary.decodes == 1
    one, two = read_clips(tmp_path / "set")
    assert spans(tmp_path / "set") == [(10, 60), (40, 90)]
    assert (one["start_seconds"], one["duration_seconds"]) == pytest.approx((0.4, 2.0))
    assert one["brightness"] < two["brightness"], "measured over their own frames"
    assert (one["source"], one["licence"], one["url"]) == ("x", "CC0", "https://x.example/a")
    assert one["listed_captions"] == {"caption": "One."}
    assert one["listed_more"] == {"quality_score": 4.5}
    assert (two["listed_id"], two["listed_captions"]) == ("7.1", {"dense_caption": "Two."})
    assert one["listed_overlap"] == two["listed_overlap"] == 1.0


@pytest.mark.parametrize(
    ("row", "span"),
    [
        ({"start_frame": 12, "end_frame": 50}, (12, 50)),
        ({"start_frame": 12, "end_frame": 50, "source_fps": 25.0}, (12, 50)),
        ({"start_frame": 24, "end_frame": 100, "source_fps": 50.0}, (12, 50)),
        ({"start_frame": 12, "end_frame": 24, "source_fps": 12.5}, (24, 48)),
        ({"start_seconds": 0.48, "end_seconds": 2.0}, (12, 50)),
        ({"start_seconds": 0.4796, "end_seconds": 2.0004}, (12, 50)),
        ({"start_seconds": 1.0}, (25, 100)),
        ({}, (0, 100)),
        ({"start_frame": 90, "end_frame": 400}, (90, 100)),
        ({"start_frame": 100, "end_frame": 110}, None),
    ],
)
def test_spans_in_frames_of_the_file(tmp_path, row, span):
    video = VideoFrames.of(footage(tmp_path / "a.mp4"))
    assert video.span_of(Item(path="a.mp4", **row)) == span


def test_seconds_follow_timestamps_where_the_rate_varies(tmp_path):
    times = np.concatenate([np.arange(50) / 10, 5 + np.arange(50) / 50])
    video = VideoFrames.of(footage(tmp_path / "v.mp4", times=times.tolist()))
    assert video.span_of(Item(path="v", start_seconds=2.0, end_seconds=5.5)) == (20, 75)
    row = video.row_of(20, 75)
    base = Fraction(media.probe(tmp_path / "v.mp4").time_base)
    assert float(row["start_pts"] * base) == pytest.approx(2.0, abs=1e-4)
    assert row["duration_seconds"] == pytest.approx(3.5, abs=1e-4)


def test_one_video_listed_under_two_names_has_the_clips_of_both(tmp_path, recipe):
    footage(tmp_path / "a.mp4")
    (tmp_path / "b.mp4").write_bytes((tmp_path / "a.mp4").read_bytes())
    rows = [{"path": f"{name}.mp4", "start_frame": at, "end_frame": at + 9} for name, at in (("a", 0), ("b", 50))]
    run(write_list(tmp_path, *rows), tmp_path / "set", recipe)
    assert spans(tmp_path / "set") == [(0, 9), (50, 59)]
    assert [row["listed_overlap"] for row in read_clips(tmp_path / "set")] == [1.0, 1.0]


def test_more_rows_for_new_videos_leave_the_others_untouched(tmp_path, recipe):
    footage(tmp_path / "a.mp4")
    footage(tmp_path / "b.mp4", seed=3)
    a, b = ({"path": f"{name}.mp4", "start_frame": 0, "end_frame": 50} for name in "ab")
    run(write_list(tmp_path, a), tmp_path / "set", recipe)
    done = run(write_list(tmp_path, a, b), tmp_path / "set", recipe)
    assert done.summary.cut_videos == 1
    assert done.summary.measured_clips["look"] == 1
    assert len(spans(tmp_path / "set")) == 2


def test_where_clips_come_from_is_told_anew_when_a_list_says_more(tmp_path):
    footage(tmp_path / "a.mp4")
    recipe = tmp_path / "own.yaml"
    recipe.write_text("kind: curate\nstages:\n  segment: {}\n  origin: {}\n  look: {}\n")
    run(tmp_path / "a.mp4", tmp_path / "set", str(recipe))
    assert read_clips(tmp_path / "set")[0]["licence"] is None
    for licence in ("CC0", "CC BY"):
        done = run(write_list(tmp_path, {"path": "a.mp4", "licence": licence}), tmp_path / "set", str(recipe))
        assert read_clips(tmp_path / "set")[0]["licence"] == licence
        assert done.summary.measured_clips == {"origin": 1}
    done = run(tmp_path / "a.mp4", tmp_path / "set", str(recipe))
    assert done.summary.measured_clips.get("origin", 0) == 0


def test_changed_rows_are_said_aloud_and_taken_with_a_new_edition(tmp_path, recipe, caplog):
    footage(tmp_path / "a.mp4")
    run(write_list(tmp_path, {"path": "a.mp4", "start_frame": 0, "end_frame": 50}), tmp_path / "set", recipe)
    source = write_list(tmp_path, {"path": "a.mp4", "start_frame": 0, "end_frame": 70})
    with caplog.at_level(logging.WARNING):
        run(source, tmp_path / "set", recipe)
    assert "1 videos have other rows" in caplog.text
    assert spans(tmp_path / "set") == [(0, 50)]
    run(source, tmp_path / "set", recipe, changes=["listed.edition=2"])
    assert spans(tmp_path / "set") == [(0, 70)]


def test_files_that_are_missing_or_too_short_are_errors_and_the_others_finish(tmp_path, recipe):
    footage(tmp_path / "a.mp4")
    footage(tmp_path / "short.mp4", frames=20, seed=5)
    rows = [{"path": f"{name}.mp4", "start_frame": 30, "end_frame": 60} for name in ("a", "short", "gone")]
    rows.append({"path": "a.mp4", "start_frame": 300, "end_frame": 360})
    for _ in range(2):  # what cannot be made is said again by every run, and tried by none
        done = run(write_list(tmp_path, *rows), tmp_path / "set", recipe)
        assert done.failures == 3
    assert spans(tmp_path / "set") == [(30, 60)]
    with open_views(tmp_path / "set") as connection:
        found = sorted(connection.execute("SELECT video_path, stage, reason FROM errors").fetchall())
    told = [(path.rpartition("/")[2], stage) for path, stage, _ in found]
    assert told == [("a.mp4", "listed"), ("gone.mp4", "probe"), ("short.mp4", "listed")]
    assert "1 listed spans lie behind" in found[0][2]
    assert "20 frames" in found[2][2]


def test_a_list_of_clips_alone_is_curated_as_listed(tmp_path):
    footage(tmp_path / "a.mp4")
    source = write_list(tmp_path, {"path": "a.mp4", "start_frame": 0, "end_frame": 50})
    files = write_list(tmp_path, {"path": "a.mp4"}, name="files.jsonl")
    first = [plan([each], tmp_path / "set")["stages"][0]["stage"] for each in (source, files, tmp_path / "a.mp4")]
    assert first == ["listed", "segment", "segment"]


def test_listed_clips_without_a_list_are_refused(tmp_path, recipe):
    footage(tmp_path / "a.mp4")
    with pytest.raises(ConfigError, match="no list is given"):
        run(tmp_path / "a.mp4", tmp_path / "set", recipe)


def test_origin_beside_our_own_cuts_says_how_much_of_a_clip_was_listed(tmp_path):
    footage(tmp_path / "a.mp4")
    recipe = tmp_path / "own.yaml"
    recipe.write_text("kind: curate\nstages:\n  segment: {min_seconds: 0.5, max_seconds: 2}\n  origin: {}\n")
    row = {"path": "a.mp4", "start_seconds": 1.0, "end_seconds": 2.0, "caption": "Here.", "licence": "CC0"}
    run(write_list(tmp_path, row), tmp_path / "set", str(recipe))
    first, second = read_clips(tmp_path / "set")
    assert (first["listed_overlap"], second["listed_overlap"]) == (0.5, None)
    assert (first["licence"], second["licence"]) == ("CC0", "CC0")
    assert second["listed_captions"] is None


def test_an_index_of_lists_replaces_what_it_knew_of_a_video_and_keeps_the_rest(tmp_path):
    one, two = write_list(tmp_path, {"path": "a.mp4", "start": 0, "end": 1}, {"path": "b.mp4"}), tmp_path / "two.csv"
    two.write_text("path,start,end\na.mp4,1,2\na.mp4,2,3\n")
    assert index_lists(tmp_path / "set", [one]).changed == 0
    assert index_lists(tmp_path / "set", [one]).changed == 0
    indexed = index_lists(tmp_path / "set", [two])
    assert (indexed.videos, indexed.rows, indexed.changed) == (1, 2, 1)
    index = tmp_path / "set" / ".listed.sqlite"
    assert [item.start_seconds for item in items_of_video(index, str(tmp_path / "a.mp4"))] == [1.0, 2.0]
    assert len(items_of_video(index, "elsewhere.mp4", str(tmp_path / "b.mp4"))) == 1
    assert len(items_of_video(index, str(tmp_path / "a.mp4"), str(tmp_path / "b.mp4"))) == 3
    assert index_lists(tmp_path / "set", [one, two]).rows == 4
