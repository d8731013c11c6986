"""How well a caption fits its clip, by CLIP (`perception.text_match`): `text_match`, from the kept embedding.

`text_match`: mean cosine of the clip's frames to the text in the column `text`, range -1 to 1, higher fits better; None
where there is no text or no embedding. The clip's embedding is in the table already, so no video is decoded.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from pydantic import BaseModel, ConfigDict

from dropletvideo.perception.clip_embedding import unpacked
from dropletvideo.perception.text_match import match, text_embeddings
from dropletvideo.tables.stage import Stage
from dropletvideo.weights import look_for

COLUMNS: dict[str, type] = {"text_match": float}


class Config(BaseModel):
    """`text`: the column that holds the text; `clip`: CLIP's folder, in place of the weights folder's."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    text: str = "short_caption"
    clip: str | None = None


@dataclass(frozen=True)
class MatchTexts:
    """The stage's function: clip rows in, one mapping of columns per row out."""

    text: str
    clip: str

    def __call__(self, rows: Sequence[Mapping[str, Any]]) -> list[dict[str, Any]]:
        """Match every row that has both."""
        found: list[dict[str, Any]] = [{"text_match": None} for _ in rows]
        both = [number for number, row in enumerate(rows) if row.get(self.text) and row.get("clip_embedding")]
        if both:
            clips = unpacked([rows[number]["clip_embedding"] for number in both])
            texts = text_embeddings([str(rows[number][self.text]) for number in both], self.clip)
            for number, score in zip(both, match(clips, texts), strict=True):
                found[number] = {"text_match": score}
        return found


def build(config: Config) -> Stage:
    """The stage."""
    clip = look_for("clip-vit-l-14", config.clip)
    return Stage(
        name="text_match",
        version=1,
        kind="table->columns",
        params={"text": config.text},
        columns=COLUMNS,
        function=MatchTexts(config.text, str(clip.path)),
        needs_columns=(config.text, "clip_embedding"),
        weights_digest=clip.digest,
        lacks=clip.lacks,
    )
