"""Temporal flickering of still videos: VBench's static filter, by RAFT, decides which; `fixed` of temporal flickering.

Range 0 to 1, higher is calmer; a video that moves is left out. Source: `perception/flicker.py`, the filter in
`perception/raft_things.py`; VBench (arXiv 2311.17982), whose text-to-video protocol asks for the filter.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from dropletvideo.evaluate.manifest import ManifestRow
from dropletvideo.evaluate.metric import Metric
from dropletvideo.evaluate.vbench_metric import SUITES, columns_of
from dropletvideo.evaluate.vbench_score import column
from dropletvideo.perception.flicker import TemporalFlickering
from dropletvideo.perception.raft_things import RaftStatic

_NAME = "temporal_flickering"


def score(row: ManifestRow, measures: Mapping[str, Any]) -> dict[str, float | None]:  # noqa: ARG001  asks nothing
    """The judge's column where the filter keeps the video."""
    still = measures.get("raft_static")
    if still == 0:
        return {}
    return {column(_NAME, "fixed"): None if still is None else measures.get(_NAME)}


def build() -> Metric:
    """The metric with its only setting."""
    return Metric(
        name="vbench_still_flickering",
        title="temporal flickering of still videos",
        version=1,
        about="Only videos that VBench's static filter keeps: flicker and not motion.",
        suites=SUITES,
        flavour="fixed",
        weights=("raft-things",),
        libraries=("torchvision",),
        dimension=_NAME,
        columns=columns_of(_NAME, "temporal flickering")[1:],
        judges=(TemporalFlickering(), RaftStatic()),
        score=score,
    )
