"""World shots as training clips: nothing is on disk, and only frames that a window takes are rendered."""

from __future__ import annotations

import hashlib
import json
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from pydantic import BaseModel, ConfigDict, Field, model_validator

from dropletvideo.data.clips import TrainingClip
from dropletvideo.data.sampling import FrameClock
from dropletvideo.world.captions import caption_of
from dropletvideo.world.config import WorldConfig, check_training_seed
from dropletvideo.world.render import render_shot
from dropletvideo.world.shot import Shot, draw_shot

VERSION = 2


class WorldData(BaseModel):
    """Which shots are drawn: seeds `first_seed` to `first_seed + shots - 1`, all below the evaluation seeds."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    preset: str = "training"
    first_seed: int = 0
    shots: int = Field(default=2560, ge=1)

    @model_validator(mode="after")
    def _for_training(self) -> WorldData:
        WorldConfig.preset(self.preset)
        check_training_seed(self.first_seed)
        check_training_seed(self.first_seed + self.shots - 1)
        return self


@dataclass(frozen=True)
class WorldClips:
    """Shots of consecutive seeds, rendered at `height` x `width`."""

    data: WorldData
    height: int
    width: int

    def __len__(self) -> int:
        return self.data.shots

    def __getitem__(self, number: int) -> TrainingClip:
        shot = draw_shot(self.data.first_seed + number, WorldConfig.preset(self.data.preset))
        clock = FrameClock.constant(shot.num_frames, shot.source_fps)
        return TrainingClip(f"world-{shot.seed}", clock, _Renderer(shot, self.height, self.width), _Captions(shot))

    def digest(self) -> str:
        """Covers the draws' configuration and a rendered frame of the first shot, which tells a changed renderer."""
        first = self[0]
        content = [
            VERSION,
            self.data.model_dump(),
            WorldConfig.preset(self.data.preset).model_dump(mode="json"),
            [self.height, self.width],
            list(first.captions(0.0, first.clock.seconds)),
        ]
        digest = hashlib.blake2b(json.dumps(content).encode(), digest_size=12)
        digest.update(first.read(np.zeros(1, np.int64)).tobytes())
        return digest.hexdigest()


@dataclass(frozen=True)
class _Renderer:
    shot: Shot
    height: int
    width: int

    def __call__(self, indices: NDArray[np.int64]) -> NDArray[np.uint8]:
        return render_shot(self.shot, self.height, self.width, frame_indices=indices.tolist()).frames


@dataclass(frozen=True)
class _Captions:
    shot: Shot

    def __call__(self, start: float, end: float) -> tuple[str, ...]:
        """Two that fit a text encoder of 64 tokens; the dense one would lose its camera sentence there."""
        caption = caption_of(self.shot, (start, min(end, self.shot.seconds)))
        return caption["short"], caption["camera"]
