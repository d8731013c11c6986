"""What changes its colour before the eyes: parts of the picture whose colour was nowhere near a quarter second before.

Each frame is compared with the one two samples earlier, carried to its view and aligned by dense flow. Where the
colours still differ over a patch that is no mere edge, something was uncovered, went by, or has changed. What was
uncovered or went by has a colour that was in view nearby before; what has changed has not. A change of all the picture,
such as one of exposure, is taken off first.

A picture that fades into another changes all over, too slowly for that. Therefore each frame is also compared, by
structure and colour at the same brightness, with one up to three quarters of a second earlier whose view it shares:
`kept_look` is the median over the cells in view in both, at the moment at which it is least.

Source: own rule. A thing that changes over a second or more is within what light does, and is not told.
"""

from __future__ import annotations

import cv2
import numpy as np
from numpy.typing import NDArray

from dropletvideo.perception.camera_fit import Array
from dropletvideo.perception.flow import dense_flow, gray
from dropletvideo.perception.returning import Frames, carried_picture, exposed_as, exposure_of, likeness_of_cells
from dropletvideo.perception.view_chain import ViewChain

BEFORE = 2
"""Sampled frames between the two that are compared."""
DIFFERENT, SAME = 45.0, 30.0
"""Distance of colours (8-bit levels) that differ, at least, and of those that are the same, at most."""
PATCH = 0.07
"""Least width of a patch, in short sides: edges are thinner."""
NEARBY = 0.3
"""How far around a patch its colour is looked for, in short sides."""
MARGIN = 0.02
"""Places this near to the picture's border, in sides, are not compared."""
SMOOTH = 1.5
TURNED = 5.0
"""Degrees between the headings of two frames that are compared, at most: from another side all looks another way."""
LONGEST, SHARED = 6, 0.75
"""Sampled frames between two that are compared whole, at most; and share of the view that they must share, for what a
fast camera brings to view half a second on looks another way."""
LEAST_CELLS = 24


def changed_share(frames: Frames, chain: ViewChain, heading: Array) -> float | None:
    """Largest share of the picture, 0 to 1, that changes from one frame to the next but one; None for short clips.

    `heading` F degrees: frames that the camera takes from other sides are not compared.
    """
    every = ((k - BEFORE, k) for k in range(BEFORE, len(frames)) if chain.piece[k - BEFORE] == chain.piece[k])
    pairs = [(first, last) for first, last in every if _same_side(heading, first, last)]
    return max((_changed(frames, chain, first, last) for first, last in pairs), default=None)


def kept_look(frames: Frames, chain: ViewChain, heading: Array) -> float | None:
    """Least over time of the median likeness, 0 to 1, of what stays in view, of frames taken from the same side; None
    where there are none."""
    overlap, grid = chain.overlaps(), chain.grid()
    kept = []
    for last in range(BEFORE, len(frames), 2):
        earlier = range(max(0, last - LONGEST), last - 1)
        shared = [k for k in earlier if overlap[last, k] >= SHARED and _same_side(heading, k, last)]
        if not shared:
            continue
        inside = chain.inside(chain.carried(grid, last, np.array([shared[0]])) * (1 + 3 * MARGIN))[0]
        if inside.sum() >= LEAST_CELLS:
            before = exposed_as(frames[last], carried_picture(frames, chain, shared[0], last)[0])
            kept.append(float(np.median(likeness_of_cells(before, frames[last], chain.cells).ravel()[inside])))
    return min(kept, default=None)


def _same_side(heading: Array, first: int, last: int) -> bool:
    """Whether two frames are taken from about the same side, or nothing is known of it."""
    return not abs(heading[last] - heading[first]) > TURNED


def _changed(frames: Frames, chain: ViewChain, first: int, last: int) -> float:
    carried, beyond = carried_picture(frames, chain, first, last)
    gain = exposure_of(frames[last], carried)
    now, before = _smooth(frames[last]), np.minimum(_smooth(frames[first]) * gain, 255)
    height, width = now.shape[:2]
    inside = (beyond < -MARGIN * np.array([width, height])).all(axis=-1)
    if not inside.any():
        return 0.0
    flow = dense_flow(gray(frames[last]), gray(carried))
    y, x = np.mgrid[0:height, 0:width].astype(np.float32)
    aligned = cv2.remap(
        _smooth(carried), x + flow[..., 0], y + flow[..., 1], cv2.INTER_LINEAR, borderMode=cv2.BORDER_REPLICATE
    )
    apart = now - np.minimum(aligned * gain, 255)
    exposure = np.median(apart[inside], axis=0)
    differs = ((np.linalg.norm(apart - exposure, axis=-1) > DIFFERENT) & inside).astype(np.uint8)
    side = max(3, round(PATCH * min(height, width)))
    count, labels, boxes, _ = cv2.connectedComponentsWithStats(
        cv2.morphologyEx(differs, cv2.MORPH_OPEN, np.ones((side, side), np.uint8)), connectivity=4
    )
    changed = 0.0
    for number in range(1, count):
        x0, y0, wide, tall, area = (int(value) for value in boxes[number])
        reach = round(NEARBY * min(height, width))
        nearby = before[max(0, y0 - reach) : y0 + tall + reach : 2, max(0, x0 - reach) : x0 + wide + reach : 2]
        changed += area * _unseen(now[labels == number], nearby.reshape(-1, 3) + exposure)
    return float(changed / (height * width))


def _unseen(colours: Array, others: Array) -> float:
    """Share of some colours N,3 that none of others M,3 is like."""
    some = colours[:: max(1, len(colours) // 400)]
    nearest = ((some[:, None] - others[None]) ** 2).sum(axis=-1).min(axis=1)
    return float((nearest > SAME**2).mean())


def _smooth(picture: NDArray[np.uint8]) -> Array:
    return np.asarray(cv2.GaussianBlur(picture.astype(np.float32), (0, 0), SMOOTH))
