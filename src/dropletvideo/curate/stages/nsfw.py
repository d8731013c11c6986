"""Unsafe pictures by the rule of Stable Diffusion's safety checker on CLIP (`perception.nsfw`)."""

from __future__ import annotations

from dropletvideo.curate.clip_head import ClipHeadConfig, clip_head_stage
from dropletvideo.perception.nsfw import NsfwJudge
from dropletvideo.tables.stage import Stage


class Config(ClipHeadConfig):
    """See `ClipHeadConfig`."""


def build(config: Config) -> Stage:
    """The stage."""
    return clip_head_stage("nsfw", "safety-checker", NsfwJudge, config)
