"""Judge: watermarks, station logos and other marks that stay put while the picture moves, without weights.

`watermark_score`: how much more steadily the edges of the clearest mark stay than those around it, range 0 to 1,
direction: lower is cleaner; 0 where nothing stays put. `watermark_box`: its [x, y, width, height] as shares of the
picture, unit: 0 to 1, empty where there is none. `watermark_area`: the box's share of the picture. `watermark_still`:
the share of all edges that stay put, 0 to 1. Where that is over a quarter the camera rests, and a mark cannot be told
from the scene: the others are None then, as they are for fewer than four frames.

Source: own rule, after the observation that the median gradient over frames is that of the mark (Dekel et al., "On the
effectiveness of visible watermarks", CVPR 2017). Seen at 2 frames per second and short side 256, at most 32 frames
evenly over the clip; each gradient is cut to an edge's usual strength. A pixel stays put where its gradient points the
median's way in every frame. A mark has edges in more than one direction: an edge along which the camera moves stays put
too. What a camera turns round or moves towards stays in the middle, so a mark there must be clearer. Lines over more
than half of the picture are the rims of bars and left out; black bars themselves are `look`'s `letterbox_*`. Titles
that stand as long as the clip are marks; `overlay_text` says whether they are letters. Marks that move, blink or cover
the whole picture are not found. Precision and recall: `docs/curation.md`.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

import cv2
import numpy as np
from numpy.typing import NDArray

from dropletvideo.perception.judge import Chunk, Features, Frames

LEAST_FRAMES, MOST_FRAMES = 4, 32
MOST_STILL = 0.25
USUAL, FAINT = 40.0, 6.0
"""Gradients (grey levels per pixel) above the first count as much as it; below the second there is no edge."""
STAYS = 0.3
"""Least part of the median gradient that every frame must show."""
LEAST_PIXELS, ENOUGH_PIXELS = 24, 40
LEAST_SIDE, MOST_AREA = 4, 0.25
LEAST_CROSS = 0.2
"""Least share of the weaker direction of a mark's edges in both."""
MIDDLE, MIDDLE_LOSS = 0.35, 0.6
"""Up to this distance from the middle (of the width or height) a mark loses part of its score, most at the middle."""
LONG_LINE = 0.5
_JOIN = cv2.getStructuringElement(cv2.MORPH_ELLIPSE, (9, 9))
_MARGIN = 12

Plane = NDArray[np.float32]
Mask = NDArray[np.bool_]
Box = tuple[int, int, int, int]
"""x, y, width, height."""


@dataclass
class _State:
    step: int = 1
    seen: int = 0
    frames: list[NDArray[np.uint8]] = field(default_factory=list)


@dataclass(frozen=True)
class Steadiness:
    """What stays put, H,W each: median gradient (2,H,W) and its length, the length that every frame shows, the mean
    length of all frames, the pixels that have an edge."""

    median: Plane
    length: Plane
    kept: Plane
    usual: Plane
    edges: Mask


class WatermarkJudge:
    """See the module text."""

    name = "watermark"
    version = 1
    needs: Frames | Features = Frames(rate=2.0, short_side=256, colour="gray")
    columns: Mapping[str, type] = {
        "watermark_score": float,
        "watermark_box": list,
        "watermark_area": float,
        "watermark_still": float,
    }

    def start(self, row: Mapping[str, Any]) -> _State:  # noqa: ARG002 - the row asks nothing of this judge
        """No frame yet."""
        return _State()

    def update(self, state: _State, chunk: Chunk) -> None:
        """Keep every frame, then every second, every fourth …: never more than `MOST_FRAMES`."""
        for frame in chunk.frames:
            if state.seen % state.step == 0:
                state.frames.append(frame[..., 0].copy())
                if len(state.frames) > MOST_FRAMES:
                    state.frames, state.step = state.frames[::2], state.step * 2
            state.seen += 1

    def finish(self, state: _State) -> dict[str, Any]:
        """Look for the mark in what stayed."""
        if len(state.frames) < LEAST_FRAMES:
            return dict.fromkeys(self.columns)
        found = steadiness(state.frames)
        if not found.edges.any():
            return dict.fromkeys(self.columns)
        still = float(found.kept[found.edges].sum() / found.usual[found.edges].sum())
        if still > MOST_STILL:
            return {**dict.fromkeys(self.columns), "watermark_still": round(still, 4)}
        score, box = clearest_mark(found, still)
        height, width = found.edges.shape
        shares = [round(v / of, 4) for v, of in zip(box, (width, height, width, height), strict=True)] if box else []
        return {
            "watermark_score": round(score, 4),
            "watermark_box": shares,
            "watermark_area": round(box[2] * box[3] / found.edges.size, 6) if box else 0.0,
            "watermark_still": round(still, 4),
        }


