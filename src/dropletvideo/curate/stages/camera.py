"""What the camera does in each clip: moves in time order and the class C1 to C6 (`perception.camera`)."""

from __future__ import annotations

from pydantic import BaseModel, ConfigDict

from dropletvideo.perception.camera import CameraJudge
from dropletvideo.tables.stage import Stage


class Config(BaseModel):
    """The judge's settings belong to its version; there is nothing to set."""

    model_config = ConfigDict(frozen=True, extra="forbid")


def build(config: Config) -> Stage:
    """The stage."""
    judge = CameraJudge()
    return Stage(
        name="camera",
        version=judge.version,
        kind="frames->columns",
        params=config.model_dump(),
        columns={**judge.columns, "camera_moves": list[str]},
        judge=judge,
    )
