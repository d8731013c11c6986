"""Stitching: what was cut apart by mistake is joined, what was not stays apart, and an absent judge joins nothing."""

from __future__ import annotations

import numpy as np
import pytest
import yaml

from dropletvideo import media
from dropletvideo.curate.recipe import load_recipe
from dropletvideo.curate.run import curate
from dropletvideo.curate.stages import neighbours, stitch
from dropletvideo.errors import ConfigError
from dropletvideo.media.seeking import read_frame_table
from dropletvideo.perception.link_look import LinkLookJudge
from dropletvideo.perception.touching import touching_frames
from dropletvideo.tables.clock import FrameClock
from dropletvideo.tables.order import order
from dropletvideo.tables.views import open_views
from toy_weights import write_clip, write_dino

RATE = 20
STAGES = {
    "segment": {"method": "content", "min_seconds": 0, "max_seconds": None},
    "neighbours": {},
    "link_look": {},
    "stitch": {},
}


def textured(seed, count, size=(96, 160), step=0):
    texture = media.resize(np.random.default_rng(seed).integers(0, 255, (7, 16, 3), dtype=np.uint8), size=(96, 320))
    return np.stack([texture[:, step * k % 150 :][:, : size[1]] for k in range(count)])


@pytest.fixture(scope="module")
def flashed(tmp_path_factory):
    """Two shots of 60 frames; the first is lit by a flash at frame 30, which a content detector takes for a cut."""
    frames = np.concatenate([textured(1, 60, step=1), textured(2, 60, step=1)])
    frames[30:33] = np.minimum(frames[30:33].astype(np.int64) + 150, 255).astype(np.uint8)
    path = tmp_path_factory.mktemp("flashed") / "flashed.mp4"
    media.write_video(path, frames, playback_fps=RATE, crf=12)
    return path


def spans(root, columns=""):
    with open_views(root) as connection:
        rows = connection.execute(f"SELECT start_frame, end_frame{columns} FROM clips ORDER BY 1").fetchall()
        skipped = dict(connection.execute("SELECT stage, reason FROM skipped").fetchall())
    return rows, skipped


def recipe_of(tmp_path, stages):
    path = tmp_path / "recipe.yaml"
    path.write_text(yaml.safe_dump({"kind": "curate", "stages": stages}, sort_keys=False))
    return str(path)


def curated(tmp_path, video, stages, name="set"):
    out = tmp_path / name
    done = curate([video], out, recipe=recipe_of(tmp_path, stages), in_process=True, with_report=False)
    return out, done.summary


def test_a_flash_is_joined_a_cut_is_not_and_columns_follow_the_joined_clips(tmp_path, flashed):
    without = {name: own for name, own in STAGES.items() if name != "stitch"}
    apart, links = curated(tmp_path, flashed, without, "apart")
    rows, _ = spans(apart, ", link_colours, link_structure, before_end_frame, gap_seconds")
    assert [row[:2] for row in rows] == [(0, 30), (30, 60), (60, 120)]
    assert rows[0][2:] == (None, None, None, None)
    assert rows[1][4:] == (30, 0.0)
    assert rows[1][3] > 0.9
    assert rows[2][3] < 0.6
    assert links.decodes == 1, "frames at the edges are sought, not decoded through"
    assert links.sparse_reads >= 2
    joined, summary = curated(tmp_path, flashed, {**STAGES, "look": {}}, "joined")
    rows, skipped = spans(joined, ", brightness")
    assert [row[:2] for row in rows] == [(0, 60), (60, 120)]
    assert all(row[2] is not None for row in rows), "later stages measure the joined clips"
    assert not skipped
    assert summary.failures == 0


