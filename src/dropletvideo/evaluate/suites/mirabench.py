"""MiraBench: the 17 metrics of MiraBench (arXiv 2407.06358), as released and as written in the paper."""

from __future__ import annotations

from dropletvideo.evaluate.suite import Suite

COMPAT = (
    "mira_dynamic_degree",
    "mira_tracking_strength",
    "mira_dino",
    "mira_clip",
    "mira_smoothness",
    "mira_geometry_mae",
    "mira_geometry_rmse",
    "mira_aesthetic",
    "mira_imaging",
    "mira_camera",
    "mira_main_object",
    "mira_background",
    "mira_style",
    "mira_overall",
    "mira_fvd",
    "mira_fid",
    "mira_kid",
)
"""The 17 in the order of the paper."""

PAPER = (
    "mira_dynamic_degree_paper",
    "mira_tracking_strength_paper",
    "mira_dino_paper",
    "mira_clip_paper",
    "mira_smoothness_paper",
    "mira_fid_paper",
    "mira_kid_paper",
)
"""Those that the paper writes otherwise than the code."""

BESIDE = (
    "mira_geometry_mae_fixed",
    "mira_geometry_rmse_fixed",
    "mira_kvd",
    "mira_geometry_matches",
    "mira_geometry_inliers",
    "mira_geometry_keep_ratio",
)


def build() -> Suite:
    """The suite."""
    return Suite(
        name="mirabench",
        title="MiraBench",
        about="The 17 metrics of MiraBench (arXiv 2407.06358) as its code has them, and seven as its paper writes them "
        "instead. Its prompts were never published: `droplet mirabench build` makes a set, and results are shown by "
        "kind of caption.",
        columns=(*COMPAT, *PAPER, *BESIDE),
        needs="captions as `droplet mirabench build` or `droplet evaluate import mirabench` writes them; "
        "reference_video for the set metrics",
    )
