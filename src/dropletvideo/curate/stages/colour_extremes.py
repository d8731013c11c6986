"""Mean colour of each clip and of its darkest and brightest 80 % (`perception.colour_extremes`)."""

from __future__ import annotations

from pydantic import BaseModel, ConfigDict

from dropletvideo.perception.colour_extremes import ColourExtremesJudge
from dropletvideo.tables.stage import Stage


class Config(BaseModel):
    """The judge's settings belong to its version; there is nothing to set."""

    model_config = ConfigDict(frozen=True, extra="forbid")


def build(config: Config) -> Stage:
    """The stage."""
    judge = ColourExtremesJudge()
    return Stage(
        name="colour_extremes",
        version=judge.version,
        kind="frames->columns",
        params=config.model_dump(),
        columns=dict(judge.columns),
        judge=judge,
    )
