"""MiraBench's 3-D consistency: error of matched points against one epipolar geometry, and what was matched; no weights.

Unit px of 1280 x 720, range 0 to 3 for the mean (lower is better); counts and a ratio of 0 to 1 (higher is better).
Paper and code agree; in the code a pair without a matrix ends the video, which has no value, and `_fixed` is the mean
over the other pairs. Source: `perception/matched_geometry.py`; MiraBench (arXiv 2407.06358), its code.
"""

from __future__ import annotations

from dropletvideo.evaluate.metric import Metric
from dropletvideo.evaluate.mirabench_metric import MiraScore, mirabench_metric
from dropletvideo.perception.matched_geometry import MatchedGeometry

_ALL_PAIRS = ("geometry_pairs", "geometry_pairs_asked")
_SCORES = (
    MiraScore(
        name="mira_geometry_mae",
        label="3-D mean error",
        measure="geometry_mae_px",
        equal=_ALL_PAIRS,
        unit="px",
        better="lower",
        official="Mean Absolute Error",
    ),
    MiraScore(
        name="mira_geometry_rmse",
        label="3-D RMSE",
        measure="geometry_rmse_px",
        equal=_ALL_PAIRS,
        unit="px",
        better="lower",
        official="Root Mean Square Error",
    ),
    MiraScore(
        name="mira_geometry_mae_fixed",
        label="3-D mean error (fixed)",
        measure="geometry_mae_px",
        unit="px",
        better="lower",
        flavour="fixed",
    ),
    MiraScore(
        name="mira_geometry_rmse_fixed",
        label="3-D RMSE (fixed)",
        measure="geometry_rmse_px",
        unit="px",
        better="lower",
        flavour="fixed",
    ),
    MiraScore(name="mira_geometry_matches", label="matches", measure="geometry_matches", equal=_ALL_PAIRS, decimals=0),
    MiraScore(name="mira_geometry_inliers", label="inliers", measure="geometry_inliers", equal=_ALL_PAIRS, decimals=0),
    MiraScore(
        name="mira_geometry_keep_ratio",
        label="inliers over matches",
        measure="geometry_keep_ratio",
        equal=_ALL_PAIRS,
    ),
)


def build() -> Metric:
    """The metric with its only setting."""
    return mirabench_metric(
        "mira_geometry",
        _SCORES,
        title="3-D consistency, MiraBench",
        about="Faults: only inliers of a 3 px fit are counted, so the error is bounded whatever the scene does; still "
        "and turning cameras score well; a video in which one pair of frames cannot be matched has no value at all. "
        "Fixed: the last, a mean over the pairs that can. Videos under 15 frames have no pair. The own geometry metric "
        "is held against truth.",
        judges=(MatchedGeometry(),),
    )
