"""MiraBench's tracking strength as the paper writes it: mean distance of 100 tracked points from their first place.

Unit px, range 0 to any size, higher moves farther. Source: `perception/grid_tracks.py`; MiraBench (arXiv 2407.06358).
"""

from __future__ import annotations

from dropletvideo.evaluate.metric import Metric
from dropletvideo.evaluate.mirabench_metric import MiraScore, mirabench_metric
from dropletvideo.perception.grid_tracks import GridTracks

_SCORES = (
    MiraScore(
        name="mira_tracking_strength_paper",
        label="tracking strength (paper)",
        measure="tracking_strength",
        unit="px",
        decimals=2,
        flavour="paper",
    ),
)


def build() -> Metric:
    """The metric with its only setting."""
    return mirabench_metric(
        "mira_tracking_strength",
        _SCORES,
        title="Tracking strength, MiraBench's paper",
        about="Each point counts once a frame. In px of the video, so larger videos have more.",
        judges=(GridTracks(),),
        weights=("cotracker2",),
    )
