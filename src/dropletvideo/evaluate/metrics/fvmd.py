"""FVMD: how near the motion of generated clips lies to that of real ones, by histograms of point tracks.

Frechet distance of 1024 numbers a window (512 of velocity, 512 of acceleration), range 0 upwards, lower is nearer;
needs `reference_video` in the manifest. `fvmd` is the released code's value, whose acceleration is velocity once more;
`fvmd_fixed` takes accelerations. Sources: `perception/motion_windows.py`, `perception/track_histograms.py`. 1024
numbers want thousands of windows: believe no value of a few videos.
"""

from __future__ import annotations

from collections.abc import Sequence

from dropletvideo.evaluate.aggregate import Estimate
from dropletvideo.evaluate.distances import frechet_distance
from dropletvideo.evaluate.metric import Column, Metric, ScoredRow
from dropletvideo.evaluate.set_distance import distance_estimate, no_score
from dropletvideo.perception.motion_windows import MotionWindows

_COLUMNS = (
    Column(name="fvmd", label="FVMD", unit="", better="lower", of="set", decimals=1, flavour="compat", official="FVMD"),
    Column(name="fvmd_fixed", label="FVMD, true acceleration", unit="", better="lower", of="set", decimals=1),
)


def aggregate(rows: Sequence[ScoredRow], real: Sequence[ScoredRow]) -> dict[str, Estimate]:
    """Both distances over all windows of a system."""
    return {
        "fvmd": distance_estimate(rows, real, "fvmd_compat", frechet_distance),
        "fvmd_fixed": distance_estimate(rows, real, "fvmd_fixed", frechet_distance),
    }


def build() -> Metric:
    """The metric with its only setting."""
    return Metric(
        name="fvmd",
        title="Distance of motion to real motion",
        version=1,
        about="Sets of windows. The released code's acceleration is velocity once more; the fixed column takes both.",
        suites=("survey",),
        flavour="fixed",
        weights=("pips2-tracks",),
        columns=_COLUMNS,
        judges=(MotionWindows(),),
        score=no_score,
        aggregate=aggregate,
    )
