"""How what the camera reveals looks: does it keep its look, and is it more than the known picture carried on?

`holds`: what is new is compared with itself half a second later, where the view takes it, by structure and colour
(`returning.py`); nothing is set against how the rest of the picture fares, so that a fault which spoils the rest does
not raise it.

`own_share`: a picture that is moved without knowing what lies beside it fills the rest by carrying the picture on:
mirrored at its edge, with its edge stretched, or with one colour. Each of these can be foretold from the first frame.
Mirrored: correlation of the picture's slopes across the edge with the foretold ones; a scene's own slopes beyond the
edge have nothing to do with them (the horizon and whatever else runs along a row does not count, as only slopes away
from the edge do). Stretched: correlation of all slopes with the foretold ones. One colour: no slopes at all, and
another colour than the edge has (a clear sky goes on in its own).

Source: own rules.
"""

from __future__ import annotations

from itertools import product

import cv2
import numpy as np
from numpy.typing import NDArray

from dropletvideo.perception.camera_fit import Array
from dropletvideo.perception.returning import Boxes, Frames, carried_picture, covered_cells, likeness_between
from dropletvideo.perception.view_chain import ViewChain

Slopes = tuple[Array, Array]

LATER = 4
"""Sampled frames between the two looks at what is new."""
INSIDE = 0.47
"""What is compared lies within this of the picture's middle in both frames, in picture sides."""
LEAST_CELLS, LEAST_LOOKS = 4, 24
LEAST_NEW, MOSTLY, MOST_FRAMES = 0.04, 0.6, 6
"""Share of the picture that must be new in a frame that is asked whether it is its own; over that of the frame with
most; and frames asked."""
BEYOND = 3.0
"""Pixels beyond the first frame's edge from which on a place counts."""
SEARCH = 3
"""Pixels by which the chained view may be off."""
CARRIED_ON = (0.76, 0.86)
"""Correlation from which on some is taken for foretold, and from which on all."""
PLAIN, OTHER_COLOUR = 0.7, 24.0
"""Slope of a place of one colour, at most, in grey levels per pixel; and its distance from the edge's colour."""
FILLED = (0.3, 0.7)
"""Share of such places from which on some of what is new is taken for filled up, and from which on all."""


def holds(frames: Frames, chain: ViewChain, new: NDArray[np.bool_], moving: Boxes) -> float | None:
    """Mean likeness of new cells LATER frames on; 0 to 1, None where there are few.

    `new` F,rows,columns as of `revealed.new_cells`; cells on which something of `moving` lies do not count.
    """
    grid, limit = chain.grid(), np.array([chain.width, chain.height]) * INSIDE
    looks: list[Array] = []
    for last in range(LATER, len(frames), 2):
        first = last - LATER
        if chain.piece[first] != chain.piece[last]:
            continue
        was = chain.carried(grid, last, np.array([first]))[0]
        asked = (np.abs(was) < limit).all(axis=1) & new[last].ravel() & ~covered_cells(chain, first, last, moving)
        if asked.sum() >= LEAST_CELLS:
            looks.append(likeness_between(frames, chain, first, last)[asked])
    told = np.concatenate(looks) if looks else np.zeros(0)
    return float(told.mean()) if len(told) >= LEAST_LOOKS else None


def own_share(frames: Frames, chain: ViewChain, new: NDArray[np.bool_]) -> float | None:
    """Share, 0 to 1, of what is new that is not the first frame carried on; median over frames, None where little is
    new."""
    shares = new.reshape(len(new), -1).mean(axis=1)
    if shares.max() < LEAST_NEW:
        return None
    told = np.flatnonzero(shares >= max(LEAST_NEW, MOSTLY * shares.max()))
    some = told[np.unique(np.linspace(0, len(told) - 1, MOST_FRAMES).round().astype(int))]
    return float(np.median([_own(frames, chain, int(frame)) for frame in some]))


def _own(frames: Frames, chain: ViewChain, frame: int) -> float:
    mirror, beyond = carried_picture(frames, chain, 0, frame, cv2.BORDER_REFLECT_101)
    sideways = (beyond[..., 0] > BEYOND) & (beyond[..., 1] < 0)
    upright = (beyond[..., 1] > BEYOND) & (beyond[..., 0] < 0)
    either = sideways | upright
    if not either.any():
        return 1.0
    seen, edge = _slopes(frames[frame]), carried_picture(frames, chain, 0, frame, cv2.BORDER_REPLICATE)[0]
    mirrored = _ramp(_correlation(_slopes(mirror), seen, (sideways, upright)), CARRIED_ON)
    stretched = _ramp(_correlation(_slopes(edge), seen, (either, either)), CARRIED_ON)
    slope = np.hypot(*seen)[either]
    apart = np.linalg.norm(frames[frame].astype(np.float32) - edge, axis=-1)[either]
    filled = _ramp(float(((slope < PLAIN) & (apart > OTHER_COLOUR)).mean()), FILLED)
    return (1 - mirrored) * (1 - stretched) * (1 - filled)


def _slopes(picture: NDArray[np.uint8]) -> Slopes:
    """h,w grey levels per pixel to the right and down, of the mean of the colours."""
    smooth = cv2.GaussianBlur(picture.astype(np.float32).mean(axis=-1), (0, 0), 0.8)
    return (
        np.asarray(cv2.Sobel(smooth, cv2.CV_32F, 1, 0, ksize=3) / 8),
        np.asarray(cv2.Sobel(smooth, cv2.CV_32F, 0, 1, ksize=3) / 8),
    )


def _correlation(foretold: Slopes, seen: Slopes, where: tuple[NDArray[np.bool_], NDArray[np.bool_]]) -> float:
    """Largest correlation, -1 to 1, of the slopes to the right and down, each `where` it counts, over small shifts."""
    wanted = [np.where(on, slope, 0.0) for slope, on in zip(foretold, where, strict=True)]
    best = -1.0
    for shift in product(range(-SEARCH, SEARCH + 1), repeat=2):
        there = [np.where(on, np.roll(slope, shift, axis=(0, 1)), 0.0) for slope, on in zip(seen, where, strict=True)]
        size = np.sqrt(sum(float((a**2).sum()) for a in wanted) * sum(float((b**2).sum()) for b in there))
        both = sum(float((a * b).sum()) for a, b in zip(wanted, there, strict=True))
        best = max(best, both / max(float(size), 1e-6))
    return best


def _ramp(value: float, limits: tuple[float, float]) -> float:
    """0 at the first limit, 1 at the second, straight between."""
    return float(np.clip((value - limits[0]) / (limits[1] - limits[0]), 0.0, 1.0))
