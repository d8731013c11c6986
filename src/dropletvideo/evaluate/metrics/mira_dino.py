"""MiraBench's DINO temporal consistency as released: frames against the one before and the first.

Range 0 to 1, higher is more alike; a frozen picture has 1. Source: `perception/similarity.py`; MiraBench (arXiv
2407.06358), its code. As the paper writes it: `mira_temporal_paper.py`.
"""

from __future__ import annotations

from dropletvideo.evaluate.metric import Metric
from dropletvideo.evaluate.mirabench_metric import MiraScore, mirabench_metric
from dropletvideo.perception.similarity import FrameSimilarity

_SCORES = (
    MiraScore(
        name="mira_dino",
        label="DINO temporal consistency",
        measure="subject_picture_consistency",
        official="DINO Temporal Consistency",
    ),
)


def build() -> Metric:
    """The metric with its only setting."""
    return mirabench_metric(
        "mira_dino",
        _SCORES,
        title="DINO temporal consistency, MiraBench",
        about="Half of it compares with the first frame, and tracking strength does not enter, unlike in the paper.",
        judges=(FrameSimilarity("subject_picture"),),
        weights=("dino-vit-b-16",),
    )
