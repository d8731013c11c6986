"""MiraBench's FID and KID. `compat`: as released, on bytes that wrapped round; `paper`: on the frames themselves.

Frechet and kernel distance of Inception's pooled features, range 0 upwards, lower is nearer; needs `reference_video` in
the manifest. The released code reads frames that a separate program wrote, of a number it does not state; here 16 a
video, and KID over all of them in place of subsets of 100. Its values compare with nothing but each other. Source:
`perception/inception.py`.
"""

from __future__ import annotations

from collections.abc import Sequence

from dropletvideo.evaluate.aggregate import Estimate
from dropletvideo.evaluate.distances import frechet_distance, kernel_distance
from dropletvideo.evaluate.metric import Column, Metric, ScoredRow
from dropletvideo.evaluate.set_distance import distance_estimate, no_score
from dropletvideo.perception.inception import InceptionFeatures

_POOLS = {"compat": "inception_wrapped_pool", "paper": "inception_pool"}
_COLUMNS = (
    Column(name="mira_fid", label="FID", unit="", better="lower", of="set", decimals=1, official="FID"),
    Column(name="mira_kid", label="KID", unit="", better="lower", of="set", decimals=4, official="KID"),
    Column(name="mira_fid_paper", label="FID (paper)", unit="", better="lower", of="set", decimals=1, flavour="paper"),
    Column(name="mira_kid_paper", label="KID (paper)", unit="", better="lower", of="set", decimals=4, flavour="paper"),
)


def aggregate(rows: Sequence[ScoredRow], real: Sequence[ScoredRow]) -> dict[str, Estimate]:
    """Both distances in both flavours."""
    return {
        "mira_fid": distance_estimate(rows, real, _POOLS["compat"], frechet_distance),
        "mira_kid": distance_estimate(rows, real, _POOLS["compat"], kernel_distance),
        "mira_fid_paper": distance_estimate(rows, real, _POOLS["paper"], frechet_distance),
        "mira_kid_paper": distance_estimate(rows, real, _POOLS["paper"], kernel_distance),
    }


def build() -> Metric:
    """The metric with its only setting."""
    return Metric(
        name="mira_fid",
        title="Distance of frames to real ones, MiraBench",
        version=1,
        about="The released numbers come from wrapped bytes and mean little; the paper's are beside them.",
        suites=("mirabench",),
        flavour="compat",
        weights=("inception-fid",),
        libraries=("torch_fidelity",),
        columns=_COLUMNS,
        judges=(InceptionFeatures(wrapped=True), InceptionFeatures()),
        score=no_score,
        aggregate=aggregate,
    )
