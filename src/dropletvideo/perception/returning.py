"""The same place when the view returns: after an excursion, and after a full turn or orbit.

Of two frames whose views overlap, the parts that were out of view in between are compared, cell by cell: the earlier
frame is carried to the later one by the chained turns, aligned by dense flow (small errors of the chain and parallax
are no faults), and scored by structure (SSIM's contrast and structure terms) times colour. What was always in view does
not count: nothing had to be remembered there. Nor does what is covered by a thing that moves by itself, before or
after: it may well be elsewhere by now.

Source: own rule; SSIM terms of Wang et al. (2004); flow of `flow.py`.
"""

from __future__ import annotations

from dataclasses import dataclass

import cv2
import numpy as np
from numpy.typing import NDArray

from dropletvideo.perception.camera_fit import Array, rotation_vector
from dropletvideo.perception.flow import dense_flow, gray
from dropletvideo.perception.rigid_scene import RigidWindow
from dropletvideo.perception.view_chain import ViewChain

Frames = list[NDArray[np.uint8]]
"""F small frames h,w,3 RGB."""

Boxes = list[list[tuple[float, float, float, float]]]
"""Of each frame: x0, y0, x1, y1 in pixels from the picture's centre."""

SIDE = 96
"""Short side at which frames are compared."""
RETURNED, AWAY = 0.85, 0.8
"""Overlap of two views that is a return, at least, and of the farthest view in between, at most."""
SAME_SIDE = 12.0
"""Degrees between the headings of a return, at most."""
MOST_PAIRS = 6
MIN_CELLS = 4
EXPOSURE = (0.5, 2.0)
"""Gain of brightness between two frames that is evened, at most."""
FAR_AWAY = 1e6
"""Pixels beyond which a place is as good as behind the camera; more would overflow."""
STRUCTURE, COLOUR = (0.03 * 255) ** 2, 20.0
"""Stabiliser of the structure term; distance of mean colours (8-bit levels) at which the colour term is a half."""
FULL_TURN, SEARCH = 360.0, 40.0
"""Degrees; a turn closes within SEARCH of a full one, since the angle is known to about a tenth."""


@dataclass(frozen=True)
class Return:
    """Likeness 0..1 of what came back: `likeness` mean over cells, `worst` mean of their worst quarter; frames."""

    first: int
    last: int
    likeness: float
    worst: float


def returns_of(
    frames: Frames, chain: ViewChain, moving: Boxes | None = None, heading: Array | None = None
) -> list[Return]:
    """Returns of the view after excursions, the most telling first.

    `moving` are boxes of things that move. `heading` F degrees: frames that the camera takes from other sides, such as
    on an orbit, are no return although the chained turns, which take travel for turning, may say so.
    """
    boxes = moving or [[] for _ in frames]
    sides = np.full(len(frames), np.nan) if heading is None else heading
    overlap = chain.overlaps()
    found: list[tuple[float, int, int, NDArray[np.bool_]]] = []
    for first, last in _candidates(overlap):
        if np.abs(sides[first] - sides[last]) > SAME_SIDE:
            continue
        left = _left(chain, first, last) & ~covered_cells(chain, first, last, boxes)
        if left.sum() >= MIN_CELLS:
            found.append((float(left.sum() * overlap[first, last]), first, last, left))
    found.sort(key=lambda each: (-each[0], each[1], each[2]))
    chosen: list[Return] = []
    for _, first, last, left in found:
        if any(abs(first - other.first) + abs(last - other.last) < 3 for other in chosen):
            continue
        likeness = likeness_between(frames, chain, first, last)[left]
        chosen.append(_scored(first, last, likeness))
        if len(chosen) == MOST_PAIRS:
            break
    return chosen


def _candidates(overlap: Array) -> list[tuple[int, int]]:
    """For each frame the later one that overlaps it most after an excursion."""
    count = len(overlap)
    pairs = []
    for first in range(count - 2):
        farthest = np.fmin.accumulate(overlap[first, first:])
        later = np.arange(first, count)
        good = (overlap[first, first:] >= RETURNED) & (farthest <= AWAY)
        if good.any():
            pairs.append((first, int(later[good][np.argmax(overlap[first, first:][good])])))
    return pairs


def _left(chain: ViewChain, first: int, last: int) -> NDArray[np.bool_]:
    """Cells of the later frame that were in view in the earlier one and out of view in between."""
    grid = chain.grid()
    between = chain.inside(chain.carried(grid, last, np.arange(first + 1, last)))
    return np.asarray(chain.inside(chain.carried(grid, last, np.array([first])))[0] & ~between.all(axis=0))


def covered_cells(chain: ViewChain, first: int, last: int, boxes: Boxes) -> NDArray[np.bool_]:
    """Cells of the later frame on which a moving thing lies, or lay in the earlier frame."""
    grid = chain.grid()
    before = chain.carried(grid, last, np.array([first]))[0]
    covered = np.zeros(len(grid), bool)
    for places, frame in ((grid, last), (before, first)):
        for x0, y0, x1, y1 in boxes[frame]:
            covered |= (places >= [x0, y0]).all(axis=1) & (places <= [x1, y1]).all(axis=1)
    return covered


