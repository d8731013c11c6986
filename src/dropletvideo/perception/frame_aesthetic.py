"""Judge: LAION's first aesthetic head on every frame, as VBench and MiraBench take it; needs `clip-vit-l-14`, `laion-aesthetic-v1`.

`frame_aesthetic`: the linear head on the embedding (length 1) of each frame, mean over all frames; unit: points of
human ratings, range about 1 to 10, higher is liked better. `frame_aesthetic_picture`: the same with frames prepared
through Pillow. None without a frame. Source: Schuhmann, "LAION-Aesthetics" (2022); VBench divides by 10, MiraBench does
not. `aesthetic.py` has the same head on one frame a second, for curation.
"""  # noqa: E501  the first line names the weights

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np

from dropletvideo.perception.aesthetic import V1_LAYERS, affine_of
from dropletvideo.perception.frame_embeddings import embeddings_of
from dropletvideo.perception.judge import Chunk, Features
from dropletvideo.weights import weights_path

HEAD = "laion-aesthetic-v1"


class FrameAesthetic:
    """See the module text.

    Args:
        picture: prepare frames through Pillow.
        path: the head's file; looked for among the weights by default.
    """

    version = 1
    columns: Mapping[str, type] = {}
    weights = ("clip-vit-l-14", HEAD)

    def __init__(self, *, picture: bool = False, path: str | Path | None = None) -> None:
        self.name = "frame_aesthetic_picture" if picture else "frame_aesthetic"
        self.path = path
        self.needs: Features = embeddings_of("clip_l14_picture" if picture else "clip_l14_vbench")
        self.columns = {self.name: float}

    def start(self, row: Mapping[str, Any]) -> list[float]:  # noqa: ARG002  asks nothing of the row
        """Scores so far."""
        return []

    def update(self, state: list[float], chunk: Chunk) -> None:
        """Score the frames of the chunk."""
        embeddings = chunk.features[self.needs.backbone]
        if len(embeddings):
            weight, bias = affine_of(str(self.path or weights_path(HEAD)), V1_LAYERS)
            state.extend(float(score) for score in embeddings.astype(np.float64) @ weight + bias)

    def finish(self, state: list[float]) -> dict[str, Any]:
        """Mean over the frames."""
        return {self.name: round(float(np.mean(state)), 5) if state else None}
