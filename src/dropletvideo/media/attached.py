"""Pictures inside a video file: PNG streams marked as attached, which players show as cover art or not at all."""

from __future__ import annotations

import io
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import av
import numpy as np
from av.stream import Disposition
from numpy.typing import NDArray
from PIL import Image

from dropletvideo.errors import MediaError, RequestError
from dropletvideo.media.opening import ATTACHED_PICTURE, open_video

PICTURE_SUFFIXES = (".mp4", ".m4v", ".mov")


def png_bytes(picture: NDArray[np.uint8]) -> bytes:
    """H,W,3 uint8 as PNG; the same pixels give the same bytes."""
    if picture.dtype != np.uint8 or picture.ndim != 3 or picture.shape[2] != 3:
        raise RequestError(f"picture of shape {picture.shape} and type {picture.dtype}: need HWC uint8 RGB")
    buffer = io.BytesIO()
    Image.fromarray(np.ascontiguousarray(picture)).save(buffer, "PNG")
    return buffer.getvalue()


def png_pixels(data: bytes, source: str | Path) -> NDArray[np.uint8]:
    """H,W,3 uint8 of a PNG.

    Raises:
        MediaError: the bytes are no image.
    """
    try:
        with Image.open(io.BytesIO(data)) as image:
            return np.array(image.convert("RGB"))
    except (OSError, SyntaxError, ValueError) as error:
        raise MediaError(source, f"holds an attached picture that cannot be read ({error})") from error


def add_picture_streams(container: Any, pictures: Sequence[NDArray[np.uint8]]) -> list[av.Packet]:
    """One attached stream per picture; gives the packets to mux once every stream is known."""
    packets = []
    for picture in pictures:
        data = png_bytes(picture)
        stream = container.add_stream("png")
        stream.height, stream.width = picture.shape[:2]
        stream.pix_fmt = "rgb24"
        stream.disposition = Disposition.attached_pic
        packet = av.Packet(data)
        packet.stream = stream
        packet.pts = packet.dts = 0
        packet.is_keyframe = True
        packets.append(packet)
    return packets


def read_pictures(path: str | Path) -> list[NDArray[np.uint8]]:
    """The attached pictures of a file in the order in which they were given, H,W,3 uint8 each; none gives [].

    Raises:
        MediaError: the file cannot be read.
    """
    with open_video(path) as video:
        streams = [s for s in video.container.streams.video if int(s.disposition) & ATTACHED_PICTURE]
        if not streams:
            return []
        found: dict[int, bytes] = {}
        try:
            for packet in video.container.demux(*streams):
                if packet.size:
                    found.setdefault(packet.stream.index, bytes(packet))
                if len(found) == len(streams):
                    break
        except av.FFmpegError as error:
            raise MediaError(path, f"attached pictures cannot be read ({error.strerror})") from error
        return [png_pixels(found[stream.index], path) for stream in streams if stream.index in found]
