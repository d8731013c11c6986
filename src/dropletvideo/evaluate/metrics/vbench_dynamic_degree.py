"""Dynamic degree (VBench): whether enough pairs of frames move far enough, by RAFT.

Per video 0 or 1, mean range 0 to 1, higher moves more. Source: `perception/raft_things.py`, rule in
`perception/dynamic_degree.py`; VBench (arXiv 2311.17982).
"""

from __future__ import annotations

from typing import Any

from dropletvideo.evaluate.metric import Metric, ScoredRow
from dropletvideo.evaluate.vbench_metric import Dimension
from dropletvideo.perception.raft_things import RaftDegree


def _exported(scored: ScoredRow) -> dict[str, Any]:
    moves = scored.measures.get("raft_moving")
    return {"video_results": None if moves is None else bool(moves)}


def build() -> Metric:
    """The metric with its only setting."""
    return Dimension(
        name="dynamic_degree",
        title="dynamic degree",
        about="Faults: the camera counts as dynamics; one bit a video; a video of two frames always moves. "
        "Fixed: the last.",
        judges=(RaftDegree(),),
        compat="raft_moving",
        fixed="raft_moving_even",
        weights=("raft-things",),
        libraries=("torchvision",),
        exported=_exported,
    ).metric()
