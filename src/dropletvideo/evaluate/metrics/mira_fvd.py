"""MiraBench's FVD and KVD: one piece a video, of up to 100 frames; range 0 to infinity, lower is nearer.

Frechet distance (covariance over N - 1) and unbiased kernel distance (cubic) of I3D's logits; `reference_video` in the
manifest. Source: `perception/i3d.py`, `evaluate/distances.py`.
"""

from __future__ import annotations

from collections.abc import Sequence

from dropletvideo.evaluate.aggregate import Estimate
from dropletvideo.evaluate.distances import frechet_distance, kernel_distance
from dropletvideo.evaluate.metric import Column, Metric, ScoredRow
from dropletvideo.evaluate.set_distance import distance_estimate, no_score
from dropletvideo.perception.i3d import I3dLogits

_COLUMNS = (
    Column(name="mira_fvd", label="FVD", unit="", better="lower", of="set", decimals=1, official="FVD"),
    Column(name="mira_kvd", label="KVD", unit="", better="lower", of="set", decimals=3, official="KVD"),
)


def aggregate(rows: Sequence[ScoredRow], real: Sequence[ScoredRow]) -> dict[str, Estimate]:
    """Both distances over the videos of a system."""
    return {
        "mira_fvd": distance_estimate(rows, real, "i3d_whole_logits", frechet_distance),
        "mira_kvd": distance_estimate(rows, real, "i3d_whole_logits", kernel_distance),
    }


def build() -> Metric:
    """The metric with its only setting."""
    return Metric(
        name="mira_fvd",
        title="Distance of videos to real ones, MiraBench",
        version=1,
        about="One row a video: 150 prompts give 150 rows of 400 numbers, so that the distance is mostly its own bias.",
        suites=("mirabench",),
        flavour="compat",
        weights=("i3d-kinetics-400",),
        libraries=("cdfvd",),
        columns=_COLUMNS,
        judges=(I3dLogits(whole=True),),
        score=no_score,
        aggregate=aggregate,
    )
