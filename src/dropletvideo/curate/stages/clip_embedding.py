"""One CLIP embedding per clip (`perception.clip_embedding`), for `embedding_duplicates` and `text_match`."""

from __future__ import annotations

from pydantic import BaseModel, ConfigDict, Field

from dropletvideo.perception.clip_embedding import ClipEmbeddingJudge
from dropletvideo.tables.stage import Stage
from dropletvideo.weights import look_for


class Config(BaseModel):
    """`clip`: CLIP's folder, in place of the weights folder's; `rate`: frames per second.

    Stages with the same `clip` and `rate` share one pass of CLIP.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    clip: str | None = None
    rate: float = Field(default=1.0, gt=0)


def build(config: Config) -> Stage:
    """The stage."""
    clip = look_for("clip-vit-l-14", config.clip)
    judge = ClipEmbeddingJudge(clip.path, config.rate)
    return Stage(
        name="clip_embedding",
        version=judge.version,
        kind="frames->columns",
        params={"rate": config.rate},
        columns=dict(judge.columns),
        judge=judge,
        weights_digest=clip.digest,
        lacks=clip.lacks,
    )
