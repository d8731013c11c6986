"""Point tracks through the sampled frames of one clip: corners spread over the picture, followed and checked.

Every sampled frame keeps the numbers and places of the points alive in it, so a pair of any baseline is an
intersection of two lists. Sources: minimum-eigenvalue corners (Shi and Tomasi 1994), pyramidal Lucas-Kanade (Bouguet
2001), forward-backward check (Kalal et al. 2010).
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

import cv2
import numpy as np
from numpy.typing import NDArray

Points = NDArray[np.float32]

CELL_PX = 20
"""One corner at most in a cell of this size, so that texture in one place does not outvote the rest."""
MAX_PER_CELL = 2
REFILL_EVERY = 2
MIN_CORNER = 2e-5
"""Smallest eigenvalue (of OpenCV's scaled gradient matrix) of a corner worth following: about sensor noise."""
MIN_ROUNDNESS = 0.04
"""Smallest over largest eigenvalue of a corner: along a straight edge points slide."""
CHECK_PX = 0.7
"""A point that does not come back to within this is dropped."""
WINDOW_PX = 17
LEVELS = 3
MANY_KEPT, FLICKER, COARSE_PX = 0.9, 0.02, 8
"""Where fewer points than this share are found, and the brightness differs from the last frame's by more than that
share, the frame flickers: points are found by their gray levels. It is measured over cells of so many pixels."""
PLACE_SIDE, PLACE_PART, PLACE_MARGIN, LEAST_CONTRAST = 64, 0.5, 0.15, 4.0
"""Where the picture has gone is told in a copy of this short side by this part of it, which must have some contrast
(gray levels) and fit elsewhere by this much more correlation."""
ENLARGED_CHECK_PX = 0.5
"""The same in pixels of a file that is enlarged for sampling: there a pixel of the sample is a part of a real one."""
ENLARGED_WINDOW_PX = 14 / 3
"""Widening of the search window per enlargement beyond 1: enlarged pictures are smooth over several samples."""


def search_for(enlarged: float) -> dict[str, Any]:
    """Settings of the point search for frames that are `enlarged` times the file's own size."""
    window = WINDOW_PX + 2 * round(ENLARGED_WINDOW_PX * (min(enlarged, 4.0) - 1) / 2)
    return {
        "winSize": (window, window),
        "maxLevel": LEVELS + (enlarged >= 2),
        "criteria": (cv2.TERM_CRITERIA_EPS | cv2.TERM_CRITERIA_COUNT, 12, 0.02),
        "minEigThreshold": 1e-5,
        "flags": cv2.OPTFLOW_USE_INITIAL_FLOW,
    }


@dataclass(frozen=True)
class TrackedFrame:
    """Points alive in one sampled frame.

    Attributes:
        time: seconds on the file's clock.
        ids: N numbers; xy: N,2 pixels of the sampled frame.
        kept: share of the last frame's points that were found again.
        step: median displacement from the last frame (x, y in pixels).
        back_px: mean distance by which its points, followed back, miss where they came from: how surely they are seen.
    """

    time: float
    ids: NDArray[np.int64]
    xy: Points
    kept: float
    step: tuple[float, float]
    back_px: float = 0.0


@dataclass
class Tracks:
    """All tracks of a clip; feed frames in time order with `add`.

    Attributes:
        height, width: size of the sampled frames in pixels (0 before the first).
        frames: one record per sampled frame.
        enlarged: sampled short side over the file's own, at least 1.
    """

    height: int = 0
    width: int = 0
    enlarged: float = 1.0
    frames: list[TrackedFrame] = field(default_factory=list)
    _previous: Any = None
    _next_id: int = 0

    def add(self, gray: NDArray[np.uint8], time: float) -> None:
        """Follow all points into `gray` (H,W uint8), drop what fails the check, add corners in empty cells."""
        gray = np.ascontiguousarray(gray)
        ids, xy, followed = np.empty(0, np.int64), np.empty((0, 2), np.float32), (1.0, (0.0, 0.0), 0.0)
        if self._previous is None:
            self.height, self.width = gray.shape
        elif len(self.frames[-1].ids):
            ids, xy, followed = self._follow(gray)
        if len(self.frames) % REFILL_EVERY == 0 or len(ids) < 0.5 * len(self.frames[-1].ids):
            ids, xy = self._refill(gray, ids, xy)
        self.frames.append(TrackedFrame(time, ids, xy, *followed))
        self._previous = gray

    def take(self, frames: Sequence[TrackedFrame], height: int, width: int) -> None:
        """Collect frames that the shared backbone has followed, of H,W pixels."""
        self.height, self.width = height, width
        self.frames.extend(frames)

    def _follow(
        self, gray: NDArray[np.uint8]
    ) -> tuple[NDArray[np.int64], Points, tuple[float, tuple[float, float], float]]:
        """The points found again, and `kept`, `step` and `back_px`; each is looked for where the last step of the
        picture would take it, or where the picture as a whole fits far better, if as many are found there. Where many
        are lost and the brightness has changed, in an evened frame too."""
        last = self.frames[-1]
        step = np.array(last.step, np.float32)
        keep, xy, back, kept = self._search(gray, last.xy, step)
        elsewhere = better_place(self._previous, gray, step)
        if elsewhere is not None and (other := self._search(gray, last.xy, elsewhere))[3] >= kept:
            step, (keep, xy, back, kept) = elsewhere, other
        if kept < MANY_KEPT and abs((gain := self._gain(gray, last.xy, step)) - 1) > FLICKER:
            evened = self._search(np.asarray(cv2.convertScaleAbs(gray, alpha=gain), np.uint8), last.xy, step)
            keep, xy, back, kept = evened if evened[3] > kept else (keep, xy, back, kept)
        step = np.median(xy[keep] - last.xy[keep], axis=0) if keep.any() else np.zeros(2, np.float32)
        missed = float(np.linalg.norm(back[keep] - last.xy[keep], axis=1).mean()) if keep.any() else 0.0
        return last.ids[keep], xy[keep], (kept, (float(step[0]), float(step[1])), missed)

    def _search(
        self, gray: NDArray[np.uint8], places: Points, step: Points
    ) -> tuple[NDArray[np.bool_], Points, Points, float]:
        """Which points N of the last frame are found, where (N,2), where they are when followed back (N,2), and the
        share found of those that do not leave."""
        search, here = search_for(self.enlarged), places[:, None]
        there, found, _ = cv2.calcOpticalFlowPyrLK(self._previous, gray, here, here + step, **search)
        back, found_back, _ = cv2.calcOpticalFlowPyrLK(gray, self._previous, there, there - step, **search)
        xy = there[:, 0]
        error = np.abs(back[:, 0] - places).max(axis=1)
        inside = (xy > 2).all(axis=1) & (xy[:, 0] < self.width - 3) & (xy[:, 1] < self.height - 3)
        good = (
            (found[:, 0] > 0)
            & (found_back[:, 0] > 0)
            & (error < max(CHECK_PX, ENLARGED_CHECK_PX * min(self.enlarged, 4.0)))
        )
        leaves = int((~inside).sum())
        kept = float((good & inside).sum() / max(len(xy) - leaves, 0.3 * len(xy), 1))
        return good & inside, xy, back[:, 0], min(kept, 1.0)

    def _gain(self, gray: NDArray[np.uint8], xy: Points, step: Points) -> float:
        """Brightness of the last frame over that of this one: median over the cells in which points are expected."""
        before, now = (
            cv2.resize(each, None, fx=1 / COARSE_PX, fy=1 / COARSE_PX, interpolation=cv2.INTER_AREA).astype(np.float32)
            for each in (self._previous, gray)
        )
        most = np.array(before.shape[::-1]) - 1
        a, b = (np.clip(place / COARSE_PX, 0, most).astype(int) for place in (xy, xy + step))
        return float(np.median((before[a[:, 1], a[:, 0]] + 1) / (now[b[:, 1], b[:, 0]] + 1)))

    def _refill(self, gray: NDArray[np.uint8], ids: NDArray[np.int64], xy: Points) -> tuple[NDArray[np.int64], Points]:
        eigen = cv2.cornerEigenValsAndVecs(gray, 5, 3)
        larger, smaller = cv2.extractChannel(eigen, 0), cv2.extractChannel(eigen, 1)
        strength = np.where(smaller < MIN_ROUNDNESS * larger, 0.0, smaller)
        rows, columns = self.height // CELL_PX, self.width // CELL_PX
        if rows == 0 or columns == 0:
            return ids, xy
        top, left = (self.height - rows * CELL_PX) // 2, (self.width - columns * CELL_PX) // 2
        grid = strength[top : top + rows * CELL_PX, left : left + columns * CELL_PX]
        grid = grid.reshape(rows, CELL_PX, columns, CELL_PX).swapaxes(1, 2).reshape(rows, columns, -1)
        best = grid.argmax(axis=2)
        empty = grid.max(axis=2) > MIN_CORNER
        if len(xy):
            row = np.clip((xy[:, 1] - top) // CELL_PX, 0, rows - 1).astype(int)
            column = np.clip((xy[:, 0] - left) // CELL_PX, 0, columns - 1).astype(int)
            empty[row, column] = False
            keep = _first_of_each(row * columns + column)
            ids, xy = ids[keep], xy[keep]
        row, column = np.nonzero(empty)
        at = best[row, column]
        new = np.stack([left + column * CELL_PX + at % CELL_PX, top + row * CELL_PX + at // CELL_PX], axis=1)
        new_ids = np.arange(self._next_id, self._next_id + len(new))
        self._next_id += len(new)
        return np.concatenate([ids, new_ids]), np.concatenate([xy, new.astype(np.float32)])

    def pair(self, first: int, last: int) -> tuple[NDArray[np.int64], Points, Points]:
        """Points alive in both frames: `ids` N, places in the first N,2 and in the last N,2."""
        a, b = self.frames[first], self.frames[last]
        ids, in_a, in_b = np.intersect1d(a.ids, b.ids, assume_unique=True, return_indices=True)
        return ids, a.xy[in_a], b.xy[in_b]


def better_place(previous: NDArray[np.uint8], gray: NDArray[np.uint8], step: Points) -> Points | None:
    """Shift (x, y in pixels) at which the middle of the last frame fits better by PLACE_MARGIN than after `step`, if
    there is one. Without it a jerk over bricks or tiles makes points jump a brick at every frame."""
    scale = PLACE_SIDE / min(gray.shape)
    before, now = (
        cv2.resize(each, None, fx=scale, fy=scale, interpolation=cv2.INTER_AREA) for each in (previous, gray)
    )
    height, width = before.shape
    top, left = round(height * (1 - PLACE_PART) / 2), round(width * (1 - PLACE_PART) / 2)
    middle = before[top : height - top, left : width - left]
    x, y = np.rint(np.array([left, top]) + step * scale).astype(int)
    if middle.std() < LEAST_CONTRAST or not (0 <= x <= 2 * left and 0 <= y <= 2 * top):
        return None
    fits = cv2.matchTemplate(now, middle, cv2.TM_CCOEFF_NORMED)
    near = fits[max(y - 1, 0) : y + 2, max(x - 1, 0) : x + 2].max()
    best_y, best_x = np.unravel_index(int(fits.argmax()), fits.shape)
    if fits[best_y, best_x] < near + PLACE_MARGIN:
        return None
    return np.array([best_x - left, best_y - top], np.float32) / np.float32(scale)


def _first_of_each(cells: NDArray[np.int64]) -> NDArray[np.int64]:
    """Indices of the first MAX_PER_CELL entries of every cell, in order; ids rise, so these are the oldest points."""
    order = np.argsort(cells, kind="stable")
    ranked = cells[order]
    starts = np.searchsorted(ranked, ranked)
    return np.sort(order[np.arange(len(ranked)) - starts < MAX_PER_CELL])
