"""ViCLIP: how well eight frames as one video fit the prompt; range -1 to 1, higher fits better.

Source: `perception/viclip.py`. Of a long caption only the first 32 tokens are read.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from dropletvideo.evaluate.manifest import ManifestRow
from dropletvideo.evaluate.metric import Column, Metric
from dropletvideo.perception.viclip import ViClip

_COLUMNS = (Column(name="viclip", label="ViCLIP", unit="", better="higher", official="ViCLIP"),)


def score(row: ManifestRow, measures: Mapping[str, Any]) -> dict[str, float | None]:  # noqa: ARG001  see `requires`
    """The cosine with the prompt."""
    return {"viclip": measures.get("viclip_prompt")}


def build() -> Metric:
    """The metric with its only setting."""
    return Metric(
        name="viclip",
        title="Text alignment by ViCLIP",
        version=1,
        about="Eight frames as one video against the first 32 tokens of the prompt, about 25 words.",
        suites=("survey",),
        flavour="paper",
        weights=("viclip", "clip-vit-l-14"),
        columns=_COLUMNS,
        judges=(ViClip(),),
        score=score,
        requires=("prompt",),
    )
