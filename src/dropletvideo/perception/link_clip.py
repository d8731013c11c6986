"""Judge: whether a clip shows what the one before it showed, by CLIP, where they touch; needs `clip-vit-l-14`.

`link_clip`: highest cosine between CLIP embeddings of frames before and behind the edge. Unit: none, a cosine; range -1
to 1; direction: higher is more alike; None for a clip without one before it. Source: one of the two image-feature
models of MiraData's stitching (section 3.2, there ImageBind, whose weights are not free for commercial use; its
threshold was not published). Embeddings as in `clip_backbone.py`.
"""

from __future__ import annotations

from collections.abc import Mapping
from functools import lru_cache
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from dropletvideo.perception.clip_backbone import SIDE, WEIGHTS, ClipImage, Embeddings
from dropletvideo.perception.judge import Chunk, Picked
from dropletvideo.perception.touching import EdgeJudge, Sides, likest_embedding


class LinkClipJudge(EdgeJudge):
    """See the module text.

    Args:
        path: CLIP's folder; looked for among the weights by default.
    """

    name = "link_clip"
    version = 1
    weights = (WEIGHTS,)
    needs = Picked(short_side=SIDE, colour="rgb")
    columns: Mapping[str, type] = {"link_clip": float}

    def __init__(self, path: str | Path | None = None) -> None:
        self.path = path

    def finish(self, state: Sides) -> dict[str, Any]:
        """The likest pair."""
        return {"link_clip": likest_embedding(state, self._embed)}

    def _embed(self, frames: NDArray[np.uint8]) -> Embeddings:
        chunk = Chunk(frames=frames, times=np.zeros(len(frames)), indices=np.arange(len(frames)))
        return _tower(str(self.path) if self.path else None)(None, chunk)


@lru_cache(maxsize=2)
def _tower(path: str | None) -> ClipImage:
    return ClipImage(path)
