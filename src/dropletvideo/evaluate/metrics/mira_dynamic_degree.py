"""MiraBench's dynamic degree, by RAFT: mean of the largest 5 % of flow lengths (released), mean flow (paper).

Unit px a frame, range 0 to any size, higher moves more; it grows with the resolution. Source: `perception/raft_things.py`;
MiraBench (arXiv 2407.06358), its code.
"""  # noqa: E501  the path is one word

from __future__ import annotations

from dropletvideo.evaluate.metric import Metric
from dropletvideo.evaluate.mirabench_metric import MiraScore, mirabench_metric
from dropletvideo.perception.raft_things import RaftPairs

_SCORES = (
    MiraScore(
        name="mira_dynamic_degree",
        label="dynamic degree",
        measure="raft_top_px",
        unit="px",
        decimals=2,
        official="Dynamic Degree",
    ),
    MiraScore(
        name="mira_dynamic_degree_paper",
        label="dynamic degree (paper)",
        measure="raft_mean_px",
        unit="px",
        decimals=2,
        flavour="paper",
    ),
)


def build() -> Metric:
    """The metric with its only setting."""
    return mirabench_metric(
        "mira_dynamic_degree",
        _SCORES,
        title="Dynamic degree, MiraBench",
        about="The released code takes the largest 5 % of the flow, the paper says its mean; both in px of the video.",
        judges=(RaftPairs(),),
        weights=("raft-things",),
        libraries=("torchvision",),
    )