def steadiness(frames: list[NDArray[np.uint8]]) -> Steadiness:
    """What stays put in grey frames H,W of one size."""
    gradients = np.stack([cut_gradient(frame) for frame in frames])
    median = median_over_frames(gradients)
    length = np.hypot(median[0], median[1])
    way = median / np.maximum(length, 1e-6)
    kept = np.clip((gradients * way).sum(axis=1).min(axis=0), 0, None)
    usual = np.hypot(gradients[:, 0], gradients[:, 1]).mean(axis=0)
    edges = usual >= FAINT
    edges[:2] = edges[-2:] = False
    edges[:, :2] = edges[:, -2:] = False
    found = Steadiness(median, length, kept, usual, edges)
    return Steadiness(median, length, kept, usual, edges & ~long_lines(found))


def median_over_frames(values: Plane) -> Plane:
    """Median along the first axis, as `np.median` gives it for finite numbers, in a fifth of its time."""
    count = len(values)
    middle = [(count - 1) // 2, count // 2]
    return np.asarray(np.partition(values, middle, axis=0)[middle].mean(axis=0), np.float32)


def cut_gradient(luma: NDArray[np.uint8]) -> Plane:
    """2,H,W: Sobel gradients (x, y) of a grey frame H,W, grey levels per pixel, no longer than `USUAL`."""
    x, y = (cv2.Sobel(luma, cv2.CV_32F, *order, scale=0.25) for order in ((1, 0), (0, 1)))
    scale = USUAL / np.maximum(np.hypot(x, y), USUAL)
    return np.stack([x * scale, y * scale]).astype(np.float32)


def staying(found: Steadiness) -> Mask:
    """Pixels whose edge stays put."""
    return found.edges & (found.length >= FAINT) & (found.kept >= STAYS * found.length)


def long_lines(found: Steadiness) -> Mask:
    """Rows and columns, with two neighbours on each side, that an edge fills for more than half of their length."""
    mask, (x, y) = staying(found), np.abs(found.median)
    lines = np.zeros_like(mask)
    for row in np.flatnonzero((mask & (y > 3 * x)).mean(axis=1) > LONG_LINE):
        lines[max(0, row - 2) : row + 3] = True
    for column in np.flatnonzero((mask & (x > 3 * y)).mean(axis=0) > LONG_LINE):
        lines[:, max(0, column - 2) : column + 3] = True
    return lines


def clearest_mark(found: Steadiness, still: float) -> tuple[float, Box | None]:
    """Score and box of the clearest mark; nought and None where there is none. `still`: of all edges."""
    mask = staying(found)
    joined = cv2.morphologyEx(mask.astype(np.uint8), cv2.MORPH_CLOSE, _JOIN)
    _, numbers, rows, _ = cv2.connectedComponentsWithStats(joined, connectivity=8)
    best: tuple[float, Box | None] = (0.0, None)
    for number, (x, y, width, height, _) in enumerate(rows[1:].tolist(), start=1):
        if min(width, height) < LEAST_SIDE or width * height > MOST_AREA * mask.size:
            continue
        own = mask & (numbers == number)
        if own.sum() < LEAST_PIXELS or crossing(found.median[:, own]) < LEAST_CROSS:
            continue
        box = x, y, width, height
        clear = _share(found, own) - max(still, _around(found, numbers != number, box))
        score = clear * min(1.0, int(own.sum()) / ENOUGH_PIXELS) * middle_factor(box, mask.shape)
        best = max(best, (score, box), key=lambda pair: pair[0])
    return best


def middle_factor(box: Box, shape: tuple[int, ...]) -> float:
    """1 towards the borders, less towards the middle of a picture H,W."""
    x, y, width, height = box
    away = max(abs((x + width / 2) / shape[1] - 0.5), abs((y + height / 2) / shape[0] - 0.5))
    return 1 - MIDDLE_LOSS * max(0.0, 1 - away / MIDDLE)


def crossing(gradients_2N: Plane) -> float:
    """Share of the weaker direction in gradients, 0 (one direction) to 0.5 (all alike): structure tensor."""
    values = np.linalg.eigvalsh(gradients_2N.astype(np.float64) @ gradients_2N.T.astype(np.float64))
    return float(values[0] / max(values.sum(), 1e-9))


def _share(found: Steadiness, where: Mask) -> float:
    return float(found.kept[where].sum() / max(float(found.usual[where].sum()), 1e-6))


def _around(found: Steadiness, others: Mask, box: Box) -> float:
    """Share that stays of the edges near a box; 0 where there are hardly any."""
    x, y, width, height = box
    near = np.zeros_like(found.edges)
    near[max(0, y - _MARGIN) : y + height + _MARGIN, max(0, x - _MARGIN) : x + width + _MARGIN] = True
    near &= found.edges & others
    return _share(found, near) if near.sum() >= LEAST_PIXELS else 0.0
