"""From a clip to training windows: frames of one size, their M, and captions that are true of them."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from typing import Literal

import numpy as np
from numpy.typing import NDArray
from pydantic import BaseModel, ConfigDict, Field, field_validator, model_validator

from dropletvideo.data.clips import TrainingClip
from dropletvideo.data.given import FIRST, Given, GivenConfig, draw_given
from dropletvideo.data.mirror import mirror_caption, mirror_frames
from dropletvideo.data.sampling import FrameSample, Skipped, sample_whole, sample_window
from dropletvideo.errors import MediaError
from dropletvideo.media import resize
from dropletvideo.shapes import LatentShape, PixelShape


class WindowConfig(BaseModel):
    """How windows are taken from clips.

    `span: window` draws M log-uniformly in `motion_range` and takes N/M seconds; `span: whole` is the paper's rule.
    `mirror_share` of the windows are mirrored left-right, words and all. `given` says which frames the model is given.
    `seed` decides every draw.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    num_frames: int = 17
    height: int = 64
    width: int = 64
    span: Literal["window", "whole"] = "window"
    motion_range: tuple[float, float] = (4.0, 32.0)
    windows_per_clip: int = Field(default=4, ge=1)
    trim: float = Field(default=0.1, ge=0, lt=0.5)
    mirror_share: float = Field(default=0.0, ge=0, le=1)
    given: GivenConfig = GivenConfig()
    seed: int = 0

    @field_validator("motion_range")
    @classmethod
    def _ascending(cls, value: tuple[float, float]) -> tuple[float, float]:
        if not 0 < value[0] <= value[1]:
            raise ValueError(f"motion_range={value}: need 0 < least <= greatest")
        return value

    @model_validator(mode="after")
    def _encodable(self) -> WindowConfig:
        LatentShape.of(PixelShape(frames=self.num_frames, height=self.height, width=self.width))
        return self


@dataclass(frozen=True, eq=False)
class Window:
    """One training sample before encoding: `frames` F,H,W,3 uint8 of the configured size; numbers of `given` ones."""

    clip_id: str
    frames: NDArray[np.uint8]
    motion: float
    captions: tuple[str, ...]
    seconds: tuple[float, float]
    given: Given = FIRST


def read_windows(clip: TrainingClip, config: WindowConfig) -> list[Window] | Skipped:
    """Windows of one clip; every needed frame is fetched once. The same clip and configuration give the same windows.

    Raises:
        MediaError: the clip's frames cannot be read.
    """
    rng = _generator(clip.clip_id, config.seed)
    samples: list[FrameSample] = []
    count = config.windows_per_clip if config.span == "window" else 1
    for _ in range(count):
        drawn = _draw(clip, config, rng)
        if isinstance(drawn, Skipped):
            return drawn
        samples.append(drawn)
    mirrored = rng.random(count) < config.mirror_share
    wanted = np.unique(np.concatenate([sample.indices for sample in samples]))
    frames = clip.read(wanted)
    if len(frames) != len(wanted):
        raise MediaError(clip.clip_id, f"{len(frames)} of {len(wanted)} frames could be read")
    fitted = fit_frames(frames, config.height, config.width)
    given = draw_given(config.given, clip.clip_id, count, config.num_frames, seed=config.seed)
    return [
        _window(clip, sample, fitted[np.searchsorted(wanted, sample.indices)], bool(mirror), known)
        for sample, mirror, known in zip(samples, mirrored, given, strict=True)
    ]


def fit_frames(frames: NDArray[np.uint8], height: int, width: int) -> NDArray[np.uint8]:
    """FHWC frames cropped about the centre to the aspect of `height` x `width`, then resized to it."""
    rows, columns = frames.shape[1:3]
    scale = min(rows / height, columns / width)
    crop_rows, crop_columns = min(rows, round(height * scale)), min(columns, round(width * scale))
    top, left = (rows - crop_rows) // 2, (columns - crop_columns) // 2
    return resize(frames[:, top : top + crop_rows, left : left + crop_columns], size=(height, width))


def _draw(clip: TrainingClip, config: WindowConfig, rng: np.random.Generator) -> FrameSample | Skipped:
    if config.span == "whole":
        return sample_whole(clip.clock, config.num_frames, trim=config.trim)
    return sample_window(clip.clock, config.num_frames, config.motion_range, rng)


def _window(clip: TrainingClip, sample: FrameSample, frames: NDArray[np.uint8], mirror: bool, given: Given) -> Window:
    edges = clip.clock.edges
    start = float(edges[sample.indices[0]] - edges[0])
    end = float(edges[sample.indices[-1] + 1] - edges[0])
    captions = tuple(clip.captions(start, end))
    if mirror:
        frames, captions = mirror_frames(frames), tuple(mirror_caption(caption) for caption in captions)
    return Window(clip.clip_id, frames, sample.motion, captions, (start, end), given)


def _generator(clip_id: str, seed: int) -> np.random.Generator:
    """Generator of a clip: other clips of the list have no say in its draws."""
    digest = hashlib.blake2b(clip_id.encode(), digest_size=8).digest()
    return np.random.default_rng([seed, int.from_bytes(digest, "big")])
