"""Sinusoidal positions of the 2B size: the base grid, interpolated to the size asked for."""

from __future__ import annotations

from typing import Any

import torch
from diffusers.models.embeddings import CogVideoXPatchEmbed, get_3d_sincos_pos_embed
from torch import Tensor
from torch.nn import functional as F


class SinusoidalPatchEmbed(CogVideoXPatchEmbed):
    """Patches and text to tokens, with positions added to the video tokens.

    The reference knows one grid, that of `sample_height` x `sample_width`, and stretches it over a picture of another
    size by linear interpolation (ends not aligned), time untouched; diffusers instead lays a new grid at every size,
    so that a larger picture gets positions that the weights never saw. Text has no position, so any text length goes.
    A clip longer than `sample_frames` goes on along the same sinusoid, where the reference stops.
    """

    def __init__(self, **fields: Any) -> None:
        super().__init__(**fields, use_positional_embeddings=False, use_learned_positional_embeddings=False)
        self._known: tuple[tuple[Any, ...], Tensor] | None = None

    def forward(self, text_embeds: Tensor, image_embeds: Tensor) -> Tensor:
        """Tokens B,S+L,D of text states B,S,text width and latents B,F,C,H,W."""
        tokens: Tensor = super().forward(text_embeds, image_embeds)
        _, frames, _, height, width = image_embeds.shape
        text_length = text_embeds.shape[1]
        table_LD = self.positions(frames, height // self.patch_size, width // self.patch_size, tokens)
        return torch.cat([tokens[:, :text_length], tokens[:, text_length:] + table_LD], dim=1)

    def positions(self, frames: int, rows: int, columns: int, like: Tensor) -> Tensor:
        """Table (frames x rows x columns, D) in the precision and on the device of `like`; the last one is kept."""
        key = (frames, rows, columns, like.dtype, like.device)
        if self._known is None or self._known[0] != key:
            self._known = (key, self._interpolated(frames, rows, columns).to(like))
        return self._known[1]

    def _interpolated(self, frames: int, rows: int, columns: int) -> Tensor:
        base_rows, base_columns = self.sample_height // self.patch_size, self.sample_width // self.patch_size
        base = get_3d_sincos_pos_embed(
            self.embed_dim,
            (base_columns, base_rows),
            frames,
            self.spatial_interpolation_scale,
            self.temporal_interpolation_scale,
            device=torch.device("cpu"),
            output_type="pt",
        ).float()
        grid_FDhw = base.reshape(frames, base_rows, base_columns, -1).permute(0, 3, 1, 2)
        stretched = F.interpolate(grid_FDhw, size=(rows, columns), mode="bilinear", align_corners=False)
        return stretched.permute(0, 2, 3, 1).flatten(0, 2)
