"""Protects: frames come out in number, order, time, size and colour as the file holds them, and a bad file says why."""

from __future__ import annotations

import tracemalloc
from fractions import Fraction
from pathlib import Path

import av
import numpy as np
import pytest
from PIL import Image

from dropletvideo import media
from dropletvideo.errors import MediaError, RequestError
from dropletvideo.media import Want, decoding, seeking

CLIPS = Path(__file__).parents[2].parent / "shared" / "clips"


def moving_frames(count=40, height=48, width=64, seed=0):
    """Smooth colourful frames that differ from one to the next."""
    y, x = np.mgrid[0:height, 0:width]
    frames = []
    for index in range(count):
        red = 128 + 70 * np.sin((x + 2 * index + seed) / 15)
        green = 128 + 60 * np.cos((y - index) / 12) * np.sin(x / 31)
        blue = 60 + 2 * index + x * 0.5
        frames.append(np.stack([red, green, np.broadcast_to(blue, x.shape)], -1))
    return np.stack(frames).clip(0, 255).astype(np.uint8)


def numbered_frames(count, height=48, width=64):
    """Frames whose number can be read off their pixels: eight bars, one per bit."""
    frames = np.full((count, height, width, 3), 20, np.uint8)
    bar = width // 8
    for index in range(count):
        for bit in range(8):
            if index >> bit & 1:
                frames[index, :, bit * bar : (bit + 1) * bar] = 235
    return frames


def numbers_of(frames):
    bar = frames.shape[2] // 8
    bits = frames[:, 8:-8, :, 1].reshape(len(frames), -1, 8, bar).mean((1, 3)) > 128
    return (bits * (1 << np.arange(8))).sum(1)


def write_raw(path, frames, *, codec="libx264", rate=25, pixel_format="yuv420p", options=None, rotation=None, pts=None):
    """A file written straight through PyAV, for kinds that `write_video` does not make."""
    with av.open(str(path), "w") as container:
        stream = container.add_stream(codec, rate=rate, options=options or {})
        stream.height, stream.width = frames.shape[1:3]
        stream.pix_fmt = pixel_format
        stream.codec_context.thread_count = 1
        if rotation is not None:
            stream.set_display_rotation(rotation)
        time_base = Fraction(1, rate) if pts is None else Fraction(1, 1000)
        stream.codec_context.time_base = time_base
        for index, frame in enumerate(frames):
            picture = av.VideoFrame.from_ndarray(frame, format="rgb24").reformat(format=pixel_format)
            picture.pts = index if pts is None else pts[index]
            picture.time_base = time_base
            container.mux(stream.encode(picture))
        container.mux(stream.encode(None))
    return path


@pytest.fixture(scope="module")
def plain(tmp_path_factory):
    path = tmp_path_factory.mktemp("media") / "plain.mp4"
    media.write_video(path, numbered_frames(200), playback_fps=25, crf=20)
    return path


# --- writing and reading back


@pytest.mark.parametrize(("height", "width"), [(96, 128), (95, 127), (96, 127), (721, 33)])
def test_colours_and_odd_sizes_survive(tmp_path, height, width):
    frames = moving_frames(6, height, width)
    media.write_video(tmp_path / "a.mp4", frames, playback_fps=24, crf=10)
    back = media.read_video(tmp_path / "a.mp4").frames
    assert back.shape == frames.shape
    error = back.astype(float) - frames
    assert np.abs(error).mean() < 2.0
    assert np.abs(error.mean((0, 1, 2))).max() < 1.0, "a colour is shifted"
    info = media.probe(tmp_path / "a.mp4")
    assert (info.height, info.width) == (height, width)


def test_flat_colours_come_back_to_the_level(tmp_path):
    colours = [(0, 0, 0), (255, 255, 255), (200, 30, 40), (30, 180, 60), (20, 40, 210), (128, 128, 128)]
    frames = np.stack([np.full((32, 32, 3), colour, np.uint8) for colour in colours])
    media.write_video(tmp_path / "flat.mp4", frames, playback_fps=6, crf=4)
    back = media.read_video(tmp_path / "flat.mp4").frames
    assert np.abs(back.astype(int) - frames).max() <= 4
    gray = media.read_video(tmp_path / "flat.mp4", colour="gray").frames
    assert gray.shape == (6, 32, 32, 1)
    assert gray[0].max() <= 2, "gray is not full range"
    assert gray[1].min() >= 253


