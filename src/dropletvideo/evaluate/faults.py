"""Faults of growing size, put into videos whose truth is known: what a metric must see, or must not mind.

Each takes the frames F,H,W,3 of a rendered clip and a level from 0 (nothing) to 1 (`largest`), and is the same for the
same seed. Sizes in pixels are those at short side 256. Faults of the scene itself (warp, depth drift, an identity that
changes out of view) are rendered by `world/inconsistency.py`.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass

import cv2
import numpy as np
from numpy.typing import NDArray

from dropletvideo import media

Frames = NDArray[np.uint8]
SHORT_SIDE = 256.0
JITTER_PX, JITTER_DEGREES = 4.0, 0.8
GAIN, FROZEN_SHARE, NOISE_DEVIATION, BLUR_PX, LEAST_SIZE = 0.2, 0.6, 24.0, 6.0, 0.5


@dataclass(frozen=True)
class Clip:
    """A rendered clip: frames F,H,W,3, and the seed of what is drawn at random."""

    frames: Frames
    seed: int

    @property
    def scale(self) -> float:
        """Pixels of this clip for one pixel at short side 256."""
        return float(min(self.frames.shape[1:3])) / SHORT_SIDE

    def generator(self) -> np.random.Generator:
        """Random numbers of this clip, the same at every level, so that a fault grows and does not change."""
        return np.random.default_rng(self.seed)


def flicker(clip: Clip, level: float) -> Frames:
    """Brightness of each frame but the first raised or lowered by up to 20 %."""
    gains = 1.0 + level * GAIN * clip.generator().uniform(-1, 1, len(clip.frames))
    gains[0] = 1.0
    return np.clip(clip.frames * gains[:, None, None, None] + 0.5, 0, 255).astype(np.uint8)


def freeze(clip: Clip, level: float) -> Frames:
    """From its middle on, the video stands still for up to 60 % of its frames and then jumps to where it should be."""
    count = len(clip.frames)
    held = round(level * FROZEN_SHARE * (count - 1))
    start = max(0, (count - held) // 2)
    order = np.arange(count)
    order[start : start + held + 1] = start
    return clip.frames[order]


def jitter(clip: Clip, level: float) -> Frames:
    """Every frame but the first shifted by up to 4 px and turned by up to 0.8 degrees."""
    count, height, width = clip.frames.shape[:3]
    drawn = clip.generator().uniform(-1, 1, (count, 3))
    drawn[0] = 0
    shaken = []
    for frame, (across, down, turn) in zip(clip.frames, drawn, strict=True):
        matrix = cv2.getRotationMatrix2D(((width - 1) / 2, (height - 1) / 2), level * JITTER_DEGREES * turn, 1.0)
        matrix[:, 2] += np.array([across, down]) * level * JITTER_PX * clip.scale
        shaken.append(
            cv2.warpAffine(frame, matrix, (width, height), flags=cv2.INTER_LINEAR, borderMode=cv2.BORDER_REPLICATE)
        )
    return np.stack(shaken).astype(np.uint8)


def noise(clip: Clip, level: float) -> Frames:
    """Gaussian noise of each pixel, deviation up to 24 grey levels."""
    drawn = clip.generator().normal(size=clip.frames.shape).astype(np.float32)
    return np.clip(clip.frames + drawn * (level * NOISE_DEVIATION) + 0.5, 0, 255).astype(np.uint8)


def blur(clip: Clip, level: float) -> Frames:
    """Gaussian blur, deviation up to 6 px."""
    deviation = level * BLUR_PX * clip.scale
    if deviation == 0:
        return clip.frames
    return np.stack([cv2.GaussianBlur(frame, (0, 0), deviation) for frame in clip.frames]).astype(np.uint8)


def size(clip: Clip, level: float) -> Frames:
    """The same video at down to half its height and width."""
    height, width = (2 * round(side * (1 - level * (1 - LEAST_SIZE)) / 2) for side in clip.frames.shape[1:3])
    return media.resize(clip.frames, size=(height, width))


FRAME_FAULTS: Mapping[str, Callable[[Clip, float], Frames]] = {
    "flicker": flicker,
    "freeze": freeze,
    "jitter": jitter,
    "noise": noise,
    "blur": blur,
    "size": size,
}
