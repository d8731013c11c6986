"""Stills of a clip for a vision-language model: equally spaced, in one grid picture or one by one, as JPEG."""

from __future__ import annotations

from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray

from dropletvideo import media
from dropletvideo.media.images import jpeg_bytes

Layout = Literal["grid", "frames"]
GRID_COLUMNS = 4
BORDER = 8
WHITE = 255


def spaced_frames(start_frame: int, end_frame: int, count: int) -> list[int]:
    """Frame numbers in the middle of `count` equal parts of a span (end exclusive); a shorter span repeats some."""
    length = end_frame - start_frame
    return [start_frame + min(length - 1, int((place + 0.5) * length / count)) for place in range(count)]


def grid_shape(count: int) -> tuple[int, int]:
    """(rows, columns) of a grid; 8 stills are 2 rows of 4."""
    columns = min(GRID_COLUMNS, count)
    return -(-count // columns), columns


def grid_picture(frames: NDArray[np.uint8]) -> NDArray[np.uint8]:
    """F,H,W,3 uint8 stills in one H',W',3 picture: left to right, then the next row, white borders all round."""
    count, height, width, _ = frames.shape
    rows, columns = grid_shape(count)
    shape = (rows * (height + BORDER) + BORDER, columns * (width + BORDER) + BORDER, 3)
    picture = np.full(shape, WHITE, np.uint8)
    for number, frame in enumerate(frames):
        top = BORDER + number // columns * (height + BORDER)
        left = BORDER + number % columns * (width + BORDER)
        picture[top : top + height, left : left + width] = frame
    return picture


def stills_of(path: str, row: Any, *, count: int, short_side: int, layout: Layout) -> tuple[bytes, ...]:
    """JPEG files of a clip's stills: one grid, or `count` of them in order.

    Args:
        path: the video; only the stills are decoded, from the keyframe before each.
        row: with `start_frame` and `end_frame` (exclusive).
        count: how many stills.
        short_side: of each still in pixels; smaller videos keep their size.
        layout: "grid" or "frames".

    Raises:
        MediaError: a frame cannot be read.
    """
    own = min(row.get("height") or short_side, row.get("width") or short_side)
    wanted = spaced_frames(int(row["start_frame"]), int(row["end_frame"]), count)
    frames = media.read_frames(path, wanted, short_side=min(short_side, own))
    pictures = [grid_picture(frames)] if layout == "grid" else list(frames)
    return tuple(jpeg_bytes(picture) for picture in pictures)
