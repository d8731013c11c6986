"""From frames to what a network takes, by the ways of the published tools, which differ and give other scores.

`by_tensor` is torchvision's resizing of a float tensor: values are not clamped where bicubic shoots over, and without
`antialias` a shrinking frame is sampled, not averaged; of a tensor of bytes it clamps and rounds (`bytes`).
`by_picture` is Pillow's resizing of 8-bit pictures, which always averages and rounds. Both make the shorter side
`short` long and the longer one `int(short * long / short side)`, or take `size`. Values go in and come out as 0 to 255.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal

import numpy as np
from numpy.typing import NDArray
from PIL import Image

if TYPE_CHECKING:
    import torch

Filter = Literal["bicubic", "bilinear"]
Norm = tuple[tuple[float, float, float], tuple[float, float, float]]
IMAGENET: Norm = ((0.485, 0.456, 0.406), (0.229, 0.224, 0.225))
CLIP: Norm = ((0.48145466, 0.4578275, 0.40821073), (0.26862954, 0.26130258, 0.27577711))
_BATCH = 16


@dataclass(frozen=True, kw_only=True)
class Way:
    """How frames are brought to a network of input side S; see the module text.

    Attributes:
        by: "tensor" (of floats), "bytes" (a tensor of bytes) or "picture".
        method: the filter.
        short_over_side: short side after resizing, over S; the published tools take 1 or 256/224.
        shape: "crop" cuts the square in the middle, "whole" keeps the aspect, "square" squashes to S x S.
        antialias: for tensors; a picture is always averaged.
        norm: mean and deviation, subtracted from values of 0 to 1 and divided into them.
    """

    by: Literal["tensor", "bytes", "picture"]
    method: Filter
    short_over_side: float = 1.0
    shape: Literal["crop", "whole", "square"] = "crop"
    antialias: bool = False
    norm: Norm = ((0.0, 0.0, 0.0), (1.0, 1.0, 1.0))

    def picture(self) -> Way:
        """The same through Pillow: what the tools do with single images."""
        return self if self.by == "picture" else Way(**{**vars(self), "by": "picture"})

    def __call__(self, frames: NDArray[np.uint8], side: int) -> torch.Tensor:
        """F,H,W,3 uint8 to F,3,h,w float32, ready for the network."""
        height, width = frames.shape[1:3]
        short = round(side * self.short_over_side)
        size = (side, side) if self.shape == "square" else short_side_size(height, width, short)
        if self.by == "picture":
            pixels = by_picture(frames, size, self.method)
        else:
            pixels = by_tensor(frames, size, self.method, antialias=self.antialias)
            pixels = pixels.clamp(0, 255).round() if self.by == "bytes" else pixels
        if self.shape == "crop":
            pixels = centre(pixels, side)
        mean, spread = (pixels.new_tensor(values)[:, None, None] for values in self.norm)
        return (pixels / 255 - mean) / spread


def short_side_size(height: int, width: int, short: int) -> tuple[int, int]:
    """(height, width) with the shorter side `short`; the longer one is cut to a whole number."""
    if height <= width:
        return short, int(short * width / height)
    return int(short * height / width), short


def as_tensor(frames: NDArray[np.uint8]) -> torch.Tensor:
    """F,3,H,W float32 of 0 to 255."""
    import torch

    return torch.from_numpy(np.ascontiguousarray(frames.transpose(0, 3, 1, 2))).float()


def by_tensor(
    frames: NDArray[np.uint8], size: tuple[int, int], method: Filter, *, antialias: bool = False
) -> torch.Tensor:
    """F,3,h,w float32; bicubic values may lie below 0 and above 255."""
    import torch
    from torch.nn.functional import interpolate

    if tuple(frames.shape[1:3]) == size:
        return as_tensor(frames)
    parts = [as_tensor(frames[at : at + _BATCH]) for at in range(0, len(frames), _BATCH)]
    resized = [interpolate(part, size, mode=method, align_corners=False, antialias=antialias) for part in parts]
    return torch.cat(resized) if resized else torch.zeros(0, 3, *size)


def by_picture(frames: NDArray[np.uint8], size: tuple[int, int], method: Filter) -> torch.Tensor:
    """F,3,h,w float32 of whole numbers."""
    kind = Image.Resampling.BICUBIC if method == "bicubic" else Image.Resampling.BILINEAR
    pictures = [np.asarray(Image.fromarray(frame).resize(size[::-1], kind)) for frame in frames]
    return as_tensor(np.stack(pictures) if pictures else np.zeros((0, *size, 3), np.uint8))


def centre(pixels: torch.Tensor, side: int) -> torch.Tensor:
    """The square of `side` in the middle of F,3,h,w; ties go to the even number, as torchvision rounds."""
    top, left = (round((length - side) / 2.0) for length in pixels.shape[-2:])
    return pixels[..., top : top + side, left : left + side]
