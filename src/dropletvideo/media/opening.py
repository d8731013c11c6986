"""Opening a video file: what is in it, and one plain reason when nothing is."""

from __future__ import annotations

import json
import os
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import av
import numpy as np

from dropletvideo.errors import MediaError

VIDEO_SUFFIXES = frozenset(
    [
        ".mp4",
        ".m4v",
        ".mov",
        ".mkv",
        ".webm",
        ".avi",
        ".mpg",
        ".mpeg",
        ".ts",
        ".m2ts",
        ".mts",
        ".wmv",
        ".flv",
        ".3gp",
        ".ogv",
        ".vob",
        ".mxf",
        ".y4m",
    ]
)
IMAGE_SUFFIXES = frozenset([".png", ".jpg", ".jpeg", ".webp", ".bmp", ".tif", ".tiff"])

METADATA_KEY = "dropletvideo"
ATTACHED_PICTURE = 0x0400
_MP4_BOXES = frozenset(
    (b"ftyp", b"moov", b"mdat", b"moof", b"free", b"skip", b"wide", b"styp", b"sidx", b"mfra", b"uuid")
)


@dataclass(frozen=True, kw_only=True)
class VideoInfo:
    """What a file says of itself, without decoding more than its first frame.

    Attributes:
        height, width: pixels after rotation.
        rotation: degrees counter-clockwise by which stored frames are turned for display (0, 90, 180 or 270).
        source_fps: average frames per second from the timestamps where the container lists them.
        num_frames: the container's claim; None when it makes none.
        is_variable_rate: None when the container does not list its timestamps.
        metadata: tags of the container, keys in lower case.
    """

    path: str
    codec: str
    pixel_format: str
    width: int
    height: int
    rotation: int
    source_fps: float
    num_frames: int | None
    duration_seconds: float
    time_base: str
    has_audio: bool
    is_variable_rate: bool | None
    size_bytes: int
    metadata: dict[str, str]


@dataclass
class OpenVideo:
    """An open file and its video stream. `true_size` is (height, width) of a file of ours that was padded to even."""

    path: Path
    container: Any
    stream: Any
    true_size: tuple[int, int] | None


def scratch_path(target: Path) -> Path:
    """A hidden name beside `target`, of this process, with its suffix (encoders choose their format by it)."""
    return target.with_name(f".{target.stem[:80]}.{os.getpid()}.partial{target.suffix}")


def check_file(path: str | Path) -> Path:
    """`path` as a readable, non-empty file, or a `MediaError` that says what it is instead."""
    source = Path(path)
    try:
        if source.is_dir():
            raise MediaError(source, "is a folder, not a file")
        if source.stat().st_size == 0:
            raise MediaError(source, "is empty (0 bytes)")
        with source.open("rb"):
            return source
    except FileNotFoundError as error:
        raise MediaError(source, "does not exist") from error
    except PermissionError as error:
        raise MediaError(source, "may not be read: no permission") from error
    except OSError as error:
        raise MediaError(source, f"cannot be read ({error.strerror or error})") from error


@contextmanager
def open_video(path: str | Path, *, threads: int = 1) -> Iterator[OpenVideo]:
    """Open a local file for decoding.

    Text (playlists too) is refused before FFmpeg sees it and only the file protocol is allowed, so that a crafted file
    cannot make the decoder read other files or addresses.

    Raises:
        MediaError: whatever is wrong with the file, in words.
    """
    source = check_file(path)
    _refuse_text(source)
    try:
        container = av.open(f"file:{source}", options={"protocol_whitelist": "file"}, metadata_errors="replace")
    except (av.FFmpegError, OSError, ValueError) as error:
        raise MediaError(source, _why_unopened(source, error)) from error
    try:
        stream = _video_stream(source, container)
        stream.codec_context.thread_count = threads
        stream.codec_context.thread_type = "SLICE" if threads == 1 else "AUTO"
        size = droplet_tag(container.metadata).get("size")
        yield OpenVideo(source, container, stream, (int(size[0]), int(size[1])) if size else None)
    finally:
        container.close()


