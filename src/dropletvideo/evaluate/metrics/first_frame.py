"""First-frame fidelity: is frame 0 the picture that was asked for? PSNR in dB and SSIM, higher is nearer.

Range 0 to 100 dB (100 is identical) and -1 to 1. Source: `perception/fidelity.py`. A frozen picture wins it, and the
codec's own reconstruction is the ceiling of a latent model.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from dropletvideo.evaluate.manifest import ManifestRow
from dropletvideo.evaluate.metric import Column, Metric
from dropletvideo.perception.fidelity import FirstFrameFidelity

_COLUMNS = (
    Column(name="first_frame_psnr", label="first frame PSNR", unit="dB", better="higher", decimals=1),
    Column(name="first_frame_ssim", label="first frame SSIM", unit="", better="higher"),
)


def score(row: ManifestRow, measures: Mapping[str, Any]) -> dict[str, float | None]:
    """The judge's columns, where the row names an image."""
    if row.image is None:
        return {}
    return {column.name: measures.get(column.name) for column in _COLUMNS}


def build() -> Metric:
    """The metric with its only setting."""
    return Metric(
        name="first_frame",
        title="First-frame fidelity",
        version=1,
        about="Frame 0 against the image asked for. A frozen picture wins; the codec's reconstruction is the ceiling.",
        suites=("truth",),
        columns=_COLUMNS,
        judges=(FirstFrameFidelity(),),
        score=score,
    )
