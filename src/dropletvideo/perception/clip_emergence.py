"""Judge: do asked things come into view when they should, by CLIP; needs `clip-vit-l-14`.

`clip_rise`: of the asked `appears` events, the mean over frames from its end on of 100 cos(image, "a <object>") less
the same over frames before its start, mean over events; unit: points of CLIP-score, range about -10 to 10, higher is
better: 0 where nothing comes, or where it was there all along. None without such an event, or without a frame on both
sides of it. It knows shape, texture and kind where the colours of `revealed.py` know colour alone, but neither place
nor stay. Frames come from the shared pass of `clip_backbone.py`. Source: own; scale of Hessel et al., "CLIPScore"
(2021).
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from dropletvideo.perception.clip_backbone import WEIGHTS, Embeddings, clip_features
from dropletvideo.perception.judge import Chunk, Features
from dropletvideo.perception.text_match import text_embeddings
from dropletvideo.weights import weights_path

RATE = 2.0


@dataclass
class _State:
    events: list[Mapping[str, Any]]
    images: list[Embeddings] = field(default_factory=list)
    times: list[NDArray[np.float64]] = field(default_factory=list)


class ClipEmergence:
    """See the module text.

    Args:
        path: CLIP's folder; looked for among the weights by default.
    """

    name = "clip_emergence"
    version = 1
    reads = ("events",)
    weights = (WEIGHTS,)
    columns: Mapping[str, type] = {"clip_rise": float}

    def __init__(self, path: str | Path | None = None) -> None:
        self.path = path
        self.needs: Features = clip_features(path, RATE)

    def start(self, row: Mapping[str, Any]) -> _State:
        """Take the events that name what appears, and when."""
        events = row.get("events") or ()
        return _State([each for each in events if each.get("event") == "appears" and each.get("object")])

    def update(self, state: _State, chunk: Chunk) -> None:
        """Keep the frames' embeddings."""
        if len(chunk.frames):
            state.images.append(chunk.features[self.needs.backbone])
            state.times.append(chunk.times)

    def finish(self, state: _State) -> dict[str, Any]:
        """Compare with the embeddings of the things' names."""
        if not state.events or not state.images:
            return {"clip_rise": None}
        texts = text_embeddings([f"a {event['object']}" for event in state.events], self.path or weights_path(WEIGHTS))
        likeness = np.concatenate(state.images) @ np.asarray(texts).T
        times = np.concatenate(state.times)
        times = times - times[0]
        rises = []
        for number, event in enumerate(state.events):
            start = float(event.get("start") or 0.0)
            before, after = times < start, times >= float(event.get("end") or start)
            if before.any() and after.any():
                rises.append(likeness[after, number].mean() - likeness[before, number].mean())
        return {"clip_rise": float(np.mean(rises) * 100) if rises else None}
