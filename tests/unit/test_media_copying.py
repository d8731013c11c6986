"""Copied spans: a copy holds exactly the frames asked for, or there is none; proven by decoding."""

from __future__ import annotations

from fractions import Fraction

import av
import numpy as np
import pytest

from dropletvideo import media
from dropletvideo.media import copying
from dropletvideo.media.copying import copy_span

SIZE = (48, 64)


def coded(path, frames=60, gop=20, b_frames=0, codec="libx264", open_gop=False, pixel_format="yuv420p"):
    """A moving gradient, coded as asked; keyframes every `gop` frames."""
    ramp = np.linspace(0, 255, 256).astype(np.uint8)
    params = f"keyint={gop}:min-keyint={gop}:scenecut=0:bframes={b_frames}:b-adapt=0:open-gop={int(open_gop)}"
    key = "x265-params" if codec == "libx265" else "x264-params"
    options = {key: params + (":log-level=error" if codec == "libx265" else ""), "crf": "20", "preset": "veryfast"}
    with av.open(str(path), "w") as container:
        stream = container.add_stream(codec, rate=Fraction(25), options=options if codec.startswith("libx26") else {})
        stream.height, stream.width = SIZE
        stream.pix_fmt = pixel_format
        stream.gop_size = gop
        for index in range(frames):
            row = np.roll(ramp, 3 * index)[: SIZE[1]]
            picture = np.repeat(np.broadcast_to(row, SIZE)[..., None], 3, axis=-1)
            container.mux(stream.encode(av.VideoFrame.from_ndarray(np.ascontiguousarray(picture), format="rgb24")))
        container.mux(stream.encode(None))
    return path


def native(path):
    with av.open(str(path)) as container:
        return [frame.to_ndarray() for frame in container.decode(video=0)]


@pytest.mark.parametrize(
    ("settings", "span"),
    [
        ({}, (20, 40)),
        ({}, (0, 60)),
        ({}, (20, 33)),
        ({}, (40, 41)),
        ({"b_frames": 3}, (20, 40)),
        ({"b_frames": 3}, (40, 60)),
        ({"codec": "libx265"}, (20, 40)),
        ({"pixel_format": "yuv444p"}, (20, 40)),
        ({"codec": "mpeg4"}, (20, 40)),
    ],
)
def test_a_span_from_a_keyframe_is_copied_to_the_last_bit(tmp_path, settings, span):
    source = coded(tmp_path / "a.mp4", **settings)
    target = tmp_path / "out" / "b.mp4"
    assert copy_span(source, target, *span, metadata={"x": 1})
    mine, theirs = native(target), native(source)[slice(*span)]
    assert len(mine) == len(theirs)
    assert all(map(np.array_equal, mine, theirs))
    assert media.read_metadata(target) == {"x": 1}
    run = media.read_video(target)
    assert run.times[0] == pytest.approx(0, abs=1e-6)
    assert np.allclose(np.diff(run.times), 0.04, atol=1e-4)
    assert media.probe(target).num_frames == span[1] - span[0]


@pytest.mark.parametrize(
    ("settings", "span"),
    [
        ({}, (21, 40)),  # begins inside a group
        ({"b_frames": 3}, (20, 38)),  # a frame behind the end is referred to
        ({"b_frames": 3, "open_gop": True}, (20, 40)),  # frames before the keyframe are coded behind it
        ({"codec": "mjpeg", "pixel_format": "yuvj420p"}, (20, 40)),  # mp4 players do not know it
        ({}, (40, 61)),  # behind the end of the file
    ],
)
def test_a_span_that_copying_would_change_is_left_to_encoding(tmp_path, settings, span):
    source = coded(tmp_path / "a.mov", **settings)
    assert not copy_span(source, tmp_path / "b.mp4", *span)
    assert [path.name for path in tmp_path.iterdir()] == ["a.mov"]


def test_times_of_a_variable_rate_are_copied(tmp_path):
    times = np.cumsum([0.0, *np.tile([0.02, 0.1], 30)])[:60]
    frames = np.repeat(np.arange(60, dtype=np.uint8) * 4, 32 * 32 * 3).reshape(60, 32, 32, 3)
    media.write_video(tmp_path / "v.mp4", frames, playback_fps=25, times=times.tolist())
    assert copy_span(tmp_path / "v.mp4", tmp_path / "c.mp4", 0, 60)
    assert np.allclose(media.read_video(tmp_path / "c.mp4").times, times, atol=1e-4)


def test_an_odd_size_of_ours_stays_odd(tmp_path):
    frames = np.random.default_rng(0).integers(0, 255, (10, 31, 33, 3), np.uint8)
    media.write_video(tmp_path / "odd.mp4", frames, playback_fps=25)
    assert copy_span(tmp_path / "odd.mp4", tmp_path / "c.mp4", 0, 10)
    assert media.read_video(tmp_path / "c.mp4").frames.shape[1:3] == (31, 33)


def test_a_copy_that_decodes_otherwise_is_removed(tmp_path, monkeypatch):
    source = coded(tmp_path / "a.mp4")
    real = copying._packets_of

    def lossy(video, wanted, first):
        for number, packet in enumerate(real(video, wanted, first)):
            if number == 5:
                for_bytes = bytearray(bytes(packet))
                for_bytes[-8:] = b"\xff" * 8
                broken = av.Packet(bytes(for_bytes))
                broken.pts, broken.dts, broken.time_base = packet.pts, packet.dts, packet.time_base
                yield broken
            else:
                yield packet

    monkeypatch.setattr(copying, "_packets_of", lossy)
    assert not copy_span(source, tmp_path / "b.mp4", 20, 40)
    assert not (tmp_path / "b.mp4").exists()
