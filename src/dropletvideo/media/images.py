"""Still images, and resizing of frames that are already in memory."""

from __future__ import annotations

import io
import os
from pathlib import Path
from typing import Literal

import cv2
import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageOps, UnidentifiedImageError

from dropletvideo.errors import MediaError, RequestError
from dropletvideo.media.opening import check_file, scratch_path

Fit = Literal["crop", "pad", "stretch"]
FITS: tuple[Fit, ...] = ("crop", "pad", "stretch")


def target_size(
    height: int, width: int, *, short_side: int | None = None, size: tuple[int, int] | None = None
) -> tuple[int, int]:
    """(height, width) after resizing: `size` as given, or the shorter side made `short_side` and the shape kept."""
    if size is not None:
        if short_side is not None:
            raise RequestError(f"short_side={short_side} and size={size} are both given: give one")
        wanted_height, wanted_width = size
        if min(wanted_height, wanted_width) < 1:
            raise RequestError(f"size={size} has a side below 1 pixel: give (height, width) of 1 or more")
        return int(wanted_height), int(wanted_width)
    if short_side is None:
        return height, width
    if short_side < 1:
        raise RequestError(f"short_side={short_side} is below 1 pixel: give 1 or more, or None to keep the size")
    scale = short_side / min(height, width)
    return max(1, round(height * scale)), max(1, round(width * scale))


def resize(
    frames: NDArray[np.uint8], *, short_side: int | None = None, size: tuple[int, int] | None = None
) -> NDArray[np.uint8]:
    """Resize FHWC or HWC frames to `size` (height, width) or to a short side: area filter down, bicubic up."""
    height, width = frames.shape[-3:-1]
    new_height, new_width = target_size(height, width, short_side=short_side, size=size)
    if (new_height, new_width) == (height, width):
        return frames
    if frames.ndim == 3:
        return _resize_one(frames, new_height, new_width)
    resized = np.empty((len(frames), new_height, new_width, frames.shape[-1]), np.uint8)
    for index, frame in enumerate(frames):
        resized[index] = _resize_one(frame, new_height, new_width)
    return resized


def _resize_one(frame: NDArray[np.uint8], height: int, width: int) -> NDArray[np.uint8]:
    shrinks = height * width < frame.shape[0] * frame.shape[1]
    method = cv2.INTER_AREA if shrinks else cv2.INTER_CUBIC
    resized = cv2.resize(np.ascontiguousarray(frame), (width, height), interpolation=method)
    return np.asarray(resized, np.uint8).reshape(height, width, frame.shape[2])


def fit_image(image: NDArray[np.uint8], height: int, width: int, fit: Fit = "crop") -> NDArray[np.uint8]:
    """An HWC uint8 RGB image at `height` x `width` (bicubic, with a low-pass when it shrinks).

    "crop" keeps the aspect and cuts what hangs over, "pad" keeps it and adds black borders, "stretch" is DropletVideo's
    released way: both sides to size, aspect lost.

    Raises:
        RequestError: `fit` is unknown.
    """
    if fit not in FITS:
        raise RequestError(f"fit={fit!r} is unknown: one of {', '.join(FITS)}")
    if fit == "stretch":
        return _bicubic(image, height, width)
    ratios = (height / image.shape[0], width / image.shape[1])
    scale = max(ratios) if fit == "crop" else min(ratios)
    rows, columns = round(image.shape[0] * scale), round(image.shape[1] * scale)
    if fit == "crop":
        rows, columns = max(rows, height), max(columns, width)
        top, left = (rows - height) // 2, (columns - width) // 2
        return _bicubic(image, rows, columns)[top : top + height, left : left + width]
    rows, columns = max(rows, 1), max(columns, 1)
    top, left = (height - rows) // 2, (width - columns) // 2
    canvas = np.zeros((height, width, 3), np.uint8)
    canvas[top : top + rows, left : left + columns] = _bicubic(image, rows, columns)
    return canvas


def _bicubic(image: NDArray[np.uint8], height: int, width: int) -> NDArray[np.uint8]:
    if image.shape[:2] == (height, width):
        return image
    return np.array(Image.fromarray(image).resize((width, height), Image.Resampling.BICUBIC))


def read_image(path: str | Path) -> NDArray[np.uint8]:
    """An image as HWC uint8 RGB, turned upright by its EXIF tag; transparency is laid on white.

    Raises:
        MediaError: the file is missing, empty, or not an image.
    """
    source = check_file(path)
    try:
        with Image.open(source) as image:
            upright = ImageOps.exif_transpose(image)
            if upright.mode in ("RGBA", "LA", "PA") or "transparency" in upright.info:
                upright = upright.convert("RGBA")
                ground = Image.new("RGBA", upright.size, (255, 255, 255, 255))
                upright = Image.alpha_composite(ground, upright)
            return np.array(upright.convert("RGB"))
    except (UnidentifiedImageError, OSError, SyntaxError, ValueError) as error:
        raise MediaError(source, f"is not an image that can be read ({error}); give a PNG, JPEG or WebP") from error


def jpeg_bytes(picture: NDArray[np.uint8], quality: int = 90) -> bytes:
    """HWC uint8 RGB as a JPEG file in memory; the same pixels give the same bytes."""
    if picture.dtype != np.uint8 or picture.ndim != 3 or picture.shape[2] != 3:
        raise RequestError(f"picture of shape {picture.shape} and type {picture.dtype}: need HWC uint8 RGB")
    buffer = io.BytesIO()
    Image.fromarray(np.ascontiguousarray(picture)).save(buffer, "JPEG", quality=quality)
    return buffer.getvalue()


def write_image(path: str | Path, frame: NDArray[np.uint8]) -> None:
    """Write HWC RGB (or HW, HW1 gray) under the format that the suffix names; temporary name, then rename."""
    target = Path(path)
    if target.suffix.lower() not in Image.registered_extensions():
        raise MediaError(target, f"suffix {target.suffix!r} names no image format; use .png, .jpg or .webp")
    plain = frame[..., 0] if frame.ndim == 3 and frame.shape[2] == 1 else frame
    target.parent.mkdir(parents=True, exist_ok=True)
    scratch = scratch_path(target)
    try:
        Image.fromarray(np.ascontiguousarray(plain)).save(scratch)
        os.replace(scratch, target)  # noqa: PTH105 - one atomic call, same name in every file here
    except (OSError, ValueError) as error:
        raise MediaError(target, f"cannot be written ({error})") from error
    finally:
        scratch.unlink(missing_ok=True)
