"""Protects what training is told: no evaluation seed, only frames taken are rendered, captions true of a window."""

import json
from types import SimpleNamespace

import numpy as np
import pytest

from dropletvideo.data.windows import WindowConfig, read_windows
from dropletvideo.errors import ConfigError
from dropletvideo.moves import moves_in_text
from dropletvideo.train import world_clips
from dropletvideo.train.captions import caption_source, catalog_captions, moves_within
from dropletvideo.train.sources import DataConfig, caption_sources, clip_list
from dropletvideo.train.world_clips import WorldClips, WorldData


def test_seeds_of_evaluation_are_refused():
    with pytest.raises(ValueError, match="evaluation"):
        WorldData(first_seed=999_999, shots=2)
    WorldData(first_seed=999_999, shots=1)


def test_only_the_frames_of_a_window_are_rendered(monkeypatch):
    rendered = []

    def render(shot, height, width, *, frame_indices):
        rendered.extend(frame_indices)
        return SimpleNamespace(frames=np.zeros((len(frame_indices), height, width, 3), np.uint8))

    monkeypatch.setattr(world_clips, "render_shot", render)
    clips = WorldClips(WorldData(shots=1), 64, 64)
    windows = read_windows(clips[0], WindowConfig(windows_per_clip=2))
    assert len(windows) == 2
    assert 17 <= len(rendered) <= 34
    assert len(set(rendered)) == len(rendered)


def test_world_windows_are_the_same_every_time_and_name_the_camera():
    config = WindowConfig(windows_per_clip=1)
    for number in range(3):
        one, two = (read_windows(WorldClips(WorldData(shots=3), 64, 64)[number], config)[0] for _ in range(2))
        assert (one.frames == two.frames).all()
        assert one.captions == two.captions
        assert 3.9 < one.motion < 32.1
        assert all(moves_in_text(caption) for caption in one.captions)


def test_digest_tells_other_shots_and_sizes():
    digests = {
        WorldClips(data, size, size).digest()
        for data in (WorldData(shots=2), WorldData(shots=3), WorldData(first_seed=1, shots=2))
        for size in (64, 80)
    }
    assert len(digests) == 6


MOVES = [
    {"move": "pan_left", "start": 0.0, "end": 2.0, "amount": 20.0},
    {"move": "zoom_in", "start": 2.0, "end": 4.0, "amount": 1.2},
]


@pytest.mark.parametrize(
    ("start", "end", "shown"),
    [(0, 4, ["pan_left", "zoom_in"]), (0, 2.1, ["pan_left"]), (2.5, 3.5, ["zoom_in"]), (1, 3, ["pan_left", "zoom_in"])],
)
def test_moves_within_a_window(start, end, shown):
    assert moves_within(MOVES, start, end) == shown


def row_with_truth(tmp_path, start_frame=40, end_frame=140):
    shot = {
        "start_frame": 30,
        "end_frame": 150,
        "moves": MOVES,
        "caption": {
            "short": "A red cube on sand. The camera pans left, then zooms in.",
            "camera": "The camera pans left, then zooms in.",
        },
    }
    truth = {"fps": 30.0, "shots": [{"start_frame": 0, "end_frame": 30}, shot]}
    (tmp_path / "raw.truth.json").write_text(json.dumps(truth))
    return {
        "video_path": str(tmp_path / "raw.mp4"),
        "start_frame": start_frame,
        "end_frame": end_frame,
        "camera_moves": ["static"],
        "camera_detail": [{"move": "tilt_up", "start": 0, "end": 1}, {"move": "dolly_in", "start": 1, "end": 3}],
        "brightness": 30.0,
    }


def test_truth_captions_tell_only_what_a_window_shows(tmp_path):
    row = row_with_truth(tmp_path)
    captions = catalog_captions(row)
    assert caption_source(row) == "truth"
    assert captions(0.0, 3.3) == (
        "A red cube on sand. The camera pans left, then zooms in.",
        "The camera pans left, then zooms in.",
    )
    assert captions(0.0, 1.6) == ("A red cube on sand. The camera pans left.", "The camera pans left.")
    assert captions(1.8, 3.0) == ("A red cube on sand. The camera zooms in.", "The camera zooms in.")


def test_a_clip_across_two_shots_has_no_truth(tmp_path):
    row = row_with_truth(tmp_path, start_frame=0, end_frame=100)
    assert caption_source(row) == "measured"


def test_measured_captions_where_there_is_no_truth(tmp_path):
    row = row_with_truth(tmp_path) | {"video_path": str(tmp_path / "real.mp4")}
    captions = catalog_captions(row)
    assert caption_source(row) == "measured"
    assert moves_in_text(captions(1.2, 3.0)[0]) == ["dolly_in"]
    assert "dark" in captions(0.0, 1.0)[0]


def test_a_run_without_a_dataset_renders_its_clips():
    clips = clip_list(DataConfig(world=WorldData(shots=5)), WindowConfig())
    assert len(clips) == 5
    assert caption_sources(clips) == {"world": 5}


def test_a_dataset_that_is_none_is_told(tmp_path):
    from dropletvideo.errors import CatalogError

    with pytest.raises((CatalogError, ConfigError), match="droplet curate"):
        clip_list(DataConfig(dataset=tmp_path), WindowConfig())
