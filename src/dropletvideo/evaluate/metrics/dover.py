"""DOVER's technical quality: noise, blur, blocks and exposure; range 0 to 1, higher is better.

Source: `perception/dover.py`. A still picture of good quality scores well. Weights are non-commercial: profile `paper`.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from dropletvideo.evaluate.manifest import ManifestRow
from dropletvideo.evaluate.metric import Column, Metric
from dropletvideo.perception.dover import DoverJudge

_COLUMNS = (
    Column(name="dover_technical", label="DOVER, technical", unit="", better="higher"),
    Column(name="dover_technical_raw", label="DOVER, technical, raw", unit="", better="higher"),
)


def score(row: ManifestRow, measures: Mapping[str, Any]) -> dict[str, float | None]:  # noqa: ARG001  asks nothing
    """The judge's columns."""
    return {column.name: measures.get(column.name) for column in _COLUMNS}


def build() -> Metric:
    """The metric with its only setting."""
    return Metric(
        name="dover",
        title="Technical quality",
        version=1,
        about="Quality of the picture, not of motion: a still of good quality scores well.",
        suites=("survey",),
        flavour="paper",
        weights=("dover",),
        columns=_COLUMNS,
        judges=(DoverJudge(),),
        score=score,
    )