def test_same_frames_same_bytes(tmp_path):
    frames = moving_frames(20)
    for name in ("a.mp4", "b.mp4"):
        media.write_video(tmp_path / name, frames, playback_fps=24, metadata={"seed": 3})
    assert (tmp_path / "a.mp4").read_bytes() == (tmp_path / "b.mp4").read_bytes()


@pytest.mark.parametrize("name", ["a.mp4", "a.mkv", "a.mov"])
def test_metadata_comes_back(tmp_path, name):
    metadata = {"prompt": "une rivière 河", "motion": 8.5, "moves": [{"move": "pan_left"}]}
    media.write_video(tmp_path / name, moving_frames(3), playback_fps=8, metadata=metadata)
    assert media.read_metadata(tmp_path / name) == metadata


def test_no_tag_is_none(plain):
    assert media.read_metadata(plain) is None


def test_chunks_and_single_frames_write_alike(tmp_path):
    frames = moving_frames(10)
    media.write_video(tmp_path / "whole.mp4", frames, playback_fps=10)
    media.write_video(tmp_path / "mixed.mp4", iter([frames[:4], frames[4], frames[5:]]), playback_fps=10)
    assert (tmp_path / "whole.mp4").read_bytes() == (tmp_path / "mixed.mp4").read_bytes()


def test_failed_write_leaves_nothing_and_keeps_the_old(tmp_path):
    target = tmp_path / "a.mp4"
    target.write_bytes(b"old")

    def breaking():
        yield moving_frames(1)[0]
        raise KeyError("lost source")

    with pytest.raises(KeyError):
        media.write_video(target, breaking(), playback_fps=10)
    assert target.read_bytes() == b"old"
    assert [item.name for item in tmp_path.iterdir()] == ["a.mp4"]


@pytest.mark.parametrize(
    ("frames", "extra", "word"),
    [
        (np.zeros((0, 8, 8, 3), np.uint8), {}, "no frames"),
        (np.zeros((2, 8, 8, 3), np.float32), {}, "uint8"),
        ([np.zeros((8, 8, 3), np.uint8), np.zeros((8, 10, 3), np.uint8)], {}, "one size"),
        (np.zeros((2, 8, 8, 3), np.uint8), {"times": [0.0]}, "one time per frame"),
        (np.zeros((2, 8, 8, 3), np.uint8), {"times": [0.0, 0.0]}, "rise"),
    ],
)
def test_wrong_frames_are_refused_with_a_reason(tmp_path, frames, extra, word):
    with pytest.raises(RequestError, match=word):
        media.write_video(tmp_path / "a.mp4", frames, playback_fps=8, **extra)
    assert not list(tmp_path.iterdir())


# --- numbers and times


def test_every_frame_in_order_with_its_time(plain):
    runs = list(media.stream(plain, chunk_frames=32))
    assert [len(run) for run in runs] == [32] * 6 + [8]
    indices = np.concatenate([run.indices for run in runs])
    assert (indices == np.arange(200)).all()
    assert (np.concatenate([numbers_of(run.frames) for run in runs]) == np.arange(200)).all()
    assert np.allclose(np.concatenate([run.times for run in runs]), np.arange(200) / 25)


def test_span_stride_and_rate(plain):
    assert (media.read_video(plain, start_frame=7, end_frame=20, stride=5).indices == [7, 12, 17]).all()
    sampled = media.read_video(plain, start_frame=90, end_frame=116, rate=8)
    assert (sampled.indices == [90, 94, 97, 100, 103, 106, 109, 112, 115]).all()
    assert (numbers_of(sampled.frames) == sampled.indices).all()
    assert len(media.read_video(plain, rate=60).indices) == 200, "a lower-rate file gives every frame"


def test_rate_holds_against_rounded_timestamps(tmp_path):
    media.write_video(tmp_path / "a.mkv", moving_frames(90), playback_fps=30)  # Matroska rounds to milliseconds
    assert len(media.read_video(tmp_path / "a.mkv", rate=30).indices) == 90
    assert (media.read_video(tmp_path / "a.mkv", rate=15).indices == np.arange(0, 90, 2)).all()


