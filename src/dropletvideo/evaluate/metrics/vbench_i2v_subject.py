"""I2V subject (VBench++): the asked image against the frames, and frames against each other, by DINO.

Range 0 to 1, higher is more alike: 0.4 best or (fixed) mean likeness to the image, 0.3 mean and 0.3 least likeness of
neighbours.
Source: `perception/similarity.py`; VBench++ (arXiv 2411.13503).
"""

from __future__ import annotations

from typing import Any

from dropletvideo.evaluate.metric import Metric, ScoredRow
from dropletvideo.evaluate.vbench_metric import Dimension
from dropletvideo.perception.similarity import ImageSimilarity


def _exported(scored: ScoredRow) -> dict[str, Any]:
    return {"image_path": str(scored.row.image)}


def build() -> Metric:
    """The metric with its only setting."""
    return Dimension(
        name="i2v_subject",
        title="I2V subject",
        about="Fault: frame 0 is the image, so the best likeness is 1 whatever follows. Fixed: the mean over "
        "frames; image and frames prepared in one way, the whole frame seen.",
        judges=(ImageSimilarity("subject"), ImageSimilarity("subject_picture")),
        compat="image_subject",
        fixed="image_subject_picture_even",
        weights=("dino-vit-b-16",),
        requires=("image",),
        exported=_exported,
    ).metric()
