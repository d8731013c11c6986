"""Which frames of a training window are given to the model: the first, both ends, an opening, or any few.

The mask kinds "keep the first frames" and "keep first and last" of CogVideoX-Fun's training, drawn for the window as it
is cut (a mask that is drawn before the cut may lose its last frame), and keyframes at any place.
"""

from __future__ import annotations

import hashlib
from collections.abc import Sequence

import numpy as np
import torch
from pydantic import BaseModel, ConfigDict, Field, model_validator
from torch import Tensor

from dropletvideo.shapes import TEMPORAL_COMPRESSION as STEP

Given = tuple[int, ...]
FIRST: Given = (0,)
MOST_KEYFRAMES = 3


class GivenConfig(BaseModel):
    """Shares of the windows, adding up to 1.

    `first`: image-to-video. `ends`: first and last frame. `opening`: the first `4k + 1` frames up to half of the
    window, which is how a video is continued. `keyframes`: one to three frames anywhere.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    first: float = Field(default=1.0, ge=0, le=1)
    ends: float = Field(default=0.0, ge=0, le=1)
    opening: float = Field(default=0.0, ge=0, le=1)
    keyframes: float = Field(default=0.0, ge=0, le=1)

    @model_validator(mode="after")
    def _whole(self) -> GivenConfig:
        total = self.first + self.ends + self.opening + self.keyframes
        if abs(total - 1) > 1e-6:
            raise ValueError(f"shares of given frames add up to {total:g}: they must add up to 1")
        return self


def draw_given(config: GivenConfig, clip_id: str, count: int, num_frames: int, *, seed: int) -> list[Given]:
    """Given frame numbers, ascending, of each of `count` windows of a clip; other clips have no say in them."""
    digest = int.from_bytes(hashlib.blake2b(clip_id.encode(), digest_size=8).digest(), "big")
    rng = np.random.default_rng([seed, digest, 1])
    shares = [config.first, config.ends, config.opening, config.keyframes]
    kinds = rng.choice(len(shares), size=count, p=np.array(shares) / sum(shares))
    return [_drawn(int(kind), num_frames, rng) for kind in kinds]


def _drawn(kind: int, num_frames: int, rng: np.random.Generator) -> Given:
    if kind == 0 or num_frames == 1:
        return FIRST
    if kind == 1:
        return (0, num_frames - 1)
    if kind == 2:
        steps = int(rng.integers(1, max((num_frames - 1) // 2 // STEP, 1) + 1))
        return tuple(range(min(steps * STEP + 1, num_frames)))
    count = int(rng.integers(1, min(MOST_KEYFRAMES, num_frames) + 1))
    return tuple(sorted(int(frame) for frame in rng.choice(num_frames, count, replace=False)))


def given_mask(given: Sequence[Given], pixels_BCFHW: Tensor) -> Tensor:
    """Mask B,1,F,H,W of pixels: 0 on given frames, 1 where the model must generate."""
    mask = torch.ones_like(pixels_BCFHW[:, :1])
    for row, frames in enumerate(given):
        mask[row, :, list(frames)] = 0
    return mask