def test_variable_rate_is_sampled_by_time(tmp_path):
    times = np.concatenate([np.arange(20) * 0.02, 0.4 + np.arange(20) * 0.1])
    media.write_video(tmp_path / "a.mp4", numbered_frames(40), playback_fps=25, times=times)
    run = media.read_video(tmp_path / "a.mp4")
    assert np.allclose(run.times, times, atol=1e-4)
    sampled = media.read_video(tmp_path / "a.mp4", rate=5)
    assert np.allclose(sampled.times, np.arange(0, 2.4, 0.2), atol=0.001)
    assert (numbers_of(sampled.frames) == sampled.indices).all()
    info = media.probe(tmp_path / "a.mp4")
    assert info.is_variable_rate
    assert info.source_fps == pytest.approx(39 / times[-1], rel=0.01)


@pytest.mark.parametrize("name", ["a.h264", "a.avi"])
def test_missing_timestamps_are_continued(tmp_path, name):
    codec = "libx264" if name.endswith("h264") else "mpeg4"
    path = write_raw(tmp_path / name, numbered_frames(30), codec=codec, options={"bf": "2"})
    run = media.read_video(path)
    assert (numbers_of(run.frames) == np.arange(30)).all()
    assert np.allclose(np.diff(run.times), 0.04, atol=0.002)
    assert media.probe(path).duration_seconds == pytest.approx(1.2, abs=0.1)


def test_repeated_timestamps_still_rise(tmp_path):
    pts = [0, 40, 40, 41, 120, 120, 200]
    with av.open(str(tmp_path / "a.mkv"), "w") as container:
        stream = container.add_stream("mjpeg", rate=25)
        stream.height, stream.width, stream.pix_fmt = 48, 64, "yuvj420p"
        for index, frame in enumerate(numbered_frames(7)):
            picture = av.VideoFrame.from_ndarray(frame, format="rgb24").reformat(format="yuvj420p")
            picture.pts, picture.time_base = index, Fraction(1, 25)
            for packet in stream.encode(picture):
                packet.pts = packet.dts = pts[index]
                packet.time_base = Fraction(1, 1000)
                container.mux(packet)
    run = media.read_video(tmp_path / "a.mkv")
    assert len(run) == 7
    assert (np.diff(run.pts) > 0).all()
    assert (numbers_of(run.frames) == np.arange(7)).all()
    assert np.abs(run.times - np.array(pts) / 1000).max() < 0.005


# --- exact access


@pytest.mark.parametrize(
    ("name", "codec", "options"),
    [
        ("a.mp4", "libx264", {"x264-params": "open-gop=1:keyint=24:min-keyint=24:bframes=3:b-pyramid=normal"}),
        ("a.mkv", "libx264", {"x264-params": "open-gop=1:keyint=24:bframes=3"}),
        ("a.mp4", "libx265", {"x265-params": "open-gop=1:keyint=24:bframes=4:log-level=none"}),
        ("a.ts", "libx264", {"x264-params": "keyint=24:bframes=2"}),
        ("a.webm", "libvpx-vp9", {"g": "24", "deadline": "realtime"}),
        ("a.avi", "mpeg4", {"g": "12", "bf": "2"}),
    ],
)
def test_frames_by_number_equal_sequential_decode(tmp_path, name, codec, options):
    path = write_raw(tmp_path / name, moving_frames(120), codec=codec, options=options)
    everything = media.read_video(path).frames
    assert len(everything) == 120
    wanted = [119, 3, 71, 72, 73, 47, 48, 96, 95, 94, 3]
    assert (media.read_frames(path, wanted) == everything[wanted]).all()
    for index in range(50, 120, 7):
        assert (media.read_frames(path, [index])[0] == everything[index]).all(), index
        span = media.read_video(path, start_frame=index, end_frame=min(120, index + 5))
        assert (span.frames == everything[index : index + 5]).all(), index


def test_seeking_decodes_little(plain, monkeypatch):
    path = plain.with_name("short_groups.mp4")
    write_raw(path, numbered_frames(200), options={"g": "20"})
    counted = []
    decode = seeking._decoded

    def counting(*args, **kwargs):
        for decoded in decode(*args, **kwargs):
            counted.append(decoded)
            yield decoded

    seeking.read_frame_table(path)
    monkeypatch.setattr(seeking, "_decoded", counting)
    assert (numbers_of(media.read_frames(path, [185, 62])) == [185, 62]).all()
    assert len(counted) < 50  # of 200; the groups of pictures are 20 or less


def test_frame_beyond_the_end_is_an_error(plain):
    with pytest.raises(MediaError, match="no frame 200"):
        media.read_frames(plain, [3, 200])
    with pytest.raises(RequestError):
        media.read_frames(plain, [-1])


