"""A video codec that a laptop trains: a lapped patch transform with the first frame apart, and a residual decoder.

Shape letters: B batch, C channels, F frames, f latent frames, H, W pixels, h, w latent rows and columns, D width.

    pixels --lapped linear transform + small refinement--> latents B,16,f,h,w
    latents --lapped linear transform--> base pixels;  + residual network on the latent grid, then at half resolution
"""

from __future__ import annotations

import torch
from diffusers.configuration_utils import ConfigMixin, register_to_config
from diffusers.models.autoencoders.vae import AutoencoderMixin, DecoderOutput, IdentityDistribution
from diffusers.models.modeling_outputs import AutoencoderKLOutput
from diffusers.models.modeling_utils import ModelMixin
from diffusers.utils.accelerate_utils import apply_forward_hook
from torch import Tensor, nn
from torch.nn import functional as F

from dropletvideo.shapes import SPATIAL_COMPRESSION as BLOCK
from dropletvideo.shapes import TEMPORAL_COMPRESSION as STEP
from dropletvideo.shapes import check_num_frames

LAP = BLOCK // 2
"""Pixels by which the window of a block reaches into its neighbours, on each side."""
HALF = 2
"""The last stage of the decoder works at half resolution: one position stands for 2x2 pixels."""


class PatchCodec(ModelMixin, AutoencoderMixin, ConfigMixin):
    """Latents of 8x8 blocks of the first frame and of 8x8x4 blocks after it, behind the interface of diffusers' VAEs.

    `encode(pixels_BCFHW).latent_dist.mode()` and `decode(latents_BCFHW).sample`. Encoding never looks across latent
    frames, so the latent of a first frame is the same whether it comes alone or at the head of a clip; decoding looks
    across blocks in space and time. Latents leave the encoder normalised per channel, the first frame apart;
    `scaling_factor` is therefore 1.

    Args:
        latent_channels: channels of a latent.
        encoder_width: channels of the encoder's refinement; 0 leaves it linear.
        encoder_layers: its blocks.
        token_width: channels of the decoder on the latent grid; 0 leaves it linear.
        token_layers: its blocks.
        pixel_width: channels of the decoder at half resolution.
        pixel_layers: its blocks.
        scaling_factor: of the interface; latents are normalised inside.
    """

    # Switches of diffusers' interface (`enable_tiling`, `enable_slicing`), read by `model.vae.decode_latents`.
    use_tiling = use_slicing = False
    tile_latent_min_height, tile_latent_min_width = 30, 45
    tile_overlap_factor_height = tile_overlap_factor_width = 1 / 6

    @register_to_config
    def __init__(
        self,
        latent_channels: int = 16,
        encoder_width: int = 96,
        encoder_layers: int = 2,
        token_width: int = 128,
        token_layers: int = 3,
        pixel_width: int = 32,
        pixel_layers: int = 2,
        scaling_factor: float = 1.0,  # noqa: ARG002 - registered
    ) -> None:
        super().__init__()
        encoder = (latent_channels, encoder_width, encoder_layers)
        self.encode_first = BlockEncoder(1, *encoder)
        self.encode_rest = BlockEncoder(STEP, *encoder)
        self.decode_first = _lapped_inverse(1, latent_channels)
        self.decode_rest = _lapped_inverse(STEP, latent_channels)
        self.residual = (
            ResidualDecoder(latent_channels, (token_width, token_layers), (pixel_width, pixel_layers))
            if token_width
            else None
        )
        self.register_buffer("latent_mean", torch.zeros(2, latent_channels))
        self.register_buffer("latent_scale", torch.ones(2, latent_channels))

    @apply_forward_hook
    def encode(self, pixels_BCFHW: Tensor) -> AutoencoderKLOutput:
        """Latent distribution (a point) B,16,f,h,w of pixels in [-1, 1]; `4k + 1` frames, sides multiples of 16.

        Raises:
            RequestError: the number of frames is not `4k + 1`.
        """
        check_num_frames(pixels_BCFHW.shape[2])
        latents = self.analyse(pixels_BCFHW)
        mean, scale = self._statistics(latents)
        return AutoencoderKLOutput(latent_dist=IdentityDistribution((latents - mean) / scale))

    @apply_forward_hook
    def decode(self, latents_BCFHW: Tensor) -> DecoderOutput:
        """Pixels B,3,F,H,W (`.sample`), not clamped, of latents B,16,f,h,w; `F = 4 (f - 1) + 1`."""
        mean, scale = self._statistics(latents_BCFHW)
        return DecoderOutput(sample=self.synthesise(latents_BCFHW * scale + mean))

    def analyse(self, pixels_BCFHW: Tensor) -> Tensor:
        """Latents before normalisation."""
        latents = [self.encode_first(pixels_BCFHW[:, :, :1])]
        if pixels_BCFHW.shape[2] > 1:
            latents.append(self.encode_rest(pixels_BCFHW[:, :, 1:]))
        return torch.cat(latents, dim=2)

    def synthesise(self, latents_BCFHW: Tensor) -> Tensor:
        """Pixels of latents before normalisation."""
        pixels = [self.decode_first(latents_BCFHW[:, :, :1])]
        if latents_BCFHW.shape[2] > 1:
            pixels.append(self.decode_rest(latents_BCFHW[:, :, 1:]))
        base = torch.cat(pixels, dim=2)
        if self.residual is None:
            return base
        refined: Tensor = base + self.residual(latents_BCFHW, base)
        return refined

    def _statistics(self, latents_BCFHW: Tensor) -> tuple[Tensor, Tensor]:
        """Mean and scale of shape 1,16,f,1,1: row 0 for the first latent frame, row 1 for the others."""
        rows = torch.arange(latents_BCFHW.shape[2], device=latents_BCFHW.device).clamp(max=1)
        mean, scale = (table[rows].T[None, :, :, None, None] for table in (self.latent_mean, self.latent_scale))
        return mean, scale


