"""MiraBench's temporal motion smoothness as released, which is VBench's: odd frames against AMT-S's middle ones.

Range 0 to 1, higher is smoother; a frozen picture has 1. Source: `perception/motion_smoothness.py`; MiraBench (arXiv
2407.06358), its code. As the paper writes it: `mira_temporal_paper.py`.
"""

from __future__ import annotations

from dropletvideo.evaluate.metric import Metric
from dropletvideo.evaluate.mirabench_metric import MiraScore, mirabench_metric
from dropletvideo.perception.motion_smoothness import MotionSmoothness

_SCORES = (
    MiraScore(
        name="mira_smoothness",
        label="temporal motion smoothness",
        measure="motion_smoothness",
        official="Temporal Motion Smoothness",
    ),
)


def build() -> Metric:
    """The metric with its only setting."""
    return mirabench_metric(
        "mira_smoothness",
        _SCORES,
        title="Temporal motion smoothness, MiraBench",
        about="VBench's number; the paper multiplies it by tracking strength, the released code does not.",
        judges=(MotionSmoothness(),),
        weights=("amt-s",),
    )