# --- one decode for many


def test_many_wants_equal_single_streams_and_convert_once(plain, monkeypatch):
    wants = [
        Want(short_side=24),
        Want(rate=8, short_side=32),
        Want(rate=2, short_side=32),
        Want(start_frame=50, end_frame=61, colour="gray"),
        Want(stride=3, size=(20, 30)),
    ]
    alone = [media.read_video(plain, **{**want.__dict__}) for want in wants]
    converted, decoded = [], []
    convert, decode = decoding._Converter.convert, seeking._decoded
    monkeypatch.setattr(decoding._Converter, "convert", lambda *a: converted.append(1) or convert(*a))

    def counting(*args, **kwargs):
        for item in decode(*args, **kwargs):
            decoded.append(item.index)
            yield item

    monkeypatch.setattr(seeking, "_decoded", counting)
    gathered = {number: [] for number in range(len(wants))}
    for number, run in media.stream_many(plain, wants, chunk_frames=16):
        gathered[number].append(run)
    for number, run in enumerate(alone):
        assert (np.concatenate([part.frames for part in gathered[number]]) == run.frames).all()
        assert (np.concatenate([part.indices for part in gathered[number]]) == run.indices).all()
    assert decoded == list(range(200)), "not one sequential decode"
    in_both = len(set(alone[1].indices) | set(alone[2].indices))
    assert len(converted) == 200 + in_both + 11 + len(alone[4])


def test_decoding_stops_after_the_last_frame_wanted(plain, monkeypatch):
    decoded = []
    decode = seeking._decoded

    def counting(*args, **kwargs):
        for item in decode(*args, **kwargs):
            decoded.append(item.index)
            yield item

    monkeypatch.setattr(seeking, "_decoded", counting)
    media.read_video(plain, end_frame=10)
    assert len(decoded) <= 11


def test_memory_does_not_grow_with_length(tmp_path):
    peaks = []
    for count in (100, 400):
        path = tmp_path / f"{count}.mp4"
        media.write_video(path, (moving_frames(1, 120, 160, seed)[0] for seed in range(count)), playback_fps=30)
        tracemalloc.start()
        for run in media.stream(path, chunk_frames=16):
            del run
        peaks.append(tracemalloc.get_traced_memory()[1])
        tracemalloc.stop()
    assert peaks[1] < 1.3 * peaks[0]


def test_contradicting_wants_are_refused():
    for wrong in ({"rate": 8, "stride": 2}, {"rate": 0}, {"stride": 0}, {"start_frame": 5, "end_frame": 5}):
        with pytest.raises(RequestError):
            Want(**wrong)


# --- kinds of files


