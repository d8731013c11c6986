"""Split clips where the motion regime changes, by flow (DropletVideo's segmentation); behind `motion_changes`.

The paper names the stage and publishes neither flow nor threshold. Ours: `min_strength` of a change (0.9; see
`perception.motion_changes` and docs/curation.md), and no piece shorter than `min_seconds`: of changes too near to each
other or to a clip's ends the weaker goes. No frame is lost. What follows in a recipe measures the pieces, in a decode
of its own. Put `trim` behind it for limits of length.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from itertools import pairwise
from typing import Any

from pydantic import BaseModel, ConfigDict, Field

from dropletvideo.tables.clock import FrameClock
from dropletvideo.tables.stage import Stage

FULL_STRENGTH = 4.0
"""Strength at which a boundary of kind `regime` has the score 1."""


class Config(BaseModel):
    """`min_strength`: weakest change that splits; `min_seconds`: shortest piece."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    min_strength: float = Field(default=0.9, ge=0)
    min_seconds: float = Field(default=1.0, ge=0)


@dataclass(frozen=True, kw_only=True)
class SplitRegimes:
    """The function of the stage: clips of one video in, clips out."""

    min_strength: float
    min_seconds: float

    def __call__(self, rows: Sequence[Mapping[str, Any]], clock: Callable[[], FrameClock]) -> list[dict[str, Any]]:
        """Spans of the pieces, in order."""
        found: list[dict[str, Any]] = []
        for row in rows:
            splits = self._splits(row, clock)
            edges = [row["start_frame"], *splits, row["end_frame"]]
            for start, end in pairwise(edges):
                score = {"kind": "regime", "score": splits[start]} if start in splits else {}
                found.append({"start_frame": start, "end_frame": end, **score})
        return found

    def _splits(self, row: Mapping[str, Any], clock: Callable[[], FrameClock]) -> dict[int, float]:
        """Frames to split at, in order, and the score of each; the strongest is served first."""
        strong = [(strength, frame) for frame, strength in row["motion_changes"] or () if strength >= self.min_strength]
        taken, scores = [row["start_frame"], row["end_frame"]], dict[int, float]()
        for strength, frame in sorted(strong, reverse=True):
            at = clock().seconds(frame)
            if all(abs(at - clock().seconds(other)) >= self.min_seconds - 1e-6 for other in taken):
                taken.append(frame)
                scores[frame] = round(min(1.0, strength / FULL_STRENGTH), 4)
        return dict(sorted(scores.items()))


def build(config: Config) -> Stage:
    """The stage."""
    return Stage(
        name="motion_regimes",
        version=1,
        kind="clips->clips",
        params=config.model_dump(),
        function=SplitRegimes(**config.model_dump()),
        needs_columns=("motion_changes",),
    )
