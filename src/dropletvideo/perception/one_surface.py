"""Whether one surface fills the picture, told from looks alone: a wall, a page, a lawn from above.

Where it does, nothing in the picture says that the scene has depth, and a zoom looks like a dolly. Colours of a grid of
cells are compared; unlike cells (sky over hills over ground, things before a backdrop) speak for depth.
"""

from __future__ import annotations

import cv2
import numpy as np
from numpy.typing import NDArray

from dropletvideo.perception.camera_fit import Array

SHORT_SIDE = 128
ROWS, COLUMNS = 8, 3
"""Bands are low and wide: of scenes, more changes from top to bottom than from side to side."""
LIGHT_BINS, COLOUR_BINS, COLOUR_RANGE = 16, 24, (64, 192)
LIGHT_BLUR, COLOUR_BLUR = 1.2, 1.0
MOST = 5 / 6
"""Share of the cells that must look alike: a strip of floor may run along the wall."""
ALIKE = 0.83
"""Likeness from which on it is one surface; chosen on rendered shots of seeds from 1,440,000."""


def likeness(frame: NDArray[np.uint8]) -> float:
    """How alike most cells of a frame H,W,3 RGB are: mean overlap, 0..1, of the histograms of MOST of the cells with
    that of the cell that is most like the others; of lightness or of colour (CIE Lab), whichever overlaps less. 0 for
    pictures without colour: lightness alone does not tell a wall from a scene."""
    height, width = frame.shape[:2]
    if frame.shape[2] == 1 or (frame == frame[..., :1]).all():
        return 0.0
    scale = SHORT_SIDE / min(height, width)
    small = cv2.resize(frame, (round(width * scale), round(height * scale)), interpolation=cv2.INTER_AREA)
    lightness, a, b = (plane.astype(np.int64) for plane in cv2.split(cv2.cvtColor(small, cv2.COLOR_RGB2LAB)))
    cells = _cells(*lightness.shape)
    light = _histograms(lightness * LIGHT_BINS // 256, cells, LIGHT_BINS).reshape(1, LIGHT_BINS, -1)
    low, high = COLOUR_RANGE
    inside = (np.minimum(a, b) >= low) & (np.maximum(a, b) <= high)
    a, b = (np.minimum((plane - low) * COLOUR_BINS // (high - low), COLOUR_BINS - 1) for plane in (a, b))
    colour = _histograms((a * COLOUR_BINS + b)[inside], cells[inside], COLOUR_BINS**2)
    overlaps = np.minimum(
        _overlaps(light, LIGHT_BLUR), _overlaps(colour.reshape(COLOUR_BINS, COLOUR_BINS, -1), COLOUR_BLUR)
    )
    most = round(MOST * len(overlaps))
    return float(np.sort(overlaps, axis=1)[:, -most:].mean(axis=1).max())


def is_one_surface(seen: list[float]) -> bool:
    """Whether the frames of a clip, by the `likeness` of each, show one surface; False for none."""
    return bool(seen) and float(np.median(seen)) >= ALIKE


def _cells(height: int, width: int) -> NDArray[np.int64]:
    """H,W number of the cell of each pixel."""
    rows, columns = (
        np.repeat(np.arange(count), [len(part) for part in np.array_split(np.arange(length), count)])
        for count, length in ((ROWS, height), (COLUMNS, width))
    )
    return np.asarray(rows[:, None] * COLUMNS + columns, np.int64)


def _histograms(bins: NDArray[np.int64], cells: NDArray[np.int64], count: int) -> Array:
    """B,C pixels of every bin and cell."""
    most = ROWS * COLUMNS
    return np.bincount((bins * most + cells).ravel(), minlength=count * most).reshape(count, most).astype(np.float64)


def _overlaps(histograms: Array, blur: float) -> Array:
    """C,C shares that the softened histograms X,Y,C of every two cells have in common."""
    soft = cv2.GaussianBlur(histograms.astype(np.float32), (0, 0), blur).reshape(-1, histograms.shape[2]).T
    soft = soft / np.maximum(soft.sum(axis=1, keepdims=True), 1e-9)
    return np.asarray(np.minimum(soft[:, None], soft).sum(axis=-1), np.float64)
