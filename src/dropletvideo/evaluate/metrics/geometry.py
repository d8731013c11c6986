"""Geometry: do all tracks fit one rigid scene before one camera? Range 0 to 1, higher is better.

    geometry = rigid_agreement * rigid_held

Mean over all tracks of 1 / (1 + (e / t)^2), e the distance from what the camera's motion allows and t 1.5 px (up to 2.5
px where the clip's points are seen less surely, as in coarse coding), times the share of tracks found again from frame
to frame: a track that is lost counts as one that does not fit. A pan, tilt or zoom is
held against the homography that it implies, travel against one depth per point. `geometry_error_px` is the mean e at
short side 256, lower is better. No request is needed. A frozen picture fits perfectly here: what it does not deliver
shows in `consistency`. Source: own; `perception/rigid_scene.py`.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from dropletvideo.evaluate.manifest import ManifestRow
from dropletvideo.evaluate.metric import Column, Metric
from dropletvideo.perception.consistency import ConsistencyJudge

_COLUMNS = (
    Column(name="geometry", label="geometry", unit="", better="higher", decimals=2),
    Column(name="geometry_error_px", label="geometry error", unit="px", better="lower", decimals=2),
)


def score(row: ManifestRow, measures: Mapping[str, Any]) -> dict[str, float | None]:  # noqa: ARG001
    """See the module text; None where too few points could be tracked."""
    agreement, held = measures.get("rigid_agreement"), measures.get("rigid_held")
    return {
        "geometry": None if agreement is None or held is None else agreement * held,
        "geometry_error_px": measures.get("rigid_error_px"),
    }


def build() -> Metric:
    """The metric with its only setting."""
    return Metric(
        name="geometry",
        title="One rigid scene before one camera",
        version=1,
        about="No track is left out, and true pans are judged as pans. A frozen picture has 1, by nature.",
        columns=_COLUMNS,
        judges=(ConsistencyJudge(),),
        score=score,
        suites=("truth",),
    )
