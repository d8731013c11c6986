"""Left-right mirroring of a sample: frames and the words that name a side are turned together, never one alone."""

from __future__ import annotations

import re

import numpy as np
from numpy.typing import NDArray

_PAIRS = (
    ("left", "right"),
    ("leftward", "rightward"),
    ("leftwards", "rightwards"),
    ("leftmost", "rightmost"),
    ("clockwise", "counter-clockwise"),
)
_SWAP = {a: b for pair in _PAIRS for a, b in (pair, pair[::-1])} | {
    "counterclockwise": "clockwise",
    "anticlockwise": "clockwise",
    "anti-clockwise": "clockwise",
}
_WORDS = re.compile(r"\b(" + "|".join(sorted(_SWAP, key=len, reverse=True)) + r")\b", re.IGNORECASE)


def mirror_frames(frames: NDArray[np.uint8]) -> NDArray[np.uint8]:
    """FHWC frames with left and right exchanged."""
    return np.ascontiguousarray(frames[:, :, ::-1])


def mirror_caption(caption: str) -> str:
    """The caption of the mirrored clip: sides and turning directions exchanged, all else kept."""
    return _WORDS.sub(lambda match: _like(match[0], _SWAP[match[0].lower()]), caption)


def _like(model: str, word: str) -> str:
    """`word` in the case of `model`: lower, Capitalised or UPPER."""
    if model.isupper():
        return word.upper()
    return word.capitalize() if model[0].isupper() else word
