"""Background consistency (VBench): frames against the one before and the first, by CLIP ViT-B/32.

Range 0 to 1, higher is more alike. Source: `perception/similarity.py`; VBench (arXiv 2311.17982).
"""

from __future__ import annotations

from typing import Any

from dropletvideo.evaluate.metric import Metric, ScoredRow
from dropletvideo.evaluate.vbench_metric import Dimension
from dropletvideo.perception.similarity import FrameSimilarity


def _exported(scored: ScoredRow) -> dict[str, Any]:
    mean, pairs = scored.measures.get("background_consistency"), scored.measures.get("background_pairs")
    total = None if mean is None or pairs is None else mean * pairs
    return {"video_sim": total, "cnt_per_video": pairs}


def build() -> Metric:
    """The metric with its only setting."""
    return Dimension(
        name="background_consistency",
        title="background consistency",
        about="Whole frames, not the background. Faults: frames are sampled without averaging, and the mean "
        "pools the frames of all videos. Fixed: neither. A frozen picture has 1.",
        judges=(FrameSimilarity("background"), FrameSimilarity("background_picture")),
        compat="background_consistency",
        fixed="background_picture_consistency",
        weights=("clip-vit-b-32",),
        pooled="background_pairs",
        exported=_exported,
    ).metric()
