"""Which clips a report shows, and their pictures: a few per class, along the motion scale, and of each drop."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from dropletvideo import media
from dropletvideo.errors import MediaError
from dropletvideo.pages.axes import format_number
from dropletvideo.pages.pictures import THUMB_SIDE, Picture

Row = Mapping[str, Any]


def spread(rows: Sequence[Row], count: int) -> list[Row]:
    """`count` rows evenly spread over the sequence, first and last among them."""
    if len(rows) <= count:
        return list(rows)
    return [rows[int(n)] for n in np.linspace(0, len(rows) - 1, count).round()]


def of_many_videos(rows: Sequence[Row], count: int) -> list[Row]:
    """Up to `count` rows, from as many different videos as there are, in the order given."""
    turns: dict[str, int] = defaultdict(int)
    ranked = []
    for place, row in enumerate(rows):
        video = str(row["video_path"])
        ranked.append((turns[video], place))
        turns[video] += 1
    return [rows[place] for _, place in sorted(sorted(ranked)[:count], key=lambda pair: pair[1])]


class Thumbnails:
    """Middle frames of clips; each video is opened once. `unread` counts clips whose source could not be read."""

    def __init__(self, rows: Iterable[Row]) -> None:
        self.unread = 0
        self._frames: dict[str, NDArray[np.uint8]] = {}
        by_video: dict[str, dict[str, int]] = defaultdict(dict)
        for row in rows:
            by_video[str(row["video_path"])][str(row["clip_id"])] = (
                int(row["start_frame"]) + int(row["end_frame"])
            ) // 2
        for path, middles in by_video.items():
            try:
                frames = media.read_frames(path, list(middles.values()), short_side=THUMB_SIDE)
            except MediaError:
                self.unread += len(middles)
                continue
            self._frames.update(zip(middles, frames, strict=True))

    def pictures(self, rows: Sequence[Row], reasons: Mapping[str, str] | None = None) -> list[Picture]:
        """Pictures of those clips whose source could be read."""
        return [
            Picture(image=self._frames[str(row["clip_id"])], caption=_caption(row), note=_note(row, reasons or {}))
            for row in rows
            if str(row["clip_id"]) in self._frames
        ]


def _caption(row: Row) -> str:
    return f"{Path(str(row['video_path'])).stem} · {row['start_frame']}\u2060–\u2060{row['end_frame']}"


def _note(row: Row, reasons: Mapping[str, str]) -> str:
    if (reason := reasons.get(str(row["clip_id"]))) is not None:
        return reason
    moves = ", ".join(row.get("camera_moves") or ()) or "no move named"
    parts = [str(row.get("camera_class") or "?"), moves, f"{format_number(row['duration_seconds'], 1)} s"]
    if row.get("motion_score") is not None:
        parts.append(f"motion {format_number(row['motion_score'])}")
    return " · ".join(parts)
