"""How much people like the pictures, by LAION's linear head on CLIP (`perception.aesthetic`)."""

from __future__ import annotations

from dropletvideo.curate.clip_head import ClipHeadConfig, clip_head_stage
from dropletvideo.perception.aesthetic import AestheticV1Judge
from dropletvideo.tables.stage import Stage


class Config(ClipHeadConfig):
    """See `ClipHeadConfig`."""


def build(config: Config) -> Stage:
    """The stage."""
    return clip_head_stage("aesthetic_v1", "laion-aesthetic-v1", AestheticV1Judge, config)
