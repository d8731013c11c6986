"""A video codec that a laptop trains: linear patch transform with the first frame apart, then a residual decoder.

Shape letters: B batch, C channels, F frames, f latent frames, H, W pixels, h, w latent rows and columns.
"""

from __future__ import annotations

import torch
from diffusers.configuration_utils import ConfigMixin, register_to_config
from diffusers.models.autoencoders.vae import DecoderOutput, IdentityDistribution
from diffusers.models.modeling_outputs import AutoencoderKLOutput
from diffusers.models.modeling_utils import ModelMixin
from torch import Tensor, nn

from dropletvideo.shapes import SPATIAL_COMPRESSION, TEMPORAL_COMPRESSION, check_num_frames


class PatchCodec(ModelMixin, ConfigMixin):
    """Latents of 8x8 blocks of the first frame and of 8x8x4 blocks after it, behind the interface of diffusers' VAEs.

    `encode(pixels_BCFHW).latent_dist.mode()` and `decode(latents_BCFHW).sample`. The first frame is encoded by itself,
    so its latent is the same whether the frame comes alone or at the head of a clip. Latents leave the encoder
    normalised per channel, the first frame apart; `scaling_factor` is therefore 1.

    Args:
        latent_channels: channels of a latent.
        scaling_factor: of the interface; latents are normalised inside.
    """

    @register_to_config
    def __init__(self, latent_channels: int = 16, scaling_factor: float = 1.0) -> None:  # noqa: ARG002 - registered
        super().__init__()
        block = (TEMPORAL_COMPRESSION, SPATIAL_COMPRESSION, SPATIAL_COMPRESSION)
        still = (1, SPATIAL_COMPRESSION, SPATIAL_COMPRESSION)
        self.encode_first = nn.Conv3d(3, latent_channels, still, stride=still)
        self.encode_rest = nn.Conv3d(3, latent_channels, block, stride=block)
        self.decode_first = nn.ConvTranspose3d(latent_channels, 3, still, stride=still)
        self.decode_rest = nn.ConvTranspose3d(latent_channels, 3, block, stride=block)
        self.register_buffer("latent_mean", torch.zeros(2, latent_channels))
        self.register_buffer("latent_scale", torch.ones(2, latent_channels))

    def encode(self, pixels_BCFHW: Tensor) -> AutoencoderKLOutput:
        """Latent distribution (a point) B,16,f,h,w of pixels in [-1, 1]; `4k + 1` frames, sides multiples of 16.

        Raises:
            RequestError: the number of frames is not `4k + 1`.
        """
        check_num_frames(pixels_BCFHW.shape[2])
        latents = [self._normalise(self.encode_first(pixels_BCFHW[:, :, :1]), 0)]
        if pixels_BCFHW.shape[2] > 1:
            latents.append(self._normalise(self.encode_rest(pixels_BCFHW[:, :, 1:]), 1))
        return AutoencoderKLOutput(latent_dist=IdentityDistribution(torch.cat(latents, dim=2)))

    def decode(self, latents_BCFHW: Tensor) -> DecoderOutput:
        """Pixels B,3,F,H,W (`.sample`), not clamped, of latents B,16,f,h,w; `F = 4 (f - 1) + 1`."""
        pixels = [self.decode_first(self._restore(latents_BCFHW[:, :, :1], 0))]
        if latents_BCFHW.shape[2] > 1:
            pixels.append(self.decode_rest(self._restore(latents_BCFHW[:, :, 1:], 1)))
        return DecoderOutput(sample=torch.cat(pixels, dim=2))

    def _normalise(self, latents: Tensor, row: int) -> Tensor:
        return (latents - _per_channel(self.latent_mean[row])) / _per_channel(self.latent_scale[row])

    def _restore(self, latents: Tensor, row: int) -> Tensor:
        return latents * _per_channel(self.latent_scale[row]) + _per_channel(self.latent_mean[row])


def _per_channel(values: Tensor) -> Tensor:
    return values[:, None, None, None]
