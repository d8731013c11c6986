"""Judge: lines of text laid over the picture (titles, subtitles), without weights, at 2 frames per second.

`overlay_text_share`: share of the clip's moments at which such lines stand, 0 to 1; `overlay_text_area`: largest share
of the picture that their boxes cover, 0 to 1; `overlay_text_letters`: most letters at a moment, a count. Range 0
upwards, direction: lower is cleaner. None for a clip without a frame. Source: own rule. At short side 256 letters are
strokes brighter or darker than what lies within 11 px, in the same place in three frames in a row (1 second); pieces of
2.5 to 16 % of the short side, four or more on one line, of like height and brightness and with hard edges, are text.
Blurred or very small letters, upright lines and moving text are not found; a still scene with a row of hard-edged
things may be taken for text. Precision and recall: `docs/curation.md`.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import cv2
import numpy as np
from numpy.typing import NDArray

from dropletvideo.perception.judge import Chunk, Features, Frames

MOMENT_FRAMES = 3
LEAST_CONTRAST = 60
LEAST_LETTERS = 4
_STROKE = cv2.getStructuringElement(cv2.MORPH_ELLIPSE, (11, 11))
_HEIGHT_RANGE = (0.025, 0.16)
_MOST_HEIGHT_SPREAD, _MOST_LEVEL_SPREAD, _LEAST_EDGE_SPREAD = 0.28, 30.0, 25.0

Luma = NDArray[np.uint8]
Box = tuple[int, int, int, int]
"""x, y, width, height."""


@dataclass(frozen=True)
class TextFound:
    """Letters found at a moment, and the share of the picture that the boxes of their lines cover."""

    letters: int
    area: float


@dataclass
class _State:
    recent: deque[tuple[Luma, NDArray[np.uint8]]] = field(default_factory=lambda: deque(maxlen=MOMENT_FRAMES))
    found: list[TextFound] = field(default_factory=list)


class OverlayTextJudge:
    """See the module text."""

    name = "overlay_text"
    version = 1
    needs: Frames | Features = Frames(rate=2.0, short_side=256, colour="gray")
    columns: Mapping[str, type] = {"overlay_text_share": float, "overlay_text_area": float, "overlay_text_letters": int}

    def start(self, row: Mapping[str, Any]) -> _State:  # noqa: ARG002 - the row asks nothing of this judge
        """No moment yet."""
        return _State()

    def update(self, state: _State, chunk: Chunk) -> None:
        """Look at every moment that a frame of the chunk ends."""
        for frame in chunk.frames:
            state.recent.append((frame[..., 0], strokes(frame[..., 0])))
            if len(state.recent) == MOMENT_FRAMES:
                state.found.append(text_of(state.recent))

    def finish(self, state: _State) -> dict[str, Any]:
        """Share of moments, largest area, most letters; a clip shorter than a moment is one."""
        found = state.found or ([text_of(state.recent)] if state.recent else [])
        if not found:
            return dict.fromkeys(self.columns)
        return {
            "overlay_text_share": float(np.mean([one.letters > 0 for one in found])),
            "overlay_text_area": max(one.area for one in found),
            "overlay_text_letters": max(one.letters for one in found),
        }


def strokes(luma: Luma) -> NDArray[np.uint8]:
    """2,H,W: how much brighter, and how much darker, each pixel is than what lies around thin things."""
    pair = [cv2.morphologyEx(luma, kind, _STROKE) for kind in (cv2.MORPH_TOPHAT, cv2.MORPH_BLACKHAT)]
    return np.stack(pair).astype(np.uint8)


def text_of(moment: Sequence[tuple[Luma, NDArray[np.uint8]]]) -> TextFound:
    """Text in frames that follow each other, each with its strokes."""
    luma = moment[len(moment) // 2][0]
    kept = np.min([stroke for _, stroke in moment], axis=0) >= LEAST_CONTRAST
    letters, area = 0, 0
    for mask in kept:
        for line in lines_of(letters_of(mask)):
            if looks_like_text(line, mask, luma):
                letters += len(line)
                left, top = min(box[0] for box in line), min(box[1] for box in line)
                right, bottom = max(box[0] + box[2] for box in line), max(box[1] + box[3] for box in line)
                area += (right - left) * (bottom - top)
    return TextFound(letters, min(1.0, area / luma.size))


def letters_of(mask: NDArray[np.bool_]) -> list[Box]:
    """Boxes of connected pieces of a letter's size, from left to right."""
    low, high = (share * min(mask.shape) for share in _HEIGHT_RANGE)
    _, _, rows, _ = cv2.connectedComponentsWithStats(mask.astype(np.uint8), connectivity=8)
    boxes = []
    for x, y, width, height, pixels in rows[1:].tolist():
        if low <= height <= high and width <= 2.2 * height and pixels >= max(8, 0.12 * width * height):
            boxes.append((x, y, width, height))
    return sorted(boxes)


def lines_of(boxes: Sequence[Box]) -> list[list[Box]]:
    """Runs of four or more letters on one line."""
    used: set[int] = set()
    lines = []
    for first in range(len(boxes)):
        if first in used:
            continue
        line = [first]
        for number in range(first + 1, len(boxes)):
            last, box = boxes[line[-1]], boxes[number]
            tall = max(last[3], box[3])
            gap = box[0] - (last[0] + last[2])
            if gap > 1.6 * tall:
                break
            is_level = abs(box[1] + box[3] - last[1] - last[3]) <= 0.3 * tall or abs(box[1] - last[1]) <= 0.2 * tall
            if is_level and 0.5 <= box[3] / last[3] <= 2 and gap > -0.5 * min(last[2], box[2]):
                line.append(number)
        if len(line) >= LEAST_LETTERS:
            used.update(line)
            lines.append([boxes[number] for number in line])
    return lines


def looks_like_text(line: Sequence[Box], mask: NDArray[np.bool_], luma: Luma) -> bool:
    """Whether letters are of like height and brightness and have hard edges."""
    heights = [box[3] for box in line]
    inked = [luma[y : y + h, x : x + w][mask[y : y + h, x : x + w]].astype(np.float64) for x, y, w, h in line]
    return bool(
        np.std(heights) <= _MOST_HEIGHT_SPREAD * np.mean(heights)
        and np.std([np.median(levels) for levels in inked]) <= _MOST_LEVEL_SPREAD
        and np.mean([levels.std() for levels in inked]) >= _LEAST_EDGE_SPREAD
    )
