"""Dynamic degree with classical flow: VBench's yes or no (0 or 1), and the speed in short sides/s, range 0 up.

Higher moves more; no direction of merit: a camera that shakes is dynamic too. Source: `perception/dynamic_degree.py`,
which has the rule of VBench (arXiv 2311.17982) on DIS flow in place of RAFT's.
"""

from __future__ import annotations

from dropletvideo.evaluate.metric import Column, Metric, as_measured
from dropletvideo.perception.dynamic_degree import DynamicDegree

_COLUMNS = (
    Column(name="dynamic_degree_dis", label="dynamic degree (DIS)", unit="share", better="neither", decimals=2),
    Column(name="dynamic_speed", label="dynamic speed", unit="short sides/s", better="neither"),
)


def build() -> Metric:
    """The metric with its only setting."""
    return Metric(
        name="dynamic_degree",
        title="Dynamic degree, classical flow",
        version=1,
        about="Whether and how fast anything moves, the camera or the scene. It does not say that motion is right.",
        suites=("truth",),
        columns=_COLUMNS,
        judges=(DynamicDegree(),),
        score=as_measured(_COLUMNS),
    )
