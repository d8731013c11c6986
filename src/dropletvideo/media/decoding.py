"""Streaming and exact reading of frames: one sequential decode, conversion only of frames that somebody takes."""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, Literal

import cv2
import numpy as np
from av.video.reformatter import ColorRange, Colorspace, Interpolation, VideoReformatter
from numpy.typing import NDArray

from dropletvideo.errors import MediaError, RequestError
from dropletvideo.media.images import resize, target_size
from dropletvideo.media.opening import open_video, quarter_turns
from dropletvideo.media.seeking import SEEK_WORTH_FRAMES, Decoded, frames_from, read_frame_table

Colour = Literal["rgb", "gray"]
_PIXEL_FORMATS = {"rgb": "gbrp", "gray": "gray"}  # planar: half the time of rgb24, and swscale rounds it without bias
_RED_GREEN_BLUE = (2, 0, 1)  # places of the colours among the planes of gbrp
_UNSPECIFIED_COLOURS = 2
_HD_HEIGHT, _HD_WIDTH = 720, 1280
_EXACT = Interpolation.ACCURATE_RND | Interpolation.FULL_CHR_H_INT


@dataclass(frozen=True)
class FrameRun:
    """Frames in time order.

    Attributes:
        frames: F,H,W,C uint8; C is 3 (rgb) or 1 (gray).
        times: F float64, seconds on the file's clock.
        indices: F int64, frame numbers in the file.
        pts: F int64, timestamps in the stream's time base (repaired where missing or repeated).
    """

    frames: NDArray[np.uint8]
    times: NDArray[np.float64]
    indices: NDArray[np.int64]
    pts: NDArray[np.int64]

    def __len__(self) -> int:
        return len(self.indices)


@dataclass(frozen=True, kw_only=True)
class Want:
    """Which frames of a span, and in which size and colour.

    Attributes:
        start_frame, end_frame: span in frame numbers, end exclusive; None is the end of the file.
        rate: frames per second by timestamp: of the ticks k/rate counted from the span's first frame, each gets the
            first frame at or after it, none twice; so a file with a lower rate gives every frame.
        stride: every stride-th frame of the span; not together with `rate`.
        short_side: length of the shorter side (area filter down, bicubic up); or `size`, (height, width).
        colour: "rgb", or "gray" (full-range luma).
    """

    start_frame: int = 0
    end_frame: int | None = None
    rate: float | None = None
    stride: int = 1
    short_side: int | None = None
    size: tuple[int, int] | None = None
    colour: Colour = "rgb"

    def __post_init__(self) -> None:
        if self.start_frame < 0 or (self.end_frame is not None and self.end_frame <= self.start_frame):
            raise RequestError(f"frames {self.start_frame} to {self.end_frame}: need 0 <= start_frame < end_frame")
        if self.stride < 1:
            raise RequestError(f"stride={self.stride} is below 1: give 1 for every frame")
        if self.rate is not None and (self.rate <= 0 or self.stride != 1):
            raise RequestError(f"rate={self.rate} with stride={self.stride}: need rate > 0, and one of the two")
        if self.colour not in _PIXEL_FORMATS:
            raise RequestError(f"colour={self.colour!r} is unknown: give 'rgb' or 'gray'")


class _Converter:
    """Turns decoded frames into upright arrays; one swscale context per size and colour.

    Every size comes straight from the decoded frame, never from another size, so that what a judge sees does not depend
    on who else looks. Without a colour tag BT.709 is assumed from 720 lines or 1280 columns up and BT.601 below.
    """

    def __init__(self, true_size: tuple[int, int] | None) -> None:
        self.true_size = true_size
        self.first_size: tuple[int, int] | None = None
        self.reformatters: dict[tuple[int, int, str], Any] = {}

    def convert(self, frame: Any, want: Want) -> NDArray[np.uint8]:
        """HWC array of one frame in the size of the file's first frame, or as `want` says."""
        turns = quarter_turns(frame)
        if self.true_size is not None:
            pixels = self._scaled(frame, frame.height, frame.width, want.colour)
            pixels = np.rot90(pixels[: self.true_size[0], : self.true_size[1]], turns)
            return resize(pixels, short_side=want.short_side, size=want.size)
        if self.first_size is None:
            self.first_size = _turned((frame.height, frame.width), turns)
        size = target_size(*self.first_size, short_side=want.short_side, size=want.size)
        return np.rot90(self._scaled(frame, *_turned(size, turns), want.colour), turns)

    def _scaled(self, frame: Any, height: int, width: int, colour: str) -> NDArray[np.uint8]:
        reformatter = self.reformatters.setdefault((height, width, colour), VideoReformatter())
        if (height, width) == (frame.height, frame.width):
            method = Interpolation.BILINEAR  # for the chroma planes
        else:
            method = Interpolation.AREA if height * width < frame.height * frame.width else Interpolation.BICUBIC
        converted = reformatter.reformat(
            frame,
            width,
            height,
            _PIXEL_FORMATS[colour],
            src_colorspace=_assumed_colourspace(frame),
            dst_color_range=ColorRange.JPEG,
            interpolation=method | _EXACT,
            threads=1,
        )
        if colour == "gray":
            return _plane(converted.planes[0])[..., None].copy()
        merged = cv2.merge([_plane(converted.planes[place]) for place in _RED_GREEN_BLUE])
        return np.asarray(merged, np.uint8)


