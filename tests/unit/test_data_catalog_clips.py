"""Protects clips of files: the frames asked for and no others, by the file's own timestamps."""

import numpy as np
import pytest

from dropletvideo.data.catalog_clips import CatalogClips, clock_of
from dropletvideo.data.clips import same_captions
from dropletvideo.data.windows import WindowConfig, read_windows
from dropletvideo.media import probe, write_video

CONFIG = WindowConfig(num_frames=5, height=16, width=16, windows_per_clip=2, motion_range=(4.0, 24.0))


def captions(row):
    return same_captions(row["caption"])


def written(path, times=None, count=60):
    """Frame i is grey 4 i."""
    levels = np.arange(count, dtype=np.uint8) * 4
    frames = np.repeat(levels, 32 * 32 * 3).reshape(count, 32, 32, 3)
    write_video(path, frames, playback_fps=24, times=times, crf=1)
    info = probe(path)
    return {
        "clip_id": "c",
        "video_path": str(path),
        "start_frame": 10,
        "end_frame": 50,
        "source_fps": info.source_fps,
        "time_base": info.time_base,
        "caption": "grey",
    }


def test_windows_of_a_clip_show_its_frames(tmp_path):
    clips = CatalogClips([written(tmp_path / "a.mp4")], captions, short_side=16)
    for window in read_windows(clips[0], CONFIG):
        numbers = np.rint(window.frames[:, 8, 8, 0] / 4).astype(int)
        assert numbers.min() >= 10
        assert numbers.max() < 50
        assert window.motion == pytest.approx(5 * 24 / (numbers[-1] - numbers[0] + 1), rel=0.02)


def test_an_uneven_file_is_clocked_by_its_timestamps(tmp_path):
    times = np.concatenate([np.arange(30) / 24, 30 / 24 + np.arange(30) / 6])
    row = written(tmp_path / "v.mp4", times=times.tolist())
    clock = clock_of(row)
    assert np.diff(clock.edges)[:18] == pytest.approx(1 / 24, abs=2e-3)
    assert np.diff(clock.edges)[22:-1] == pytest.approx(1 / 6, abs=2e-3)


def test_digest_covers_ids_and_captions(tmp_path):
    row = written(tmp_path / "a.mp4")
    digests = {
        CatalogClips(rows, captions).digest()
        for rows in ([row], [row | {"caption": "x"}], [row | {"clip_id": "d"}], [row, row])
    }
    assert len(digests) == 4
