"""FID, KID and the inception score over frames: how near generated frames lie to real ones, and how varied they are.

FID: Frechet distance of Inception's pooled features, range 0 upwards, lower is nearer. KID: kernel distance of the
same, about 0 for equal sets, lower is nearer. Both need `reference_video` in the manifest. Inception score: 1 upwards,
higher is surer and more varied; needs no real clip. 16 frames a video, each video the same weight. FID falls with the
number of frames: compare runs of equal size alone, and believe none under some thousand frames. Source:
`perception/inception.py`, `evaluate/distances.py`.
"""

from __future__ import annotations

from collections.abc import Sequence

from dropletvideo.evaluate.aggregate import Estimate
from dropletvideo.evaluate.distances import frechet_distance, inception_score, kernel_distance
from dropletvideo.evaluate.metric import Column, Metric, ScoredRow
from dropletvideo.evaluate.set_distance import distance_estimate, no_score, set_value
from dropletvideo.perception.inception import InceptionFeatures

_COLUMNS = (
    Column(name="fid", label="FID", unit="", better="lower", of="set", decimals=1, official="FID"),
    Column(name="kid", label="KID", unit="", better="lower", of="set", decimals=4, official="KID"),
    Column(name="inception_score", label="inception score", unit="", better="higher", of="set", official="IS"),
)


def aggregate(rows: Sequence[ScoredRow], real: Sequence[ScoredRow]) -> dict[str, Estimate]:
    """The three values over all frames of a system."""
    return {
        "fid": distance_estimate(rows, real, "inception_pool", frechet_distance),
        "kid": distance_estimate(rows, real, "inception_pool", kernel_distance),
        "inception_score": set_value(rows, "inception_logits", inception_score),
    }


def build() -> Metric:
    """The metric with its only setting."""
    return Metric(
        name="fid",
        title="Distance of frames to real ones",
        version=1,
        about="Sets of frames, not videos: motion does not count. Small sets give high values of FID.",
        suites=("survey",),
        flavour="paper",
        weights=("inception-fid",),
        libraries=("torch_fidelity",),
        columns=_COLUMNS,
        judges=(InceptionFeatures(),),
        score=no_score,
        aggregate=aggregate,
    )
