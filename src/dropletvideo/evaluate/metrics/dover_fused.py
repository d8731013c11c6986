"""DOVER's published score of its technical and aesthetic branches together; range 0 to 1, higher is better.

Source and formula: `perception/dover_aesthetic.py`. The technical branch is ours, the aesthetic one an exported
program; both under a non-commercial licence: profile `paper`.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from dropletvideo.evaluate.manifest import ManifestRow
from dropletvideo.evaluate.metric import Column, Metric
from dropletvideo.perception.dover import DoverJudge
from dropletvideo.perception.dover_aesthetic import DoverAesthetic, fused

_COLUMNS = (Column(name="dover", label="DOVER", unit="", better="higher", official="DOVER"),)


def score(row: ManifestRow, measures: Mapping[str, Any]) -> dict[str, float | None]:  # noqa: ARG001  asks nothing
    """The fused score, None where a branch gave nothing."""
    technical, aesthetic = measures.get("dover_technical_raw"), measures.get("dover_aesthetic_raw")
    return {"dover": None if technical is None or aesthetic is None else fused(technical, aesthetic)}


def build() -> Metric:
    """The metric with its only setting."""
    return Metric(
        name="dover_fused",
        title="Quality, both branches",
        version=1,
        about="Technical and aesthetic quality by the published weights of each; a good still scores well.",
        suites=("survey",),
        flavour="paper",
        weights=("dover", "dover-aesthetic"),
        columns=_COLUMNS,
        judges=(DoverJudge(), DoverAesthetic()),
        score=score,
    )
