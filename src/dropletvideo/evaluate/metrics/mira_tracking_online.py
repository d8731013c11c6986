"""MiraBench's tracking strength as released: over all that the online tracker returned, early frames many times.

Unit px, range 0 to any size, higher moves farther. Source: `perception/grid_tracks.py`; MiraBench (arXiv 2407.06358),
its code.
"""

from __future__ import annotations

from dropletvideo.evaluate.metric import Metric
from dropletvideo.evaluate.mirabench_metric import MiraScore, mirabench_metric
from dropletvideo.perception.grid_tracks import OnlineTracks

_SCORES = (
    MiraScore(
        name="mira_tracking_strength",
        label="tracking strength",
        measure="tracking_strength_online",
        unit="px",
        decimals=2,
        official="Tracking Strength",
    ),
)


def build() -> Metric:
    """The metric with its only setting."""
    return mirabench_metric(
        "mira_tracking_online",
        _SCORES,
        title="Tracking strength, MiraBench as released",
        about="Every step of the online tracker gives all places so far and all are counted: long videos look calmer.",
        judges=(OnlineTracks(),),
        weights=("cotracker2-online",),
    )