def _plane(plane: Any) -> NDArray[np.uint8]:
    """A view of one 8-bit plane without the padding of its lines."""
    return np.frombuffer(plane, np.uint8).reshape(-1, plane.line_size)[: plane.height, : plane.width]


def _turned(size: tuple[int, int], turns: int) -> tuple[int, int]:
    return (size[1], size[0]) if turns % 2 else size


def _assumed_colourspace(frame: Any) -> Any:
    if frame.colorspace != _UNSPECIFIED_COLOURS or frame.format.is_rgb:
        return None
    is_hd = frame.height >= _HD_HEIGHT or frame.width >= _HD_WIDTH
    return Colorspace.ITU709 if is_hd else Colorspace.ITU601


class _Collector:
    """Decides frame by frame what one want takes, and gathers it into chunks."""

    def __init__(self, want: Want, chunk_frames: int, tick_seconds: float) -> None:
        self.want = want
        self.chunk_frames = chunk_frames
        self.tolerance = min(0.25 / want.rate, tick_seconds) + 1e-9 if want.rate else 0.0
        self.first_seconds: float | None = None
        self.next_tick = 0
        self.taken: list[tuple[NDArray[np.uint8], Decoded]] = []

    def takes(self, decoded: Decoded) -> bool:
        want = self.want
        if decoded.index < want.start_frame or (want.end_frame is not None and decoded.index >= want.end_frame):
            return False
        if want.rate is None:
            return (decoded.index - want.start_frame) % want.stride == 0
        if self.first_seconds is None:
            self.first_seconds = decoded.seconds
        # time base rounding moves both stamps by half a tick each: a frame that early is still at its place
        ticks_passed = (decoded.seconds - self.first_seconds + self.tolerance) * want.rate
        if ticks_passed < self.next_tick:
            return False
        self.next_tick = math.floor(ticks_passed) + 1
        return True

    def add(self, pixels: NDArray[np.uint8], decoded: Decoded) -> FrameRun | None:
        self.taken.append((pixels, replace(decoded, frame=None)))
        return self.run() if len(self.taken) >= self.chunk_frames else None

    def run(self) -> FrameRun:
        frames = np.stack([pixels for pixels, _ in self.taken])
        stamps = [decoded for _, decoded in self.taken]
        self.taken = []
        return FrameRun(
            frames=frames,
            times=np.array([stamp.seconds for stamp in stamps], np.float64),
            indices=np.array([stamp.index for stamp in stamps], np.int64),
            pts=np.array([stamp.pts for stamp in stamps], np.int64),
        )


def stream_many(
    path: str | Path, wants: Sequence[Want], *, chunk_frames: int = 32, threads: int = 1
) -> Iterator[tuple[int, FrameRun]]:
    """Serve several wants from one sequential decode: yields (number of the want, its next chunk).

    Only frames that a want takes are converted, once per size and colour. Chunks of one want come in time order, each
    as soon as it is full; memory is bounded by wants x chunk_frames. Decoding stops after the last frame wanted.

    Raises:
        MediaError: as `probe`, on the first chunk. A file damaged or truncated further on first gives every frame
            that could be decoded, then raises with their number.
    """
    if not wants:
        return
    with open_video(path) as video:
        tick_seconds, true_size = float(video.stream.time_base), video.true_size
    collectors = [_Collector(want, chunk_frames, tick_seconds) for want in wants]
    ends = [want.end_frame for want in wants]
    last_end = None if None in ends else max(end for end in ends if end is not None)
    converter = _Converter(true_size)
    damage: MediaError | None = None
    try:
        for decoded in frames_from(path, min(want.start_frame for want in wants), threads=threads):
            if last_end is not None and decoded.index >= last_end:
                break
            yield from _offer(decoded, collectors, converter)
    except MediaError as error:
        damage = error
    for number, collector in enumerate(collectors):
        if collector.taken:
            yield number, collector.run()
    if damage is not None:
        raise damage


def _offer(decoded: Decoded, collectors: Sequence[_Collector], converter: _Converter) -> Iterator[tuple[int, FrameRun]]:
    converted: dict[tuple[object, ...], NDArray[np.uint8]] = {}
    for number, collector in enumerate(collectors):
        if not collector.takes(decoded):
            continue
        want = collector.want
        key = (want.short_side, want.size, want.colour)
        if key not in converted:
            converted[key] = converter.convert(decoded.frame, want)
        if (run := collector.add(converted[key], decoded)) is not None:
            yield number, run