@pytest.mark.parametrize("degrees", [90, 180, 270])
def test_rotation_is_applied(tmp_path, degrees):
    frames = np.zeros((5, 48, 96, 3), np.uint8)
    frames[:, :24, :48] = (250, 40, 40)  # a red corner, top left as stored
    path = write_raw(tmp_path / "turned.mp4", frames, rotation=degrees)
    upright = np.rot90(frames, degrees // 90, axes=(1, 2))
    run = media.read_video(path)
    info = media.probe(path)
    assert info.rotation == degrees
    assert (info.height, info.width) == upright.shape[1:3] == run.frames.shape[1:3]
    assert np.abs(run.frames.astype(int) - upright).mean() < 12
    small = media.read_video(path, short_side=24).frames
    assert np.abs(small.astype(int) - media.resize(np.ascontiguousarray(upright), short_side=24)).mean() < 12


@pytest.mark.parametrize(
    ("codec", "pixel_format", "options"),
    [
        ("libx265", "yuv420p10le", {"x265-params": "log-level=none:crf=8"}),
        ("libx264", "yuv422p10le", {"crf": "8"}),
        ("libx264", "yuv444p", {"crf": "8"}),
        ("ffv1", "gray", {}),
        ("ffv1", "gbrp10le", {}),
        ("ffv1", "bgra", {}),
        ("mjpeg", "yuvj422p", {"q": "2"}),
    ],
)
def test_pixel_formats_become_rgb(tmp_path, codec, pixel_format, options):
    frames = moving_frames(4)
    if pixel_format == "gray":
        frames = np.repeat(frames[..., :1], 3, axis=-1)
    path = write_raw(tmp_path / "a.mkv", frames, codec=codec, pixel_format=pixel_format, options=options)
    run = media.read_video(path)
    assert run.frames.dtype == np.uint8
    assert np.abs(run.frames.astype(int) - frames).mean() < (6 if codec == "mjpeg" else 3)


def test_hdr_tags_do_not_break_reading(tmp_path):
    params = "log-level=none:crf=8:colorprim=bt2020:transfer=smpte2084:colormatrix=bt2020nc:range=limited"
    frames = np.full((3, 48, 64, 3), 128, np.uint8)
    path = write_raw(
        tmp_path / "hdr.mp4", frames, codec="libx265", pixel_format="yuv420p10le", options={"x265-params": params}
    )
    assert np.abs(media.read_video(path).frames.astype(int) - 128).max() <= 3


def test_size_changing_inside_the_file_keeps_the_first(tmp_path):
    small = write_raw(tmp_path / "a.h264", moving_frames(5, 48, 64), options={"bf": "0"})
    large = write_raw(tmp_path / "b.h264", moving_frames(5, 96, 128), options={"bf": "0"})
    joined = tmp_path / "joined.h264"
    joined.write_bytes(small.read_bytes() + large.read_bytes())
    assert media.read_video(joined).frames.shape == (10, 48, 64, 3)


def test_probe_tells_what_the_file_holds(plain):
    info = media.probe(plain)
    assert (info.codec, info.pixel_format, info.height, info.width, info.num_frames) == ("h264", "yuv420p", 48, 64, 200)
    assert info.source_fps == pytest.approx(25)
    assert info.duration_seconds == pytest.approx(8.0)
    assert info.is_variable_rate is False
    assert not info.has_audio
    assert info.size_bytes == plain.stat().st_size


# --- broken files


def write_audio(path, with_empty_video=False):
    with av.open(str(path), "w") as container:
        sound = container.add_stream("aac", rate=16000)
        if with_empty_video:
            stream = container.add_stream("libx264", rate=25)
            stream.height, stream.width, stream.pix_fmt = 48, 64, "yuv420p"
        for start in range(0, 16000, 1024):
            frame = av.AudioFrame.from_ndarray(np.zeros((1, 1024), np.float32), format="fltp", layout="mono")
            frame.rate, frame.pts = 16000, start
            container.mux(sound.encode(frame))
        container.mux(sound.encode(None))
    return path


def write_without_end(path):
    whole = write_raw(path.with_name("index_at_end.mp4"), moving_frames(30)).read_bytes()
    path.write_bytes(whole[: len(whole) * 2 // 3])


BROKEN = {
    "empty": lambda path, plain: path.write_bytes(b""),
    "text": lambda path, plain: path.write_text("This is not a video.\n" * 50),
    "playlist": lambda path, plain: path.write_text("#EXTM3U\n#EXTINF:10,\nfile:///etc/hostname\n"),
    "noise": lambda path, plain: path.write_bytes(np.random.default_rng(0).bytes(5000)),
    "zeros": lambda path, plain: path.write_bytes(bytes(5000)),
    "folder": lambda path, plain: path.mkdir(),
    "missing": lambda path, plain: None,
    "audio": lambda path, plain: write_audio(path),
    "no_frames": lambda path, plain: write_audio(path, with_empty_video=True),
    "head_only": lambda path, plain: path.write_bytes(plain.read_bytes()[:200]),
    "no_index": lambda path, plain: write_without_end(path),
}


@pytest.mark.parametrize(
    ("kind", "word"),
    [
        ("empty", "empty"),
        ("text", "text"),
        ("playlist", "text"),
        ("noise", "not a video"),
        ("zeros", "not a video"),
        ("folder", "folder"),
        ("missing", "does not exist"),
        ("audio", "only audio"),
        ("no_frames", "no "),
        ("head_only", "truncated"),
        ("no_index", "truncated"),
    ],
)
def test_broken_files_raise_one_plain_error(tmp_path, plain, kind, word):
    path = tmp_path / f"{kind}.mp4"
    BROKEN[kind](path, plain)
    for read in (media.probe, media.read_video, lambda p: media.read_frames(p, [0])):
        with pytest.raises(MediaError, match=word) as caught:
            read(path)
        assert str(path) in str(caught.value)


def test_no_permission_is_said(tmp_path, monkeypatch, plain):
    def refuse(self, *args, **kwargs):
        raise PermissionError(13, "Permission denied")

    monkeypatch.setattr(Path, "open", refuse)
    with pytest.raises(MediaError, match="no permission"):
        media.probe(plain)


def gather(into, path):
    for run in media.stream(path, chunk_frames=7):
        into.extend(run.frames)


@pytest.mark.parametrize("suffix", [".mp4", ".mkv"])
def test_truncated_in_the_middle_gives_the_good_frames_then_says_so(tmp_path, suffix):
    whole = tmp_path / f"whole{suffix}"
    frames = np.random.default_rng(0).integers(0, 255, (60, 48, 64, 3), np.uint8)
    media.write_video(whole, frames, playback_fps=25, crf=30)
    everything = media.read_video(whole).frames
    cut = tmp_path / f"cut{suffix}"
    cut.write_bytes(whole.read_bytes()[: whole.stat().st_size * 6 // 10])
    good = []
    with pytest.raises(MediaError, match=r"truncated.* (\d+) frames were decoded") as caught:
        gather(good, cut)
    assert 20 < len(good) < 45
    assert f" {len(good)} frames" in str(caught.value)
    assert (np.stack(good)[:-4] == everything[: len(good) - 4]).all()  # the decoder may conceal the last few
    with pytest.raises(MediaError, match="truncated"):
        media.probe(cut)


def test_damaged_in_the_middle_keeps_decoding_and_says_so(tmp_path):
    path = tmp_path / "a.mp4"
    frames = np.random.default_rng(0).integers(0, 255, (60, 48, 64, 3), np.uint8)
    write_raw(path, frames, options={"g": "10", "bf": "0"})
    data = bytearray(path.read_bytes())
    with av.open(str(path)) as container:
        entry = container.streams.video[0].index_entries[25]
        data[entry.pos : entry.pos + entry.size] = bytes(entry.size)
    path.write_bytes(data)
    good = []
    with pytest.raises(MediaError, match="damaged"):
        gather(good, path)
    assert len(good) == 59


# --- images


def test_images_upright_opaque_and_exact(tmp_path):
    frame = moving_frames(1, 31, 45)[0]
    media.write_image(tmp_path / "a.png", frame)
    assert (media.read_image(tmp_path / "a.png") == frame).all()
    turned = Image.fromarray(frame)
    exif = turned.getexif()
    exif[0x0112] = 6  # show turned clockwise by a quarter
    turned.save(tmp_path / "turned.png", exif=exif)
    assert (media.read_image(tmp_path / "turned.png") == np.rot90(frame, -1)).all()
    clear = np.dstack([frame, np.zeros(frame.shape[:2], np.uint8)])
    Image.fromarray(clear).save(tmp_path / "clear.png")
    assert (media.read_image(tmp_path / "clear.png") == 255).all()


def test_bad_images_say_why(tmp_path):
    (tmp_path / "a.png").write_text("no image")
    with pytest.raises(MediaError, match="not an image"):
        media.read_image(tmp_path / "a.png")
    with pytest.raises(MediaError, match="does not exist"):
        media.read_image(tmp_path / "b.png")
    with pytest.raises(MediaError, match="suffix"):
        media.write_image(tmp_path / "a.xyz", moving_frames(1)[0])


def test_resize_keeps_shape_and_mean():
    frames = moving_frames(3, 90, 160)
    small = media.resize(frames, short_side=45)
    assert small.shape == (3, 45, 80, 3)
    assert np.abs(small.astype(float).mean((1, 2)) - frames.astype(float).mean((1, 2))).max() < 1
    blocks = frames.reshape(3, 45, 2, 80, 2, 3).astype(float).mean((2, 4))
    assert np.abs(small - blocks).max() <= 1, "not the area filter"
    assert media.resize(frames, size=(91, 33)).shape == (3, 91, 33, 3)
    assert media.resize(frames[..., :1], short_side=30).shape == (3, 30, 53, 1)
    with pytest.raises(RequestError):
        media.resize(frames, short_side=0)


# --- real clips


@pytest.mark.parametrize(("name", "count"), [("bear_walking.mp4", 82), ("great_wall_aerial.mp4", 288)])
def test_real_clips_decode_whole(name, count):
    if not (CLIPS / name).exists():
        pytest.skip("real clips are not beside this checkout")
    run = media.read_video(CLIPS / name, short_side=64)
    assert (run.indices == np.arange(count)).all()
    assert (np.diff(run.times) > 0).all()
    assert (media.read_frames(CLIPS / name, [count - 3], short_side=64)[0] == run.frames[count - 3]).all()
