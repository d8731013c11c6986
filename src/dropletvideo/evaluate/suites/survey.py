"""Survey metrics: the metrics of the survey's Table VI: image and video distances, quality, alignment."""

from __future__ import annotations

from dropletvideo.evaluate.suite import Suite


def build() -> Suite:
    """The suite."""
    return Suite(
        name="survey",
        title="Survey metrics",
        about="The metrics of the survey's Table VI: image and video distances, quality, alignment.",
        needs="`prompt` for alignment, `reference_video` for PSNR, SSIM and the set distances",
    )
