"""Which clip of the same video comes before each clip: what the stages `link_*` compare and `stitch` joins.

Columns: `before_clip_id`, `before_start_frame`, `before_end_frame` (exclusive) and `gap_seconds` from its end to the
start of this one (0 where they touch); None for a video's first clip and where the clip before reaches into this one,
as spans of a list may.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from fractions import Fraction
from itertools import pairwise
from typing import Any

from pydantic import BaseModel, ConfigDict

from dropletvideo.tables.stage import Stage

COLUMNS: dict[str, type] = {
    "before_clip_id": str,
    "before_start_frame": int,
    "before_end_frame": int,
    "gap_seconds": float,
}


class Config(BaseModel):
    """Nothing to set."""

    model_config = ConfigDict(frozen=True, extra="forbid")


@dataclass(frozen=True)
class FindNeighbours:
    """The stage's function: clip rows in, one mapping of columns per row out."""

    def __call__(self, rows: Sequence[Mapping[str, Any]]) -> list[dict[str, Any]]:
        """See the module text."""
        found: list[dict[str, Any]] = [dict.fromkeys(COLUMNS) for _ in rows]
        places = sorted(range(len(rows)), key=lambda place: (rows[place]["video_id"], rows[place]["start_frame"]))
        for before, place in pairwise(places):
            old, new = rows[before], rows[place]
            if old["video_id"] == new["video_id"] and old["end_frame"] <= new["start_frame"]:
                found[place] = {
                    "before_clip_id": old["clip_id"],
                    "before_start_frame": old["start_frame"],
                    "before_end_frame": old["end_frame"],
                    "gap_seconds": float((new["start_pts"] - old["end_pts"]) * Fraction(new["time_base"])),
                }
        return found


def build(config: Config) -> Stage:
    """The stage."""
    return Stage(
        name="neighbours",
        version=1,
        kind="table->columns",
        params=config.model_dump(),
        columns=COLUMNS,
        function=FindNeighbours(),
        needs_columns=("video_id", "start_frame", "end_frame", "start_pts", "end_pts", "time_base"),
    )
