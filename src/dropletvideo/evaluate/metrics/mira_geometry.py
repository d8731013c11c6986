"""MiraBench's 3-D consistency: error of matched points against one epipolar geometry, and what was matched; no weights.

Unit px of 1280 x 720, range 0 to 3 for the mean (lower is better); counts and a ratio of 0 to 1 (higher is better).
Paper and code agree; in the code a pair without a matrix ends the video, which has no value, and `_fixed` is the mean
over the other pairs. Source: `perception/matched_geometry.py`; MiraBench (arXiv 2407.06358), its code.
"""

from __future__ import annotations

from dataclasses import replace

from dropletvideo.evaluate.metric import Metric
from dropletvideo.evaluate.mirabench_metric import MiraScore, mirabench_metric
from dropletvideo.perception.matched_geometry import MatchedGeometry

_ALL_PAIRS = ("geometry_pairs", "geometry_pairs_asked")
_COMPAT = tuple(
    MiraScore(
        name=f"mira_geometry_{kind}",
        label=label,
        measure=f"geometry_{kind}_px",
        equal=_ALL_PAIRS,
        unit="px",
        better="lower",
        official=official,
    )
    for kind, label, official in (
        ("mae", "3-D mean error", "Mean Absolute Error"),
        ("rmse", "3-D RMSE", "Root Mean Square Error"),
    )
)
_FIXED = tuple(
    replace(score, name=f"{score.name}_fixed", label=f"{score.label} (fixed)", equal=None, flavour="fixed", official="")
    for score in _COMPAT
)
_MATCHED = tuple(
    MiraScore(name=f"mira_{measure}", label=label, measure=measure, equal=_ALL_PAIRS, decimals=decimals)
    for measure, label, decimals in (
        ("geometry_matches", "matches", 0),
        ("geometry_inliers", "inliers", 0),
        ("geometry_keep_ratio", "inliers over matches", 3),
    )
)


def build() -> Metric:
    """The metric with its only setting."""
    return mirabench_metric(
        "mira_geometry",
        (*_COMPAT, *_FIXED, *_MATCHED),
        title="3-D consistency, MiraBench",
        about="Faults: only inliers of a 3 px fit are counted, so the error is bounded whatever the scene does; still "
        "and turning cameras score well; a video in which one pair of frames cannot be matched has no value at all. "
        "Fixed: the last, a mean over the pairs that can. Videos under 15 frames have no pair. The own geometry metric "
        "is held against truth.",
        judges=(MatchedGeometry(),),
    )
