"""What is told of a clip in exports: its captions, its source and its score, from whichever columns hold them.

A column of the data set's own goes before what a list said; what nobody said stays None.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any

MAIN_CAPTIONS = ("caption", "dense_caption", "text", "prompt", "short_caption")
SCORES = ("quality_score", "dover_technical", "dover_technical_raw")
Clip = Mapping[str, Any]


def mapping_of(clip: Clip, column: str) -> Mapping[str, Any]:
    """A column of nested values, whether decoded or still JSON; empty where there is none."""
    value = clip.get(column)
    if isinstance(value, str):
        value = json.loads(value)
    return value if isinstance(value, Mapping) else {}


def caption_of(clip: Clip, name: str) -> str | None:
    """A caption by its column name."""
    told = clip.get(name) or mapping_of(clip, "listed_captions").get(name)
    return str(told) if told else None


def main_caption(clip: Clip) -> str | None:
    """The caption that a model would be trained on."""
    return next((text for name in MAIN_CAPTIONS if (text := caption_of(clip, name))), None)


def quality_of(clip: Clip) -> float | None:
    """A quality score: the data set's own column, else the listed one."""
    for name in SCORES:
        for value in (clip.get(name), mapping_of(clip, "listed_more").get(name)):
            if value is not None and value != "":
                return float(value)
    return None


def public_id(clip: Clip) -> str:
    """The video's id at its source where a list told it, else ours."""
    return str(clip.get("source_video_id") or clip["video_id"])


def aspect_bucket(clip: Clip) -> str:
    """Nearest common picture shape, by the limits that training shards commonly use: width over height."""
    shape = float(clip["width"]) / float(clip["height"])
    for limit, name in ((0.65, "9x16"), (0.88, "3x4"), (1.16, "1x1"), (1.55, "4x3")):
        if shape <= limit:
            return name
    return "16x9"
