"""Judge: DOVER's aesthetic branch, which makes the fused DOVER score out of the technical one.

`dover_aesthetic_raw`: the head's mean; no unit, range about -0.3 to 0.1, higher is better; None without a frame.
32 frames evenly spread over the video are brought to 224 x 224 (bilinear, aspect lost) and normalised by ImageNet's
mean and deviation in 0 to 255. The branch (an inflated ConvNeXt) is the exported program `dover-aesthetic`: it takes
1,3,32,224,224 float32 and gives the head's values, of any shape. Source: as `dover.py`.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from dropletvideo.perception.dover import RAW_MEAN, RAW_SPREAD, normalised
from dropletvideo.perception.evenly import Evenly
from dropletvideo.perception.judge import Chunk, Frames
from dropletvideo.perception.programs import load_program

FRAMES, SIDE = 32, 224
WEIGHTS = "dover-aesthetic"
AESTHETIC_MEAN, AESTHETIC_SPREAD = -0.08285, 0.03774
TECHNICAL_SHARE, AESTHETIC_SHARE = 0.6104, 0.3896


class DoverAesthetic:
    """See the module text.

    Args:
        path: the exported program; looked for among the weights by default.
    """

    name = "dover_aesthetic"
    version = 1
    weights = (WEIGHTS,)
    needs = Frames(rate=None, short_side=None)
    columns: Mapping[str, type] = {"dover_aesthetic_raw": float}

    def __init__(self, path: str | Path | None = None) -> None:
        self.path = path

    def start(self, row: Mapping[str, Any]) -> Evenly[NDArray[np.uint8]]:  # noqa: ARG002  asks nothing of the row
        """No frame yet."""
        return Evenly(FRAMES)

    def update(self, state: Evenly[NDArray[np.uint8]], chunk: Chunk) -> None:
        """Keep frames at their final size."""
        import cv2

        for frame in chunk.frames:
            small = cv2.resize(frame, (SIDE, SIDE)) if state.wants_next() else None
            state.add(None if small is None else np.asarray(small, np.uint8))

    def finish(self, state: Evenly[NDArray[np.uint8]]) -> dict[str, Any]:
        """One forward; a video of fewer frames begins again until there are 32."""
        import torch

        frames = state.chosen()
        if not frames:
            return {"dover_aesthetic_raw": None}
        whole = np.stack([frames[number % len(frames)] for number in range(FRAMES)])
        program, device = load_program(WEIGHTS, self.path)
        with torch.inference_mode():
            return {"dover_aesthetic_raw": float(program(torch.from_numpy(normalised(whole))[None].to(device)).mean())}


def fused(technical_raw: float, aesthetic_raw: float) -> float:
    """DOVER's published score of both branches, 0 to 1, higher is better."""
    technical = (technical_raw - RAW_MEAN) / RAW_SPREAD
    aesthetic = (aesthetic_raw - AESTHETIC_MEAN) / AESTHETIC_SPREAD
    return 1 / (1 + math.exp(-(technical * TECHNICAL_SHARE + aesthetic * AESTHETIC_SHARE)))
