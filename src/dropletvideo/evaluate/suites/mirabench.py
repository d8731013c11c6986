"""MiraBench: the 17 metrics of MiraBench (arXiv 2407.06358), as released and as written in the paper."""

from __future__ import annotations

from dropletvideo.evaluate.suite import Suite


def build() -> Suite:
    """The suite."""
    return Suite(
        name="mirabench",
        title="MiraBench",
        about="The 17 metrics of MiraBench (arXiv 2407.06358), as released and as written in the paper.",
        needs="captions as `droplet evaluate import mirabench` writes them; a reference set for the set metrics",
    )
