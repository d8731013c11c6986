"""Motion against M: `motion_score` in frame diagonals per second, plain and in consistent flow only; no direction.

Range 0 upwards; more is faster, not better: the question is whether motion answers to the M asked. Tables: per image
with several M, the rank correlation (-1 is perfect) and the ratio of the lowest M to the highest, bootstrap over
images. Sources: `perception/motion.py`, `perception/consistent_flow.py`, `evaluate/motion_response.py`.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from dropletvideo.evaluate.metric import Column, Metric, ScoredRow, as_measured
from dropletvideo.evaluate.motion_response import MotionPoint, motion_response
from dropletvideo.perception.consistent_flow import ConsistentFlow
from dropletvideo.perception.motion import MotionJudge

_COLUMNS = (
    Column(name="motion_score", label="motion", unit="diagonals/s", better="neither"),
    Column(
        name="motion_score_consistent",
        label="motion, consistent flow",
        unit="diagonals/s",
        better="neither",
        decimals=3,
    ),
    Column(name="consistent_share", label="pixels with consistent flow", unit="share", better="neither", decimals=2),
)


def tables(scored: Sequence[ScoredRow]) -> dict[str, Any]:
    """`plain` and `consistent` motion response over the rows that ask an M; empty with fewer than two M."""
    asking = [each for each in scored if each.row.motion is not None]
    if len({each.row.motion for each in asking}) < 2:
        return {}
    return {
        name: motion_response(_points(asking, column)).as_dict()
        for name, column in (("plain", "motion_score"), ("consistent", "motion_score_consistent"))
    }


def _points(scored: Sequence[ScoredRow], column: str) -> list[MotionPoint]:
    points = []
    for each in scored:
        assert each.row.motion is not None
        points.append(MotionPoint(image=each.row.cluster, motion=each.row.motion, measured=each.measures.get(column)))
    return points


def build() -> Metric:
    """The metric with its only setting."""
    return Metric(
        name="motion",
        title="Motion against M",
        version=1,
        about="Low M asks for fast motion. More motion is not better: what counts is that it answers to M.",
        suites=("truth",),
        columns=_COLUMNS,
        judges=(MotionJudge(), ConsistentFlow()),
        score=as_measured(_COLUMNS),
        tables=tables,
    )
