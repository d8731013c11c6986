"""How alike each clip and the one before it look where they touch (`perception.link_look`); behind `neighbours`."""

from __future__ import annotations

from pydantic import BaseModel, ConfigDict

from dropletvideo.perception.link_look import LinkLookJudge
from dropletvideo.perception.touching import BEFORE_COLUMNS
from dropletvideo.tables.stage import Stage


class Config(BaseModel):
    """Nothing to set: thresholds are those of `stitch`."""

    model_config = ConfigDict(frozen=True, extra="forbid")


def build(config: Config) -> Stage:
    """The stage."""
    judge = LinkLookJudge()
    return Stage(
        name="link_look",
        version=judge.version,
        kind="frames->columns",
        params=config.model_dump(),
        columns=dict(judge.columns),
        judge=judge,
        needs_columns=BEFORE_COLUMNS,
    )
