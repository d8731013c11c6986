"""VBench++ I2V: the ten columns of the published image-to-video benchmark, on its images and prompts."""

from __future__ import annotations

from dropletvideo.evaluate.suite import Suite
from dropletvideo.evaluate.vbench_score import SUITE_COLUMNS, SUITE_LABELS, suite_totals


def build() -> Suite:
    """The suite."""
    return Suite(
        name="vbench-i2v",
        title="VBench++ I2V",
        about="The ten columns of the published image-to-video benchmark with its final score, as its code gives them "
        "and without their faults. A frozen picture wins the total of both, so read it beside the baselines.",
        columns=SUITE_COLUMNS,
        totals=suite_totals,
        total_labels=SUITE_LABELS,
        needs="rows with `dimensions` and the asked camera, as `droplet evaluate import vbench` writes them",
    )
