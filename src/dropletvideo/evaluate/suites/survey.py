"""Survey metrics: the metrics of the survey's Table VI: image and video distances, quality, alignment."""

from __future__ import annotations

from dropletvideo.evaluate.suite import Suite

TABLE_6 = (
    "fid",
    "reference_psnr",
    "inception_score",
    "reference_ssim",
    "fvd",
    "kvd",
    "fvmd",
    "dover",
    "clip_score",
    "blip_itc",
    "viclip",
)
"""In the order of the survey's Table VI."""
BESIDE = ("fvmd_fixed", "kid", "dover_technical", "dover_technical_raw", "blip_itm")


def build() -> Suite:
    """The suite."""
    return Suite(
        name="survey",
        title="Survey metrics",
        about="The metrics of the survey's Table VI: image and video distances, quality, alignment.",
        columns=(*TABLE_6, *BESIDE),
        needs="`prompt` for alignment, `reference_video` for PSNR, SSIM and the set distances",
    )
