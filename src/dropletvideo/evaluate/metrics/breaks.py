"""Freezes and cuts: repeated neighbour frames (share, 0 to 1), longest freeze in seconds, edits inside; lower is better.

A generated shot should have none of them. Sources: `perception/stillness.py`, `perception/cuts.py`. A still scene before
a still camera repeats its frames as well, so the freeze columns are read beside motion.
"""  # noqa: E501  the first line names unit, range and direction

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from dropletvideo.evaluate.manifest import ManifestRow
from dropletvideo.evaluate.metric import Column, Metric
from dropletvideo.perception.cuts import ShotBoundaries
from dropletvideo.perception.stillness import Stillness

_COLUMNS = (
    Column(name="repeated_share", label="repeated frames", unit="share", better="lower", decimals=2),
    Column(name="longest_freeze_seconds", label="longest freeze", unit="s", better="lower", decimals=2),
    Column(name="cuts_inside", label="hard cuts inside", unit="", better="lower", decimals=2),
    Column(name="blends_inside", label="fades, dissolves, wipes inside", unit="", better="lower", decimals=2),
)


def score(row: ManifestRow, measures: Mapping[str, Any]) -> dict[str, float | None]:  # noqa: ARG001  asks nothing
    """The judges' columns, boundaries counted by kind."""
    boundaries = measures.get("boundaries")
    if measures.get("num_frames") == 1:
        boundaries = None
    cuts = None if boundaries is None else float(sum(_kind(each) == "cut" for each in boundaries))
    return {
        "repeated_share": measures.get("repeated_share"),
        "longest_freeze_seconds": measures.get("longest_freeze_seconds"),
        "cuts_inside": cuts,
        "blends_inside": None if cuts is None else len(boundaries or ()) - cuts,
    }


def _kind(boundary: Any) -> str:
    return str(boundary["kind"]) if isinstance(boundary, Mapping) else ""


def build() -> Metric:
    """The metric with its only setting."""
    return Metric(
        name="breaks",
        title="Freezes and cuts",
        version=1,
        about="A generated shot that stops, repeats frames or jumps to another picture. A frozen picture repeats all.",
        suites=("truth",),
        columns=_COLUMNS,
        judges=(Stillness(), ShotBoundaries()),
        score=score,
    )
