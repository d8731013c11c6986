"""Judge: whether a clip shows what the one before it showed, by CLIP, where they touch; needs `clip-vit-l-14`.

`link_clip`: highest cosine between CLIP embeddings of frames before and behind the edge. Unit: none, a cosine; range -1
to 1; direction: higher is more alike; None for a clip without one before it. Source: one of the two image-feature
models of MiraData's stitching (section 3.2, there ImageBind, whose weights are not free for commercial use; its
threshold was not published). Embeddings as in `clip_backbone.py`.
"""

from __future__ import annotations

from collections.abc import Mapping
from functools import lru_cache

import numpy as np
from numpy.typing import NDArray

from dropletvideo.perception.clip_backbone import SIDE, WEIGHTS, ClipImage, Embeddings
from dropletvideo.perception.judge import Chunk, Picked
from dropletvideo.perception.touching import EmbeddedEdgeJudge


class LinkClipJudge(EmbeddedEdgeJudge):
    """See the module text."""

    name = "link_clip"
    version = 1
    weights = (WEIGHTS,)
    needs = Picked(short_side=SIDE, colour="rgb")
    columns: Mapping[str, type] = {"link_clip": float}

    def embed(self, frames: NDArray[np.uint8]) -> Embeddings:
        """One forward for each frame."""
        chunk = Chunk(frames=frames, times=np.zeros(len(frames)), indices=np.arange(len(frames)))
        return _tower(str(self.path) if self.path else None)(None, chunk)


@lru_cache(maxsize=2)
def _tower(path: str | None) -> ClipImage:
    return ClipImage(path)