def stream(  # noqa: PLR0913 - the fields of Want, spelled out for callers
    path: str | Path,
    *,
    start_frame: int = 0,
    end_frame: int | None = None,
    rate: float | None = None,
    stride: int = 1,
    short_side: int | None = None,
    size: tuple[int, int] | None = None,
    colour: Colour = "rgb",
    chunk_frames: int = 32,
    threads: int = 1,
) -> Iterator[FrameRun]:  # fmt: skip
    """Chunks of one want; the arguments are those of `Want` and `stream_many`, whose errors it raises."""
    want = Want(
        start_frame=start_frame,
        end_frame=end_frame,
        rate=rate,
        stride=stride,
        short_side=short_side,
        size=size,
        colour=colour,
    )
    for _, run in stream_many(path, [want], chunk_frames=chunk_frames, threads=threads):
        yield run


def read_video(path: str | Path, **want: Any) -> FrameRun:
    """A whole file (or the span that `Want`'s arguments name) in memory; for small files."""
    runs = list(stream(path, **want))
    if not runs:
        raise MediaError(path, f"holds no frame in the span asked for ({want})")
    return FrameRun(
        frames=np.concatenate([run.frames for run in runs]),
        times=np.concatenate([run.times for run in runs]),
        indices=np.concatenate([run.indices for run in runs]),
        pts=np.concatenate([run.pts for run in runs]),
    )


def read_frames(
    path: str | Path,
    indices: Sequence[int],
    *,
    short_side: int | None = None,
    size: tuple[int, int] | None = None,
) -> NDArray[np.uint8]:
    """Frames with these numbers, FHWC in the order asked (repeats allowed); the same pixels as sequential decode.

    Seeks to the keyframe before each wanted frame where the file's packets tell its frame numbers, else decodes from
    the start.

    Raises:
        MediaError: as `stream`; a number beyond the last frame says how many frames there are.
        RequestError: no number, or a negative one.
    """
    wanted = sorted({int(index) for index in indices})
    if not wanted or wanted[0] < 0:
        raise RequestError(f"frame numbers {list(indices)[:8]} are not valid: give one or more, each 0 or above")
    with open_video(path) as video:
        converter = _Converter(video.true_size)
    want = Want(short_side=short_side, size=size)
    found: dict[int, NDArray[np.uint8]] = {}
    for group in neighbour_groups(path, wanted):
        remaining = set(group)
        for decoded in frames_from(path, group[0]):
            if decoded.index in remaining:
                found[decoded.index] = converter.convert(decoded.frame, want)
                remaining.discard(decoded.index)
            if not remaining:
                break
        if remaining:
            raise MediaError(path, f"has no frame {min(remaining)}: its frames end before")
    return np.stack([found[int(index)] for index in indices])


def stream_picked(
    path: str | Path,
    indices: Sequence[int],
    *,
    short_side: int | None = None,
    colour: Colour = "rgb",
    chunk_frames: int = 8,
) -> Iterator[FrameRun]:
    """Frames with these numbers in time order, each once, in chunks; read as by `read_frames`.

    Raises:
        MediaError: as `stream`; a number beyond the last frame says so after the frames before it.
    """
    wanted = sorted({int(index) for index in indices})
    with open_video(path) as video:
        tick_seconds, true_size = float(video.stream.time_base), video.true_size
    converter, want = _Converter(true_size), Want(short_side=short_side, colour=colour)
    collector = _Collector(want, chunk_frames, tick_seconds)
    for group in neighbour_groups(path, wanted):
        remaining = set(group)
        for decoded in frames_from(path, group[0]):
            if decoded.index in remaining:
                remaining.discard(decoded.index)
                if (run := collector.add(converter.convert(decoded.frame, want), decoded)) is not None:
                    yield run
            if not remaining:
                break
        if remaining:
            raise MediaError(path, f"has no frame {min(remaining)}: its frames end before")
    if collector.taken:
        yield collector.run()


def neighbour_groups(path: str | Path, wanted: Sequence[int]) -> list[list[int]]:
    """Cut sorted frame numbers where seeking to a later keyframe saves decoding."""
    table = read_frame_table(path) if wanted[-1] >= SEEK_WORTH_FRAMES else None
    groups: list[list[int]] = [[wanted[0]]]
    for index in wanted[1:]:
        before = groups[-1][-1]
        if table is not None:
            key = int(table.key_index[np.searchsorted(table.key_index, index, side="right") - 1])
            if key > before + 1:
                groups.append([index])
                continue
        groups[-1].append(index)
    return groups
