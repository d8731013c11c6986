"""Judge: whether a clip shows what the one before it showed, by DINOv2, where they touch; needs `dinov2-base`.

`link_dino`: highest cosine between class tokens of frames before and behind the edge. Unit: none, a cosine; range -1 to
1; direction: higher is more alike; None for a clip without one before it. Frames are 256 px at the short side, the
square of 224 px in the middle is looked at, normalised as ImageNet. Source: Oquab et al., "DINOv2" (2023), through
transformers; one of the two image-feature models of MiraData's stitching (section 3.2, its threshold was not
published).
"""

from __future__ import annotations

from collections.abc import Mapping
from functools import lru_cache
from typing import Any

import numpy as np
from numpy.typing import NDArray

from dropletvideo.perception.judge import Picked
from dropletvideo.perception.pretrained import load_network
from dropletvideo.perception.touching import EmbeddedEdgeJudge
from dropletvideo.weights import weights_path

WEIGHTS = "dinov2-base"
SHORT_SIDE, SQUARE = 256, 224
_MEAN = np.array((0.485, 0.456, 0.406), np.float32)
_SPREAD = np.array((0.229, 0.224, 0.225), np.float32)


class LinkDinoJudge(EmbeddedEdgeJudge):
    """See the module text."""

    name = "link_dino"
    version = 1
    weights = (WEIGHTS,)
    needs = Picked(short_side=SHORT_SIDE, colour="rgb")
    columns: Mapping[str, type] = {"link_dino": float}

    def embed(self, frames: NDArray[np.uint8]) -> NDArray[np.float32]:
        """Class tokens, of the square in the middle."""
        import torch

        network, device = _network(str(self.path or weights_path(WEIGHTS)))
        top, left = ((size - SQUARE) // 2 for size in frames.shape[1:3])
        square = frames[:, top : top + SQUARE, left : left + SQUARE].astype(np.float32) / 255
        pixels = np.ascontiguousarray(((square - _MEAN) / _SPREAD).transpose(0, 3, 1, 2))
        with torch.inference_mode():
            tokens = network(pixel_values=torch.from_numpy(pixels).to(device)).last_hidden_state[:, 0].float()
        return np.asarray(torch.nn.functional.normalize(tokens, dim=-1).cpu().numpy(), np.float32)


@lru_cache(maxsize=2)
def _network(path: str) -> tuple[Any, str]:
    from transformers import Dinov2Model

    return load_network(Dinov2Model, path, "DINOv2")