def _refuse_text(source: Path) -> None:
    with source.open("rb") as file:
        head = file.read(4096)
    try:
        text = head.decode("utf-8")
    except UnicodeDecodeError as error:
        if error.start < len(head) - 4:  # not just a character that the block's end cut in two
            return
        text = head[: error.start].decode("utf-8")
    if text and all(letter.isprintable() or letter in "\r\n\t\f" for letter in text):
        raise MediaError(source, "is text, not a video")


def _why_unopened(source: Path, error: Exception) -> str:
    missing, boxes = promised_bytes_missing(source)
    if boxes and b"moov" not in boxes:
        return "is truncated or was never finished: its index (moov box) is missing"
    if missing:
        return f"is truncated: {missing} bytes are missing at its end"
    return f"is not a video that FFmpeg can read ({getattr(error, 'strerror', None) or error})"


def _video_stream(source: Path, container: Any) -> Any:
    streams = [stream for stream in container.streams.video if not int(stream.disposition) & ATTACHED_PICTURE]
    if not streams:
        missing, _ = promised_bytes_missing(source)
        if missing:
            raise MediaError(source, f"is truncated: {missing} bytes are missing at its end")
        only_audio = ", only audio" if container.streams.audio else ""
        raise MediaError(source, f"holds no video stream{only_audio}")
    stream = max(streams, key=lambda stream: (stream.width or 0) * (stream.height or 0))
    if stream.codec_context is None:
        raise MediaError(source, "is in a video codec that this FFmpeg cannot decode")
    return stream


def promised_bytes_missing(source: Path) -> tuple[int, list[bytes]]:
    """(bytes that the file's own structure promises beyond its end, top-level mp4 boxes seen).

    Reads mp4/mov boxes, the Matroska segment size and the RIFF size; formats without such a promise give 0.
    """
    size = source.stat().st_size
    with source.open("rb") as file:
        head = file.read(64)
        if head[:4] == b"\x1a\x45\xdf\xa3":
            return max(0, _matroska_end(head) - size), []
        if head[:4] == b"RIFF":
            return max(0, int.from_bytes(head[4:8], "little") + 8 - size), []
        boxes: list[bytes] = []
        offset = 0
        while offset < size:
            file.seek(offset)
            header = file.read(16)
            kind, length = header[4:8], int.from_bytes(header[:4], "big")
            if kind not in _MP4_BOXES and not (boxes and kind.isalnum()):
                break
            if length == 1:
                length = int.from_bytes(header[8:16], "big")
            boxes.append(kind)
            if length < 8:  # 0 means "to the end of the file"
                break
            offset += length
        known = bool(boxes) and boxes[-1] in _MP4_BOXES
        return (max(0, offset - size) if known else 0), boxes


def _matroska_end(head: bytes) -> int:
    def variable_integer(at: int) -> tuple[int, int]:
        length = 9 - head[at].bit_length()
        value = int.from_bytes(head[at : at + length], "big") & ((1 << 7 * length) - 1)
        return (-1 if value == (1 << 7 * length) - 1 else value), at + length

    try:
        header_size, after = variable_integer(4)
        segment = after + header_size
        if head[segment : segment + 4] != b"\x18\x53\x80\x67":
            return 0
        segment_size, body = variable_integer(segment + 4)
    except IndexError:
        return 0
    return 0 if segment_size < 0 else body + segment_size


def droplet_tag(metadata: Mapping[str, str]) -> dict[str, Any]:
    """Our own JSON tag `{"dropletvideo": user's metadata, "size": [height, width]}`, or an empty dictionary."""
    for key, value in metadata.items():
        if key.lower() == "comment" and value.startswith("{"):
            try:
                tag = json.loads(value)
            except ValueError:
                continue
            if isinstance(tag, dict) and METADATA_KEY in tag:
                return tag
    return {}


