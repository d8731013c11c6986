"""Look: sharpness (variance of the Laplacian, 0 upwards) and clipped pixels (share, 0 to 1, lower is better).

Sharpness has no direction of merit by itself: blur lowers it, noise and texture raise it; compare videos of one image.
Sources: `perception/look.py`, `perception/exposure.py`.
"""

from __future__ import annotations

from dropletvideo.evaluate.metric import Column, Metric, as_measured
from dropletvideo.perception.exposure import ExposureJudge
from dropletvideo.perception.look import LookJudge

_COLUMNS = (
    Column(name="sharpness", label="sharpness", unit="", better="neither", decimals=0),
    Column(name="clipped_dark", label="clipped to black", unit="share", better="lower"),
    Column(name="clipped_bright", label="clipped to white", unit="share", better="lower"),
)


def build() -> Metric:
    """The metric with its only setting."""
    return Metric(
        name="look",
        title="Sharpness and clipping",
        version=1,
        about="Frame by frame; nothing about time. Sharpness compares videos of one image, not of two.",
        suites=("truth",),
        columns=_COLUMNS,
        judges=(LookJudge(), ExposureJudge()),
        score=as_measured(_COLUMNS),
    )