def test_thresholds_and_gaps_decide(tmp_path, flashed):
    strict = {**STAGES, "stitch": {"groups": {"look": {"link_colours": 0.99, "link_structure": 1.1}}}}
    assert len(spans(curated(tmp_path, flashed, strict)[0])[0]) == 3
    rows = [
        {"start_frame": 0, "end_frame": 10, "before_end_frame": None, "gap_seconds": None, "a": 1.0},
        {"start_frame": 12, "end_frame": 20, "before_end_frame": 10, "gap_seconds": 0.1, "a": 0.9},
        {"start_frame": 20, "end_frame": 30, "before_end_frame": 20, "gap_seconds": 0.0, "a": None},
        {"start_frame": 30, "end_frame": 40, "before_end_frame": 30, "gap_seconds": 0.0, "a": 0.5},
    ]

    def joined(gap, least):
        found = stitch.Stitch({"one": {"a": least}}, gap)(rows)
        return [(one["start_frame"], one["end_frame"]) for one in found]

    assert joined(0.0, 0.6) == [(0, 10), (12, 20), (20, 30), (30, 40)]
    assert joined(0.1, 0.6) == [(0, 20), (20, 30), (30, 40)], "what could not be told joins nothing"
    assert joined(0.0, 0.5) == [(0, 10), (12, 20), (20, 40)]


def test_either_group_joins_but_each_needs_all_its_judges():
    rule = stitch.Stitch({"language": {"said": 1.0}, "features": {"clip": 0.9, "dino": 0.8}}, 0.0)

    def joins(**told):
        first = {"start_frame": 0, "end_frame": 5}
        second = {"start_frame": 5, "end_frame": 9, "before_end_frame": 5, "gap_seconds": 0.0, **told}
        return len(rule([first, second])) == 1

    assert joins(said=1.0)
    assert joins(said=0.0, clip=0.95, dino=0.85)
    assert not joins(said=0.0, clip=0.95, dino=0.7)
    assert not joins(clip=0.95)


def test_models_without_weights_are_skipped_and_so_is_a_stitch_by_them_alone(tmp_path, flashed, monkeypatch):
    monkeypatch.setenv("DROPLET_WEIGHTS", str(tmp_path / "none"))
    learned = {"segment": STAGES["segment"], "neighbours": {}, "link_clip": {}, "link_dino": {}, "stitch": {}}
    rows, skipped = spans(curated(tmp_path, flashed, learned, "learned")[0])
    assert len(rows) == 3, "nothing was joined"
    assert set(skipped) == {"link_clip", "link_dino", "stitch"}
    assert "droplet weights fetch clip-vit-l-14" in skipped["link_clip"]
    both = {**learned, "link_look": {}}
    both["stitch"] = both.pop("stitch")
    rows, skipped = spans(curated(tmp_path, flashed, both, "both")[0])
    assert len(rows) == 2, "the group that is whole joins"
    assert set(skipped) == {"link_clip", "link_dino"}


def test_image_models_join_in_published_formats(tmp_path, flashed, monkeypatch):
    monkeypatch.setenv("DROPLET_WEIGHTS", str(tmp_path / "weights"))
    write_clip(tmp_path / "weights" / "clip-vit-l-14")
    write_dino(tmp_path / "weights" / "dinov2-base")
    learned = {"segment": STAGES["segment"], "neighbours": {}, "link_clip": {}, "link_dino": {}, "stitch": {}}
    out, summary = curated(tmp_path, flashed, learned | {"stitch": {"groups": {"features": {"link_clip": 2.0}}}}, "one")
    assert summary.failures == 0
    assert len(spans(out)[0]) == 3
    with_all = learned | {"stitch": {"groups": {"features": {"link_clip": -1.0, "link_dino": -1.0}}}}
    assert spans(curated(tmp_path, flashed, with_all, "all")[0])[0] == [(0, 120)]
    del learned["stitch"]
    rows, _ = spans(curated(tmp_path, flashed, learned, "columns")[0], ", link_clip, link_dino")
    assert all(value is None for value in rows[0][2:])
    assert all(-1 <= value <= 1 for row in rows[1:] for value in row[2:])
    assert rows[1][3] > rows[2][3], "random weights still find a picture more like itself than another"


def test_a_recipe_without_any_judge_for_stitch_is_refused(tmp_path):
    stages = {"segment": {}, "neighbours": {}, "stitch": {}}
    with pytest.raises(ConfigError, match="stitch needs the columns link_language or"):
        order(load_recipe(recipe_of(tmp_path, stages)).build())
    with pytest.raises(ConfigError, match="at least one column"):
        load_recipe(recipe_of(tmp_path, {**STAGES, "stitch": {"groups": {"nothing": {}}}}))


