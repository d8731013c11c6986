"""Decoding a picture in overlapping tiles, for any codec: the peak of memory follows the tile, not the picture."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor

from dropletvideo.errors import ConfigError
from dropletvideo.shapes import SPATIAL_COMPRESSION


@dataclass(frozen=True, kw_only=True)
class Tiling:
    """Size of a tile and how far neighbours overlap, in latent pixels (8 pixels each).

    Attributes:
        rows: height of a tile.
        columns: width of a tile.
        overlap: pixels shared with the next tile, blended linearly.
    """

    rows: int = 30
    columns: int = 45
    overlap: int = 8

    def __post_init__(self) -> None:
        if not 0 <= self.overlap < min(self.rows, self.columns):
            raise ConfigError(f"overlap={self.overlap}: need 0 or more and less than a tile {self.rows}x{self.columns}")


def tile_starts(length: int, tile: int, overlap: int) -> list[int]:
    """First places of tiles that cover `length`; evenly spread, each at least `overlap` over the next.

    No tile hangs over the edge, so all have one size and the norms of a codec see equally much.
    """
    if tile >= length:
        return [0]
    count = -(-(length - overlap) // (tile - overlap))
    return [round(number * (length - tile) / (count - 1)) for number in range(count)]


def decode_tiles(vae: Any, latents_BCFHW: Tensor, tiling: Tiling) -> Tensor:
    """Pixels B,3,F,H,W of latents, tile by tile; one tile's weight falls linearly towards its inner edges."""
    height, width = latents_BCFHW.shape[3:]
    rows, columns = min(tiling.rows, height), min(tiling.columns, width)
    weight = latents_BCFHW.new_zeros(height * SPATIAL_COMPRESSION, width * SPATIAL_COMPRESSION)
    total: Tensor | None = None
    for top in tile_starts(height, rows, tiling.overlap):
        for left in tile_starts(width, columns, tiling.overlap):
            tile: Tensor = vae.decode(latents_BCFHW[:, :, :, top : top + rows, left : left + columns]).sample
            fade = _fade(top, rows, height, tiling.overlap, tile)[:, None] * _fade(
                left, columns, width, tiling.overlap, tile
            )
            if total is None:
                total = tile.new_zeros(*tile.shape[:3], *weight.shape)
            place = (
                slice(top * SPATIAL_COMPRESSION, (top + rows) * SPATIAL_COMPRESSION),
                slice(left * SPATIAL_COMPRESSION, (left + columns) * SPATIAL_COMPRESSION),
            )
            total[..., place[0], place[1]] += tile * fade
            weight[place] += fade
    assert total is not None, "a picture has at least one tile"
    return total.div_(weight)


def _fade(start: int, size: int, length: int, overlap: int, like: Tensor) -> Tensor:
    """Weight of each pixel of a tile along one axis: 1 inside, falling over the overlap where a neighbour follows."""
    ramp = max(overlap, 1) * SPATIAL_COMPRESSION
    steps = torch.arange(size * SPATIAL_COMPRESSION, device=like.device, dtype=like.dtype) + 0.5
    fade = torch.ones_like(steps)
    if start > 0:
        fade = torch.minimum(fade, steps / ramp)
    if start + size < length:
        fade = torch.minimum(fade, steps.flip(0) / ramp)
    return fade
