"""Frames that a request hands to the model: a first or last image, keyframes, the end of a video."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any, TypeAlias

import numpy as np
import torch
from numpy.typing import NDArray
from PIL import Image
from torch import Tensor

from dropletvideo.errors import RequestError
from dropletvideo.generate.request import ImageInput, Settings, as_picture
from dropletvideo.media import Fit, fit_image, stream

VideoInput: TypeAlias = str | Path | NDArray[np.uint8] | Sequence[ImageInput]
Keyframes: TypeAlias = Mapping[int | str, ImageInput]
GivenFrames: TypeAlias = Mapping[int, Tensor]
"""Number in the video to the frame's pixels 3,H,W in [-1, 1]."""
RUN_FRAMES = 16


def given_frames(
    settings: Settings,
    image: ImageInput | None = None,
    last_image: ImageInput | None = None,
    keyframes: Keyframes | None = None,
) -> dict[int, Tensor]:
    """The frames that images give, by number; a negative number counts from the end.

    Raises:
        RequestError: a number beyond the video, or a frame given twice.
        MediaError: an image that cannot be read.
    """
    wanted: list[tuple[int, ImageInput]] = [(0, image)] if image is not None else []
    wanted += [(_number(key, settings.num_frames), picture) for key, picture in (keyframes or {}).items()]
    wanted += [(settings.num_frames - 1, last_image)] if last_image is not None else []
    given: dict[int, Tensor] = {}
    for number, picture in wanted:
        if number in given:
            raise RequestError(
                f"frame {number} is given twice, by image, last_image or keyframes: give each frame once"
            )
        given[number] = as_pixels(fit_image(as_picture(picture), settings.height, settings.width, settings.fit))
    return given


def _number(key: int | str, num_frames: int) -> int:
    try:
        number = int(key)
    except (TypeError, ValueError) as error:
        raise RequestError(f"keyframe {key!r} is no frame number: give {{frame: image}}") from error
    if not -num_frames <= number < num_frames:
        raise RequestError(
            f"keyframe {number} lies outside a video of {num_frames} frames: give 0 to {num_frames - 1}, "
            f"or -1 for the last"
        )
    return number % num_frames


def as_pixels(frame_HWC: NDArray[np.uint8]) -> Tensor:
    """A frame 0..255 as pixels 3,H,W in [-1, 1]."""
    return torch.from_numpy(frame_HWC.copy()).permute(2, 0, 1).float() / 127.5 - 1


def clip_and_mask(given: GivenFrames, num_frames: int, height: int, width: int) -> tuple[Tensor, Tensor]:
    """Pixels 1,3,F,H,W with the given frames in place, and the mask 1,1,F,H,W: 1 where the model must generate."""
    pixels = torch.full((1, 3, num_frames, height, width), -1.0)
    mask = torch.ones(1, 1, num_frames, height, width)
    for number, frame in given.items():
        pixels[0, :, number] = frame
        mask[0, :, number] = 0
    return pixels, mask


class GivenVideo:
    """A video to go on from, read when its frames are asked for.

    Args:
        source: a path, frames F,H,W,3 uint8, or a list of images.
        height: of the frames it gives.
        width: of the frames it gives.
        fit: how frames are brought to size.

    Raises:
        MediaError: the file cannot be read, or an image of the list.
        RequestError: no frame.
    """

    def __init__(self, source: VideoInput, height: int, width: int, fit: Fit) -> None:
        self.source, self.size, self.fit = source, (height, width), fit
        self.num_frames = sum(len(run) for run in self._raw()) if isinstance(source, str | Path) else len(source)
        if not self.num_frames:
            raise RequestError("video has no frame: give at least one")

    def frames(self, start: int, end: int) -> Iterator[NDArray[np.uint8]]:
        """Frames `start` to `end` (exclusive) as runs F,H,W,3 of the asked size."""
        at = 0
        for run in self._raw():
            wanted = run[max(start - at, 0) : max(end - at, 0)]
            at += len(run)
            if len(wanted):
                yield np.stack([fit_image(as_picture(_picture(frame)), *self.size, self.fit) for frame in wanted])
            if at >= end:
                return

    def _raw(self) -> Iterator[Any]:
        if isinstance(self.source, str | Path):
            yield from (run.frames for run in stream(self.source, chunk_frames=RUN_FRAMES))
        else:
            for at in range(0, len(self.source), RUN_FRAMES):
                yield self.source[at : at + RUN_FRAMES]


def _picture(frame: Any) -> Any:
    return frame if isinstance(frame, Image.Image | str | Path) else np.asarray(frame, np.uint8)
