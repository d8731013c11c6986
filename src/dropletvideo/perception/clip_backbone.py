"""The shared pass of CLIP ViT-L/14 over frames: run once per frame for all judges that ask; needs `clip-vit-l-14`.

Gives the projected image embedding of each frame, length 1 (768 numbers at the published size). Frames come at short
side 224, are cut to the square in their middle and normalised as CLIP was trained. The published code resizes by a
bicubic filter, the decode plan by an area filter. Source: Radford et al., "Learning transferable visual models from
natural language supervision" (2021); transformers' implementation.
"""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import cv2
import numpy as np
from numpy.typing import NDArray

from dropletvideo.perception.judge import Chunk, Features
from dropletvideo.perception.pretrained import load_network
from dropletvideo.weights import weights_path

SIDE = 224
DEFAULT_RATE = 1.0
WEIGHTS = "clip-vit-l-14"
_MEAN = np.array((0.48145466, 0.4578275, 0.40821073), np.float32)
_SPREAD = np.array((0.26862954, 0.26130258, 0.27577711), np.float32)

Embeddings = NDArray[np.float32]


def clip_features(path: str | Path | None = None, rate: float = DEFAULT_RATE) -> Features:
    """What a judge of CLIP embeddings needs; judges with equal arguments share one pass.

    Args:
        path: the model folder; looked for among the weights by default.
        rate: frames per second.
    """
    return Features(backbone=f"clip_image@{path}" if path else "clip_image", rate=rate, short_side=SIDE)


def pixels_of(frames: NDArray[np.uint8], side: int) -> NDArray[np.float32]:
    """F,H,W,3 uint8 to F,3,side,side: the square in the middle, normalised."""
    height, width = frames.shape[1:3]
    edge = min(height, width)
    top, left = (height - edge) // 2, (width - edge) // 2
    squares = frames[:, top : top + edge, left : left + edge]
    if edge != side:
        squares = np.stack([cv2.resize(square, (side, side), interpolation=cv2.INTER_AREA) for square in squares])
    scaled = (squares.astype(np.float32) / 255 - _MEAN) / _SPREAD
    return np.ascontiguousarray(scaled.transpose(0, 3, 1, 2))


class ClipImage:
    """Backbone `clip_image`: F,C float32 embeddings of the chunk's frames, each of length 1."""

    name = "clip_image"

    def __init__(self, path: str | Path | None = None) -> None:
        self.path = path
        self._loaded: tuple[Any, str] | None = None

    def start(self, row: Mapping[str, Any] | None = None) -> None:  # noqa: ARG002 - every clip starts alike
        """Frames do not depend on each other."""
        return

    def __call__(self, state: None, chunk: Chunk) -> Embeddings:  # noqa: ARG002 - see `start`
        """One forward for the frames of the chunk."""
        import torch

        if not len(chunk.frames):
            return np.zeros((0, 0), np.float32)
        model, device = self._loaded or self._load()
        pixels = torch.from_numpy(pixels_of(chunk.frames, model.config.image_size)).to(device)
        with torch.inference_mode():
            embeddings = model(pixel_values=pixels).image_embeds.float()
        return np.asarray(torch.nn.functional.normalize(embeddings, dim=-1).cpu().numpy(), np.float32)

    def _load(self) -> tuple[Any, str]:
        from transformers import CLIPVisionModelWithProjection

        path = self.path if self.path is not None else weights_path(WEIGHTS)
        self._loaded = load_network(CLIPVisionModelWithProjection, path, "CLIP")
        return self._loaded
