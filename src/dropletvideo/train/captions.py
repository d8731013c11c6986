"""Captions of catalog clips: the truth beside rendered footage, else composed from what was measured."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path
from typing import Any

from dropletvideo.data.clips import CaptionSpan
from dropletvideo.language.measured import CAPTION_SOURCE, measured_caption
from dropletvideo.moves import MOVES

TRUTH_SOURCE = "truth"
LEAST_INSIDE = 0.9
LEAST_SHARE = 0.2


def catalog_captions(row: Mapping[str, Any]) -> CaptionSpan:
    """Captions of a clip's row, true of any span of it."""
    shot, offset = _shot_of(row)
    if shot is not None:
        return _TruthCaptions(shot, offset)
    return _MeasuredCaptions(dict(row))


def caption_source(row: Mapping[str, Any]) -> str:
    """ "truth" or "measured"."""
    return TRUTH_SOURCE if _shot_of(row)[0] is not None else CAPTION_SOURCE


def moves_within(moves: Sequence[Mapping[str, Any]], start: float, end: float) -> list[str]:
    """Names of the moves that fill a fifth or more of the seconds `start` to `end`, in time order.

    A window of a sequence must not be told of a move that it does not show.
    """
    length = max(end - start, 1e-6)
    shown = [move for move in moves if min(move["end"], end) - max(move["start"], start) >= LEAST_SHARE * length]
    return [str(move["move"]) for move in sorted(shown, key=lambda move: float(move["start"]))]


def camera_sentence(moves: Sequence[str]) -> str:
    """The camera's course in the vocabulary's own words."""
    return f"The camera {', then '.join(MOVES[name].phrase for name in moves)}."


@dataclass(frozen=True)
class _TruthCaptions:
    """`offset`: seconds of the clip's start from the shot's start."""

    shot: Mapping[str, Any]
    offset: float

    def __call__(self, start: float, end: float) -> tuple[str, ...]:
        caption, moves = self.shot["caption"], self.shot["moves"]
        shown = moves_within(moves, start + self.offset, end + self.offset)
        if not shown or len(shown) == len(moves) or end == float("inf"):
            return tuple(str(caption[kind]) for kind in ("short", "camera") if kind in caption)
        opening = str(caption["short"]).split(". ")[0]
        return f"{opening}. {camera_sentence(shown)}", camera_sentence(shown)


@dataclass(frozen=True)
class _MeasuredCaptions:
    row: Mapping[str, Any]

    def __call__(self, start: float, end: float) -> tuple[str, ...]:
        detail = self.row.get("camera_detail")
        row = dict(self.row)
        if detail and end != float("inf") and (shown := moves_within(detail, start, end)):
            row["camera_moves"] = shown
        return (measured_caption(row),)


def _shot_of(row: Mapping[str, Any]) -> tuple[Mapping[str, Any] | None, float]:
    """The shot of the truth file that holds the clip, and seconds from its start to the clip's."""
    video = Path(str(row["video_path"]))
    truth = _truth(str(video.with_name(f"{video.stem}.truth.json")))
    start, end = int(row["start_frame"]), int(row["end_frame"])
    for shot in truth.get("shots", ()):
        inside = min(end, shot["end_frame"]) - max(start, shot["start_frame"])
        if inside >= LEAST_INSIDE * (end - start):
            return shot, (start - shot["start_frame"]) / float(truth["fps"])
    return None, 0.0


@lru_cache(maxsize=256)
def _truth(path: str) -> dict[str, Any]:
    """Content of a truth file, empty where there is none."""
    file = Path(path)
    return dict(json.loads(file.read_text())) if file.is_file() else {}
