"""Procedural textures: periodic two-channel tiles with a mip pyramid, packed into one atlas per scene.

Channel 0 mixes the two colours of a material, channel 1 is grain (brightness around 0.5). Filtering a mix is filtering
the colour, so one small byte atlas serves every palette. Mip levels band-limit what a pixel can see: no shimmer.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import lru_cache
from typing import Any

import cv2
import numpy as np
from numpy.typing import NDArray

TILE = 512
LEVELS = 9  # 512 .. 2 texels
_PAD = 2
_COLUMN = TILE + 2 * _PAD
STRIP_HEIGHT = TILE + 2 * _PAD * LEVELS
STRIP_WIDTH = _COLUMN + TILE // 2 + 2 * _PAD
VARIANTS = 3

Plane = NDArray[Any]
Texture = tuple[Plane, Plane]


def _grid() -> tuple[Plane, Plane]:
    axis = (np.arange(TILE, dtype=np.float32) + 0.5) / TILE
    x, y = np.meshgrid(axis, axis)
    return x, y


def _square(phase: Plane, frequency: float) -> Plane:
    """Square wave of period 1 in `phase` whose flanks are about two texels wide."""
    sharp = TILE / (2.0 * np.pi * frequency * 1.5)
    return np.asarray(np.clip(0.5 + sharp * np.sin(2 * np.pi * phase), 0.0, 1.0), np.float32)


def fractal(rng: np.random.Generator, slope: float, low: float = 1.0, stretch: float = 1.0) -> Plane:
    """Periodic noise with amplitude spectrum `k ** -slope` above `low` cycles per tile; mean 0.5, range 0..1.

    `stretch` above 1 draws it out along x.
    """
    spectrum = np.fft.rfft2(rng.standard_normal((TILE, TILE)))
    k = np.hypot(np.fft.fftfreq(TILE)[:, None] * TILE, np.fft.rfftfreq(TILE)[None] * TILE * stretch)
    weight = np.where(k >= low, np.maximum(k, 1.0) ** -slope, 0.0)
    plane = np.fft.irfft2(spectrum * weight, s=(TILE, TILE))
    return np.asarray(np.clip(0.5 + 0.22 * plane / plane.std(), 0.0, 1.0), np.float32)


def _cells(rng: np.random.Generator, x: Plane, y: Plane) -> Plane:
    """A random value per integer cell of (x, y); cells repeat with the tile when x and y span integers."""
    table = rng.random((64, 64)).astype(np.float32)
    return np.asarray(table[np.floor(y).astype(int) % 64, np.floor(x).astype(int) % 64])


def _joint(phase: Plane, width: float, frequency: float) -> Plane:
    """1 inside a cell, 0 on a joint of `width` (share of the cell) at integer `phase`."""
    distance = 0.5 - np.abs(phase - np.floor(phase) - 0.5)
    return np.asarray(np.clip((distance - width / 2) * TILE / (1.5 * frequency) + 0.5, 0.0, 1.0), np.float32)


def _noise(rng: np.random.Generator) -> Texture:
    return fractal(rng, 1.5, 2.0), fractal(rng, 0.9, 12.0)


def _grass(rng: np.random.Generator) -> Texture:
    mix = 0.55 * fractal(rng, 1.7, 2.0) + 0.45 * fractal(rng, 0.7, 20.0)
    return np.clip(0.5 + 1.5 * (mix - 0.5), 0, 1), fractal(rng, 0.6, 24.0)


def _checks(rng: np.random.Generator) -> Texture:
    x, y = _grid()
    a, b = _square(4 * x, 4), _square(4 * y, 4)
    return a + b - 2 * a * b, 0.6 * fractal(rng, 1.2, 6.0) + 0.4 * _cells(rng, 8 * x, 8 * y)


def _stripes(rng: np.random.Generator) -> Texture:
    x, _ = _grid()
    return _square(6 * x, 6), fractal(rng, 1.2, 6.0)


def _diagonals(rng: np.random.Generator) -> Texture:
    x, y = _grid()
    return _square(5 * (x + y), 7), fractal(rng, 1.2, 6.0)


def _bricks(rng: np.random.Generator) -> Texture:
    x, y = _grid()
    row = np.floor(12 * y)
    along = 6 * x + 0.5 * (row % 2)
    mix = np.minimum(_joint(12 * y, 0.16, 12), _joint(along, 0.09, 6))
    tone = _cells(rng, along % 6, 12 * y)
    return mix * (0.72 + 0.28 * tone), 0.55 * tone + 0.45 * fractal(rng, 1.1, 8.0)


def _dots(rng: np.random.Generator) -> Texture:
    x, y = _grid()
    fx, fy = 6 * x - np.floor(6 * x) - 0.5, 6 * y - np.floor(6 * y) - 0.5
    mix = np.clip((0.31 - np.hypot(fx, fy)) * TILE / 9 + 0.5, 0, 1)
    return mix.astype(np.float32), fractal(rng, 1.2, 6.0)


def _tiles(rng: np.random.Generator) -> Texture:
    x, y = _grid()
    inside = np.minimum(_joint(6 * x, 0.06, 6), _joint(6 * y, 0.06, 6))
    tone = _cells(rng, 6 * x, 6 * y)
    return inside * (0.35 + 0.65 * tone), 0.5 * tone + 0.5 * fractal(rng, 1.3, 5.0)


def _planks(rng: np.random.Generator) -> Texture:
    x, y = _grid()
    board = np.floor(8 * y)
    along = 2 * x + 0.37 * board
    tone = _cells(rng, along % 2, 8 * y)
    streak = fractal(rng, 1.2, 6.0, stretch=10.0)
    inside = np.minimum(_joint(8 * y, 0.07, 8), _joint(along, 0.012, 2))
    return inside * (0.25 + 0.5 * tone + 0.25 * streak), 0.5 * tone + 0.5 * streak


def _patches(rng: np.random.Generator) -> Texture:
    field = fractal(rng, 2.4, 3.0)
    edge = np.clip(0.5 + (field - 0.5) * 26.0, 0, 1)
    return edge.astype(np.float32), 0.5 * field + 0.5 * fractal(rng, 1.0, 12.0)


def _waves(rng: np.random.Generator) -> Texture:
    x, y = _grid()
    phase = 6 * y + 0.22 * np.sin(2 * np.pi * 3 * x + 6.28 * rng.random())
    return _square(phase.astype(np.float32), 7), fractal(rng, 1.2, 6.0)


def _speckle(rng: np.random.Generator) -> Texture:
    fine = fractal(rng, 1.4, 10.0)
    mix = np.clip((fine - 0.56) * 14 + 0.5, 0, 1)
    return mix.astype(np.float32), 0.5 * fractal(rng, 1.6, 2.0) + 0.5 * fine


def _marble(rng: np.random.Generator) -> Texture:
    x, y = _grid()
    bent = 3 * x + 2 * y + 1.6 * (fractal(rng, 2.0, 1.0) - 0.5)
    vein = np.abs(np.sin(np.pi * bent)) ** 0.6
    return vein.astype(np.float32), fractal(rng, 1.2, 6.0)


def _windows(rng: np.random.Generator) -> Texture:
    x, y = _grid()
    inside = np.minimum(_joint(8 * x, 0.42, 8), _joint(8 * y, 0.5, 8))
    lit = _cells(rng, 8 * x, 8 * y)
    return inside * (0.55 + 0.45 * (lit > 0.5)), 0.5 + 0.3 * (fractal(rng, 1.5, 2.0) - 0.5)


def _plain(rng: np.random.Generator) -> Texture:
    return 0.5 + 0.12 * (fractal(rng, 2.2, 1.0) - 0.5), 0.5 + 0.1 * (fractal(rng, 1.8, 2.0) - 0.5)


PATTERNS: dict[str, Callable[[np.random.Generator], Texture]] = {
    "noise": _noise,
    "grass": _grass,
    "checks": _checks,
    "stripes": _stripes,
    "diagonals": _diagonals,
    "bricks": _bricks,
    "dots": _dots,
    "tiles": _tiles,
    "planks": _planks,
    "patches": _patches,
    "waves": _waves,
    "speckle": _speckle,
    "marble": _marble,
    "windows": _windows,
    "plain": _plain,
}

CELLS_PER_TILE: dict[str, float] = {"bricks": 8, "checks": 8, "windows": 8, "planks": 8, "stripes": 12, "plain": 3}
"""Pattern elements along one tile (6 where unlisted): turns the size of an element into the length of a tile."""


def _pad(plane: NDArray[np.uint8]) -> NDArray[np.uint8]:
    return np.pad(plane, ((_PAD, _PAD), (_PAD, _PAD), (0, 0)), mode="wrap")


def _level_origins() -> NDArray[np.float32]:
    """Texel position (x, y) in a strip where each level's tile starts: level 0 left, the others stacked right."""
    origins, top = [(_PAD, _PAD)], 0
    for level in range(1, LEVELS):
        origins.append((_COLUMN + _PAD, top + _PAD))
        top += (TILE >> level) + 2 * _PAD
    return np.array(origins, np.float32)


