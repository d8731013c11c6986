"""Writing video: temporary name, then rename; our metadata in the container's `comment` tag."""

from __future__ import annotations

import json
import os
from collections.abc import Iterable, Iterator, Mapping, Sequence
from fractions import Fraction
from pathlib import Path
from typing import Any

import av
import numpy as np
from av.video.reformatter import ColorRange, Colorspace, Interpolation, VideoReformatter
from numpy.typing import NDArray

from dropletvideo.errors import MediaError, RequestError
from dropletvideo.media.attached import PICTURE_SUFFIXES, add_picture_streams
from dropletvideo.media.opening import METADATA_KEY, droplet_tag, open_video, scratch_path

BT709 = 1
LIMITED_RANGE = 1
VARIABLE_RATE_TIME_BASE = Fraction(1, 90_000)
_RATE_FACTOR_CODECS = frozenset(("libx264", "libx265", "libvpx-vp9", "libsvtav1", "libaom-av1"))
_PRESET_CODECS = frozenset(("libx264", "libx265"))


def write_video(  # noqa: PLR0913 - one call holds all that a file can hold
    path: str | Path,
    frames: NDArray[np.uint8] | Iterable[NDArray[np.uint8]],
    *,
    playback_fps: float | Fraction,
    metadata: Mapping[str, Any] | None = None,
    crf: int = 18,
    codec: str = "libx264",
    times: Sequence[float] | None = None,
    preset: str = "medium",
    pictures: Sequence[NDArray[np.uint8]] = (),
) -> None:
    """Write RGB frames as BT.709 yuv420p video that plays anywhere; the same frames give the same bytes.

    Odd sides are padded to even by repeating the last row or column, and the true size is kept in the tag, so that this
    package reads back the odd size (other players show the repeated line). The file appears under its name only when
    it is complete; an error leaves neither it nor its temporary file.

    Args:
        path: target; the suffix names the container. Missing folders are made.
        frames: FHWC uint8, or an iterable of HWC frames or FHWC runs, all of one size.
        playback_fps: frames per second at which players show it; a property of the file alone.
        metadata: JSON-able; comes back from `read_metadata`.
        crf: quality of x264, x265, VP9 and AV1 (0 best); other codecs take their default.
        times: seconds per frame, rising strictly, for variable frame rate; replaces the even spacing.
        pictures: HWC uint8, kept without loss as attached picture streams (mp4, m4v, mov); see `read_pictures`.

    Raises:
        RequestError: no frames, wrong shape or type, a changing size, times that do not rise or do not match, or
            pictures for a container that holds none.
        MediaError: the folder or disk refuses, or the codec is not in this FFmpeg.
    """
    target = Path(path)
    if playback_fps <= 0:
        raise RequestError(f"playback_fps={playback_fps} must be above 0")
    if pictures and target.suffix.lower() not in PICTURE_SUFFIXES:
        raise RequestError(f"{target}: attached pictures need one of {', '.join(PICTURE_SUFFIXES)}")
    singles = _single_frames(frames)
    first = next(singles, None)
    if first is None:
        raise RequestError(f"{target}: no frames to write")
    target.parent.mkdir(parents=True, exist_ok=True)
    scratch = scratch_path(target)
    try:
        settings = _Settings(playback_fps, metadata, crf, codec, times, preset)
        _encode(scratch, _chain(first, singles), first.shape, settings, pictures)
        os.replace(scratch, target)  # noqa: PTH105 - one atomic call
    except (av.FFmpegError, OSError) as error:
        raise MediaError(target, f"cannot be written ({getattr(error, 'strerror', None) or error})") from error
    finally:
        scratch.unlink(missing_ok=True)


class _Settings:
    def __init__(
        self,
        playback_fps: float | Fraction,
        metadata: Mapping[str, Any] | None,
        crf: int,
        codec: str,
        times: Sequence[float] | None,
        preset: str,
    ) -> None:
        self.rate = Fraction(playback_fps).limit_denominator(1001)
        self.metadata = dict(metadata) if metadata is not None else None
        self.codec = codec
        self.times = times
        self.options: dict[str, str] = {"threads": "1"}
        if codec in _RATE_FACTOR_CODECS:
            self.options["crf"] = str(crf)
        if codec in _PRESET_CODECS:
            self.options["preset"] = preset
        if codec == "libx264":  # with its macroblock tree, AVX-512 builds give other bytes from run to run
            self.options["x264-params"] = "mbtree=0"
        if codec == "libx265":
            self.options["x265-params"] = "log-level=error:pools=1:frame-threads=1"
        if times is not None and (np.diff(np.asarray(times, np.float64)) <= 0).any():
            raise RequestError("times must rise strictly from frame to frame")

    def tag(self, height: int, width: int) -> str | None:
        is_odd = bool(height % 2 or width % 2)
        if self.metadata is None and not is_odd:
            return None
        tag: dict[str, Any] = {METADATA_KEY: self.metadata}
        if is_odd:
            tag["size"] = [height, width]
        return json.dumps(tag, ensure_ascii=False, sort_keys=True)


