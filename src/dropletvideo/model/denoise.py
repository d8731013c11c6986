"""The one call by which training and sampling know a transformer: `(latents, timestep, text, motion, condition)`."""

from __future__ import annotations

from contextlib import AbstractContextManager, nullcontext
from typing import Any

import torch
from torch import Tensor

from dropletvideo.model.rope import RopeGrid, rotary_tables


class Denoiser:
    """Velocity of noisy latents by a DropletVideo transformer; position tables are kept per latent size.

    What a step cache kept of one run is cleared when the next begins, that is when the timestep rises.

    Another architecture stands beside this one by another class with the same call.
    """

    def __init__(self, transformer: Any, *, rope_grid: RopeGrid = "released") -> None:
        self.transformer = transformer
        self.rope_grid = rope_grid
        self._tables: dict[tuple[Any, ...], tuple[Tensor, Tensor]] = {}
        self._dtype: torch.dtype | None = None
        self._last_timestep = -1  # below any: the first call clears too

    @property
    def _is_cached(self) -> bool:
        return bool(getattr(self.transformer, "is_cache_enabled", False))

    def __call__(
        self, latents_BFCHW: Tensor, timestep_B: Tensor, text_BSD: Tensor, motion_B: Tensor, condition_BFCHW: Tensor
    ) -> Tensor:
        """Predicted velocity B,F,16,H,W, float32, in the transformer's own precision inside.

        Args:
            latents_BFCHW: noisy latents, 16 channels.
            timestep_B: integers in [0, 1000).
            text_BSD: encoder states.
            motion_B: M, shape B, or 1 for all.
            condition_BFCHW: 17 channels of `image_condition`.
        """
        if self._dtype is None:
            self._dtype = self.transformer.dtype  # a walk over all weights: once
        dtype = self._dtype
        hidden_states = torch.cat([latents_BFCHW.to(dtype), condition_BFCHW.to(dtype)], dim=2)
        with self._cache_context(timestep_B):
            (velocity,) = self.transformer(
                hidden_states=hidden_states,
                encoder_hidden_states=text_BSD.to(dtype),
                timestep=timestep_B,
                motion=motion_B,
                image_rotary_emb=self._rotary(latents_BFCHW),
                return_dict=False,
            )
        return torch.as_tensor(velocity).float()

    def _cache_context(self, timestep_B: Tensor) -> AbstractContextManager[Any]:
        """What a step cache must know; both branches of guidance go through in one call."""
        if not self._is_cached:
            return nullcontext()
        timestep = int(timestep_B.flatten()[0])
        if self._last_timestep <= timestep:
            self.transformer._reset_stateful_cache()
        self._last_timestep = self.transformer.current_timestep = timestep
        context: AbstractContextManager[Any] = self.transformer.cache_context("guided")
        return context

    def _rotary(self, latents_BFCHW: Tensor) -> tuple[Tensor, Tensor] | None:
        if not self.transformer.config.use_rotary_positional_embeddings:
            return None
        frames, height, width = (latents_BFCHW.shape[axis] for axis in (1, 3, 4))
        key = (frames, height, width, latents_BFCHW.device)
        if key not in self._tables:
            self._tables[key] = rotary_tables(
                self.transformer.config,
                latent_frames=frames,
                latent_height=height,
                latent_width=width,
                grid=self.rope_grid,
                device=latents_BFCHW.device,
            )
        return self._tables[key]
