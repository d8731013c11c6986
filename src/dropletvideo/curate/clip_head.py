"""Stages of a head on CLIP differ in the head alone: their settings, their weights and their record."""

from __future__ import annotations

from collections.abc import Callable

from pydantic import BaseModel, ConfigDict, Field

from dropletvideo.perception.judge import Judge
from dropletvideo.tables.stage import Stage
from dropletvideo.weights import look_for


class ClipHeadConfig(BaseModel):
    """`weights`: the head's file or folder, `clip`: CLIP's folder, in place of the weights folder's; `rate`: frames
    per second. Stages with the same `clip` and `rate` share one pass of CLIP.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    weights: str | None = None
    clip: str | None = None
    rate: float = Field(default=1.0, gt=0)


def clip_head_stage(name: str, head_name: str, judge_of: Callable[..., Judge], config: ClipHeadConfig) -> Stage:
    """The stage `name` of `judge_of(head's path, CLIP's path, rate)`, with the head that `weights.py` calls so."""
    clip, head = look_for("clip-vit-l-14", config.clip), look_for(head_name, config.weights)
    judge = judge_of(head.path, clip.path, config.rate)
    return Stage(
        name=name,
        version=judge.version,
        kind="frames->columns",
        params={"rate": config.rate},
        columns=dict(judge.columns),
        judge=judge,
        weights_digest=f"{clip.digest}+{head.digest}",
        lacks="; ".join(filter(None, (clip.lacks, head.lacks))),
    )
