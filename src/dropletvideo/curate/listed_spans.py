"""Clips as a list names them: its spans as frames of the file that is there.

Frame numbers are taken as they are where the list counts at the file's own rate (or names none). Where the file has
another rate, as a smaller download may, and where the list gives seconds, the nearest frame in time is taken, from the
file's timestamps. Seconds count from the first frame.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from dropletvideo import media
from dropletvideo.curate.items import Item
from dropletvideo.curate.list_index import items_of_video
from dropletvideo.errors import ConfigError, MediaError
from dropletvideo.media.seeking import read_frame_table
from dropletvideo.perception.judge import Chunk, Frames
from dropletvideo.tables.clock import FrameClock

SAME_RATE = 1e-3


@dataclass(frozen=True)
class VideoFrames:
    """What a file's headers and packets say of its frames; `is_exact` when every timestamp is known."""

    clock: FrameClock
    num_frames: int
    source_fps: float
    is_exact: bool

    @classmethod
    def of(cls, path: str | Path) -> VideoFrames:
        """Look at a file without decoding it.

        Raises:
            MediaError: see `media.probe`.
        """
        info = media.probe(path)
        clock = FrameClock(info.time_base, info.source_fps)
        table = read_frame_table(path)
        if table is None:
            claimed = info.num_frames or round(info.duration_seconds * info.source_fps)
            return cls(clock, claimed, info.source_fps, is_exact=False)
        clock.add(np.arange(len(table.pts)), table.pts)
        return cls(clock, len(table.pts), info.source_fps, is_exact=True)

    def nearest(self, seconds: float) -> int:
        """The frame whose start is nearest to a time after the first frame."""
        wanted = self.clock.seconds(0) + seconds
        behind = self.clock.frame_at(wanted)
        before = max(0, behind - 1)
        return before if wanted - self.clock.seconds(before) < self.clock.seconds(behind) - wanted else behind

    def span_of(self, item: Item) -> tuple[int, int] | None:
        """Frames of a listed span, cut off at the end of the file; None when it lies behind the end."""
        start, end = 0, self.num_frames
        same_rate = not item.source_fps or abs(item.source_fps / self.source_fps - 1) <= SAME_RATE
        if item.start_frame is not None and same_rate:
            start = item.start_frame
            end = self.num_frames if item.end_frame is None else item.end_frame
        elif item.seconds is not None:
            first, last = item.seconds
            start = self.nearest(first)
            end = self.num_frames if np.isinf(last) else max(start + 1, self.nearest(last))
        end = min(end, self.num_frames)
        return (start, end) if start < end else None

    def row_of(self, start: int, end: int) -> dict[str, Any]:
        """Frame numbers of a span, with timestamps where they are exact."""
        row: dict[str, Any] = {"start_frame": start, "end_frame": end}
        if self.is_exact:
            first, last = self.clock.pts(start), self.clock.pts(end)
            row |= {"start_pts": first, "end_pts": last}
            row["duration_seconds"] = float((last - first) * self.clock.time_base)
        return row


@dataclass(frozen=True)
class ListedSpans:
    """Takes the place of a shot detector: the spans of a video are known beforehand (`spans_of`, see `tables.work`)."""

    index: str | None

    name = "listed"
    version = 1
    needs = Frames(rate=None, short_side=16, colour="gray", span="video")
    columns = {"boundaries": list}  # noqa: RUF012 - a constant of the class

    def spans_of(self, row: Mapping[str, Any]) -> tuple[list[dict[str, Any]], str]:
        """Clips of one video, each once, in order of time, and a word on those that cannot be.

        `row` has the video's `path` and all its `paths`.

        Raises:
            MediaError: no list names the video, or every span lies behind its end.
        """
        if self.index is None:
            raise ConfigError("the stage listed has no list: give a list of clips as the source")
        path = str(row["path"])
        items = items_of_video(self.index, path, *(row.get("paths") or ()))
        if not items:
            raise MediaError(path, "is in no list: list it, or cut it with the stage segment")
        video = VideoFrames.of(path)
        found = [video.span_of(item) for item in items]
        spans = sorted({span for span in found if span is not None})
        if not spans:
            raise MediaError(path, f"has {video.num_frames} frames; its {len(items)} listed spans lie behind its end")
        outside = found.count(None)
        left_out = f"has {video.num_frames} frames; {outside} listed spans lie behind its end" if outside else ""
        return [video.row_of(*span) for span in spans], left_out

    def start(self, row: Mapping[str, Any]) -> None:
        """Nothing is looked for."""

    def update(self, state: None, chunk: Chunk) -> None:
        """Nothing is looked for."""

    def finish(self, state: None) -> dict[str, Sequence[Any]]:  # noqa: ARG002
        """A list names no boundaries."""
        return {"boundaries": []}
