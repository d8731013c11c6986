"""Join clips that were cut apart by mistake: neighbours that all judges of some group say belong together.

MiraData (section 3.2) cuts too often and then joins two clips iff both vision-language models say so, or both
image-feature models. Here a group names columns and the least value of each; a clip is joined to the one before it iff
some group holds whole, and the two lie no further apart than `max_gap_seconds`. Groups by default:

- `language`: `link_language` (every vision-language model asked said yes);
- `features`: `link_clip` and `link_dino`;
- `look`: `link_colours` and `link_structure`, without weights.

A group counts where stages before this one give all its columns, so a recipe chooses by the stages that it names; what
was skipped for want of weights counts for nothing and is not replaced. Without a whole group the stage is skipped. The
paper's thresholds were not published: those of `look` were set on rendered footage (docs/curation.md), those of
`features` are common ones and unmeasured. What one joined clip holds between its parts (up to `max_gap_seconds`) is in.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from pydantic import BaseModel, ConfigDict, Field, field_validator

from dropletvideo.tables.stage import Stage

Groups = dict[str, dict[str, float]]
GROUPS: Groups = {
    "language": {"link_language": 1.0},
    "features": {"link_clip": 0.9, "link_dino": 0.8},
    "look": {"link_colours": 0.85, "link_structure": 0.6},
}


class Config(BaseModel):
    """`groups`: for each group the least value of each of its columns; `max_gap_seconds`: most time between clips."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    groups: Groups = Field(default_factory=lambda: {name: dict(own) for name, own in GROUPS.items()})
    max_gap_seconds: float = Field(default=0.0, ge=0)

    @field_validator("groups")
    @classmethod
    def _no_empty_group(cls, groups: Groups) -> Groups:
        if not groups or not all(groups.values()):
            raise ValueError("a group without a column would join everything: name at least one column in each")
        return groups


@dataclass(frozen=True)
class Stitch:
    """The function of the stage: clips of one video in, clips out."""

    groups: Mapping[str, Mapping[str, float]]
    max_gap_seconds: float

    def __call__(self, rows: Sequence[Mapping[str, Any]], clock: object = None) -> list[dict[str, int]]:  # noqa: ARG002
        """Spans of the joined clips, in order."""
        found: list[dict[str, int]] = []
        for row in rows:
            if found and self._belongs(row) and row["before_end_frame"] == found[-1]["end_frame"]:
                found[-1]["end_frame"] = row["end_frame"]
            else:
                found.append({"start_frame": row["start_frame"], "end_frame": row["end_frame"]})
        return found

    def _belongs(self, row: Mapping[str, Any]) -> bool:
        gap = row.get("gap_seconds")
        if gap is None or gap > self.max_gap_seconds + 1e-6:
            return False
        return any(all(_reaches(row.get(name), least) for name, least in own.items()) for own in self.groups.values())


def _reaches(value: float | None, least: float) -> bool:
    """What could not be told joins nothing."""
    return value is not None and value >= least


def build(config: Config) -> Stage:
    """The stage."""
    return Stage(
        name="stitch",
        version=1,
        kind="clips->clips",
        params=config.model_dump(),
        function=Stitch(config.groups, config.max_gap_seconds),
        needs_columns=("before_end_frame", "gap_seconds"),
        needs_any=tuple(tuple(sorted(own)) for own in config.groups.values()),
    )
