"""Emergence by CLIP: frames come to look like the asked thing when it appears; no upper range, 0 and below if not.

`emergence_clip` in points of CLIP-score, about -10 to 10, higher is better. Source: `perception/clip_emergence.py`.
The weight-free `emergence` beside it knows the thing by its colour, and where and how long it is in view.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from dropletvideo.evaluate.manifest import ManifestRow
from dropletvideo.evaluate.metric import Column, Metric
from dropletvideo.perception.clip_emergence import ClipEmergence

_COLUMNS = (Column(name="emergence_clip", label="emergence (CLIP)", unit="points", better="higher", decimals=2),)


def score(row: ManifestRow, measures: Mapping[str, Any]) -> dict[str, float | None]:  # noqa: ARG001  see `applies`
    """The judge's column."""
    return {"emergence_clip": measures.get("clip_rise")}


def asks(row: ManifestRow) -> bool:
    """Whether a row asks for something to appear."""
    return any(event.get("event") == "appears" for event in row.events)


def build() -> Metric:
    """The metric with its only setting."""
    return Metric(
        name="emergence_clip",
        title="What the camera reveals, by CLIP",
        version=1,
        about="A thing that was there from the start does not count as coming.",
        columns=_COLUMNS,
        judges=(ClipEmergence(),),
        score=score,
        weights=("clip-vit-l-14",),
        applies=asks,
    )
