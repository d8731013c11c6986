"""I2V subject (VBench++): the asked image against the frames, and frames against each other, by DINO.

Range 0 to 1, higher is more alike: 0.4 best or (fixed) mean likeness to the image, 0.3 mean and 0.3 least likeness of
neighbours.
Source: `perception/similarity.py`; VBench++ (arXiv 2411.13503).
"""

from __future__ import annotations

from dropletvideo.evaluate.metric import Metric
from dropletvideo.evaluate.vbench_metric import image_dimension


def build() -> Metric:
    """The metric with its only setting."""
    return image_dimension("i2v_subject", "I2V subject", "subject", "dino-vit-b-16", also=", the whole frame seen")
