"""Whether each clip shows what the one before it showed, by CLIP (`perception.link_clip`); behind `neighbours`."""

from __future__ import annotations

from dropletvideo.curate.link_model import LinkModelConfig, link_model_stage
from dropletvideo.perception.clip_backbone import WEIGHTS
from dropletvideo.perception.link_clip import LinkClipJudge
from dropletvideo.tables.stage import Stage

Config = LinkModelConfig


def build(config: LinkModelConfig) -> Stage:
    """The stage."""
    return link_model_stage("link_clip", WEIGHTS, LinkClipJudge, config)
