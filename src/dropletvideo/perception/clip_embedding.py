"""Judge: one CLIP embedding per clip, kept in the table for near-duplicates and text match; needs `clip-vit-l-14`.

`clip_embedding`: the mean over frames of embeddings of length 1, as base64 of little-endian float16 (2,048 letters at
768 numbers); no unit, each number in the range -1 to 1, direction: none (a place, not a score), None for a clip
without a frame. Because the mean is not scaled to length 1, its product with a text's embedding is the mean of the
frames' cosines, and its own length says how alike the frames are. Source: as `clip_backbone.py`.
"""

from __future__ import annotations

import base64
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from dropletvideo.perception.clip_backbone import DEFAULT_RATE, WEIGHTS, Embeddings, clip_features
from dropletvideo.perception.judge import Chunk


class ClipEmbeddingJudge:
    """See the module text.

    Args:
        path: CLIP's folder; looked for among the weights by default.
        rate: frames per second.
    """

    name = "clip_embedding"
    version = 1
    weights = (WEIGHTS,)
    columns: Mapping[str, type] = {"clip_embedding": str}

    def __init__(self, path: str | Path | None = None, rate: float = DEFAULT_RATE) -> None:
        self.needs = clip_features(path, rate)

    def start(self, row: Mapping[str, Any]) -> list[Embeddings]:  # noqa: ARG002 - the row asks nothing of it
        """Embeddings so far."""
        return []

    def update(self, state: list[Embeddings], chunk: Chunk) -> None:
        """Take those of the chunk, frame by frame."""
        state.extend(chunk.features[self.needs.backbone])

    def finish(self, state: list[Embeddings]) -> dict[str, Any]:
        """Their mean."""
        return {"clip_embedding": packed(np.mean(state, axis=0)) if state else None}


def packed(embedding: Embeddings) -> str:
    """An embedding as a column keeps it."""
    return base64.b64encode(embedding.astype("<f2").tobytes()).decode("ascii")


def unpacked(texts: Sequence[str]) -> Embeddings:
    """N,C float32 of N texts.

    Raises:
        ValueError: a text that is no embedding, or texts of unequal length.
    """
    rows = [np.frombuffer(base64.b64decode(text, validate=True), "<f2") for text in texts]
    return np.stack(rows).astype(np.float32) if rows else np.zeros((0, 0), np.float32)
