"""Clips of a catalog as training clips: frames are read from the source videos, just those taken."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from fractions import Fraction
from typing import Any

import numpy as np
from numpy.typing import NDArray

from dropletvideo.data.clips import CaptionSpan, TrainingClip
from dropletvideo.data.sampling import FrameClock
from dropletvideo.media import read_frames
from dropletvideo.media.seeking import read_frame_table

ClipRow = Mapping[str, Any]
CaptionRow = Callable[[ClipRow], CaptionSpan]
"""Captions of a clip's row; a module-level function, so that it can go to another process."""


@dataclass(frozen=True)
class CatalogClips:
    """Rows of the `clips` view in the order of training.

    Each row has `clip_id, video_path, start_frame, end_frame` (exclusive), `source_fps, time_base`, and whatever
    `captions` reads. `short_side` bounds the size of the frames read.
    """

    rows: Sequence[ClipRow]
    captions: CaptionRow
    short_side: int | None = None

    def __len__(self) -> int:
        return len(self.rows)

    def __getitem__(self, number: int) -> TrainingClip:
        row = self.rows[number]
        return TrainingClip(str(row["clip_id"]), clock_of(row), _Reader(row, self.short_side), self.captions(row))

    def digest(self) -> str:
        """Covers ids (thus videos and spans) and captions."""
        content = [[str(row["clip_id"]), list(self.captions(row)(0.0, float("inf")))] for row in self.rows]
        return hashlib.blake2b(json.dumps([content, self.short_side]).encode(), digest_size=12).hexdigest()


def clock_of(row: ClipRow) -> FrameClock:
    """Clock of a clip: the file's own timestamps where its packets tell them, else its average rate."""
    start, end = int(row["start_frame"]), int(row["end_frame"])
    table = read_frame_table(row["video_path"])
    if table is None or len(table.pts) < end or end - start < 2:
        return FrameClock.constant(end - start, float(row["source_fps"]))
    seconds = np.multiply(table.pts[start:end], float(Fraction(row["time_base"])), dtype=np.float64)
    return FrameClock.from_times(seconds)


@dataclass(frozen=True)
class _Reader:
    row: ClipRow
    short_side: int | None

    def __call__(self, indices: NDArray[np.int64]) -> NDArray[np.uint8]:
        wanted = (indices + int(self.row["start_frame"])).tolist()
        return read_frames(self.row["video_path"], wanted, short_side=self.short_side)
