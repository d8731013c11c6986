"""Decoded frames of a file in presentation order, numbered from 0, from any frame on.

Seeking to frame n needs to know which timestamp it has and which keyframe to decode from. `read_frame_table` lists the
packets without decoding; where that list cannot be trusted (timestamps missing or repeated, codecs with packets that
show nothing) there is no table and reading starts at the first frame. So frame n has the same pixels either way.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace
from functools import lru_cache
from pathlib import Path
from typing import Any

import av
import numpy as np
from numpy.typing import NDArray

from dropletvideo.errors import MediaError
from dropletvideo.media.opening import OpenVideo, open_video, promised_bytes_missing

ONE_FRAME_PER_PACKET = frozenset(
    ("h264", "hevc", "av1", "libdav1d", "vp9", "mpeg4", "mpeg2video", "mjpeg", "ffv1", "prores")
)
SEEK_WORTH_FRAMES = 48
_KEYFRAMES_TRIED = (0, 1, 4)  # transport streams may land behind the keyframe asked for


@dataclass(frozen=True, slots=True)
class Decoded:
    """One decoded frame: number, timestamp in the stream's time base, seconds, and PyAV's frame (not converted)."""

    index: int
    pts: int
    seconds: float
    frame: Any


@dataclass(frozen=True)
class FrameTable:
    """Timestamps of all shown frames in order; frame number and timestamp of every keyframe."""

    pts: NDArray[np.int64]
    key_index: NDArray[np.int64]
    key_pts: NDArray[np.int64]


class _NotWhereExpected(Exception):
    """Seeking did not lead to the frames that the table lists."""


def read_frame_table(path: str | Path) -> FrameTable | None:
    """The frame table of a file, or None where packets do not tell the shown frames. Kept for the last few files."""
    stat = Path(path).stat()
    return _frame_table(str(path), stat.st_mtime_ns, stat.st_size)


@lru_cache(maxsize=16)
def _frame_table(path: str, _mtime_ns: int, _size: int) -> FrameTable | None:
    with open_video(path) as video:
        if video.stream.codec_context.name not in ONE_FRAME_PER_PACKET:
            return None
        rows: list[tuple[int, bool]] = []
        try:
            for packet in video.container.demux(video.stream):
                if packet.size == 0 or packet.is_discard:
                    continue
                if packet.pts is None or packet.is_corrupt:
                    return None
                rows.append((packet.pts, packet.is_keyframe))
        except av.FFmpegError:
            return None
    return _table_of(path, rows)


def _table_of(path: str, rows: list[tuple[int, bool]]) -> FrameTable | None:
    pts = np.array(sorted(row[0] for row in rows), np.int64)
    keys = sorted(row for row in rows if row[1])
    if not keys or keys[0][0] != pts[0] or (np.diff(pts) <= 0).any():
        return None
    with open_video(path) as video:
        first = next(_decoded(video), None)
    if first is None or first.pts != pts[0]:
        return None
    key_pts = np.array([key[0] for key in keys], np.int64)
    return FrameTable(pts, np.searchsorted(pts, key_pts), key_pts)


def frames_from(path: str | Path, start_frame: int = 0, *, threads: int = 1) -> Iterator[Decoded]:
    """Frames of a file from `start_frame` on, in presentation order.

    Raises:
        MediaError: as `probe`; and after the last good frame of a damaged or truncated file, with the number of
            frames that were decoded.
    """
    table = read_frame_table(path) if start_frame >= SEEK_WORTH_FRAMES and Path(path).is_file() else None
    if table is not None and start_frame < len(table.pts):
        key = int(np.searchsorted(table.key_index, start_frame, side="right")) - 1
        for earlier in _KEYFRAMES_TRIED:
            if key - earlier > 0:
                try:
                    yield from _frames_after_seek(path, table, key - earlier, start_frame, threads)
                    return
                except _NotWhereExpected:
                    continue
    with open_video(path, threads=threads) as video:
        for decoded in _decoded(video):
            if decoded.index >= start_frame:
                yield decoded


def _frames_after_seek(
    path: str | Path, table: FrameTable, key: int, start_frame: int, threads: int
) -> Iterator[Decoded]:
    with open_video(path, threads=threads) as video:
        try:
            video.container.seek(int(table.key_pts[key]), stream=video.stream, backward=True)
        except av.FFmpegError as error:
            raise _NotWhereExpected from error
        expected = start_frame
        for decoded in _decoded(video, repair=False):
            if decoded.pts < table.pts[start_frame]:
                continue
            if expected >= len(table.pts) or decoded.pts != table.pts[expected]:
                if expected > start_frame:  # frames went out already: numbers from here on cannot be told
                    raise MediaError(path, f"is damaged after frame {expected - 1}: timestamps do not match its index")
                raise _NotWhereExpected
            yield replace(decoded, index=expected)
            expected += 1
        if expected == start_frame:
            raise _NotWhereExpected


class _Clock:
    """Timestamps that rise strictly: missing ones are continued by one frame, repeated ones moved by one tick."""

    def __init__(self, stream: Any) -> None:
        self.time_base = stream.time_base
        rate = stream.average_rate or stream.guessed_rate or 25
        self.step = max(1, round(1 / (float(rate) * float(self.time_base))))
        self.last: int | None = None

    def stamp(self, frame: Any) -> int:
        pts = frame.pts if frame.pts is not None else frame.dts
        if self.last is None:
            pts = 0 if pts is None else pts
        elif frame.pts is None and (pts is None or pts <= self.last):
            pts = self.last + self.step
        elif pts <= self.last:
            pts = self.last + 1
        self.last = int(pts)
        return self.last


def _decoded(video: OpenVideo, *, repair: bool = True) -> Iterator[Decoded]:
    """All frames that the decoder gives from where the file stands; then one `MediaError` if any part was lost."""
    missing, _ = promised_bytes_missing(video.path)
    clock = _Clock(video.stream)
    time_base = float(video.stream.time_base)
    count, lost = 0, 0
    reason = f"is truncated: {missing} bytes are missing at its end" if missing else ""
    for packet in _packets(video):
        if isinstance(packet, av.FFmpegError):
            reason = reason or f"cannot be read on ({packet.strerror})"
            continue
        if missing and packet is not None and packet.is_corrupt:
            continue
        try:
            frames = video.stream.codec_context.decode(packet)
        except av.FFmpegError as error:
            lost += count > 0  # a recording that begins inside a group of pictures is not damaged
            reason = reason or (f"is damaged ({error.strerror})" if count else "")
            continue
        for frame in frames:
            pts = clock.stamp(frame) if repair else (frame.pts if frame.pts is not None else -(2**62))
            yield Decoded(count, pts, pts * time_base, frame)
            count += 1
    if reason:
        detail = f", {lost} packets could not be decoded" if lost else ""
        raise MediaError(video.path, f"{reason}; {count} frames were decoded{detail}")
    if count == 0 and repair:
        raise MediaError(video.path, "holds a video stream but no frame that can be decoded")


def _packets(video: OpenVideo) -> Iterator[Any]:
    """Packets, then None (flush); an error of the container is handed on as a value, before the flush."""
    packets = video.container.demux(video.stream)
    try:
        for packet in packets:
            if packet.size:
                yield packet
    except av.FFmpegError as error:
        yield error
    yield None
