"""Subject consistency (VBench): frames against the one before and the first, by DINO.

Range 0 to 1, higher is more alike. Source: `perception/similarity.py`; VBench (arXiv 2311.17982).
"""

from __future__ import annotations

from dropletvideo.evaluate.metric import Metric
from dropletvideo.evaluate.vbench_metric import Dimension
from dropletvideo.perception.similarity import FrameSimilarity


def build() -> Metric:
    """The metric with its only setting."""
    return Dimension(
        name="subject_consistency",
        title="subject consistency",
        about="Whole frames, not the subject. Faults: frames are sampled without averaging, and the mean pools "
        "the frames of all videos, so that long ones weigh more. Fixed: neither. A frozen picture has 1.",
        judges=(FrameSimilarity("subject"), FrameSimilarity("subject_picture")),
        compat="subject_consistency",
        fixed="subject_picture_consistency",
        weights=("dino-vit-b-16",),
        pooled="subject_pairs",
    ).metric()
