"""Judge: CLIP-score, how well the frames of a video fit its prompt; needs `clip-vit-l-14`.

`clip_score`: mean over frames (one a second) of 100 max(cos(image, text), 0); no unit, range 0 to 100, in practice 15
to 40; higher fits better; None without a prompt or a frame. Texts are cut after 77 tokens, as CLIP reads no more: of a
long caption only the beginning counts. Frames come from the shared pass of `clip_backbone.py`. Source: Hessel et al.,
"CLIPScore" (2021), in the scale of torchmetrics.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np

from dropletvideo.perception.clip_backbone import WEIGHTS, Embeddings, clip_features
from dropletvideo.perception.judge import Chunk, Features
from dropletvideo.perception.text_match import text_embeddings
from dropletvideo.weights import weights_path


@dataclass
class _State:
    prompt: str | None
    images: list[Embeddings] = field(default_factory=list)


class ClipScore:
    """See the module text.

    Args:
        path: CLIP's folder; looked for among the weights by default.
    """

    name = "clip_score"
    version = 1
    reads = ("prompt",)
    weights = (WEIGHTS,)
    columns: Mapping[str, type] = {"clip_score": float}

    def __init__(self, path: str | Path | None = None) -> None:
        self.path = path
        self.needs: Features = clip_features(path)

    def start(self, row: Mapping[str, Any]) -> _State:
        """Take the prompt."""
        return _State(row.get("prompt") or None)

    def update(self, state: _State, chunk: Chunk) -> None:
        """Keep the frames' embeddings."""
        state.images.append(chunk.features[self.needs.backbone])

    def finish(self, state: _State) -> dict[str, Any]:
        """Compare with the text's embedding."""
        images = [part for part in state.images if len(part)]
        if state.prompt is None or not images:
            return {"clip_score": None}
        text = text_embeddings([state.prompt], self.path or weights_path(WEIGHTS))[0]
        return {"clip_score": float(np.maximum(np.concatenate(images) @ text, 0).mean() * 100)}
