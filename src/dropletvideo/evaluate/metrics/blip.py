"""BLIP: how well frames fit the prompt, by cosine (-1 to 1) and by matching probability (0 to 1); higher fits better.

Source: `perception/blip.py`. Frames one by one: a still that shows the prompt has the full score, and of a long caption
only the first 35 tokens are read.
"""

from __future__ import annotations

from dropletvideo.evaluate.metric import Column, Metric, as_measured
from dropletvideo.perception.blip import BlipScores

_COLUMNS = (
    Column(name="blip_itc", label="BLIP, cosine", unit="", better="higher", official="BLIP"),
    Column(name="blip_itm", label="BLIP, matching", unit="", better="higher"),
)


def build() -> Metric:
    """The metric with its only setting."""
    return Metric(
        name="blip",
        title="Text alignment by BLIP",
        version=1,
        about="Frames one by one against the first 35 tokens of the prompt; a fitting still has the full score.",
        suites=("survey",),
        flavour="paper",
        weights=("blip-itm-base-coco",),
        columns=_COLUMNS,
        judges=(BlipScores(),),
        score=as_measured(_COLUMNS),
        requires=("prompt",),
    )