def quarter_turns(frame: Any) -> int:
    """Counter-clockwise quarter turns that bring a decoded frame upright."""
    return round((frame.rotation or 0) / 90) % 4


def probe(path: str | Path) -> VideoInfo:
    """What a file holds, from its headers and its first frame.

    Raises:
        MediaError: missing, a folder, no permission, empty, text, no video stream, no frame, not decodable, or
            truncated (fewer bytes than its own structure promises).
    """
    with open_video(path) as video:
        frame = _first_frame(video)
        missing, _ = promised_bytes_missing(video.path)
        if missing:
            raise MediaError(path, f"is truncated: {missing} bytes are missing at its end")
        stream = video.stream
        height, width = video.true_size or (frame.height, frame.width)
        turns = quarter_turns(frame)
        if turns % 2:
            height, width = width, height
        rate, is_variable, duration = _timing(video)
        return VideoInfo(
            path=str(path),
            codec=str(stream.codec_context.name),
            pixel_format=str(frame.format.name),
            width=width,
            height=height,
            rotation=turns * 90,
            source_fps=rate,
            num_frames=stream.frames or None,
            duration_seconds=duration,
            time_base=str(stream.time_base),
            has_audio=bool(video.container.streams.audio),
            is_variable_rate=is_variable,
            size_bytes=video.path.stat().st_size,
            metadata={key.lower(): value for key, value in video.container.metadata.items()},
        )


def _first_frame(video: OpenVideo) -> Any:
    reason = "holds a video stream but no frame"
    try:
        for packet in video.container.demux(video.stream):
            try:
                for frame in packet.decode():
                    return frame
            except av.FFmpegError as error:
                reason = f"holds no frame that can be decoded ({error.strerror})"
    except av.FFmpegError as error:
        reason = f"cannot be read to its first frame ({error.strerror})"
    raise MediaError(video.path, reason)


def _timing(video: OpenVideo) -> tuple[float, bool | None, float]:
    """(average frames per second, variable or not, duration in seconds)."""
    stream = video.stream
    duration = _claimed_duration(video)
    entries = stream.index_entries
    if len(entries) == stream.frames > 1:  # the container lists every frame, in decoding order
        steps = np.diff([entry.timestamp for entry in entries])
        tolerance = max(1.0, 0.02 * float(np.median(steps)))
        is_variable = bool(np.abs(steps - np.median(steps)).max() > tolerance)
        if not is_variable:
            rate = float(len(steps) / (int(steps.sum()) * stream.time_base))
            return rate, False, len(entries) / rate if duration is None else duration
    elif stream.average_rate and duration is not None:
        return float(stream.average_rate), None, duration
    count, ticks = _packet_ticks(video)
    span = float((ticks[-1] - ticks[0]) * stream.time_base) if len(ticks) > 1 else 0.0
    rate = (len(ticks) - 1) / span if span > 0 else float(stream.guessed_rate or stream.average_rate or 25)
    return rate, (True if len(entries) > 1 else None), count / rate if duration is None else duration


def _claimed_duration(video: OpenVideo) -> float | None:
    if video.stream.duration:
        return float(video.stream.duration * video.stream.time_base)
    if video.container.duration:
        return float(video.container.duration / av.time_base)
    return None


def _packet_ticks(video: OpenVideo) -> tuple[int, list[int]]:
    """(number of packets, their timestamps in order, as far as they have one), read without decoding."""
    count, ticks = 0, []
    with open_video(video.path) as fresh:
        try:
            for packet in fresh.container.demux(fresh.stream):
                count += packet.size > 0
                if packet.size and packet.pts is not None:
                    ticks.append(packet.pts)
        except av.FFmpegError as error:
            raise MediaError(video.path, f"cannot be read to its end ({error.strerror})") from error
    return count, sorted(ticks)
