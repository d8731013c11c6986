"""MiraBench's aesthetic quality: LAION's first aesthetic head on every frame.

Range about 1 to 10, higher is liked better. Source: `perception/frame_aesthetic.py`; MiraBench (arXiv 2407.06358), its
code. VBench divides by 10.
"""

from __future__ import annotations

from dropletvideo.evaluate.metric import Metric
from dropletvideo.evaluate.mirabench_metric import MiraScore, mirabench_metric
from dropletvideo.perception.frame_aesthetic import FrameAesthetic

_SCORES = (
    MiraScore(
        name="mira_aesthetic",
        label="aesthetic quality",
        measure="frame_aesthetic_picture",
        official="Aesthetic Quality",
    ),
)


def build() -> Metric:
    """The metric with its only setting."""
    return mirabench_metric(
        "mira_aesthetic",
        _SCORES,
        title="Aesthetic quality, MiraBench",
        about="Points of human ratings of still images; motion does not count.",
        judges=(FrameAesthetic(picture=True),),
        weights=("clip-vit-l-14", "laion-aesthetic-v1"),
    )