def test_edge_frames_lie_in_their_clips_and_overlapping_clips_have_no_neighbour():
    row = {"start_frame": 50, "end_frame": 52, "before_start_frame": 47, "before_end_frame": 50, "source_fps": 30.0}
    assert touching_frames(row) == [47, 49, 50, 51]
    assert touching_frames({"start_frame": 0, "end_frame": 9, "before_end_frame": None}) == []
    clip = {"video_id": "v", "start_pts": 0, "end_pts": 0, "time_base": "1/30"}
    rows = [clip | {"clip_id": str(k), "start_frame": a, "end_frame": b} for k, (a, b) in enumerate([(0, 9), (5, 12)])]
    assert [row["before_clip_id"] for row in neighbours.FindNeighbours()(rows)] == [None, None]


def test_black_frames_are_like_nothing(tmp_path):
    frames = np.concatenate([textured(1, 20), np.zeros((20, 96, 160, 3), np.uint8), textured(2, 20)])
    media.write_video(tmp_path / "black.mp4", frames, playback_fps=RATE)
    judge = LinkLookJudge()
    row = {"start_frame": 30, "end_frame": 40, "before_start_frame": 20, "before_end_frame": 30, "source_fps": RATE}
    state = judge.start(row)
    for run in media.stream_picked(tmp_path / "black.mp4", list(judge.pick(row)), short_side=48):
        judge.update(state, run)
    assert len(state.before) == len(state.after) == 2
    assert judge.finish(state) == {"link_colours": None, "link_structure": None}


@pytest.mark.parametrize("is_variable", [False, True])
def test_trim_behind_stitch_cuts_at_the_timestamps_of_the_file(tmp_path, flashed, is_variable):
    video = flashed
    if is_variable:
        video = tmp_path / "variable.mp4"
        frames = textured(1, 60)
        times = np.cumsum(np.where(np.arange(60) < 30, 0.02, 0.08))
        write_variable(video, frames, times)
    stages = {**STAGES, "trim": {"min_seconds": 0.3, "max_seconds": 1.0, "trim_start_seconds": 0.1}}
    rows, _ = spans(curated(tmp_path, video, stages)[0], ", start_pts, end_pts, duration_seconds")
    pts = read_frame_table(video).pts
    assert len(rows) >= 3
    assert all(0.3 <= row[4] <= 1.0 for row in rows)
    for start, end, start_pts, end_pts, _ in rows:
        assert start_pts == pts[start]
        assert end == len(pts) or end_pts == pts[end]


def write_variable(path, frames, times):
    import av

    with av.open(str(path), "w") as container:
        stream = container.add_stream("mpeg4", rate=50)
        stream.height, stream.width = frames.shape[1:3]
        stream.codec_context.time_base = stream.time_base = media_base()
        for picture, seconds in zip(frames, times, strict=True):
            frame = av.VideoFrame.from_ndarray(np.ascontiguousarray(picture), format="rgb24")
            frame.pts, frame.time_base = round(seconds * 1000), media_base()
            container.mux(stream.encode(frame))
        container.mux(stream.encode())


def media_base():
    from fractions import Fraction

    return Fraction(1, 1000)


def test_trim_takes_the_limit_of_a_clips_source(tmp_path):
    from dropletvideo.curate.stages import trim

    stage = trim.build(trim.Config(min_seconds=4.0, max_seconds=None, min_seconds_by_source={"Pexels": 1.0}))
    assert stage.needs_columns == ("source",)
    rows = [
        {"start_frame": 0, "end_frame": 50, "source": "pexels"},
        {"start_frame": 50, "end_frame": 100, "source": "youtube"},
        {"start_frame": 100, "end_frame": 210, "source": None},
    ]
    found = stage.function(rows, lambda: FrameClock("1/25", 25.0))
    assert found == [{"start_frame": 0, "end_frame": 50}, {"start_frame": 100, "end_frame": 210}]
