"""Two clips that follow each other in a video, looked at where they touch: what `stitch` decides by.

A judge of this kind picks the last frame of the clip before and the first of this one, and one more of each a little
further in, since compression and flashes spoil the very edge. Of the pairs across the edge the likest counts.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from dropletvideo.perception.judge import Chunk

Frame = NDArray[np.uint8]
BEFORE_COLUMNS = ("before_start_frame", "before_end_frame")
"""Of the clip before in the same video (`curate/stages/neighbours.py`); None where there is none."""
INSET_SECONDS = 0.2


@dataclass
class Sides:
    """Frames of both sides of the edge; `edge` is the first frame of the later clip, None where none is before it."""

    edge: int | None
    before: list[Frame] = field(default_factory=list)
    after: list[Frame] = field(default_factory=list)


def touching_frames(row: Mapping[str, Any]) -> list[int]:
    """Frame numbers on both sides of a clip's start, in order; none where no clip lies before it."""
    if row.get("before_end_frame") is None:
        return []
    start, end = int(row["start_frame"]), int(row["end_frame"])
    first, last = int(row["before_start_frame"]), int(row["before_end_frame"]) - 1
    inset = round(INSET_SECONDS * float(row.get("source_fps") or 25.0))
    return sorted({max(first, last - inset), last, start, min(end - 1, start + inset)})


class EdgeJudge:
    """What judges of an edge have alike: the frames they see, and on which side each lies; `finish` is their own."""

    def pick(self, row: Mapping[str, Any]) -> Sequence[int]:
        """The frames at the edge."""
        return touching_frames(row)

    def start(self, row: Mapping[str, Any]) -> Sides:
        """Both sides empty."""
        return Sides(None if row.get("before_end_frame") is None else int(row["start_frame"]))

    def update(self, state: Sides, chunk: Chunk) -> None:
        """Put the frames of the chunk on their sides."""
        if state.edge is None:
            return
        for frame, index in zip(chunk.frames, chunk.indices, strict=True):
            (state.before if int(index) < state.edge else state.after).append(frame.copy())


def likest(sides: Sides, compare: Callable[[Frame, Frame], float]) -> float | None:
    """The highest of `compare` over pairs across the edge; None without a pair."""
    found = [compare(old, new) for old in sides.before for new in sides.after]
    return round(max(found), 4) if found else None


class EmbeddedEdgeJudge(EdgeJudge, ABC):
    """An edge by embeddings: the judge's only column, of its own name, is the highest cosine over pairs across it.

    Args:
        path: the network's folder; looked for among the weights by default.
    """

    name: str

    def __init__(self, path: str | Path | None = None) -> None:
        self.path = path

    @abstractmethod
    def embed(self, frames: NDArray[np.uint8]) -> NDArray[np.float32]:
        """F,C of length 1."""

    def finish(self, state: Sides) -> dict[str, Any]:
        """The likest pair; None without a pair."""
        if not state.before or not state.after:
            return {self.name: None}
        old, new = self.embed(np.stack(state.before)), self.embed(np.stack(state.after))
        return {self.name: round(float((old @ new.T).max()), 4)}
