"""The colours that fill each clip, by name (`perception.colours`); measured captions are composed from them."""

from __future__ import annotations

from pydantic import BaseModel, ConfigDict

from dropletvideo.perception.colours import ColoursJudge
from dropletvideo.tables.stage import Stage


class Config(BaseModel):
    """The judge's settings belong to its version; there is nothing to set."""

    model_config = ConfigDict(frozen=True, extra="forbid")


def build(config: Config) -> Stage:
    """The stage."""
    judge = ColoursJudge()
    return Stage(
        name="colours",
        version=judge.version,
        kind="frames->columns",
        params=config.model_dump(),
        columns={"dominant_colours": list[str], "dominant_shares": list},
        judge=judge,
    )
