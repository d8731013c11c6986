"""Pixels to latents and back, one home for layout, scaling and the frame counts of every codec.

Codecs speak diffusers' interface (`encode(pixels_BCFHW).latent_dist`, `decode(latents_BCFHW).sample`); the rest of the
package speaks latents B,F,C,H,W that are already scaled.
"""

from __future__ import annotations

from typing import Any, Literal

import torch
from torch import Tensor

from dropletvideo.shapes import pixel_frames

FrameFix = Literal["exact", "legacy"]


def scaling_factor(vae: Any) -> float:
    """Factor that the transformer's latents carry (released 5B: 0.7)."""
    return float(vae.config.scaling_factor)


@torch.no_grad()
def encode_pixels(vae: Any, pixels_BCFHW: Tensor, *, generator: torch.Generator | None = None) -> Tensor:
    """Scaled latents B,f,16,h,w of pixels in [-1, 1]: the posterior's mode, or a sample where a generator is given."""
    posterior = vae.encode(pixels_BCFHW.to(device=vae.device, dtype=vae.dtype)).latent_dist
    latents_BCFHW = posterior.mode() if generator is None else posterior.sample(generator)
    scaled: Tensor = latents_BCFHW.transpose(1, 2) * scaling_factor(vae)
    return scaled


@torch.no_grad()
def decode_latents(vae: Any, latents_BFCHW: Tensor, *, frame_fix: FrameFix = "exact") -> Tensor:
    """Pixels B,3,F,H,W, not clamped, of scaled latents; `F = 4 (f - 1) + 1`.

    diffusers' CogVideoX decoder tells the single first frame by an odd latent count; an even one decodes to three
    frames too many (22 latents to 88 frames). "exact" appends a copy of the last latent and cuts the surplus;
    "legacy" keeps what the released code gives.
    """
    latents_BCFHW = (latents_BFCHW / scaling_factor(vae)).transpose(1, 2).to(device=vae.device, dtype=vae.dtype)
    num_latents = latents_BCFHW.shape[2]
    if num_latents % 2 == 0 and frame_fix == "exact":
        latents_BCFHW = torch.cat([latents_BCFHW, latents_BCFHW[:, :, -1:]], dim=2)
    pixels: Tensor = vae.decode(latents_BCFHW).sample
    return pixels if frame_fix == "legacy" else pixels[:, :, : pixel_frames(num_latents)]
