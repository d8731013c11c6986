"""Figures of the report say what the clips say: means, shares and rows beside the published ones."""

from __future__ import annotations

import re

import pytest

from dropletvideo.curate.figures.camera import add_camera
from dropletvideo.curate.figures.captions import add_captions, words_of
from dropletvideo.curate.figures.data import Chosen, ReportData
from dropletvideo.curate.figures.opening import add_opening
from dropletvideo.curate.figures.published import TABLE_1, TABLE_2, add_published
from dropletvideo.curate.figures.running import add_speed
from dropletvideo.curate.figures.scores import add_lengths, add_scores
from dropletvideo.curate.selection import Funnel
from dropletvideo.pages.page import Page


def clip(number, **more):
    """A clip of ten seconds and a bit."""
    base = {"clip_id": f"c{number}", "video_path": f"v{number}.mp4", "height": 720, "width": 1280}
    return {**base, "duration_seconds": 10.0 + number, "camera_class": f"C{1 + number % 5}", **more}


LACKS = "weights 'safety-checker' are not in X: get them by droplet weights fetch safety-checker"
CPU = {"decode": 1.0, "backbone:clip_image@/far/away/clip": 3.0}
RUN = {"decodes": 2, "decoded_frames": 100, "cpu_seconds": CPU, "total_seconds": 3600.0}


@pytest.fixture
def data():
    """Four clips of which the selection `few` keeps two."""
    clips = [
        clip(0, aesthetic_v2_mean=3.0, dover_technical_raw=0.05, caption="The camera pans left. A dog runs far away."),
        clip(1, aesthetic_v2_mean=4.0, dover_technical_raw=0.03, caption="A cat sleeps here."),
        clip(2, aesthetic_v2_mean=5.0, raft_flow_2fps_px=6.0, caption=None),
        clip(3, aesthetic_v2_mean=6.0, raft_flow_2fps_px=2.0, caption=None, source="pexels"),
    ]
    funnel = Funnel(total=4, kept=2, steps=(), clip_ids=("c2", "c3"), thresholds={})
    return ReportData(
        name="ours",
        videos=[{"duration_seconds": 60.0}] * 2,
        clips=clips,
        boundaries=[],
        errors=[
            {"video_path": "x.mp4", "clip_id": None, "stage": "probe", "reason": "empty"},
            {"video_path": "v0.mp4", "clip_id": "c0", "stage": "captions", "reason": "loops"},
        ],
        num_clips=4,
        clip_seconds=7200.0,
        skipped=[{"stage": "nsfw", "reason": LACKS, "columns": ["nsfw_score"]}],
        runs=[RUN] * 2,
        selection=("few", funnel),
        reasons={"c0": (1, "a"), "c1": (1, "a")},
        chosen=[Chosen(name="few", description="", kept=2, seconds=3600.0, not_applied=0)],
    )


def shown(add, data):
    """The text of what a figure adds, tags and spaces taken out."""
    page = Page("test")
    add(page, data)
    return re.sub(r"\s+", " ", re.sub(r"<[^>]*>", " ", page.html().split("<main>")[1]))


def test_the_data_sets_own_rows_stand_before_the_published_ones(data):
    text = shown(add_published, data)
    assert "ours, all clips 5.5 11.5 2 – Generated" not in text, "nobody said that a model wrote them"
    assert "ours, all clips 6.5 11.5 2 – As listed – 720p" in text, "nine and four words, 11.5 seconds, two hours"
    assert "ours, selection few – 12.5 1 – – – 720p" in text
    assert "ours, all clips 4.00 – 4.50" in text, "flow by RAFT, none by DIS, aesthetics"
    for row in TABLE_1:
        assert f"{row[0]} {row[1]} {row[2]} {row[3]:,} {row[4]}" in text
    for name, flow, liked in TABLE_2:
        assert f"{name} {flow:.2f} – {liked:.2f}" in text


def test_words_about_the_camera_are_a_mean_over_captions_that_have_some(data):
    text = shown(add_captions, data)
    assert "2 clips of 4 have one" in text
    assert "mean of DropletVideo 206" in text
    assert "mean of DropletVideo 24.2" in text
    assert "Mean 4.0. Words of sentences about the camera, of the 1 clip that have any." in text


def test_six_captions_count_together_as_miradata_counts_them():
    parts = {
        "short_caption": "one two",
        "dense_caption": "one two three",
        "camera_caption": "one",
        "style_caption": "a b",
    }
    counts = words_of({**parts, "main_object_caption": "", "background_caption": None})
    assert (counts.short, counts.dense, counts.structured, counts.all) == (2, 3, 3, 8)


def test_marks_of_dropletvideo_come_with_the_share_above_them(data):
    text = shown(add_scores, data)
    assert "75% of 4 clips above 3.5; DropletVideo-10M: 95%" in text
    assert "50% of 2 clips above 4; DropletVideo-10M: 78%" in text, "100 times the raw score: 5 and 3"


def test_classes_are_shown_for_all_and_for_what_is_kept(data):
    text = shown(add_camera, data)
    assert "Camera classes of ours, all clips" in text
    assert "Camera classes of ours, selection few" in text
    assert "C3 camera tracks a moving target: 1 (50%)" in text


def test_opening_parts_failed_videos_from_clips_and_gives_one_line_for_what_is_missing(data):
    text = shown(add_opening, data)
    assert "failed videos 1" in text
    assert "clips with a failed stage 1" in text
    assert "total hours 2.00" in text
    assert "decodes per video 2" in text, "two runs of two decodes over two videos"
    assert "droplet weights fetch safety-checker gets what can be fetched" in text


def test_speed_counts_all_runs_and_names_models_without_their_folder(data):
    text = shown(add_speed, data)
    assert "4 sequential decodes of 2 videos" in text
    assert "2 clips and 0.0 hours of video per hour" in text
    assert "backbone:clip_image (clip) 6.00 0.75" in text
    assert "/far/away" not in text


def test_sources_are_shown_where_some_are_known(data):
    assert "pexels 1" in shown(add_lengths, data)
