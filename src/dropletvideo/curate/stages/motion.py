"""How much each clip moves: `motion_score` and `flow_2fps_px` (`perception.motion`)."""

from __future__ import annotations

from pydantic import BaseModel, ConfigDict

from dropletvideo.perception.motion import MotionJudge
from dropletvideo.tables.stage import Stage


class Config(BaseModel):
    """The judge's settings belong to its version; there is nothing to set."""

    model_config = ConfigDict(frozen=True, extra="forbid")


def build(config: Config) -> Stage:
    """The stage."""
    judge = MotionJudge()
    return Stage(
        name="motion",
        version=judge.version,
        kind="frames->columns",
        params=config.model_dump(),
        columns=dict(judge.columns),
        judge=judge,
    )
