"""What each score must do under each fault: the claims that `droplet evaluate validate` holds the metrics to.

`rises` and `falls`: the score, averaged over clips, follows the size of the fault. `stays`: it keeps to its noise
floor. A score that is not named under a fault may do either; one that is not named at all makes no claim. Columns of
metrics that are not there are passed over.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass


@dataclass(frozen=True, kw_only=True)
class Expected:
    """Columns by what they must do under one fault; `unit` says what level 1 is."""

    title: str
    unit: str
    rises: tuple[str, ...] = ()
    falls: tuple[str, ...] = ()
    stays: tuple[str, ...] = ()


_SAMENESS = ("reference_psnr", "reference_ssim")
_CLEAN = ("cuts_inside", "clipped_dark", "clipped_bright")
EXPECTED: Mapping[str, Expected] = {
    "warp": Expected(
        title="a picture that swims: a smooth warp that changes with time",
        unit="8 px",
        rises=("geometry_error_px", "motion_score", "motion_score_consistent", "dynamic_speed"),
        falls=("geometry", "ist", *_SAMENESS),
        stays=_CLEAN,
    ),
    "depth_drift": Expected(
        title="things at different depths slide against each other",
        unit="8 px",
        rises=("geometry_error_px",),
        falls=("geometry", *_SAMENESS),
        stays=("camera_f1", "sharpness", "first_frame_psnr", *_CLEAN),
    ),
    "identity_swap": Expected(
        title="identity swapped while out of view",
        unit="another colour",
        falls=("revisit", "ist", "reference_psnr"),
        stays=("camera_f1", "sharpness", "first_frame_psnr", "geometry_error_px", "motion_score", *_CLEAN),
    ),
    "flicker": Expected(
        title="flicker of brightness",
        unit="20 %",
        rises=("compensated_flicker",),
        falls=("temporal_flickering", *_SAMENESS),
        stays=("camera_f1", "first_frame_psnr", "first_frame_ssim", "clipped_dark"),
    ),
    "freeze": Expected(
        title="standstill, then a jump",
        unit="60 % of the frames",
        rises=("repeated_share", "longest_freeze_seconds"),
        falls=_SAMENESS,
        stays=("camera_f1", "first_frame_psnr", "sharpness", "clipped_dark", "clipped_bright"),
    ),
    "jitter": Expected(
        title="jitter of the camera",
        unit="4 px and 0.8°",
        rises=("dynamic_speed", "motion_score", "motion_score_consistent"),
        falls=_SAMENESS,
        stays=("first_frame_psnr", "repeated_share", *_CLEAN),
    ),
    "compression": Expected(
        title="lossy coding",
        unit="crf 42",
        falls=("sharpness", "first_frame_psnr", "first_frame_ssim", *_SAMENESS),
        stays=("camera_f1", "cuts_inside", "motion_score_consistent", "clipped_dark"),
    ),
    "noise": Expected(
        title="noise",
        unit="24 grey levels",
        rises=("sharpness", "compensated_flicker"),
        falls=("temporal_flickering", "first_frame_psnr", "first_frame_ssim", *_SAMENESS),
        stays=("camera_f1", "cuts_inside", "repeated_share"),
    ),
    "blur": Expected(
        title="blur",
        unit="6 px",
        falls=("sharpness", "first_frame_psnr", "first_frame_ssim", *_SAMENESS),
        stays=("camera_f1", "motion_score", "motion_score_consistent", "dynamic_speed", *_CLEAN),
    ),
    "size": Expected(
        title="size",
        unit="half",
        stays=("camera_f1", "motion_score", "motion_score_consistent", "repeated_share", *_CLEAN),
    ),
    "frame_rate": Expected(
        title="frame rate",
        unit="3 times",
        stays=(
            "camera_f1",
            "ist",
            "motion_score",
            "motion_score_consistent",
            "dynamic_speed",
            "first_frame_psnr",
            *_CLEAN,
        ),
    ),
}
INVARIANT = ("geometry", "geometry_error_px", "compensated_flicker", "cuts_inside", "blends_inside")
"""Scores whose value without any fault must not depend on what the camera does. `repeated_share` is not among them: a
still scene before a still camera repeats its frames."""
