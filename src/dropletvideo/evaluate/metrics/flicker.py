"""Flicker: frame-to-frame change, plain (VBench, 0 to 1, higher is calmer) and after motion compensation (grey levels, lower is calmer).

Sources: `perception/flicker.py`, `perception/consistent_flow.py`. The plain value punishes motion and is won by a frozen picture; the compensated one
does not punish motion that flow can follow."""  # noqa: E501  the first line names unit, range and direction

from __future__ import annotations

from dropletvideo.evaluate.metric import Column, Metric, as_measured
from dropletvideo.perception.consistent_flow import ConsistentFlow
from dropletvideo.perception.flicker import TemporalFlickering

_COLUMNS = (
    Column(name="temporal_flickering", label="temporal flickering (VBench)", unit="", better="higher"),
    Column(
        name="compensated_flicker",
        label="flicker after motion compensation",
        unit="grey levels",
        better="lower",
        decimals=2,
    ),
    Column(name="compensated_share", label="pixels compensated", unit="share", better="neither", decimals=2),
)


def build() -> Metric:
    """The metric with its only setting."""
    return Metric(
        name="flicker",
        title="Flicker",
        version=1,
        about="The plain value counts motion as flicker, so a frozen picture has 1; the compensated residual does not.",
        suites=("truth",),
        columns=_COLUMNS,
        judges=(TemporalFlickering(), ConsistentFlow()),
        score=as_measured(_COLUMNS),
    )
