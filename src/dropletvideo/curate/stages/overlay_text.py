"""Lines of text laid over each clip, weight-free (`perception.overlay_text`)."""

from __future__ import annotations

from pydantic import BaseModel, ConfigDict

from dropletvideo.perception.overlay_text import OverlayTextJudge
from dropletvideo.tables.stage import Stage


class Config(BaseModel):
    """The judge's settings belong to its version; there is nothing to set."""

    model_config = ConfigDict(frozen=True, extra="forbid")


def build(config: Config) -> Stage:
    """The stage."""
    judge = OverlayTextJudge()
    return Stage(
        name="overlay_text",
        version=judge.version,
        kind="frames->columns",
        params=config.model_dump(),
        columns=dict(judge.columns),
        judge=judge,
    )
