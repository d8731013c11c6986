"""VBench++-ISTP: the ten columns with each prompt rewritten into a dense one, as DropletVideo was tested."""

from __future__ import annotations

from dropletvideo.evaluate.suite import Suite


def build() -> Suite:
    """The suite."""
    return Suite(
        name="istp",
        title="VBench++-ISTP",
        about="The ten columns with each prompt of the list rewritten into a dense one, as DropletVideo was tested.",
        needs="as vbench-i2v, with the dense prompt in `prompt` and the list's in `prompt_original`",
    )
