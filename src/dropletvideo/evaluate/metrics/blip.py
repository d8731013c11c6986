"""BLIP: how well frames fit the prompt, by cosine (-1 to 1) and by matching probability (0 to 1); higher fits better.

Source: `perception/blip.py`. Frames one by one: a still that shows the prompt has the full score, and of a long caption
only the first 35 tokens are read.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from dropletvideo.evaluate.manifest import ManifestRow
from dropletvideo.evaluate.metric import Column, Metric
from dropletvideo.perception.blip import BlipScores

_COLUMNS = (
    Column(name="blip_itc", label="BLIP, cosine", unit="", better="higher", official="BLIP"),
    Column(name="blip_itm", label="BLIP, matching", unit="", better="higher"),
)


def score(row: ManifestRow, measures: Mapping[str, Any]) -> dict[str, float | None]:  # noqa: ARG001  see `requires`
    """The judge's columns."""
    return {column.name: measures.get(column.name) for column in _COLUMNS}


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
        score=score,
        requires=("prompt",),
    )
