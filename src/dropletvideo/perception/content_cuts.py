"""Judge: hard cuts by the mean change of hue, saturation and value, as PySceneDetect's content detector finds them.

`score = (mean |dH| + mean |dS| + mean |dV|) / 3` in 8-bit levels between neighbouring frames (OpenCV's HSV, hue 0 to
179), range 0 to 255, higher is a larger change. A cut is a frame at or above `threshold`, at least `min_scene_seconds`
behind the last such frame; frames above it that come sooner are drawn together into one cut at the last of them, once
it is quiet for that long (the package's filter "merge"). The first `min_scene_seconds` of a file hold no cut.

Columns: `boundaries`, all of kind `cut`, frame numbers as unit; `score` the change over 255 (range 0 to 1, direction:
higher is surer). MiraData cuts at
26 (section 3.2), on purpose too often, and stitches afterwards; the package's own default is 27. Fades and dissolves
are missed by design. Source: PySceneDetect 0.7 (Castellano), `ContentDetector` with default weights, on frames of about
the size that the package itself reduces to (256 wide). Its numbers, faults kept; a test holds both equal on the same
frames. The package itself would bring a second OpenCV along.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from typing import Any

import cv2
import numpy as np
from numpy.typing import NDArray
from pydantic import BaseModel, ConfigDict, Field

from dropletvideo.perception.judge import Chunk, Frames
from dropletvideo.records import Boundary

MIRADATA_THRESHOLD = 26.0


class ContentCutsConfig(BaseModel):
    """`threshold` in levels; `min_scene_seconds`: shortest shot, shorter ones are drawn together."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    threshold: float = Field(default=MIRADATA_THRESHOLD, gt=0, le=255)
    min_scene_seconds: float = Field(default=0.6, ge=0)
    short_side: int = Field(default=144, ge=16)


@dataclass(frozen=True)
class _Loud:
    """A frame at or above the threshold."""

    index: int
    seconds: float
    score: float


@dataclass
class ContentState:
    """The last frame in HSV, the last loud frame, the one that began a merge, cuts, and the next frame's number."""

    previous: NDArray[np.uint8] | None = None
    last: _Loud | None = None
    merging_from: _Loud | None = None
    cuts: list[Boundary] = field(default_factory=list)
    next_index: int = 0


class ContentCuts:
    """See the module text."""

    name = "content_cuts"
    version = 1
    columns: Mapping[str, type] = {"boundaries": list}

    def __init__(self, config: ContentCutsConfig | None = None) -> None:
        self.config = config or ContentCutsConfig()
        self.needs = Frames(rate=None, short_side=self.config.short_side, colour="rgb", span="video")

    def start(self, row: Mapping[str, Any]) -> ContentState:  # noqa: ARG002 - the contract's argument
        """Nothing of the row is used."""
        return ContentState()

    def update(self, state: ContentState, chunk: Chunk) -> None:
        """Take frames; each is decided at once, unless it falls into a merge."""
        for frame_HWC, seconds, index in zip(chunk.frames, chunk.times, chunk.indices, strict=True):
            hsv = np.asarray(cv2.cvtColor(frame_HWC, cv2.COLOR_RGB2HSV), np.uint8)
            score = content_score(state.previous, hsv) if state.previous is not None else 0.0
            state.previous = hsv
            self._take(state, _Loud(int(index), float(seconds), score))

    def settled(self, state: ContentState) -> tuple[list[Boundary], int]:
        """Every cut so far; those to come lie behind the newest frame, or behind the start of a merge under way."""
        frame = state.next_index if state.merging_from is None else state.merging_from.index
        return [cut for cut in state.cuts if cut.frame < frame], frame

    def finish(self, state: ContentState) -> dict[str, Any]:
        """Cuts in order; a merge under way at the end gives none."""
        return {"boundaries": [asdict(cut) for cut in state.cuts]}

    def _take(self, state: ContentState, now: _Loud) -> None:
        state.next_index = now.index + 1
        last = state.last or now
        is_apart = now.seconds - last.seconds >= self.config.min_scene_seconds - 1e-9
        is_loud = now.score >= self.config.threshold
        state.last = now if is_loud or state.last is None else last
        if state.merging_from is not None:
            is_whole = last.seconds - state.merging_from.seconds >= self.config.min_scene_seconds - 1e-9
            if is_apart and not is_loud and is_whole:
                state.merging_from = None
                self._cut(state, last)
        elif is_loud and is_apart:
            self._cut(state, now)
        elif is_loud and state.cuts:
            state.merging_from = now

    @staticmethod
    def _cut(state: ContentState, loud: _Loud) -> None:
        score = round(min(1.0, loud.score / 255), 4)
        state.cuts.append(Boundary(frame=loud.index, end_frame=loud.index, kind="cut", score=score))


def content_score(before_HWC: NDArray[np.uint8], after_HWC: NDArray[np.uint8]) -> float:
    """Mean over hue, saturation and value of the mean absolute difference of two HSV frames, in levels."""
    return float(cv2.absdiff(before_HWC, after_HWC).mean())
