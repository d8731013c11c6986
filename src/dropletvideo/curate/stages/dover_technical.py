"""Technical quality of each clip by DOVER (`perception.dover`): `dover_technical`, 0 to 1, and the raw score."""

from __future__ import annotations

from pydantic import BaseModel, ConfigDict

from dropletvideo.perception.dover import DoverJudge
from dropletvideo.tables.stage import Stage
from dropletvideo.weights import look_for


class Config(BaseModel):
    """`weights`: the file DOVER.pth, in place of the weights folder's; `old_cells`: see the judge."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    weights: str | None = None
    old_cells: bool = True


def build(config: Config) -> Stage:
    """The stage; it reads a few frames of each clip, so a gate before it saves time."""
    found = look_for("dover", config.weights)
    judge = DoverJudge(found.path, old_cells=config.old_cells)
    return Stage(
        name="dover_technical",
        version=judge.version,
        kind="frames->columns",
        params={"old_cells": config.old_cells},
        columns=dict(judge.columns),
        judge=judge,
        weights_digest=found.digest,
        lacks=found.lacks,
    )