class BlockEncoder(nn.Module):
    """Latents of blocks of `step` frames: a lapped linear transform plus a refinement that looks at neighbour blocks.

    The refinement starts at zero, so a fresh encoder is the linear one.
    """

    def __init__(self, step: int, channels: int, width: int, layers: int) -> None:
        super().__init__()
        window = (step, BLOCK + 2 * LAP, BLOCK + 2 * LAP)
        stride = (step, BLOCK, BLOCK)
        self.linear = nn.Conv3d(3, channels, window, stride=stride)
        self.features = nn.Conv3d(3, width, window, stride=stride) if width else None
        self.blocks = nn.ModuleList(ConvBlock(width, (1, 3, 3)) for _ in range(layers if width else 0))
        self.head = nn.Conv3d(width, channels, 1) if width else None
        if self.head is not None:
            _start_at_zero(self.head)

    def forward(self, pixels_BCFHW: Tensor) -> Tensor:
        """B,3,F,H,W to B,16,F/step,H/8,W/8."""
        lapped = F.pad(pixels_BCFHW, (LAP, LAP, LAP, LAP, 0, 0), mode="replicate")
        latents: Tensor = self.linear(lapped)
        if self.features is None or self.head is None:
            return latents
        tokens = self.features(lapped)
        for block in self.blocks:
            tokens = block(tokens)
        refined: Tensor = latents + self.head(F.gelu(tokens))
        return refined


