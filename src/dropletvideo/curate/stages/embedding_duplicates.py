"""Near-duplicates by CLIP embedding: crops, mirrored or re-graded copies that a perceptual hash does not find.

`embedding_group`: a number that near-equal clips share, None for a clip that is alone or has no embedding.
`embedding_duplicate_of`: the clip of the group with the most pixels, then the most frames; None for that clip itself.
`embedding_cosine`: cosine to it, -1 to 1.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from pydantic import BaseModel, ConfigDict, Field

from dropletvideo.curate.keepers import worth
from dropletvideo.perception.clip_embedding import unpacked
from dropletvideo.perception.embedding_groups import group
from dropletvideo.tables.stage import Stage

COLUMNS: dict[str, type] = {"embedding_group": int, "embedding_duplicate_of": str, "embedding_cosine": float}


class Config(BaseModel):
    """`least_cosine`: from which on two clips count as near."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    least_cosine: float = Field(default=0.97, gt=0, le=1)


@dataclass(frozen=True)
class FindEmbeddingDuplicates:
    """The stage's function: clip rows in, one mapping of columns per row out."""

    least_cosine: float

    def __call__(self, rows: Sequence[Mapping[str, Any]]) -> list[dict[str, Any]]:
        """Groups of the whole dataset."""
        found: list[dict[str, Any]] = [dict.fromkeys(COLUMNS) for _ in rows]
        known = [number for number, row in enumerate(rows) if row.get("clip_embedding")]
        embeddings = unpacked([rows[number]["clip_embedding"] for number in known])
        unit = embeddings / np.maximum(np.linalg.norm(embeddings, axis=-1, keepdims=True), 1e-12)
        members: dict[int, list[int]] = {}
        for place, number in enumerate(group(embeddings, self.least_cosine)):
            members.setdefault(int(number), []).append(place)
        shared = [places for places in members.values() if len(places) > 1]
        for number, places in enumerate(shared, start=1):
            kept = max(places, key=lambda place: worth(rows[known[place]]))
            for place in places:
                found[known[place]] = {
                    "embedding_group": number,
                    "embedding_duplicate_of": None if place == kept else rows[known[kept]]["clip_id"],
                    "embedding_cosine": float(unit[place] @ unit[kept]),
                }
        return found


def build(config: Config) -> Stage:
    """The stage."""
    return Stage(
        name="embedding_duplicates",
        version=1,
        kind="table->columns",
        params=config.model_dump(),
        columns=COLUMNS,
        function=FindEmbeddingDuplicates(config.least_cosine),
        needs_columns=("clip_embedding", "height", "width", "num_frames"),
    )
