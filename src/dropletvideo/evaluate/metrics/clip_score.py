"""CLIP-score: how well frames fit the prompt; range 0 to 100, higher fits better.

Source: `perception/clip_score.py`. Frames one by one: a still that shows the prompt has the full score, and of a long
caption only the first 77 tokens are read.
"""

from __future__ import annotations

from dropletvideo.evaluate.metric import Column, Metric, as_measured
from dropletvideo.perception.clip_score import ClipScore

_COLUMNS = (Column(name="clip_score", label="CLIP-score", unit="", better="higher", decimals=2, official="CLIP-score"),)


def build() -> Metric:
    """The metric with its only setting."""
    return Metric(
        name="clip_score",
        title="Text alignment by CLIP",
        version=1,
        about="Frames one by one against the first 77 tokens of the prompt; a fitting still has the full score.",
        suites=("survey",),
        flavour="paper",
        weights=("clip-vit-l-14",),
        columns=_COLUMNS,
        judges=(ClipScore(),),
        score=as_measured(_COLUMNS),
        requires=("prompt",),
    )
