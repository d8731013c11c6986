"""Protects pictures inside video files: nothing of them is lost, and readers of the video do not see them."""

import numpy as np
import pytest

from dropletvideo.errors import RequestError
from dropletvideo.media import read_metadata, read_pictures, read_video, write_video

RANDOM = np.random.default_rng(0)


def pixels(*shape):
    return RANDOM.integers(0, 255, (*shape, 3), np.uint8)


def test_pictures_come_back_bit_for_bit_and_the_video_stays_the_video(tmp_path):
    frames, pictures = pixels(5, 32, 48), [pixels(32, 48), pixels(101, 33)]
    write_video(tmp_path / "a.mp4", frames, playback_fps=8, metadata={"x": 1}, pictures=pictures)
    write_video(tmp_path / "plain.mp4", frames, playback_fps=8, metadata={"x": 1})
    for given, got in zip(pictures, read_pictures(tmp_path / "a.mp4"), strict=True):
        assert np.array_equal(given, got)
    assert np.array_equal(read_video(tmp_path / "a.mp4").frames, read_video(tmp_path / "plain.mp4").frames)
    assert read_metadata(tmp_path / "a.mp4") == {"x": 1}
    assert read_pictures(tmp_path / "plain.mp4") == []


def test_the_same_pictures_give_the_same_bytes(tmp_path):
    frames, picture = pixels(3, 32, 32), pixels(64, 64)
    for name in ("a.mp4", "b.mp4"):
        write_video(tmp_path / name, frames, playback_fps=8, pictures=[picture])
    assert (tmp_path / "a.mp4").read_bytes() == (tmp_path / "b.mp4").read_bytes()


def test_a_container_without_room_for_pictures_is_refused(tmp_path):
    with pytest.raises(RequestError, match=r"\.mp4"):
        write_video(tmp_path / "a.mkv", pixels(2, 32, 32), playback_fps=8, pictures=[pixels(8, 8)])
    assert not list(tmp_path.iterdir())
