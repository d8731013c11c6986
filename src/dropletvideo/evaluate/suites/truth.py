"""The truth suite: answers to `droplet world suite` (or to any manifest), by metrics that are held against rendered truth.

Source: own. It needs no weights; a manifest with `camera`, `events` and `reference_video` is scored in full."""  # noqa: E501

from __future__ import annotations

from dropletvideo.evaluate.suite import Suite


def build() -> Suite:
    """The suite."""
    return Suite(
        name="truth",
        title="Truth suite",
        about="What was asked against what is measured, by metrics without learned weights.",
        needs="camera, events and reference_video where they are known, as `droplet world suite` writes them",
    )
