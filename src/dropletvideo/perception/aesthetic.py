"""Judges: LAION's two aesthetic heads on CLIP ViT-L/14; need `clip-vit-l-14` and `laion-aesthetic-v1` or `-v2`.

`aesthetic_v1_mean`, `aesthetic_v1_min`: the linear head; `aesthetic_v2_mean`, `aesthetic_v2_min`: five linear layers
without an activation between them. Unit: points of human ratings, range about 1 to 10, direction: higher is liked
better. Mean and least value over the frames at 1 per second; None for a clip without a frame. Source: Schuhmann,
"LAION-Aesthetics" (2022), github.com/LAION-AI/aesthetic-predictor and
github.com/christophschuhmann/improved-aesthetic-predictor.
"""

from __future__ import annotations

from collections.abc import Mapping
from functools import lru_cache
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from dropletvideo.errors import WeightsError
from dropletvideo.perception.clip_backbone import DEFAULT_RATE, WEIGHTS, Embeddings, clip_features
from dropletvideo.perception.judge import Chunk
from dropletvideo.weights import weights_path

V1_LAYERS: tuple[str, ...] = ("",)
V2_LAYERS = ("layers.0.", "layers.2.", "layers.4.", "layers.6.", "layers.7.")

Affine = tuple[NDArray[np.float64], float]


class AestheticV1Judge:
    """The linear head, `sa_0_4_vit_l_14_linear.pth`. See the module text.

    Args:
        path: the head's file; looked for among the weights by default.
        clip: CLIP's folder, likewise.
        rate: frames per second.
    """

    name = "aesthetic_v1"
    head = "laion-aesthetic-v1"
    layers = V1_LAYERS
    weights = (WEIGHTS, "laion-aesthetic-v1")
    version = 1

    def __init__(
        self, path: str | Path | None = None, clip: str | Path | None = None, rate: float = DEFAULT_RATE
    ) -> None:
        self.path = path
        self.needs = clip_features(clip, rate)

    @property
    def columns(self) -> Mapping[str, type]:
        """Mean and least score."""
        return {f"{self.name}_mean": float, f"{self.name}_min": float}

    def start(self, row: Mapping[str, Any]) -> list[float]:  # noqa: ARG002 - the row asks nothing of it
        """Scores so far."""
        return []

    def update(self, state: list[float], chunk: Chunk) -> None:
        """Score the frames of the chunk."""
        embeddings: Embeddings = chunk.features[self.needs.backbone]
        if len(embeddings):
            weight, bias = affine_of(str(self.path or weights_path(self.head)), self.layers)
            scores = embeddings.astype(np.float64) @ weight + bias
            state.extend(round(float(score), 4) for score in scores)  # beyond that it hangs on how frames are batched

    def finish(self, state: list[float]) -> dict[str, Any]:
        """Mean and least over the frames."""
        mean, least = (float(np.mean(state)), min(state)) if state else (None, None)
        return {f"{self.name}_mean": mean, f"{self.name}_min": least}


class AestheticV2Judge(AestheticV1Judge):
    """The head of five layers, `sac+logos+ava1-l14-linearMSE.pth`; arguments as for the first head."""

    name = "aesthetic_v2"
    head = "laion-aesthetic-v2"
    layers = V2_LAYERS
    weights = (WEIGHTS, "laion-aesthetic-v2")


@lru_cache(maxsize=4)
def affine_of(path: str, layers: tuple[str, ...]) -> Affine:
    """A head as one weight per number of the embedding and a bias: layers without activations are one affine map.

    Raises:
        WeightsError: the file has other tensors than the published head.
    """
    from dropletvideo.perception.tensors import read_tensors

    tensors = read_tensors(path)
    wanted = {f"{layer}{kind}" for layer in layers for kind in ("weight", "bias")}
    if wanted != set(tensors):
        raise WeightsError(f"{path} is not this head: it has {sorted(tensors)[:4]}, wanted {sorted(wanted)}")
    first = tensors[f"{layers[0]}weight"].shape[1]
    weight, bias = np.eye(first), np.zeros(first)
    for layer in layers:
        matrix, offset = (tensors[f"{layer}{kind}"].double().numpy() for kind in ("weight", "bias"))
        if matrix.shape[1] != len(bias) or matrix.shape[0] != len(offset):
            raise WeightsError(f"{path}: the layer {layer or 'weight'} is {matrix.shape}, wanted (…, {len(bias)})")
        weight, bias = matrix @ weight, matrix @ bias + offset
    if len(bias) != 1:
        raise WeightsError(f"{path} gives {len(bias)} scores, wanted one")
    return weight[0], float(bias[0])
