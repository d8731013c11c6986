"""Point tracks as a backbone: made once per clip for all judges that ask, such as the camera's and the consistency's.

A judge asks with `POINT_TRACKS` and finds in `chunk.features["point_tracks"]` one `TrackedFrame` per frame of the
chunk; `Tracks.take` collects them. Points are followed in gray made of the RGB frames, which a judge may want too.
Source: `camera_tracks.py`.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from dropletvideo.perception.camera_tracks import TrackedFrame, Tracks
from dropletvideo.perception.flow import gray
from dropletvideo.perception.judge import Chunk, Features

SHORT_SIDE = 256
NAME = "point_tracks"
POINT_TRACKS = Features(backbone=NAME, rate=8.0, short_side=SHORT_SIDE)


class PointTracks:
    """Backbone `point_tracks`; see the module text."""

    name = NAME
    colour = "rgb"

    def start(self, row: Mapping[str, Any] | None = None) -> Tracks:
        """No tracks yet; the row may hold the file's `height` and `width`, for small files are searched otherwise."""
        row = row or {}
        own_side = min(row.get("height") or SHORT_SIDE, row.get("width") or SHORT_SIDE)
        return Tracks(enlarged=max(1.0, SHORT_SIDE / own_side))

    def __call__(self, state: Tracks, chunk: Chunk) -> list[TrackedFrame]:
        """The points alive in each of the chunk's frames (F,H,W,3 RGB, or F,H,W,1)."""
        before = len(state.frames)
        for frame, time in zip(chunk.frames, chunk.times, strict=True):
            state.add(gray(frame), float(time))
        return state.frames[before:]
