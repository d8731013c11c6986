"""A perceptual hash of each clip (`perception.phash`), by which near-duplicates are found."""

from __future__ import annotations

from pydantic import BaseModel, ConfigDict

from dropletvideo.perception.phash import PerceptualHashJudge
from dropletvideo.tables.stage import Stage


class Config(BaseModel):
    """The judge's settings belong to its version; there is nothing to set."""

    model_config = ConfigDict(frozen=True, extra="forbid")


def build(config: Config) -> Stage:
    """The stage."""
    judge = PerceptualHashJudge()
    return Stage(
        name="phash",
        version=judge.version,
        kind="frames->columns",
        params=config.model_dump(),
        columns=dict(judge.columns),
        judge=judge,
    )
