"""MiraBench's imaging quality: MUSIQ, trained on SPAQ, on every frame.

Range 0 to 100, higher is better. Source: `perception/imaging_quality.py`; MiraBench (arXiv 2407.06358), its code.
VBench divides by 100.
"""

from __future__ import annotations

from dropletvideo.evaluate.metric import Metric
from dropletvideo.evaluate.mirabench_metric import MiraScore, mirabench_metric
from dropletvideo.perception.imaging_quality import ImagingQuality

_SCORES = (
    MiraScore(
        name="mira_imaging",
        label="imaging quality",
        measure="imaging_quality",
        decimals=2,
        official="Imaging Quality",
    ),
)


def build() -> Metric:
    """The metric with its only setting."""
    return mirabench_metric(
        "mira_imaging",
        _SCORES,
        title="Imaging quality, MiraBench",
        about="Noise, blur and exposure of single frames.",
        judges=(ImagingQuality(),),
        weights=("musiq-spaq",),
    )
