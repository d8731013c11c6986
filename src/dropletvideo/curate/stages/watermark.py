"""Watermarks, logos and other marks that stay put over a moving picture, weight-free (`perception.watermark`)."""

from __future__ import annotations

from pydantic import BaseModel, ConfigDict

from dropletvideo.perception.watermark import WatermarkJudge
from dropletvideo.tables.stage import Stage


class Config(BaseModel):
    """The judge's settings belong to its version; there is nothing to set."""

    model_config = ConfigDict(frozen=True, extra="forbid")


def build(config: Config) -> Stage:
    """The stage."""
    judge = WatermarkJudge()
    return Stage(
        name="watermark",
        version=judge.version,
        kind="frames->columns",
        params=config.model_dump(),
        columns=dict(judge.columns),
        judge=judge,
    )
