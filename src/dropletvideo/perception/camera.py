"""Camera judge: what the camera does in a clip, in the words of `moves.py`, and the class C1 to C6; weight-free.

Corners are tracked through frames sampled at 8 per second; windows of half a second are fitted with rotation and
zoom, and with travel in many directions; evidence is pooled over spans; rates become named moves. A name that cannot
be told is left out, never guessed.

Columns: `camera_class` (C1..C6 or None), `camera_moves` (names in time order), `camera_detail` (move, start and end in
seconds from the clip's start, amount in the unit of `moves.MOVES`), `camera_confidence` 0..1 (higher is surer),
`camera_parallax` (spread of parallax over the short side per second: 0 for a camera that only turns),
`camera_unclear` (times in which one of two moves runs and nothing tells which: moves, start, end, amounts). These are
not in `camera_moves`, and the class is None where it hangs on them.

Sources: the motion field of a moving camera, fitted as in `camera_fit.py` (Heeger and Jepson 1992); the classes are
those of DropletVideo's supplement, section A.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from itertools import pairwise
from typing import Any

import numpy as np

from dropletvideo.perception.camera_class import confidence_of, moves_of, picture_weight, runs_of
from dropletvideo.perception.camera_segments import rates_of, smooth, with_arcs, with_tracking
from dropletvideo.perception.camera_shake import shake_of
from dropletvideo.perception.camera_solve import refocus
from dropletvideo.perception.camera_subject import turns_in_place
from dropletvideo.perception.camera_tracks import Tracks
from dropletvideo.perception.camera_unclear import class_either_way, named_share, split_unclear
from dropletvideo.perception.camera_windows import HOP_SECONDS, Pair, calibrate, make_pairs, make_windows
from dropletvideo.perception.judge import Chunk, Features, Frames
from dropletvideo.perception.one_surface import is_one_surface, likeness
from dropletvideo.perception.point_tracks import POINT_TRACKS

MIN_TOLD = 0.4
"""Share of the clip's length that pairs with enough points must cover, else nothing is said."""
LOOK_SECONDS = 1.0
LOST, KEPT = 0.1, 0.5
"""Share of points kept from one sampled frame to the next below which the picture was replaced, if its neighbours
keep more than the other share: fast motion loses points for longer."""


@dataclass
class CameraState:
    """Tracks of the clip so far, its row, and how alike the parts of its pictures are, asked next at `next_look`."""

    row: Mapping[str, Any]
    tracks: Tracks = field(default_factory=Tracks)
    likeness: list[float] = field(default_factory=list)
    next_look: float = -np.inf


class CameraJudge:
    """See the module text. The row may hold `has_edit` (True makes the clip C6) and `focal_ratio` (over the width)."""

    name = "camera"
    version = 11
    needs: Frames | Features = POINT_TRACKS
    columns: Mapping[str, type] = {
        "camera_class": str,
        "camera_moves": list,
        "camera_detail": list,
        "camera_confidence": float,
        "camera_parallax": float,
        "camera_unclear": list,
    }

    def start(self, row: Mapping[str, Any]) -> CameraState:
        """State of one clip."""
        return CameraState(row)

    def update(self, state: CameraState, chunk: Chunk) -> None:
        """Collect the points of the chunk's frames, and once in LOOK_SECONDS whether one surface fills the picture."""
        state.tracks.take(chunk.features[POINT_TRACKS.backbone], *chunk.frames.shape[1:3])
        for frame, time in zip(chunk.frames, chunk.times, strict=True):
            if time >= state.next_look:
                state.likeness.append(likeness(frame))
                state.next_look = float(time) + LOOK_SECONDS

    def finish(self, state: CameraState) -> dict[str, Any]:
        """The columns of the clip."""
        tracks = state.tracks
        has_edit = bool(state.row.get("has_edit")) or _picture_replaced(tracks)
        pairs = make_pairs(tracks)
        duration = tracks.frames[-1].time - tracks.frames[0].time if tracks.frames else 0.0
        told = _covered(pairs) / duration if duration > 0 else 0.0
        if told < MIN_TOLD:
            return _answer("C6" if has_edit else None, [], 0.5 if has_edit else 0.0, 0.0, [])
        ratio = state.row.get("focal_ratio")
        short_side = min(tracks.height, tracks.width)
        lens = calibrate(pairs, short_side, float(ratio) * tracks.width if ratio else None)
        lens = lens if ratio else refocus(pairs, lens)
        windows = make_windows(pairs, lens)
        rates, pieces = smooth(rates_of(windows, lens, short_side, duration), windows)
        rates = with_arcs(rates, lens.focal_px, short_side)
        weights = picture_weight(rates, lens.focal_px / short_side, short_side)
        rates = with_tracking(rates, pieces, pairs, windows, (tracks.height, tracks.width))
        shake = shake_of(tracks, lens.focal_px)
        runs = runs_of(rates, pieces, weights, shake or 0.0, lens.focal_px / short_side)
        told_runs, unclear = split_unclear(
            runs, rates, pairs, lens.focal_px, short_side, one_surface=is_one_surface(state.likeness)
        )
        moves = moves_of(told_runs, rates, shake, moves_too=bool(unclear))
        turns = not runs and turns_in_place(tracks, lens.focal_px)
        step = duration / max(len(tracks.frames) - 1, 1)
        return _answer(
            "C6" if has_edit else "C1" if turns else class_either_way(moves, unclear, duration, step),
            [move.as_dict() for move, _ in moves],
            confidence_of(runs, rates, min(told, 1.0) * named_share(unclear, duration)),
            float(np.median(rates.spread) / short_side),
            [each.as_dict() for each in unclear],
        )


def _picture_replaced(tracks: Tracks) -> bool:
    kept = np.array([frame.kept for frame in tracks.frames[1:]])
    if len(kept) < 3:
        return False
    at = int(kept.argmin())
    near = np.delete(kept[max(at - 2, 0) : at + 3], min(at, 2))
    return bool(kept[at] < LOST and near.min() > KEPT)


def _covered(pairs: list[Pair]) -> float:
    """Seconds that the pairs stand for: from each to the next, unless some between them are missing."""
    if not pairs:
        return 0.0
    steps = [min(after.start - pair.start, max(HOP_SECONDS)) for pair, after in pairwise(pairs)]
    return sum(steps) + pairs[-1].end - pairs[-1].start


def _answer(
    camera_class: str | None,
    detail: list[dict[str, Any]],
    confidence: float,
    spread: float,
    unclear: list[dict[str, Any]],
) -> dict[str, Any]:
    return {
        "camera_class": camera_class,
        "camera_moves": [move["move"] for move in detail],
        "camera_detail": detail,
        "camera_confidence": confidence,
        "camera_parallax": spread,
        "camera_unclear": unclear,
    }