def _single_frames(frames: NDArray[np.uint8] | Iterable[NDArray[np.uint8]]) -> Iterator[NDArray[np.uint8]]:
    for item in frames:
        if item.dtype != np.uint8 or item.ndim not in (3, 4) or item.shape[-1] != 3:
            raise RequestError(f"frames of shape {item.shape} and type {item.dtype}: need HWC or FHWC uint8 RGB")
        yield from (item[None] if item.ndim == 3 else item)


def _chain(first: NDArray[np.uint8], rest: Iterator[NDArray[np.uint8]]) -> Iterator[NDArray[np.uint8]]:
    yield first
    for index, frame in enumerate(rest, 1):
        if frame.shape != first.shape:
            raise RequestError(f"frame {index} is {frame.shape[:2]}, the first {first.shape[:2]}: need one size")
        yield frame


def _encode(
    scratch: Path,
    frames: Iterator[NDArray[np.uint8]],
    shape: tuple[int, ...],
    settings: _Settings,
    pictures: Sequence[NDArray[np.uint8]],
) -> None:
    height, width = shape[:2]
    faststart = {"movflags": "+faststart"} if scratch.suffix.lower() in (".mp4", ".mov", ".m4v") else {}
    with av.open(f"file:{scratch}", "w", container_options=faststart) as container:
        if (tag := settings.tag(height, width)) is not None:
            container.metadata["comment"] = tag
        stream = _add_stream(container, height + height % 2, width + width % 2, settings)
        for packet in add_picture_streams(container, pictures):
            container.mux(packet)
        reformatter = VideoReformatter()
        count = 0
        for index, frame in enumerate(frames):
            picture = _picture(reformatter, frame, stream.pix_fmt)
            picture.pts = _pts(index, settings)
            picture.time_base = stream.codec_context.time_base
            container.mux(stream.encode(picture))
            count += 1
        if settings.times is not None and len(settings.times) != count:
            raise RequestError(f"{len(settings.times)} times for {count} frames: need one time per frame")
        container.mux(stream.encode(None))


def _add_stream(container: Any, height: int, width: int, settings: _Settings) -> Any:
    try:
        stream = container.add_stream(settings.codec, rate=settings.rate, options=settings.options)
    except (ValueError, av.FFmpegError) as error:
        raise MediaError(container.name, f"codec {settings.codec!r} is not in this FFmpeg; use libx264") from error
    stream.height, stream.width = height, width
    stream.pix_fmt = "yuvj420p" if settings.codec == "mjpeg" else "yuv420p"
    context = stream.codec_context
    context.time_base = VARIABLE_RATE_TIME_BASE if settings.times is not None else 1 / settings.rate
    context.color_primaries = context.color_trc = context.colorspace = BT709
    context.color_range = 2 if settings.codec == "mjpeg" else LIMITED_RANGE
    return stream


def _pts(index: int, settings: _Settings) -> int:
    if settings.times is None:
        return index
    if index >= len(settings.times):
        raise RequestError(f"{len(settings.times)} times for more frames: need one time per frame")
    return round(float(settings.times[index]) / float(VARIABLE_RATE_TIME_BASE))


def _picture(reformatter: Any, frame: NDArray[np.uint8], pixel_format: str) -> Any:
    height, width = frame.shape[:2]
    if height % 2 or width % 2:
        frame = np.pad(frame, ((0, height % 2), (0, width % 2), (0, 0)), mode="edge")
    source = av.VideoFrame.from_ndarray(np.ascontiguousarray(frame), format="rgb24")
    picture = reformatter.reformat(
        source,
        format=pixel_format,
        dst_colorspace=Colorspace.ITU709,
        dst_color_range=ColorRange.JPEG if pixel_format == "yuvj420p" else ColorRange.MPEG,
        interpolation=Interpolation.BICUBIC | Interpolation.ACCURATE_RND | Interpolation.FULL_CHR_H_INP,
        threads=1,
    )
    picture.pict_type = 0
    return picture


def read_metadata(path: str | Path) -> dict[str, Any] | None:
    """The metadata that `write_video` was given, or None for a file without our tag."""
    with open_video(path) as video:
        metadata = droplet_tag(video.container.metadata).get(METADATA_KEY)
    return dict(metadata) if isinstance(metadata, dict) else None
