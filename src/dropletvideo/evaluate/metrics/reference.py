"""PSNR (dB, 0 to 100) and SSIM (-1 to 1) of all frames against a reference video; higher is nearer.

Only rows with a `reference_video` are scored. Source: `perception/reference_fidelity.py`. Sameness, not quality: a
second right answer to the same request loses; between videos with equal motion it orders noise, blur and coding.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from dropletvideo.evaluate.manifest import ManifestRow
from dropletvideo.evaluate.metric import Column, Metric
from dropletvideo.perception.reference_fidelity import ReferenceFidelity

_COLUMNS = (
    Column(name="reference_psnr", label="PSNR against the reference", unit="dB", better="higher", decimals=1),
    Column(name="reference_ssim", label="SSIM against the reference", unit="", better="higher"),
)


def score(row: ManifestRow, measures: Mapping[str, Any]) -> dict[str, float | None]:
    """The judge's columns, where the row names a reference."""
    if row.reference_video is None:
        return {}
    return {column.name: measures.get(column.name) for column in _COLUMNS}


def build() -> Metric:
    """The metric with its only setting."""
    return Metric(
        name="reference",
        title="Sameness with a reference video",
        version=1,
        about="How near every frame is to the true continuation. A right answer that differs from it loses.",
        suites=("truth", "survey"),
        columns=_COLUMNS,
        judges=(ReferenceFidelity(),),
        score=score,
    )
