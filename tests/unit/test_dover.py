"""Where DOVER looks: windows in thirds, fragments over the whole frame, one score per clip; and what is read for it."""

from __future__ import annotations

import numpy as np
import pytest

from dropletvideo import media
from dropletvideo.curate.recipe import Recipe
from dropletvideo.perception import dover
from dropletvideo.perception.dover import DoverJudge, fragments, normalised, rescaled
from dropletvideo.tables.plan import measure_video, watch_video
from dropletvideo.tables.runner import run
from dropletvideo.tables.views import query


@pytest.fixture(scope="module", autouse=True)
def _weights(toy_weights):
    dover._network.cache_clear()


@pytest.fixture(scope="module")
def video(tmp_path_factory):
    """240 frames of noise that change every frame; a keyframe every 12."""
    path = tmp_path_factory.mktemp("dover") / "v.mp4"
    rng = np.random.default_rng(5)
    frames = [media.resize(rng.integers(0, 255, (15, 20, 3), dtype=np.uint8), size=(240, 320)) for _ in range(60)]
    media.write_video(path, np.stack([frames[k % 60] for k in range(240)]), playback_fps=24, crf=30)
    return path


def test_windows_take_every_second_frame_of_each_third_and_wrap_round_short_clips():
    windows = dover._windows({"start_frame": 100, "end_frame": 100 + 300})
    assert [len(set(window)) for window in windows] == [32, 32, 32]
    for third, window in enumerate(windows):
        assert set(np.diff(window)) == {2}
        assert 100 + 100 * third <= window[0]
        assert window[-1] < 100 + 100 * (third + 1)
    short = dover._windows({"start_frame": 7, "end_frame": 37})
    assert [window[0] for window in short] == [7, 17, 27]
    assert short[2][:6] == [27, 29, 31, 33, 35, 7], "behind the end it begins again"


def test_two_clips_are_cut_at_other_places_and_one_clip_always_at_the_same():
    row = {"start_frame": 0, "end_frame": 3000, "video_id": "a"}
    assert dover._windows(row) == dover._windows(dict(row))
    assert dover._windows(row) != dover._windows({**row, "video_id": "b"})


def test_fragments_are_pieces_of_their_own_cell_at_full_size():
    rows, columns = np.meshgrid(np.arange(700) // 100, np.arange(1400) // 200, indexing="ij")
    frame = np.stack([rows, columns, np.zeros_like(rows)], -1).astype(np.uint8)
    pieces = fragments(frame, np.random.default_rng(0))
    assert (pieces[..., 0] == np.repeat(np.arange(7), 32)[:, None]).all()
    assert (pieces[..., 1] == np.repeat(np.arange(7), 32)[None]).all()
    other = fragments(frame, np.random.default_rng(1))
    ramp = np.broadcast_to((np.arange(1400) % 251).astype(np.uint8)[None, :, None], (700, 1400, 3))
    assert not np.array_equal(fragments(ramp, np.random.default_rng(0)), fragments(ramp, np.random.default_rng(1))), (
        "places in the cells are drawn"
    )
    assert np.array_equal(pieces, other), "but never leave their cell"


def test_small_frames_are_enlarged_and_seen_whole_only_without_the_old_cells():
    frame = np.zeros((112, 168, 3), np.uint8)
    frame[56:] = 200
    old, whole = (fragments(frame, np.random.default_rng(0), old_cells=keep) for keep in (True, False))
    assert old.shape == whole.shape == (224, 224, 3)
    assert whole[192:].mean() == 200
    assert old[:, :, 0].mean() < whole[:, :, 0].mean(), "the published way stays in the upper left part"


def test_raw_scores_are_rescaled_and_colours_normalised_as_published():
    assert rescaled(0.1107) == pytest.approx(0.5)
    assert rescaled(0.1107 + 0.07355) == pytest.approx(1 / (1 + np.exp(-1)))
    pixels = normalised(np.full((2, 4, 4, 3), (124, 116, 104), np.uint8))
    assert pixels.shape == (3, 2, 4, 4)
    assert pixels[:, 0, 0, 0] == pytest.approx([0.325 / 58.395, -0.28 / 57.12, 0.47 / 57.375], abs=1e-5)


def test_only_the_windows_are_read_and_clips_of_one_pass_score_as_when_asked_alone(video, monkeypatch, short_dover):
    judge = DoverJudge()
    asked = []
    real = media.stream_picked
    monkeypatch.setattr(
        media, "stream_picked", lambda path, wanted, **more: asked.append(wanted) or real(path, wanted, **more)
    )
    watched = watch_video(video, [judge], spans=[(12, 40)])
    assert watched.decodes == 0, "no sequential decode for a judge of picked frames"
    assert watched.reads >= 1
    assert sorted(set(asked[0])) == asked[0]
    assert set(asked[0]) <= set(range(12, 40))
    score = watched.outcomes[0]["dover_technical"]["dover_technical_raw"]
    again = measure_video(video, [judge], spans=[(12, 40)])[0]
    assert again["dover_technical_raw"] == score
    assert 0 < again["dover_technical"] < 1


def test_the_score_follows_the_pixels(video, tmp_path, short_dover):
    flat = tmp_path / "flat.mp4"
    media.write_video(flat, np.full((30, 240, 320, 3), 90, np.uint8), playback_fps=24)
    judge = DoverJudge()
    scores = [measure_video(path, [judge], spans=[(0, 30)])[0]["dover_technical_raw"] for path in (video, flat)]
    assert abs(scores[0] - scores[1]) > 1e-4


def test_a_dataset_gets_the_columns_beside_one_decode_and_without_weights_says_how_to_get_them(
    video, tmp_path, monkeypatch, short_dover
):
    stages = Recipe(stages={"segment": {"min_seconds": 0.2}, "look": {}, "dover_technical": {}}).build()
    summary = run(tmp_path / "d", [video], stages, timeout_seconds=None)
    assert summary.failures == 0
    assert summary.decodes == 1
    assert summary.sparse_reads >= summary.clips
    assert all(row["dover_technical"] is not None for row in query(tmp_path / "d", "select * from clips"))
    monkeypatch.setenv("DROPLET_WEIGHTS", str(tmp_path / "nothing"))
    lacking = Recipe(stages={"segment": {}, "dover_technical": {}}).build()[1]
    assert "droplet weights fetch dover" in lacking.lacks