LEVEL_ORIGINS = _level_origins()


@lru_cache(maxsize=len(PATTERNS) * VARIANTS)
def strip(pattern: str, variant: int) -> NDArray[np.uint8]:
    """One texture with its mip levels, H,W,2 uint8; the same name and variant give the same bytes."""
    rng = np.random.default_rng([list(PATTERNS).index(pattern), variant, 7])
    planes = np.stack(PATTERNS[pattern](rng), axis=-1).astype(np.float32)
    canvas = np.zeros((STRIP_HEIGHT, STRIP_WIDTH, 2), np.uint8)
    for level in range(LEVELS):
        if level:
            planes = planes.reshape(planes.shape[0] // 2, 2, planes.shape[1] // 2, 2, 2).mean(axis=(1, 3))
        padded = _pad(np.rint(np.clip(planes, 0, 1) * 255).astype(np.uint8))
        x, y = (int(value) - _PAD for value in LEVEL_ORIGINS[level])
        canvas[y : y + padded.shape[0], x : x + padded.shape[1]] = padded
    return canvas


@lru_cache(maxsize=8)
def _image_of(textures: tuple[tuple[str, int], ...]) -> NDArray[np.uint8]:
    """Kept for the last few atlases only, so that thousands of shots can be held without their 10 MB each."""
    return np.concatenate([strip(name, variant) for name, variant in textures])


class Atlas:
    """The textures of one scene in one image; samples any of them at any mip level in two gathers."""

    def __init__(self, textures: Sequence[tuple[str, int]]) -> None:
        self._textures = tuple(textures)

    def sample(self, texture: NDArray[np.int32], u: Plane, v: Plane, level: Plane) -> Plane:
        """Trilinear lookup.

        Args:
            texture: N, index into the textures of this atlas.
            u, v: N, position in tiles (any real number; textures repeat).
            level: N, mip level (0 finest), clipped to what exists.

        Returns:
            N,2 float32 in 0..1.
        """
        level = np.clip(level, 0.0, LEVELS - 1.001)
        fine = level.astype(np.int32)
        u, v = u - np.floor(u), v - np.floor(v)
        top = texture.astype(np.float32) * STRIP_HEIGHT
        first = self._gather(fine, u, v, top)
        second = self._gather(fine + 1, u, v, top)
        weight = (level - fine)[:, None]
        return (first + (second - first) * weight) * np.float32(1 / 255)

    def _gather(self, level: NDArray[np.int32], u: Plane, v: Plane, top: Plane) -> Plane:
        size = np.float32(TILE) * np.exp2(-level.astype(np.float32))
        x = u * size + LEVEL_ORIGINS[:, 0][level] - 0.5
        y = v * size + LEVEL_ORIGINS[:, 1][level] - 0.5 + top
        rows = -(-x.size // 4096)  # cv2.remap refuses sides of 32768 and more
        pad = rows * 4096 - x.size
        if rows > 1 and pad:
            x, y = np.pad(x, (0, pad)), np.pad(y, (0, pad))
        shape = (rows, 4096) if rows > 1 else (1, x.size)
        out = cv2.remap(_image_of(self._textures), x.reshape(shape), y.reshape(shape), cv2.INTER_LINEAR)
        return np.asarray(out.reshape(-1, 2)[: u.size], np.float32)
