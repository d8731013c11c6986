"""Camera class of each clip by a trained network (`perception.camera_class_swin`), beside the weight-free `camera`."""

from __future__ import annotations

from importlib.util import find_spec

from pydantic import BaseModel, ConfigDict

from dropletvideo.perception.camera_class_swin import NAME, NO_LIBRARY, SwinCameraJudge, digest_of
from dropletvideo.tables.stage import Stage
from dropletvideo.weights import look_for


class Config(BaseModel):
    """`weights`: a folder that `droplet train-classifier` wrote, in place of the weights folder's."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    weights: str | None = None


def build(config: Config) -> Stage:
    """The stage; it reads a few frames of each clip, so a gate before it saves time."""
    found = look_for(NAME, config.weights)
    judge = SwinCameraJudge(found.path)
    return Stage(
        name="camera_class_swin",
        version=judge.version,
        kind="frames->columns",
        columns=dict(judge.columns),
        judge=judge,
        weights_digest=digest_of(found.path) if found.path else "",
        lacks=found.lacks if find_spec("torchvision") else NO_LIBRARY,
    )
