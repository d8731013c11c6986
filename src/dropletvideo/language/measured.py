"""Captions for clips that have none, composed from measured facts only: moves in order, colours, brightness.

Nothing is guessed: a fact that was not measured is left out, and the row says `caption_source=measured`.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from typing import Any

from dropletvideo.moves import MOVES

CAPTION_SOURCE = "measured"
_DARK, _BRIGHT = 70.0, 170.0
_OPENERS = ("", "then ", "and then ")


def measured_caption(row: Mapping[str, Any]) -> str:
    """One or two sentences about a clip.

    Args:
        row: a row of the `clips` view; `camera_moves` (names in time order), `dominant_colours` (names) and
            `brightness` (mean luma, 0 to 255) are read when present.
    """
    sentences = [_scene_sentence(row), _camera_sentence(row.get("camera_moves"))]
    return " ".join(sentence for sentence in sentences if sentence)


def _scene_sentence(row: Mapping[str, Any]) -> str:
    light = _light_word(row.get("brightness"))
    colours = list(row.get("dominant_colours") or [])
    if not light and not colours:
        return ""
    scene = f"A {light} scene" if light else "A scene"
    return f"{scene} in {_listed(colours)}." if colours else f"{scene}."


def _light_word(brightness: float | None) -> str:
    if brightness is None or math.isnan(brightness):
        return ""
    if brightness < _DARK:
        return "dark"
    return "bright" if brightness > _BRIGHT else "softly lit"


def _camera_sentence(moves: Sequence[str] | None) -> str:
    known = [name for name in (moves or []) if name in MOVES]
    if not known:
        return ""
    parts = [_OPENERS[min(i, 2)] + MOVES[name].phrase for i, name in enumerate(known)]
    return f"The camera {', '.join(parts)}."


def _listed(words: Sequence[str]) -> str:
    return words[0] if len(words) == 1 else f"{', '.join(words[:-1])} and {words[-1]}"