class ResidualDecoder(nn.Module):
    """What the linear decoder lacks: sees neighbour blocks in space and time, speaks at half resolution.

    Every latent frame gives four frames of features; the first latent stands for one frame, so its first three are
    dropped. The last layer starts at zero.
    """

    def __init__(self, channels: int, token: tuple[int, int], pixel: tuple[int, int]) -> None:
        super().__init__()
        (token_width, token_layers), (pixel_width, pixel_layers) = token, pixel
        self.read = nn.Conv3d(channels + 1, token_width, 3, padding=1)
        self.tokens = nn.ModuleList(ConvBlock(token_width, (3, 3, 3)) for _ in range(token_layers))
        self.spread = nn.Conv3d(token_width, pixel_width * STEP * (BLOCK // HALF) ** 2, 1)
        self.join = nn.Conv3d(pixel_width + 3 * HALF**2, pixel_width, (1, 3, 3), padding=(0, 1, 1))
        self.pixels = nn.ModuleList(ConvBlock(pixel_width, (3, 3, 3)) for _ in range(pixel_layers))
        self.write = nn.Conv3d(pixel_width, 3 * HALF**2, (1, 3, 3), padding=(0, 1, 1))
        _start_at_zero(self.write)

    def forward(self, latents_BCFHW: Tensor, base_BCFHW: Tensor) -> Tensor:
        """Residual B,3,F,H,W of latents and the linear decoder's pixels."""
        is_first = torch.zeros_like(latents_BCFHW[:, :1])
        is_first[:, :, 0] = 1
        tokens = self.read(torch.cat([latents_BCFHW, is_first], dim=1))
        for block in self.tokens:
            tokens = block(tokens)
        features = _to_frames(self.spread(F.gelu(tokens)), BLOCK // HALF)
        hidden = self.join(torch.cat([features, _gather_pixels(base_BCFHW)], dim=1))
        for block in self.pixels:
            hidden = block(hidden)
        return _scatter_pixels(self.write(F.gelu(hidden)))


class ConvBlock(nn.Module):
    """Residual block: convolution over neighbours, then a pointwise layer."""

    def __init__(self, width: int, window: tuple[int, int, int]) -> None:
        super().__init__()
        time, rows, columns = window
        self.mix = nn.Conv3d(width, width, window, padding=(time // 2, rows // 2, columns // 2))
        self.point = nn.Conv3d(width, width, 1)

    def forward(self, features_BCFHW: Tensor) -> Tensor:
        """Same shape out."""
        update: Tensor = self.point(F.gelu(self.mix(F.gelu(features_BCFHW))))
        return features_BCFHW + update


def _start_at_zero(layer: nn.Conv3d) -> None:
    for parameter in layer.parameters():
        nn.init.zeros_(parameter)


def _lapped_inverse(step: int, channels: int) -> nn.ConvTranspose3d:
    window = (step, BLOCK + 2 * LAP, BLOCK + 2 * LAP)
    return nn.ConvTranspose3d(channels, 3, window, stride=(step, BLOCK, BLOCK), padding=(0, LAP, LAP))


def _to_frames(features_BDFHW: Tensor, scale: int) -> Tensor:
    """B,(C 4 s s),f,h,w to B,C,4f-3,h s,w s."""
    batch, _, frames, rows, columns = features_BDFHW.shape
    parts = features_BDFHW.reshape(batch, -1, STEP, scale, scale, frames, rows, columns)
    spread = parts.permute(0, 1, 5, 2, 6, 3, 7, 4).reshape(batch, -1, frames * STEP, rows * scale, columns * scale)
    return spread[:, :, STEP - 1 :]


def _gather_pixels(pixels_BCFHW: Tensor) -> Tensor:
    """B,3,F,H,W to B,12,F,H/2,W/2."""
    batch, channels, frames, height, width = pixels_BCFHW.shape
    parts = pixels_BCFHW.reshape(batch, channels, frames, height // HALF, HALF, width // HALF, HALF)
    return parts.permute(0, 1, 4, 6, 2, 3, 5).flatten(1, 3)


def _scatter_pixels(features_BCFHW: Tensor) -> Tensor:
    """The inverse of `_gather_pixels`."""
    batch, channels, frames, rows, columns = features_BCFHW.shape
    parts = features_BCFHW.reshape(batch, channels // HALF**2, HALF, HALF, frames, rows, columns)
    return parts.permute(0, 1, 4, 5, 2, 6, 3).reshape(batch, -1, frames, rows * HALF, columns * HALF)