def likeness_between(frames: Frames, chain: ViewChain, first: int, last: int) -> Array:
    """Likeness of every cell of the later frame to what the earlier frame showed there but for exposure, row by row."""
    before = exposed_as(frames[last], carried_picture(frames, chain, first, last)[0])
    return likeness_of_cells(before, frames[last], chain.cells).ravel()


def exposed_as(now: NDArray[np.uint8], before: NDArray[np.uint8]) -> NDArray[np.uint8]:
    """The earlier picture, as bright as the later one: how a camera exposes is no change of what it sees."""
    return np.asarray(np.clip(before * exposure_of(now, before) + 0.5, 0, 255), np.uint8)


def exposure_of(now: NDArray[np.uint8], before: NDArray[np.uint8]) -> float:
    """How many times as bright the later of two pictures is that nearly lie on each other."""
    return float(np.clip(np.median(now.astype(np.float32) / np.maximum(before, 1)), *EXPOSURE))


def carried_picture(
    frames: Frames, chain: ViewChain, first: int, last: int, border: int = cv2.BORDER_REPLICATE
) -> tuple[NDArray[np.uint8], Array]:
    """Frame `first` as the view of frame `last` would show it, with `border` (OpenCV's) beyond its edges; and h,w,2 how
    far each place lies beyond the edges of frame `first`, in its pixels, negative inside."""
    height, width = frames[last].shape[:2]
    scale = width / chain.width
    y, x = np.mgrid[0:height, 0:width]
    middle = np.array([(width - 1) / 2, (height - 1) / 2])
    places = np.stack([x - middle[0], y - middle[1]], axis=-1).reshape(-1, 2) / scale
    there = (chain.carried(places, last, np.array([first]))[0] * scale).reshape(height, width, 2)
    at = np.clip(there + middle, -FAR_AWAY, FAR_AWAY).astype(np.float32)
    carried = cv2.remap(frames[first], at[..., 0], at[..., 1], cv2.INTER_LINEAR, borderMode=border)
    return np.asarray(carried, np.uint8), np.asarray(np.abs(there) - np.array([width, height]) / 2)


def likeness_of_cells(before: NDArray[np.uint8], now: NDArray[np.uint8], cells: tuple[int, int]) -> Array:
    """Likeness 0..1 of each of rows x columns cells of two pictures h,w,3 that nearly lie on each other."""
    height, width = now.shape[:2]
    flow = dense_flow(gray(now), gray(before))
    y, x = np.mgrid[0:height, 0:width].astype(np.float32)
    aligned = cv2.remap(before, x + flow[..., 0], y + flow[..., 1], cv2.INTER_LINEAR, borderMode=cv2.BORDER_REPLICATE)
    a, b = aligned.astype(np.float32), now.astype(np.float32)
    mean_a, mean_b = _pooled(a, cells), _pooled(b, cells)
    spread_a, spread_b = _pooled(a * a, cells) - mean_a**2, _pooled(b * b, cells) - mean_b**2
    both = _pooled(a * b, cells) - mean_a * mean_b
    structure = ((2 * both + STRUCTURE) / (spread_a + spread_b + STRUCTURE)).mean(axis=-1)
    colour = 1 / (1 + ((mean_a - mean_b) ** 2).sum(axis=-1) / COLOUR**2)
    return np.asarray(np.clip(structure, 0, 1) * colour, np.float64)


def _pooled(picture: NDArray[np.float32], cells: tuple[int, int]) -> Array:
    """Means over rows x columns cells."""
    return np.asarray(cv2.resize(picture, cells[::-1], interpolation=cv2.INTER_AREA), np.float64)


def _scored(first: int, last: int, likeness: Array) -> Return:
    worst = np.sort(likeness)[: max(1, len(likeness) // 4)]
    return Return(first, last, float(likeness.mean()), float(worst.mean()))


def headings(windows: list[RigidWindow], count: int) -> Array:
    """F degrees that the camera has turned in all since the first frame, to the right positive, summed along its
    course; nan where no window tells. The angle is that of rotation alone, travel taken apart."""
    heading = np.full(count, np.nan)
    if not windows or windows[0].first != 0:
        return heading
    heading[0] = 0.0
    for window in windows:
        if np.isnan(heading[window.first]):
            return heading
        previous, total = np.eye(3), heading[window.first]
        for k, turn in enumerate(window.turns, start=1):
            step = rotation_vector(turn.content @ previous.T)
            total -= float(np.sign(step[1]) * np.degrees(np.linalg.norm(step)))
            heading[window.first + k] = total
            previous = turn.content
    return heading


def closing(frames: Frames, heading: Array, cells: tuple[int, int]) -> Return | None:
    """Likeness of the first frame and the best of those at about a full turn; None if the camera does not get there."""
    off = np.abs(np.abs(heading) - FULL_TURN)
    near = np.flatnonzero(np.nan_to_num(off, nan=1e6) < SEARCH)
    if not len(near) or np.nanmax(np.abs(heading)) < FULL_TURN - SEARCH / 2:
        return None
    scored = [
        _scored(0, int(k), likeness_of_cells(exposed_as(frames[k], frames[0]), frames[k], cells).ravel()) for k in near
    ]
    return max(scored, key=lambda each: each.likeness)
