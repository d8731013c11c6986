"""Copying a span of frames as it is coded, without decoding loss, where that gives exactly these frames.

A span can be copied when it begins on a keyframe and its packets stand together in coding order: no packet of an
earlier frame (an open group of pictures) and none of a later one (a reference behind the end) lies between them.
Whether the copy then holds the very frames is proven by decoding it beside the source; a copy that fails is removed.
"""

from __future__ import annotations

import json
import os
from collections.abc import Iterator, Mapping
from itertools import zip_longest
from pathlib import Path
from typing import Any

import av
import numpy as np

from dropletvideo.errors import MediaError
from dropletvideo.media.opening import METADATA_KEY, droplet_tag, open_video, scratch_path
from dropletvideo.media.seeking import Decoded, FrameTable, frames_from, read_frame_table

COPIED_CODECS = frozenset(("h264", "hevc", "av1", "libdav1d", "vp9", "mpeg4"))


def copy_span(
    path: str | Path, target: str | Path, start_frame: int, end_frame: int, *, metadata: Mapping[str, Any] | None = None
) -> bool:
    """Write frames `start_frame` to `end_frame` (exclusive) of a video to an mp4 file by copying its packets.

    Args:
        path: the source.
        target: an mp4 file; it appears only when it is proven.
        metadata: comes back from `read_metadata`.

    Returns:
        Whether the file was written; False when copying would not give exactly these frames.

    Raises:
        MediaError: the target cannot be written.
    """
    table = read_frame_table(path)
    if table is None or start_frame not in table.key_index or not start_frame < end_frame <= len(table.pts):
        return False
    goal = Path(target)
    goal.parent.mkdir(parents=True, exist_ok=True)
    scratch = scratch_path(goal)
    try:
        if not _copied(path, scratch, table, start_frame, end_frame, metadata):
            return False
        if not _same_frames(path, scratch, start_frame, end_frame):
            return False
        os.replace(scratch, goal)  # noqa: PTH105 - one atomic call
    except OSError as error:
        if isinstance(error, av.FFmpegError):  # a container that cannot hold these packets
            return False
        raise MediaError(goal, f"cannot be written ({error.strerror or error})") from error
    finally:
        scratch.unlink(missing_ok=True)
    return True


def _copied(
    path: str | Path, scratch: Path, table: FrameTable, start: int, end: int, metadata: Mapping[str, Any] | None
) -> bool:
    with open_video(path) as video:
        if video.stream.codec_context.name not in COPIED_CODECS:
            return False
        tag: dict[str, Any] = {METADATA_KEY: dict(metadata or {})}
        if "size" in (known := droplet_tag(video.container.metadata)):
            tag["size"] = known["size"]
        video.container.seek(int(table.pts[start]), stream=video.stream, backward=True)
        with av.open(f"file:{scratch}", "w", format="mp4", container_options={"movflags": "+faststart"}) as container:
            container.metadata["comment"] = json.dumps(tag, ensure_ascii=False, sort_keys=True)
            stream = container.add_stream_from_template(video.stream)
            stream.time_base = video.stream.time_base
            count = 0
            for packet in _packets_of(video, {int(pts) for pts in table.pts[start:end]}, int(table.pts[start])):
                if packet is None:
                    return False
                packet.pts -= int(table.pts[start])
                packet.dts = None if packet.dts is None else packet.dts - int(table.pts[start])
                packet.stream = stream
                container.mux(packet)
                count += 1
    return count == end - start


def _packets_of(video: Any, wanted: set[int], first: int) -> Iterator[Any]:
    """Packets of the wanted timestamps in coding order; None where another one stands between them."""
    begun = False
    for packet in video.container.demux(video.stream):
        if packet.size == 0 or packet.is_discard:
            continue
        begun = begun or (packet.pts == first and packet.is_keyframe)
        if not begun:
            continue
        if packet.pts not in wanted:
            yield None
            return
        wanted.remove(packet.pts)
        yield packet
        if not wanted:
            return


def _same_frames(source: str | Path, copy: Path, start: int, end: int) -> bool:
    """Decode both; every frame has the same pixels, turn and time after the first."""
    first: tuple[float, float] | None = None
    try:
        theirs = _until(frames_from(source, start), end - start)
        for a, b in zip_longest(theirs, frames_from(copy)):
            if a is None or b is None:
                return False
            first = first or (a.seconds, b.seconds)
            tolerance = 1e-3 + 1e-6 * a.seconds
            if abs((a.seconds - first[0]) - (b.seconds - first[1])) > tolerance:
                return False
            if a.frame.rotation != b.frame.rotation or a.frame.format.name != b.frame.format.name:
                return False
            if not np.array_equal(a.frame.to_ndarray(), b.frame.to_ndarray()):
                return False
    except (MediaError, ValueError, av.FFmpegError):  # a pixel format without an array, or a copy that does not decode
        return False
    return first is not None


def _until(frames: Iterator[Decoded], count: int) -> Iterator[Decoded]:
    for number, frame in enumerate(frames, 1):
        yield frame
        if number == count:
            return
