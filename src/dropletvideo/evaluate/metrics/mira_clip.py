"""MiraBench's CLIP temporal consistency as released: frames against the one before and the first, by CLIP ViT-B/32.

Range 0 to 1, higher is more alike; a frozen picture has 1. Source: `perception/similarity.py`; MiraBench (arXiv
2407.06358), its code. As the paper writes it: `mira_temporal_paper.py`.
"""

from __future__ import annotations

from dropletvideo.evaluate.metric import Metric
from dropletvideo.evaluate.mirabench_metric import MiraScore, mirabench_metric
from dropletvideo.perception.similarity import FrameSimilarity

_SCORES = (
    MiraScore(
        name="mira_clip",
        label="CLIP temporal consistency",
        measure="background_picture_consistency",
        official="CLIP Temporal Consistency",
    ),
)


def build() -> Metric:
    """The metric with its only setting."""
    return mirabench_metric(
        "mira_clip",
        _SCORES,
        title="CLIP temporal consistency, MiraBench",
        about="As DINO's: half of it compares with the first frame, and nothing is multiplied by tracking strength.",
        judges=(FrameSimilarity("background_picture"),),
        weights=("clip-vit-b-32",),
    )
