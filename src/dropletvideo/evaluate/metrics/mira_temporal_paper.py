"""MiraBench's three temporal metrics as the paper writes them: each times tracking strength.

Likeness of neighbouring frames by DINO, by CLIP ViT-B/32, and smoothness by AMT-S, times the mean distance of tracked
points: unit px, range 0 to any size, higher is better, and a frozen picture has 0. Source: `perception/similarity.py`,
`perception/motion_smoothness.py`, `perception/grid_tracks.py`; MiraBench (arXiv 2407.06358), section 4.
"""

from __future__ import annotations

from dropletvideo.evaluate.metric import Metric
from dropletvideo.evaluate.mirabench_metric import MiraScore, mirabench_metric
from dropletvideo.perception.grid_tracks import GridTracks
from dropletvideo.perception.motion_smoothness import MotionSmoothness
from dropletvideo.perception.similarity import FrameSimilarity

_MEASURES = {
    "mira_dino_paper": ("DINO temporal consistency (paper)", "subject_picture_adjacent"),
    "mira_clip_paper": ("CLIP temporal consistency (paper)", "background_picture_adjacent"),
    "mira_smoothness_paper": ("temporal motion smoothness (paper)", "motion_smoothness"),
}
_SCORES = tuple(
    MiraScore(
        name=name, label=label, measure=measure, times="tracking_strength", unit="px", decimals=2, flavour="paper"
    )
    for name, (label, measure) in _MEASURES.items()
)


def build() -> Metric:
    """The metric with its only setting."""
    return mirabench_metric(
        "mira_temporal_paper",
        _SCORES,
        title="Temporal consistency, MiraBench's paper",
        about="Motion times likeness, in px: what moves far wins even where it is less alike.",
        judges=(
            FrameSimilarity("subject_picture"),
            FrameSimilarity("background_picture"),
            MotionSmoothness(),
            GridTracks(),
        ),
        weights=("dino-vit-b-16", "clip-vit-b-32", "amt-s", "cotracker2"),
    )
