"""Stages that compare a clip with the one before it by an image model differ in the judge and its weights alone."""

from __future__ import annotations

from collections.abc import Callable

from pydantic import BaseModel, ConfigDict

from dropletvideo.perception.judge import Judge
from dropletvideo.perception.touching import BEFORE_COLUMNS
from dropletvideo.tables.stage import Stage
from dropletvideo.weights import look_for


class LinkModelConfig(BaseModel):
    """`weights`: the model's folder, in place of the weights folder's."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    weights: str | None = None


def link_model_stage(name: str, weights: str, judge_of: Callable[..., Judge], config: LinkModelConfig) -> Stage:
    """The stage `name` of `judge_of(model's path)`; it reads what `neighbours` gives."""
    found = look_for(weights, config.weights)
    judge = judge_of(found.path)
    return Stage(
        name=name,
        version=judge.version,
        kind="frames->columns",
        columns=dict(judge.columns),
        judge=judge,
        needs_columns=BEFORE_COLUMNS,
        weights_digest=found.digest,
        lacks=found.lacks,
    )
