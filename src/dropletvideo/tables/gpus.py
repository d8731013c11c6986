"""The share of a GPU that a worker needs for the stages it measures; it counts on a cluster only."""

from __future__ import annotations

from collections.abc import Iterable

from dropletvideo.perception.judge import Features
from dropletvideo.tables.stage import Stage

LEARNED_SHARE = 0.25
"""Of a stage that has weights and does not say otherwise: about 4 GB of a 16 GB card; CLIP ViT-L/14 takes 2 GB."""


def gpus_of(stages: Iterable[Stage]) -> float:
    """0 to 1: the shares of the stages together, one share for all that look through the same backbone."""
    shares: dict[str, float] = {}
    for stage in stages:
        needs = stage.judge.needs if stage.judge is not None else None
        key = needs.backbone if isinstance(needs, Features) else stage.name
        shares[key] = max(shares.get(key, 0.0), _share(stage))
    return min(1.0, sum(shares.values()))


def _share(stage: Stage) -> float:
    if stage.num_gpus is not None:
        return stage.num_gpus
    return LEARNED_SHARE if stage.weights_digest else 0.0
