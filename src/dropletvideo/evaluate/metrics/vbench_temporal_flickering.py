"""Temporal flickering (VBench): one less the mean change between neighbouring frames, over 255.

Range 0 to 1, higher is calmer. Source: `perception/flicker.py`; VBench (arXiv 2311.17982). It counts motion as flicker;
without motion it is `vbench_still_flickering.py`.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from dropletvideo.evaluate.manifest import ManifestRow
from dropletvideo.evaluate.metric import Metric
from dropletvideo.evaluate.vbench_metric import SUITES, columns_of
from dropletvideo.evaluate.vbench_score import column
from dropletvideo.perception.flicker import TemporalFlickering

_NAME = "temporal_flickering"


def score(row: ManifestRow, measures: Mapping[str, Any]) -> dict[str, float | None]:  # noqa: ARG001  asks nothing
    """The judge's column."""
    return {column(_NAME): measures.get(_NAME)}


def build() -> Metric:
    """The metric with its only setting."""
    return Metric(
        name=column(_NAME),
        title="temporal flickering",
        version=1,
        about="Fault: I2V takes it of all videos, but it is made for still ones; motion lowers it; not in the total.",
        suites=SUITES,
        flavour="compat",
        dimension=_NAME,
        columns=columns_of(_NAME, "temporal flickering")[:1],
        judges=(TemporalFlickering(),),
        score=score,
    )
