"""Baselines: they copy the scored video's shape, hold what their names say, and are never made up."""

from __future__ import annotations

import numpy as np
import pytest

from dropletvideo import media
from dropletvideo.errors import MediaError
from dropletvideo.evaluate.baselines import KINDS, Asked, ken_burns, real_frames, shuffled, write_baselines
from dropletvideo.evaluate.manifest import ManifestRow
from dropletvideo.perception.fidelity import psnr

SIZE = (48, 64)


def numbered(count: int, *, step: int = 3) -> np.ndarray:
    """Flat frames whose grey level tells their number."""
    levels = (np.arange(count) * step + 20).astype(np.uint8)
    return np.broadcast_to(levels[:, None, None, None], (count, *SIZE, 3)).copy()


def numbers_of(frames: np.ndarray, *, step: int = 3) -> list[int]:
    return [round((float(frame.mean()) - 20) / step) for frame in frames]


@pytest.fixture
def row(tmp_path) -> ManifestRow:
    generator = np.random.default_rng(0)
    image = np.kron(generator.integers(0, 256, (6, 8, 1)), np.ones((8, 8, 3))).astype(np.uint8)
    media.write_image(tmp_path / "image.png", image)
    media.write_video(tmp_path / "video.mp4", numbered(9), playback_fps=8)
    media.write_video(tmp_path / "real.mp4", numbered(64), playback_fps=32)
    return ManifestRow(
        id="a",
        video=tmp_path / "video.mp4",
        image=tmp_path / "image.png",
        motion=8,
        reference_video=tmp_path / "real.mp4",
    )


def test_all_kinds_have_the_shape_and_rate_of_the_scored_video(row, tmp_path):
    made, reasons = write_baselines(row, tmp_path / "out", KINDS, reconstruct=lambda frames: frames // 2)
    assert reasons == {}
    assert set(made) == set(KINDS)
    for kind, baseline in made.items():
        frames = media.read_video(baseline.video).frames
        assert frames.shape == (9, *SIZE, 3), kind
        assert media.probe(baseline.video).source_fps == pytest.approx(8.0)
        assert baseline.motion == row.motion
        assert baseline.extra["baseline"] == kind


def test_contents_are_what_the_names_say(row, tmp_path):
    made, _ = write_baselines(row, tmp_path / "out", KINDS, reconstruct=lambda frames: 255 - frames)
    video = {kind: media.read_video(baseline.video).frames for kind, baseline in made.items()}
    image = media.read_image(row.image)
    assert psnr(video["frozen"][0], image) > 30
    assert psnr(video["frozen"][8], image) > 30
    assert psnr(video["ken_burns"][0], image) > 30
    assert psnr(video["ken_burns"][8], image) < 25
    assert sorted(numbers_of(video["shuffled"])) == list(range(9))
    assert numbers_of(video["shuffled"]) != list(range(9))
    assert numbers_of(video["real"]) == [4 * k for k in range(9)]
    assert psnr(video["codec"][0], 255 - image) > 30, "the codec is given the image itself"
    assert psnr(video["codec"][5], 255 - video["real"][5]) > 30


def test_without_a_reference_the_codec_is_asked_for_the_first_frame_alone(row, tmp_path):
    bare = row.model_copy(update={"reference_video": None})
    made, reasons = write_baselines(bare, tmp_path / "out", ["codec", "real"], reconstruct=lambda frames: frames)
    assert made["codec"].extra["only"] == ["first_frame"]
    assert "names no reference_video" in reasons["real"]


def test_a_codec_that_was_not_given_is_a_reason_not_a_video(row, tmp_path):
    made, reasons = write_baselines(row, tmp_path / "out", ["codec"])
    assert made == {}
    assert "--codec" in reasons["codec"]


@pytest.mark.parametrize(("motion", "reason"), [(4.0, "it must last 2.25 s"), (33.0, "would repeat frames")])
def test_a_reference_that_cannot_give_the_frames_is_refused(row, motion, reason):
    asked = Asked(num_frames=9, height=48, width=64, playback_fps=8.0)
    with pytest.raises(Exception, match=reason):
        real_frames(row.model_copy(update={"motion": motion}), asked)


def test_a_reference_made_for_this_request_is_taken_frame_by_frame(row, tmp_path):
    media.write_video(tmp_path / "answer.mp4", numbered(9, step=7), playback_fps=8)
    asked = Asked(num_frames=9, height=48, width=64, playback_fps=8.0)
    for motion in (4.0, 32.0, None):
        answer = row.model_copy(update={"reference_video": tmp_path / "answer.mp4", "motion": motion})
        assert numbers_of(real_frames(answer, asked), step=7) == list(range(9))


def test_same_row_same_files_and_nothing_is_written_twice(row, tmp_path):
    first, _ = write_baselines(row, tmp_path / "out", ["frozen", "shuffled"])
    stamps = {kind: baseline.video.stat().st_mtime_ns for kind, baseline in first.items()}
    again, _ = write_baselines(row.model_copy(update={"motion": 32.0}), tmp_path / "out", ["frozen", "shuffled"])
    assert {kind: baseline.video.stat().st_mtime_ns for kind, baseline in again.items()} == stamps


def test_a_broken_scored_video_raises(row, tmp_path):
    row.video.write_text("not a video")
    with pytest.raises(MediaError):
        write_baselines(row, tmp_path / "out", ["frozen"])


def test_shuffle_never_leaves_the_order_and_keeps_a_single_frame():
    for seed in map(str, range(30)):
        assert numbers_of(shuffled(numbered(2), seed)) == [1, 0]
    assert numbers_of(shuffled(numbered(1), "s")) == [0]


def test_ken_burns_zooms_about_the_centre():
    image = np.zeros((65, 65, 3), np.uint8)
    image[16:49, 16:49] = 255
    frames = ken_burns(image, 5, zoom=1.25)
    share = [(frame[..., 0] > 127).mean() for frame in frames]
    assert share[0] == pytest.approx((33 / 65) ** 2, rel=0.01)
    assert share[4] == pytest.approx((33 * 1.25 / 65) ** 2, rel=0.04)
    assert np.abs(frames[4].astype(int) - frames[4][::-1, ::-1].astype(int)).max() <= 2
