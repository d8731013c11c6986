"""Camera motion (VBench++): whether the asked move is among those that four tracked points name.

Per video 0 or 1, mean range 0 to 1, higher is better; fixed divides the credit by the number of moves named. Source:
`perception/four_points.py`, `perception/grid_tracks.py`; VBench++ (arXiv 2411.13503). For moves against truth, with
amounts and a correction for constant answers, see `camera.py`.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from dropletvideo.evaluate.manifest import ManifestRow
from dropletvideo.evaluate.metric import Metric, ScoredRow
from dropletvideo.evaluate.vbench_metric import SUITES, columns_of
from dropletvideo.evaluate.vbench_score import column
from dropletvideo.perception.four_points import MOVES, credit
from dropletvideo.perception.grid_tracks import GridTracks

_NAME = "camera_motion"


def _asked(row: ManifestRow) -> list[str]:
    """Asked moves that the classifier knows."""
    return [move for move in row.moves or () if move in MOVES]


def score(row: ManifestRow, measures: Mapping[str, Any]) -> dict[str, float | None]:
    """Credit of the asked move; the mean where several are asked, which VBench's list never does."""
    asked = _asked(row)
    if not asked:
        return {}
    found: dict[str, float | None] = {}
    for flavour, measure in (("compat", "four_point_moves"), ("fixed", "four_point_moves_even")):
        named = measures.get(measure)
        credits = [] if named is None else [credit(move, named, shared=flavour == "fixed") for move in asked]
        found[column(_NAME, flavour)] = sum(credits) / len(credits) if credits else None
    return found


def tables(rows: Sequence[ScoredRow]) -> dict[str, Any]:
    """Mean by asked move, and what the best constant answer would have had on these rows."""
    credited: dict[str, list[float]] = {}
    for each in rows:
        value = each.scores.get(column(_NAME))
        if value is not None and len(_asked(each.row)) == 1:
            credited.setdefault(_asked(each.row)[0], []).append(value)
    if not credited:
        return {}
    count = sum(len(values) for values in credited.values())
    constant = ("zoom_in", "pan_left", "tilt_up")
    return {
        "by_move": {move: sum(values) / len(values) for move, values in sorted(credited.items())},
        "always_zooming_in_would_have": sum(len(credited.get(move, ())) for move in constant) / count,
    }


def _exported(scored: ScoredRow) -> dict[str, Any]:
    asked = _asked(scored.row)
    return {"prompt_type": asked[0] if asked else None, "predict_type": scored.measures.get("four_point_moves")}


def build() -> Metric:
    """The metric with its only setting."""
    return Metric(
        name=column(_NAME),
        title="camera motion",
        version=1,
        about="Faults: four points, two of them off the middle, first and last frame only; extra moves are free, so a "
        "video that always zooms in has 3 of 7. Fixed: points in the middle, and the credit shared by all moves named.",
        suites=SUITES,
        flavour="compat",
        weights=("cotracker2",),
        dimension=_NAME,
        applies=lambda row: bool(_asked(row)),
        columns=columns_of(_NAME, "camera motion"),
        judges=(GridTracks(),),
        score=score,
        tables=tables,
        exported=_exported,
    )
