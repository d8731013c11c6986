"""How much people like the pictures, by LAION's head of five layers on CLIP (`perception.aesthetic`)."""

from __future__ import annotations

from pydantic import BaseModel, ConfigDict, Field

from dropletvideo.perception.aesthetic import AestheticV2Judge
from dropletvideo.tables.stage import Stage
from dropletvideo.weights import look_for


class Config(BaseModel):
    """`weights`: the head's file, `clip`: CLIP's folder, in place of the weights folder's; `rate`: frames per second.

    Stages with the same `clip` and `rate` share one pass of CLIP.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    weights: str | None = None
    clip: str | None = None
    rate: float = Field(default=1.0, gt=0)


def build(config: Config) -> Stage:
    """The stage."""
    clip = look_for("clip-vit-l-14", config.clip)
    head = look_for("laion-aesthetic-v2", config.weights)
    judge = AestheticV2Judge(head.path, clip.path, config.rate)
    return Stage(
        name="aesthetic_v2",
        version=judge.version,
        kind="frames->columns",
        params={"rate": config.rate},
        columns=dict(judge.columns),
        judge=judge,
        weights_digest=f"{clip.digest}+{head.digest}",
        lacks="; ".join(filter(None, (clip.lacks, head.lacks))),
    )
