"""How much each clip moves by RAFT (`perception.raft_motion`), beside the weight-free `motion`."""

from __future__ import annotations

from importlib.util import find_spec
from typing import Literal

from pydantic import BaseModel, ConfigDict

from dropletvideo.perception.raft_motion import RaftMotionJudge
from dropletvideo.tables.stage import Stage
from dropletvideo.weights import look_for

NO_LIBRARY = "torchvision is not installed: pip install 'dropletvideo[judges]'"


class Config(BaseModel):
    """`size`: of the network; `weights`: its file, in place of the weights folder's."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    size: Literal["large", "small"] = "large"
    weights: str | None = None


def build(config: Config) -> Stage:
    """The stage."""
    found = look_for(f"raft-{config.size}", config.weights)
    judge = RaftMotionJudge(found.path, config.size)
    return Stage(
        name="motion_raft",
        version=judge.version,
        kind="frames->columns",
        params={"size": config.size},
        columns=dict(judge.columns),
        judge=judge,
        weights_digest=found.digest,
        lacks=found.lacks if find_spec("torchvision") else NO_LIBRARY,
    )
