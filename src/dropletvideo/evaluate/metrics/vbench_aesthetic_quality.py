"""Aesthetic quality (VBench): LAION's first aesthetic head on every frame, over ten.

Range about 0.3 to 0.75 (0 to 1 by the benchmark's reading), higher is liked better. Source:
`perception/frame_aesthetic.py`; VBench (arXiv 2311.17982).
"""

from __future__ import annotations

from dropletvideo.evaluate.metric import Metric
from dropletvideo.evaluate.vbench_metric import Dimension
from dropletvideo.perception.frame_aesthetic import FrameAesthetic


def build() -> Metric:
    """The metric with its only setting."""
    return Dimension(
        name="aesthetic_quality",
        title="aesthetic quality",
        about="Fault: frames are sampled without averaging before CLIP sees them. Fixed: prepared as CLIP was trained.",
        judges=(FrameAesthetic(), FrameAesthetic(picture=True)),
        compat="frame_aesthetic",
        fixed="frame_aesthetic_picture",
        weights=("clip-vit-l-14", "laion-aesthetic-v1"),
        over=10.0,
    ).metric()
