"""Does a text about the camera agree with what was measured? Direction by direction, in the words of `moves.py`."""

from __future__ import annotations

import math
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from dropletvideo.language.words import CAMERA_WORD, camera_sentences
from dropletvideo.moves import CAMERA_CLASSES, MOVES, moves_in_text, opposite

_STILL = frozenset(("static", "shake"))
_KIN = (frozenset(("zoom", "dolly")), frozenset(("truck", "arc", "pan", "tracking")), frozenset(("pedestal", "tilt")))
"""Moves that look so alike in a few stills that a text is not sent back for naming one as the other."""
_AXES = {
    "pan": r"pan(s|n\w+)?",
    "tilt": r"tilt(s|ed|ing)?",
    "roll": r"roll(s|ed|ing)?",
    "zoom": r"zoom(s|ed|ing)?",
    "dolly": r"doll(y|ies|ied|ying)|push(es|ing)? in|pull(s|ing)? (back|out|away)|forward|backwards?|advanc(es|ing)",
    "truck": r"truck(s|ed|ing)?|slid(es|ing)|sideways|lateral(ly)?",
    "pedestal": r"pedestals?|cran(es|ing)|ris(es|ing)|sink(s|ing)|descend(s|ing)?|ascend(s|ing)?",
    "arc": r"arc(s|ed|ing)?|orbit(s|ed|ing)?|circl(es|ing)|around",
    "tracking": r"track(s|ed|ing)?|follow(s|ed|ing)?",
}
_AXIS_WORDS = {axis: re.compile(rf"\b({words})\b", re.IGNORECASE) for axis, words in _AXES.items()}
_STILL_WORDS = re.compile(
    r"\b(static|still|stationary|fixed|motionless|locked|unmoving|does not move|doesn't move|no movement)\b|静止|固定",
    re.IGNORECASE,
)
_DENIED = re.compile(r"\b(no|not|without|never|neither|nor|rather than|instead of|hardly)\b[^.,;]*", re.IGNORECASE)
_CLAUSE = re.compile(r"[.,;!?。，；]|(?=\b(?:as|while|when|which|that|who|where)\b)", re.IGNORECASE)
_BESIDE = re.compile(r"\s*(?:as|while|when|which|that|who|where)\s+", re.IGNORECASE)
_TURNS = re.compile("|".join(rf"\b({_AXES[axis]})\b" for axis in ("pan", "tilt", "zoom", "roll")), re.IGNORECASE)
_CHINESE_LENS = re.compile(r"镜头|摄|相机|[\u3400-\u9fff]")


@dataclass(frozen=True, kw_only=True)
class Measured:
    """What the camera judge said of a clip; `moves` in time order, names of `moves.MOVES`."""

    camera_class: str | None = None
    moves: tuple[str, ...] = ()
    confidence: float = 1.0

    @classmethod
    def of(cls, row: Mapping[str, Any]) -> Measured:
        """From a row of the `clips` view; columns that are not there count as not measured."""
        confidence = float(row.get("camera_confidence") or 0.0)
        return cls(
            camera_class=row.get("camera_class"),
            moves=tuple(move for move in row.get("camera_moves") or () if move in MOVES),
            confidence=0.0 if math.isnan(confidence) else confidence,
        )

    def is_sure(self, limit: float) -> bool:
        """Whether texts can be held to it: a class other than C6, and at least this confidence."""
        return self.camera_class in CAMERA_CLASSES and self.camera_class != "C6" and self.confidence >= limit

    @property
    def is_told(self) -> bool:
        """Whether there are words for what the camera does."""
        return bool(self.moves) or self.camera_class == "C5"

    @property
    def going(self) -> tuple[str, ...]:
        """Moves that lead somewhere."""
        return tuple(dict.fromkeys(move for move in self.moves if move not in _STILL))

    def phrase(self) -> str:
        """Completes "the camera ..."."""
        words = list(dict.fromkeys(MOVES[move].phrase for move in self.moves))
        if not self.going:
            return words[0] if words == [MOVES["shake"].phrase] else MOVES["static"].phrase
        told = ", then ".join(words)
        return f"stays nearly still: it only just {told}" if self.camera_class == "C5" else told


def disagreement(text: str, measured: Measured) -> str | None:
    """How a text's words about the camera contradict the measurement; None if they do not.

    Where the camera was still, a text may not claim that it travels or turns. Where it moved, a text may not call it
    still (save where it was nearly so), may not name the opposite of a measured move that was not measured too, and has
    to name one of the measured moves or its like (`zoom` and `dolly`, say). A class alone, without moves, is only held
    against "still".
    """
    told = _camera_clauses(text)
    said = [move for move in moves_in_text(told) if move not in _STILL]
    axes = {MOVES[move].axis for move in said} | {axis for axis, words in _AXIS_WORDS.items() if words.search(told)}
    claims_still = bool(_STILL_WORDS.search(_DENIED.sub(" ", text))) and not axes
    truth = f"measured: the camera {measured.phrase()}"
    if not measured.going and (measured.camera_class == "C5" or measured.moves):
        # beside "the camera stays still", what rises or moves left is taken to be something else
        is_claim = bool(_TURNS.search(told)) if _STILL_WORDS.search(text) else bool(axes)
        return f"it says that the camera moves ({', '.join(sorted(said or axes))}); {truth}" if is_claim else None
    if claims_still:
        if measured.camera_class == "C5":
            return None
        return f"it says that the camera stays still; {truth if measured.going else 'measured: the camera moves'}"
    wrong = [move for move in said if opposite(move) in measured.going and move not in measured.going]
    if wrong:
        return f"it says that the camera {MOVES[wrong[0]].phrase}; {truth}"
    if measured.going and axes.isdisjoint(_alike(measured.going)):
        return f"it names none of the measured moves; {truth}"
    return None


def _camera_clauses(text: str) -> str:
    """The clauses about the camera: "as the car moves left" is none. What is denied is left out."""
    kept = []
    for sentence in camera_sentences(text) or [text]:
        for clause in _CLAUSE.split(_DENIED.sub(" ", sentence)):
            beside = _BESIDE.match(clause)
            is_camera = CAMERA_WORD.search(clause) or _CHINESE_LENS.search(clause)
            places = (words.search(clause) for words in _AXIS_WORDS.values())
            # "while panning left" is the camera's, "as the car moves left" is not
            if is_camera or any(place and (not beside or place.start() == beside.end()) for place in places):
                kept.append(clause)
    return " . ".join(kept)


def _alike(moves: Sequence[str]) -> set[str]:
    axes = {MOVES[move].axis for move in moves}
    return axes.union(*(kin for kin in _KIN if kin & axes))
