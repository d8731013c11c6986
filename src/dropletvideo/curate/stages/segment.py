"""Shots by their edit boundaries (`perception.cuts`), and clips of shots: trim, then limits of length."""

from __future__ import annotations

from pydantic import BaseModel, ConfigDict, Field, model_validator

from dropletvideo.curate.lengths import Lengths
from dropletvideo.perception.cuts import CutsConfig, ShotBoundaries
from dropletvideo.tables.stage import Stage


class Config(BaseModel):
    """Limits of the detector, and what becomes of its shots (see `curate.lengths`)."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    trim_start_seconds: float = Field(default=0.0, ge=0)
    trim_end_seconds: float = Field(default=0.0, ge=0)
    min_seconds: float = Field(default=1.0, ge=0)
    max_seconds: float | None = Field(default=30.0, gt=0)
    detector: CutsConfig = CutsConfig()

    @model_validator(mode="after")
    def _room_to_split(self) -> Config:
        if self.max_seconds is not None and self.max_seconds < 2 * self.min_seconds:
            raise ValueError(f"max_seconds={self.max_seconds} must be at least twice min_seconds={self.min_seconds}")
        return self


def build(config: Config) -> Stage:
    """The stage."""
    judge = ShotBoundaries(config.detector)
    rule = Lengths(**config.model_dump(exclude={"detector"}))
    return Stage(
        name="segment",
        version=1,
        kind="video->clips",
        params=config.model_dump(mode="json"),
        judge=judge,
        function=rule,
    )
