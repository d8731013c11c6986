"""FVD and KVD: how near generated clips lie to real ones, by the logits of a network trained to tell actions.

FVD: Frechet distance, range 0 upwards, lower is nearer; KVD: kernel distance (the survey names no kernel: the cubic one
of KID), about 0 for equal sets, lower is nearer. Both need `reference_video` in the manifest. Pieces of 16 consecutive
frames. Values depend on frame rate, length, filter and number of pieces: compare runs of equal protocol alone. Sources:
`perception/i3d.py`, `evaluate/distances.py`. The network favours content over motion (Ge et al., 2024).
"""

from __future__ import annotations

from collections.abc import Sequence

from dropletvideo.evaluate.aggregate import Estimate
from dropletvideo.evaluate.distances import frechet_distance, kernel_distance
from dropletvideo.evaluate.metric import Column, Metric, ScoredRow
from dropletvideo.evaluate.set_distance import distance_estimate, no_score
from dropletvideo.perception.i3d import I3dLogits

_COLUMNS = (
    Column(name="fvd", label="FVD", unit="", better="lower", of="set", decimals=1, official="FVD"),
    Column(name="kvd", label="KVD", unit="", better="lower", of="set", decimals=3, official="KVD"),
)


def aggregate(rows: Sequence[ScoredRow], real: Sequence[ScoredRow]) -> dict[str, Estimate]:
    """Both distances over all pieces of a system."""
    return {
        "fvd": distance_estimate(rows, real, "i3d_logits", frechet_distance),
        "kvd": distance_estimate(rows, real, "i3d_logits", kernel_distance),
    }


def build() -> Metric:
    """The metric with its only setting."""
    return Metric(
        name="fvd",
        title="Distance of clips to real ones",
        version=1,
        about="Sets of clips. Favours right content over right motion; small sets give high values.",
        suites=("survey",),
        flavour="paper",
        weights=("i3d-kinetics-400",),
        libraries=("cdfvd",),
        columns=_COLUMNS,
        judges=(I3dLogits(),),
        score=no_score,
        aggregate=aggregate,
    )
