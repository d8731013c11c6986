"""Histograms of velocity and acceleration of point tracks, what FVMD compares; numbers in, numbers out.

A window is 16 frames of a 20 x 20 grid of tracks. Cells of 5 x 5 points and 4 frames give 4 x 4 x 4 cells; in each,
every vector adds ceil(log2(min(|v|, 255) + 1)) / 8 to one of 8 bins of its angle. 512 numbers for velocity, 512 for
acceleration. Velocity of a frame is its place less the place before, nought in the first frame.

The published code hands places to the function that should difference velocities, so that its "acceleration" is the
velocity again, but for the frame where it begins: `accel_from="position"` gives its numbers, `"velocity"` what the
paper means. Source: Liu et al., "Frechet video motion distance" (2024), and its released code.
"""

from __future__ import annotations

from typing import Literal

import numpy as np
from numpy.typing import NDArray

GRID, WINDOW = 20, 16
CELL_POINTS, CELL_FRAMES, BINS = 5, 4, 8
LARGEST = 255.0
AccelFrom = Literal["velocity", "position"]


def motion_histogram(tracks: NDArray[np.floating], accel_from: AccelFrom = "velocity") -> NDArray[np.float64]:
    """1024 numbers of one window.

    Args:
        tracks: 16,400,2 places (x, y) in pixels of a frame of 256 x 256, points row by row of the grid.
        accel_from: see the module text.
    """
    assert tracks.shape == (WINDOW, GRID * GRID, 2), f"tracks of shape {tracks.shape}"
    places = tracks.astype(np.float64)
    velocity = differences(places, 1)
    acceleration = differences(velocity if accel_from == "velocity" else places, 2)
    return np.concatenate((_histogram(velocity), _histogram(acceleration)))


def differences(values: NDArray[np.float64], first: int) -> NDArray[np.float64]:
    """F,N,2 less the frame before; nought in the frames before `first`."""
    steps = np.zeros_like(values)
    steps[1:] = np.diff(values, axis=0)
    steps[:first] = 0
    return steps


def _histogram(vectors: NDArray[np.float64]) -> NDArray[np.float64]:
    """512 sums, cell by cell in the order frames, rows, columns, bins."""
    weight = np.ceil(np.log2(np.minimum(np.hypot(vectors[..., 0], vectors[..., 1]), LARGEST) + 1)) / 8
    angle = np.floor((np.arctan2(vectors[..., 0], vectors[..., 1]) + np.pi) / (2 * np.pi / BINS))
    bins = angle.astype(np.int64) % BINS
    frames, cells = WINDOW // CELL_FRAMES, GRID // CELL_POINTS
    row, column = np.divmod(np.arange(GRID * GRID), GRID)
    place = (row // CELL_POINTS) * cells + column // CELL_POINTS
    cell = (np.arange(WINDOW)[:, None] // CELL_FRAMES) * cells**2 + place[None, :]
    summed = np.bincount((cell * BINS + bins).ravel(), weights=weight.ravel(), minlength=frames * cells**2 * BINS)
    return np.asarray(summed, np.float64)
