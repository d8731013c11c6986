"""Whether each clip shows what the one before it showed, by DINOv2 (`perception.link_dino`); behind `neighbours`."""

from __future__ import annotations

from dropletvideo.curate.link_model import LinkModelConfig, link_model_stage
from dropletvideo.perception.link_dino import WEIGHTS, LinkDinoJudge
from dropletvideo.tables.stage import Stage

Config = LinkModelConfig


def build(config: LinkModelConfig) -> Stage:
    """The stage."""
    return link_model_stage("link_dino", WEIGHTS, LinkDinoJudge, config)
