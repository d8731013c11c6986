"""Moments inside each clip at which its motion changes (`perception.motion_changes`), for `motion_regimes`."""

from __future__ import annotations

from pydantic import BaseModel, ConfigDict

from dropletvideo.perception.motion_changes import MotionChangesJudge
from dropletvideo.tables.stage import Stage


class Config(BaseModel):
    """Nothing to set: the threshold is that of `motion_regimes`."""

    model_config = ConfigDict(frozen=True, extra="forbid")


def build(config: Config) -> Stage:
    """The stage; it shares the flow of `motion`."""
    judge = MotionChangesJudge()
    return Stage(
        name="motion_changes",
        version=judge.version,
        kind="frames->columns",
        params=config.model_dump(),
        columns=dict(judge.columns),
        judge=judge,
    )
