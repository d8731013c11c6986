"""Judge: shot boundaries by TransNetV2; needs the program `transnetv2`.

Every frame goes in as 48x27 RGB, whatever its shape. The network sees windows of 100 frames, 50 apart, of which the
middle 50 are believed; a file is continued by its first and last frame. What comes out is the chance, 0 to 1, that a
frame is the last of its shot (a hard cut) or one of a transition. A run of frames above `threshold` is one boundary:
the old shot ends with the first of them, the new one begins behind the last.

Columns: `boundaries` with kind `cut` for a run of one frame and `dissolve` for longer ones (the network does not tell
dissolves, fades and wipes apart), frame numbers as unit; `score` is the highest chance of the run (range 0 to 1,
direction: higher is surer).
Program: takes uint8 B,100,27,48,3, gives float B,100,2: the chances "one frame of each transition" and "every frame of
each transition", after the sigmoid. The first is what boundaries are read from, as published.
Source: Soucek and Lokoc, "TransNet V2: an effective deep network architecture for fast shot transition detection"
(2020), threshold 0.5 as there; NeMo Curator and cosmos-curate use 0.4.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

import cv2
import numpy as np
from numpy.typing import NDArray
from pydantic import BaseModel, ConfigDict, Field

from dropletvideo.errors import WeightsError
from dropletvideo.perception.judge import Chunk, Frames
from dropletvideo.perception.programs import load_program
from dropletvideo.records import Boundary, BoundaryKind

WEIGHTS = "transnetv2"
HEIGHT, WIDTH = 27, 48
WINDOW, STEP, MARGIN = 100, 50, 25


class TransNetConfig(BaseModel):
    """`threshold`: chance above which a frame counts; `program`: the file, in place of the weights folder's."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    threshold: float = Field(default=0.5, gt=0, lt=1)
    program: str | None = None


@dataclass
class TransNetState:
    """Frames that wait for their window (with their numbers), the run under way, boundaries, what is decided."""

    frames: list[NDArray[np.uint8]] = field(default_factory=list)
    indices: list[int] = field(default_factory=list)
    run: list[tuple[int, float]] = field(default_factory=list)
    boundaries: list[Boundary] = field(default_factory=list)
    decided: int = 0


class TransNetCuts:
    """See the module text."""

    name = "transnet_cuts"
    version = 1
    weights = (WEIGHTS,)
    columns: Mapping[str, type] = {"boundaries": list}
    needs = Frames(rate=None, short_side=WIDTH, colour="rgb", span="video")

    def __init__(self, path: str | Path | None = None, threshold: float = 0.5) -> None:
        self.path, self.threshold = path, threshold

    def start(self, row: Mapping[str, Any]) -> TransNetState:  # noqa: ARG002 - the contract's argument
        """Nothing of the row is used."""
        return TransNetState()

    def update(self, state: TransNetState, chunk: Chunk) -> None:
        """Take frames; 50 are decided whenever 100 are there."""
        for frame_HWC, index in zip(chunk.frames, chunk.indices, strict=True):
            small = np.asarray(cv2.resize(frame_HWC, (WIDTH, HEIGHT), interpolation=cv2.INTER_AREA), np.uint8)
            if not state.indices:
                state.frames = [small] * MARGIN
                state.indices = [int(index)] * MARGIN
            state.frames.append(small)
            state.indices.append(int(index))
            self._decide(state)

    def settled(self, state: TransNetState) -> tuple[list[Boundary], int]:
        """Boundaries before the run under way, or before the first frame that has not been decided."""
        frame = state.run[0][0] + 1 if state.run else state.decided
        return [one for one in state.boundaries if one.frame < frame], frame

    def finish(self, state: TransNetState) -> dict[str, Any]:
        """The last frames, continued by the last one; a transition that the file ends in leads to no shot."""
        if state.indices:
            left = len(state.frames) - MARGIN
            padding = -left % STEP + MARGIN
            state.frames += [state.frames[-1]] * padding
            state.indices += [-1] * padding
            while len(state.frames) >= WINDOW:
                self._decide(state)
        return {"boundaries": [asdict(one) for one in state.boundaries]}

    def _decide(self, state: TransNetState) -> None:
        if len(state.frames) < WINDOW:
            return
        chances = self._chances(np.stack(state.frames[:WINDOW]))[MARGIN : MARGIN + STEP]
        for index, chance in zip(state.indices[MARGIN : MARGIN + STEP], chances, strict=True):
            if index >= 0:
                self._take(state, index, float(chance))
        del state.frames[:STEP], state.indices[:STEP]

    def _take(self, state: TransNetState, index: int, chance: float) -> None:
        state.decided = index + 1
        if chance > self.threshold:
            state.run.append((index, chance))
        elif state.run:
            kind: BoundaryKind = "cut" if len(state.run) == 1 else "dissolve"
            score = round(max(one for _, one in state.run), 4)
            state.boundaries.append(Boundary(frame=state.run[0][0] + 1, end_frame=index, kind=kind, score=score))
            state.run = []

    def _chances(self, frames_FHWC: NDArray[np.uint8]) -> NDArray[np.float32]:
        import torch

        network, device = load_program(WEIGHTS, self.path)
        with torch.inference_mode():
            found = network(torch.from_numpy(frames_FHWC)[None].to(device))
        if not isinstance(found, torch.Tensor) or tuple(found.shape) != (1, WINDOW, 2):
            shape = tuple(found.shape) if isinstance(found, torch.Tensor) else type(found).__name__
            raise WeightsError(
                f"{self.path or WEIGHTS} gives {shape} for {WINDOW} frames, it must give (1, {WINDOW}, 2): "
                "export it again as `droplet weights list` says"
            )
        return np.asarray(found[0, :, 0].float().cpu().numpy(), np.float32)
