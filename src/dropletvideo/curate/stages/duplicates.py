"""Near-duplicates by perceptual hash: which clips show the same, and which of them to keep.

`duplicate_group`: a number that near-equal clips share, None for a clip that is alone or has no hash. `duplicate_of`:
the clip of the group with the most pixels, then the most frames; None for that clip itself, so a selection keeps one of
each group by `duplicate_of is null`. `duplicate_bits`: differing bits to it, 0 to 256.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from pydantic import BaseModel, ConfigDict, Field

from dropletvideo.curate.keepers import worth
from dropletvideo.perception.near_duplicates import distances, group, parse_hashes
from dropletvideo.tables.stage import Stage

COLUMNS: dict[str, type] = {"duplicate_group": int, "duplicate_of": str, "duplicate_bits": int}
_NOTHING = dict.fromkeys(COLUMNS)


class Config(BaseModel):
    """`radius`: differing bits, of 256, up to which two clips count as near."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    radius: int = Field(default=24, ge=0, le=64)


@dataclass(frozen=True)
class FindDuplicates:
    """The stage's function: clip rows in, one mapping of columns per row out."""

    radius: int

    def __call__(self, rows: Sequence[Mapping[str, Any]]) -> list[dict[str, Any]]:
        """Groups of the whole dataset."""
        found: list[dict[str, Any]] = [dict(_NOTHING) for _ in rows]
        hashed = [number for number, row in enumerate(rows) if row.get("phash")]
        hashes = parse_hashes([rows[number]["phash"] for number in hashed])
        groups = group(hashes, self.radius)
        shared = np.flatnonzero(np.bincount(groups)[groups] > 1) if len(groups) else np.zeros(0, np.int64)
        members: dict[int, list[int]] = {}
        for one in shared:
            members.setdefault(int(groups[one]), []).append(int(one))
        for number, places in enumerate(members.values(), start=1):
            kept = max(places, key=lambda place: worth(rows[hashed[place]]))
            bits = distances(hashes[places], hashes[[kept] * len(places)])
            for place, differing in zip(places, bits, strict=True):
                found[hashed[place]] = {
                    "duplicate_group": number,
                    "duplicate_of": None if place == kept else rows[hashed[kept]]["clip_id"],
                    "duplicate_bits": int(differing),
                }
        return found


def build(config: Config) -> Stage:
    """The stage."""
    return Stage(
        name="duplicates",
        version=1,
        kind="table->columns",
        params=config.model_dump(),
        columns=COLUMNS,
        function=FindDuplicates(config.radius),
        needs_columns=("phash", "height", "width", "num_frames"),
    )
