"""DOVER's technical quality: noise, blur, blocks and exposure; range 0 to 1, higher is better.

Source: `perception/dover.py`. A still picture of good quality scores well. Weights are non-commercial: profile `paper`.
"""

from __future__ import annotations

from dropletvideo.evaluate.metric import Column, Metric, as_measured
from dropletvideo.perception.dover import DoverJudge

_COLUMNS = (
    Column(name="dover_technical", label="DOVER, technical", unit="", better="higher"),
    Column(name="dover_technical_raw", label="DOVER, technical, raw", unit="", better="higher"),
)


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
        score=as_measured(_COLUMNS),
    )
