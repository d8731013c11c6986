"""Clips as a list names them, in place of `segment`: the spans of `DIR/clips.jsonl` or of any list with spans.

The list itself is no parameter, as the videos are none: rows for further videos are added without touching the others.
A video that is cut already stays as it is when its rows change; raise `edition` to cut every video anew.
"""

from __future__ import annotations

from pydantic import BaseModel, ConfigDict, Field

from dropletvideo.curate.listed_spans import ListedSpans
from dropletvideo.tables.spans import whole_shots
from dropletvideo.tables.stage import Stage


class Config(BaseModel):
    """`index`: the data set's index of lists; the run fills it in."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    edition: int = Field(default=1, ge=1)
    index: str | None = None


def build(config: Config) -> Stage:
    """The stage."""
    judge = ListedSpans(config.index)
    return Stage(
        name="listed",
        version=1,
        kind="video->clips",
        params=config.model_dump(exclude={"index"}),
        judge=judge,
        function=whole_shots,
    )
