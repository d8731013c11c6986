"""The image condition: 17 channels that say which frames are given and what they hold.

`mask` is 1 where the model must generate and 0 where pixels are given. Channel 0 is the resized complement of the mask,
channels 1 to 16 the latents of the masked video, both times the codec's scaling factor. Source: the released pipeline.
"""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor
from torch.nn import functional as F

from dropletvideo.model.vae import encode_pixels, scaling_factor
from dropletvideo.shapes import LatentShape, PixelShape

MASKED_PIXEL = -1.0


def first_frame_mask(pixels_BCFHW: Tensor) -> Tensor:
    """Mask B,1,F,H,W of image-to-video: the first frame is given."""
    mask = torch.ones_like(pixels_BCFHW[:, :1])
    mask[:, :, 0] = 0
    return mask


def masked_pixels(pixels_BCFHW: Tensor, mask_B1FHW: Tensor) -> Tensor:
    """The video with -1 wherever the model must generate."""
    return torch.where(mask_B1FHW < 0.5, pixels_BCFHW, MASKED_PIXEL)


def resize_mask(mask_B1FHW: Tensor, latent: LatentShape) -> Tensor:
    """Mask at latent size, B,1,f,h,w: the first frame to the first latent frame, the others to the rest.

    Both by trilinear interpolation without aligned corners.
    """
    first = F.interpolate(mask_B1FHW[:, :, :1], size=(1, latent.height, latent.width), mode="trilinear")
    if latent.frames == 1:
        return first
    rest_size = (latent.frames - 1, latent.height, latent.width)
    return torch.cat([first, F.interpolate(mask_B1FHW[:, :, 1:], size=rest_size, mode="trilinear")], dim=2)


def reference_noise(masked_BCFHW: Tensor, sigma: float | Tensor, generator: torch.Generator | None = None) -> Tensor:
    """Add Gaussian noise of deviation `sigma` (number, or B) to given pixels; masked ones (-1) stay exact."""
    noise = torch.randn(masked_BCFHW.shape, generator=generator, dtype=masked_BCFHW.dtype).to(masked_BCFHW.device)
    spread = torch.as_tensor(sigma, dtype=masked_BCFHW.dtype, device=masked_BCFHW.device).reshape(-1, 1, 1, 1, 1)
    return torch.where(masked_BCFHW == MASKED_PIXEL, masked_BCFHW, masked_BCFHW + spread * noise)


@torch.no_grad()
def encode_condition(
    vae: Any,
    pixels_BCFHW: Tensor,
    mask_B1FHW: Tensor,
    *,
    noise_sigma: float | Tensor = 0.0,
    generator: torch.Generator | None = None,
) -> Tensor:
    """The 17 condition channels B,f,17,h,w of a video and its mask.

    A sample with everything masked (text-to-video) gets zeros in all channels, not the latents of an empty video.

    Args:
        vae: codec of the model folder.
        pixels_BCFHW: the video in [-1, 1]; masked frames may hold anything.
        mask_B1FHW: 1 where the model must generate.
        noise_sigma: reference noise on given pixels, for models with `add_noise_in_inpaint_model` (released: 0.0563).
        generator: of the reference noise.
    """
    masked = masked_pixels(pixels_BCFHW, mask_B1FHW)
    if torch.as_tensor(noise_sigma).any():
        masked = reference_noise(masked, noise_sigma, generator)
    masked_latents = encode_pixels(vae, masked)
    _, _, frames, height, width = pixels_BCFHW.shape
    latent = LatentShape.of(PixelShape(frames=frames, height=height, width=width))
    known = resize_mask(1 - mask_B1FHW.to(masked_latents.dtype), latent).transpose(1, 2) * scaling_factor(vae)
    condition = torch.cat([known.to(masked_latents.device), masked_latents], dim=2)
    has_given = (mask_B1FHW < 0.5).flatten(1).any(dim=1)
    return condition * has_given.to(condition)[:, None, None, None, None]


def image_condition(vae: Any, image_BCHW: Tensor, num_frames: int, *, noise_sigma: float = 0.0) -> Tensor:
    """Condition B,f,17,h,w of image-to-video: the image in [-1, 1] is frame 0 of `num_frames`."""
    pixels = image_BCHW[:, :, None].expand(-1, -1, num_frames, -1, -1)
    return encode_condition(vae, pixels, first_frame_mask(pixels), noise_sigma=noise_sigma)


def text_only_condition(latents_BFCHW: Tensor) -> Tensor:
    """Condition of text-to-video: zeros beside latents of the given shape."""
    batch, frames, channels, height, width = latents_BFCHW.shape
    return latents_BFCHW.new_zeros(batch, frames, channels + 1, height, width)
