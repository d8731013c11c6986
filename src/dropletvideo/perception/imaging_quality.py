"""Judge: MUSIQ trained on SPAQ, on every frame; needs the programs `musiq-spaq`.

`imaging_quality`: mean over frames; unit: points, range 0 to 100, higher is better. A frame whose longer side is above
512 px is first brought to 512, bilinear: without averaging, as VBench's mode "longer" does on float frames;
`imaging_quality_even` with averaging, so that a large sharp frame is not read as noise. None without a frame. Source:
Ke et al., "MUSIQ: multi-scale image quality transformer" (ICCV 2021), through the weights and code of pyiqa.

The program takes 1,3,H,W float32 of 0 to 1 and gives the score; MUSIQ cuts patches by the frame's size, so there is one
file a size (`shaped_programs.py`).
"""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from dropletvideo.perception.frame_pixels import by_tensor
from dropletvideo.perception.judge import Chunk, Features, Frames
from dropletvideo.perception.shaped_programs import shaped_program

WEIGHTS = "musiq-spaq"
LONGEST = 512


def size_for(height: int, width: int) -> tuple[int, int]:
    """(height, width) that the network sees."""
    if max(height, width) <= LONGEST:
        return height, width
    scale = LONGEST / max(height, width)
    return int(scale * height), int(scale * width)


class ImagingQuality:
    """See the module text; where no frame shrinks, both columns come from one forward a frame.

    Args:
        path: the folder of programs; looked for among the weights by default.
    """

    name = "imaging_quality"
    version = 1
    weights = (WEIGHTS,)
    needs: Frames | Features = Frames(rate=None, short_side=None)
    columns: Mapping[str, type] = {"imaging_quality": float, "imaging_quality_even": float}

    def __init__(self, path: str | Path | None = None) -> None:
        self.path = path

    def start(self, row: Mapping[str, Any]) -> list[tuple[float, float]]:  # noqa: ARG002  asks nothing of the row
        """Scores so far, of both columns."""
        return []

    def update(self, state: list[tuple[float, float]], chunk: Chunk) -> None:
        """Score the frames one by one, as the program was traced."""
        for frame in chunk.frames:
            size = size_for(frame.shape[0], frame.shape[1])
            plain = self._score(frame, size, averaged=False)
            shrinks = size != tuple(frame.shape[:2])
            state.append((plain, self._score(frame, size, averaged=True) if shrinks else plain))

    def _score(self, frame: NDArray[np.uint8], size: tuple[int, int], *, averaged: bool) -> float:
        import torch

        program, device = shaped_program(WEIGHTS, f"{size[0]}x{size[1]}", self.path)
        pixels = by_tensor(frame[None], size, "bilinear", antialias=averaged) / 255
        with torch.inference_mode():
            return float(program(pixels.to(device)))

    def finish(self, state: list[tuple[float, float]]) -> dict[str, Any]:
        """Means over the frames."""
        if not state:
            return dict.fromkeys(self.columns)
        means = np.mean(state, axis=0)
        return {name: round(float(mean), 5) for name, mean in zip(self.columns, means, strict=True)}
