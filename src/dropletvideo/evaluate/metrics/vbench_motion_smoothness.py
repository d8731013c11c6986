"""Motion smoothness (VBench): how near each odd frame is to what AMT-S puts between its neighbours.

Range 0 to 1, higher is smoother. Source: `perception/motion_smoothness.py`; VBench (arXiv 2311.17982).
"""

from __future__ import annotations

from dropletvideo.evaluate.metric import Metric
from dropletvideo.evaluate.vbench_metric import Dimension
from dropletvideo.perception.motion_smoothness import MotionSmoothness


def build() -> Metric:
    """The metric with its only setting."""
    return Dimension(
        name="motion_smoothness",
        title="motion smoothness",
        about="Fault: the same motion at more frames a second has a higher score. Fixed: at about 8 frames a "
        "second, as dynamic degree. A frozen picture has 1, above the most (0.9975) that the final score "
        "knows.",
        judges=(MotionSmoothness(),),
        compat="motion_smoothness",
        fixed="motion_smoothness_even",
        weights=("amt-s",),
    ).metric()
