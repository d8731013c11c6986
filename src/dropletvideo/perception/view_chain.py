"""Where the view goes: rotation and zoom from frame to frame, chained, and what of a frame was in view before.

Travel counts as the turn that moves most of the picture in the same way: what enters and leaves at the borders, and
when the view comes back, follow from that alone, without depths. A chain that lost its tracks is broken there, and
nothing is said across the break.

Source: chained homographies of a turning camera, Szeliski, "Image alignment and stitching" (2006).
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from dropletvideo.perception.camera_fit import MIN_POINTS, Array, fit_turn
from dropletvideo.perception.camera_tracks import Tracks

GRID = 16
"""Cells along the longer side of the picture."""
BORDERS = ("left", "right", "top", "bottom")


@dataclass(frozen=True)
class ViewChain:
    """F frames: `content` F,3,3 rotations from frame 0's directions to each frame's, `zoom` F log focal ratio to frame
    0, `piece` F number of the unbroken piece that a frame belongs to; picture size and focal length in pixels."""

    content: Array
    zoom: Array
    piece: NDArray[np.int64]
    height: int
    width: int
    focal_px: float

    @property
    def cells(self) -> tuple[int, int]:
        """Rows and columns of the grid of cells."""
        longer = max(self.height, self.width)
        return max(2, round(GRID * self.height / longer)), max(2, round(GRID * self.width / longer))

    def grid(self) -> Array:
        """Middles of all cells, N,2 pixels from the picture's centre, row by row."""
        rows, columns = self.cells
        y = ((np.arange(rows) + 0.5) / rows - 0.5) * self.height
        x = ((np.arange(columns) + 0.5) / columns - 0.5) * self.width
        return np.stack(np.meshgrid(x, y), axis=-1).reshape(-1, 2)

    def carried(self, places: Array, first: int, others: NDArray[np.int64]) -> Array:
        """Where N places (pixels from the centre) of frame `first` lie in each of J other frames: J,N,2; far outside
        where they are behind the camera."""
        rays = np.column_stack([places / self.focal_px * np.exp(-self.zoom[first]), np.ones(len(places))])
        world = rays @ self.content[first]
        seen = self.content[others] @ world.T
        ahead = seen[:, 2] > 0.05
        grown = (self.focal_px * np.exp(self.zoom[others]))[:, None] / np.where(ahead, seen[:, 2], 1.0)
        there = np.empty((*ahead.shape, 2))
        for axis in range(2):
            there[..., axis] = np.where(ahead, seen[:, axis] * grown, 1e6)
        return there

    def inside(self, places: Array) -> NDArray[np.bool_]:
        """Whether places (...,2 pixels from the centre) are in the picture."""
        across, down = np.abs(places[..., 0]) <= self.width / 2, np.abs(places[..., 1]) <= self.height / 2
        return np.asarray(across & down)

    def overlaps(self) -> Array:
        """F,F share of frame i's cells that lie in frame j; nan across a break."""
        count = len(self.zoom)
        grid, every = self.grid(), np.arange(count)
        shares = np.stack([self.inside(self.carried(grid, k, every)).mean(axis=1) for k in range(count)])
        shares[self.piece[:, None] != self.piece[None]] = np.nan
        return shares

    def border_at(self, place: Array) -> str:
        """The border that a place (pixels from the centre) is nearest to, measured in picture sides."""
        x, y = place[0] / self.width, place[1] / self.height
        return BORDERS[int(np.argmax([-x, x, -y, y]))]


def chain_of(tracks: Tracks, focal_px: float, noise_px: float) -> ViewChain:
    """The chain of a clip's frames."""
    count = len(tracks.frames)
    content, zoom, piece = np.tile(np.eye(3), (count, 1, 1)), np.zeros(count), np.zeros(count, np.int64)
    centre = np.array([(tracks.width - 1) / 2, (tracks.height - 1) / 2])
    for k in range(1, count):
        ids, a, b = tracks.pair(k - 1, k)
        content[k], zoom[k], piece[k] = content[k - 1], zoom[k - 1], piece[k - 1]
        if len(ids) < MIN_POINTS:
            piece[k] += 1
            continue
        noise = np.full(len(ids), noise_px / focal_px)
        turn, _ = fit_turn((a - centre) / focal_px / np.exp(zoom[k]), (b - centre) / focal_px / np.exp(zoom[k]), noise)
        content[k], zoom[k] = turn.content @ content[k], zoom[k] + turn.zoom
    return ViewChain(content, zoom, piece, tracks.height, tracks.width, focal_px)
