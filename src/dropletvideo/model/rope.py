"""Rotary position tables of video tokens on the released grid or on that of the training code."""

from __future__ import annotations

from typing import Any, Literal

import torch
from diffusers.models.embeddings import get_1d_rotary_pos_embed
from torch import Tensor

from dropletvideo.errors import RequestError

RopeGrid = Literal["released", "train"]
ROPE_GRIDS: tuple[RopeGrid, ...] = ("released", "train")


def rotary_tables(
    config: Any,
    *,
    latent_frames: int,
    latent_height: int,
    latent_width: int,
    grid: RopeGrid = "released",
    device: torch.device | str | None = None,
) -> tuple[Tensor, Tensor]:
    """Cosine and sine tables of shape (tokens, head size) in the token order frames, rows, columns; float32.

    The head is split 1/4 : 3/8 : 3/8 over time, height and width, base 10,000. Spatial positions are spread over the
    part of the base grid (`sample_height` x `sample_width` patches) that has the clip's aspect, centred. The grids
    differ by up to half a patch where that part starts off zero: "released" runs from `start` to `stop (n-1)/n`,
    "train" from `start` in steps of `(stop - start)/n`.

    Args:
        config: the transformer's configuration.
        latent_frames: latent frames of the clip.
        latent_height: latent rows.
        latent_width: latent columns.
        grid: "released" as the published inference code, "train" as the CogVideoX-Fun training code.
        device: of the tables.

    Raises:
        RequestError: no grid has this name.
    """
    if grid not in ROPE_GRIDS:
        raise RequestError(f"rope_grid={grid!r} is unknown: one of {', '.join(ROPE_GRIDS)}")
    patch, head = config.patch_size, config.attention_head_dim
    rows, columns = latent_height // patch, latent_width // patch
    (top, left), (bottom, right) = _crop_of_base_grid(
        rows, columns, config.sample_height // patch, config.sample_width // patch
    )
    positions = (
        (torch.arange(latent_frames, dtype=torch.float32), head // 4),
        (_spread(top, bottom, rows, grid), head // 8 * 3),
        (_spread(left, right, columns, grid), head // 8 * 3),
    )
    tables = [get_1d_rotary_pos_embed(size, at.to(device), use_real=True) for at, size in positions]
    return _combine([cos for cos, _ in tables]), _combine([sin for _, sin in tables])


def _combine(per_axis: list[Tensor]) -> Tensor:
    """Join per-axis tables (n, size) into one of shape (frames x rows x columns, head size)."""
    frames, rows, columns = (table.shape[0] for table in per_axis)
    time, height, width = per_axis
    return torch.cat(
        [
            time[:, None, None].expand(-1, rows, columns, -1),
            height[None, :, None].expand(frames, -1, columns, -1),
            width[None, None].expand(frames, rows, -1, -1),
        ],
        dim=-1,
    ).flatten(0, 2)


def _spread(start: int, stop: int, count: int, grid: RopeGrid) -> Tensor:
    if grid == "released":
        return torch.linspace(start, stop * (count - 1) / count, count, dtype=torch.float32)
    return (start + (stop - start) / count * torch.arange(count, dtype=torch.float64)).float()


def _crop_of_base_grid(
    rows: int, columns: int, base_rows: int, base_columns: int
) -> tuple[tuple[int, int], tuple[int, int]]:
    """Largest centred part of the base grid that has the aspect `rows : columns`, in whole patches."""
    if rows / columns > base_rows / base_columns:
        height, width = base_rows, round(base_rows / rows * columns)
    else:
        height, width = round(base_columns / columns * rows), base_columns
    top, left = round((base_rows - height) / 2), round((base_columns - width) / 2)
    return (top, left), (top + height, left + width)
