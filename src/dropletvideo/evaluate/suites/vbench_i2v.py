"""VBench++ I2V: the ten columns of the published image-to-video benchmark, on its images and prompts."""

from __future__ import annotations

from dropletvideo.evaluate.suite import Suite


def build() -> Suite:
    """The suite."""
    return Suite(
        name="vbench-i2v",
        title="VBench++ I2V",
        about="The ten columns of the published image-to-video benchmark, on its images and prompts.",
        needs="rows with `dimensions` and the asked camera, as `droplet evaluate import vbench` writes them",
    )
