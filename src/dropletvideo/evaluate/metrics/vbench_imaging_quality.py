"""Imaging quality (VBench): MUSIQ, trained on SPAQ, on every frame, over 100.

Range 0 to 1, higher is better. Source: `perception/imaging_quality.py`; VBench (arXiv 2311.17982).
"""

from __future__ import annotations

from typing import Any

from dropletvideo.evaluate.metric import Metric, ScoredRow
from dropletvideo.evaluate.vbench_metric import Dimension
from dropletvideo.perception.imaging_quality import ImagingQuality


def _exported(scored: ScoredRow) -> dict[str, Any]:
    return {"video_results": scored.measures.get("imaging_quality")}


def build() -> Metric:
    """The metric with its only setting."""
    return Dimension(
        name="imaging_quality",
        title="imaging quality",
        about="Mode longer: the longer side 512 at most. Fault: larger frames are sampled without averaging, "
        "which reads as noise. Fixed: averaged.",
        judges=(ImagingQuality(),),
        compat="imaging_quality",
        fixed="imaging_quality_even",
        weights=("musiq-spaq",),
        over=100.0,
        exported=_exported,
    ).metric()
