"""Clips as training sees them: a clock, captions, and a function that fetches just the frames taken.

A `ClipList` may be a catalog, rendered scenes or anything else; its items are made when asked for, in any process.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Protocol

import numpy as np
from numpy.typing import NDArray

from dropletvideo.data.sampling import FrameClock

ReadFrames = Callable[[NDArray[np.int64]], NDArray[np.uint8]]
"""Ascending frame numbers in the clip -> FHWC uint8 RGB, any size."""

CaptionSpan = Callable[[float, float], Sequence[str]]
"""(start, end) in seconds from the clip's start -> captions that are true of that span; never empty."""


@dataclass(frozen=True, eq=False)
class TrainingClip:
    """One clip to draw windows from."""

    clip_id: str
    clock: FrameClock
    read: ReadFrames
    captions: CaptionSpan


class ClipList(Protocol):
    """An ordered list of clips that can be handed to another process."""

    def __len__(self) -> int:
        """Number of clips."""
        ...

    def __getitem__(self, number: int) -> TrainingClip:
        """Clip `number`, from 0. Raises a `DropletError` if it cannot be opened."""
        ...

    def digest(self) -> str:
        """Changes whenever a clip, its frames or its captions would."""
        ...


def same_captions(*captions: str) -> CaptionSpan:
    """Captions that hold for every span of a clip."""
    return lambda _start, _end: captions
