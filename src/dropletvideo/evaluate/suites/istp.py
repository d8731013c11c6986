"""VBench++-ISTP: the ten columns with each prompt rewritten into a dense one, as DropletVideo was tested."""

from __future__ import annotations

from dropletvideo.evaluate.suite import Suite
from dropletvideo.evaluate.vbench_score import SUITE_COLUMNS, SUITE_LABELS, suite_totals


def build() -> Suite:
    """The suite."""
    return Suite(
        name="istp",
        title="VBench++-ISTP",
        about="DropletVideo's protocol (arXiv 2503.06053, C.2): images and 1,118 prompts of VBench++ I2V, each prompt "
        "rewritten into one dense prompt that names plot and camera; the ten columns read videos and images, never the "
        "prompt, and the camera asked is that of the list. Not published: samples a prompt, seeds, ratio, M.",
        columns=SUITE_COLUMNS,
        totals=suite_totals,
        total_labels=SUITE_LABELS,
        needs="as vbench-i2v, with the dense prompt in `prompt` and the list's in `prompt_original` "
        "(`droplet evaluate import vbench --prompts`)",
    )
