"""CLIP-score: how well frames fit the prompt; range 0 to 100, higher fits better.

Source: `perception/clip_score.py`. Frames one by one: a still that shows the prompt has the full score, and of a long
caption only the first 77 tokens are read.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from dropletvideo.evaluate.manifest import ManifestRow
from dropletvideo.evaluate.metric import Column, Metric
from dropletvideo.perception.clip_score import ClipScore

_COLUMNS = (Column(name="clip_score", label="CLIP-score", unit="", better="higher", decimals=2, official="CLIP-score"),)


def score(row: ManifestRow, measures: Mapping[str, Any]) -> dict[str, float | None]:  # noqa: ARG001  see `requires`
    """The judge's column."""
    return {"clip_score": measures.get("clip_score")}


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
        score=score,
        requires=("prompt",),
    )
