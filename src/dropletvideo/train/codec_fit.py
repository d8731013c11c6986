"""Closed-form parts of the codec: principal components to start from, latent statistics to end with."""

from __future__ import annotations

import numpy as np
import torch
from torch import Tensor, nn

from dropletvideo.model.patch_codec import LAP, PatchCodec
from dropletvideo.shapes import SPATIAL_COMPRESSION as BLOCK
from dropletvideo.shapes import TEMPORAL_COMPRESSION as STEP
from dropletvideo.train.codec_windows import PixelWindows

FIT_WINDOWS, CHUNK = 800, 50


@torch.no_grad()
def start_from_components(codec: PatchCodec, windows: PixelWindows) -> None:
    """Set the linear transforms to the principal components of blocks, in units of their deviation.

    First frame and later blocks apart; the part of each window that laps into neighbours starts at zero.
    """
    chosen = _spread_rows(len(windows.frames), FIT_WINDOWS)
    for step, encoder, decoder in (
        (1, codec.encode_first.linear, codec.decode_first),
        (STEP, codec.encode_rest.linear, codec.decode_rest),
    ):
        mean, components, deviation = _components(windows, chosen, step, int(codec.config.latent_channels))
        _set(encoder, components / deviation[:, None], step)
        _set(decoder, components * deviation[:, None], step)
        flat_mean = mean.repeat_interleave(step * BLOCK**2)
        _bias(encoder).copy_(-(components / deviation[:, None]) @ flat_mean)
        _bias(decoder).copy_(mean)


def _bias(layer: nn.Conv3d | nn.ConvTranspose3d) -> Tensor:
    assert layer.bias is not None
    return layer.bias


def _set(layer: nn.Conv3d | nn.ConvTranspose3d, matrix: Tensor, step: int) -> None:
    """Put components (16, 3 step 8 8) into the middle of the lapped windows; both layers keep them as 16,3,t,y,x."""
    layer.weight.zero_()
    layer.weight[:, :, :, LAP:-LAP, LAP:-LAP] = matrix.reshape(-1, 3, step, BLOCK, BLOCK)


def _components(windows: PixelWindows, rows: np.ndarray, step: int, count: int) -> tuple[Tensor, Tensor, Tensor]:
    """Mean colour (3,), components (count, 3 step 64) and their deviations, about the mean colour."""
    size = 3 * step * BLOCK**2
    square, total, blocks = torch.zeros(size, size, dtype=torch.float64), torch.zeros(size, dtype=torch.float64), 0
    for start in range(0, len(rows), CHUNK):
        part = _blocks(windows.pixels(rows[start : start + CHUNK]), step)
        square += (part.T @ part).double()
        total += part.sum(dim=0).double()
        blocks += len(part)
    mean = (total / blocks).reshape(3, -1).mean(dim=1)
    centre = mean.repeat_interleave(step * BLOCK**2)
    about = square / blocks - torch.outer(total / blocks, centre) - torch.outer(centre, total / blocks)
    values, vectors = torch.linalg.eigh(about + torch.outer(centre, centre))
    keep = torch.arange(len(values) - 1, len(values) - 1 - count, -1)
    return mean.float(), vectors[:, keep].T.float(), values[keep].clamp_min(1e-8).sqrt().float()


def _blocks(pixels_BCFHW: Tensor, step: int) -> Tensor:
    """All blocks as rows in the order C, t, y, x: of the first frame (`step` 1) or of the later ones."""
    part = pixels_BCFHW[:, :, :1] if step == 1 else pixels_BCFHW[:, :, 1:]
    batch, channels, frames, height, width = part.shape
    cut = part.reshape(batch, channels, frames // step, step, height // BLOCK, BLOCK, width // BLOCK, BLOCK)
    return cut.permute(0, 2, 4, 6, 1, 3, 5, 7).reshape(-1, channels * step * BLOCK**2)


@torch.no_grad()
def set_statistics(codec: PatchCodec, windows: PixelWindows, *, spread: float) -> None:
    """Set the normalisation of latents from training windows, the first frame apart.

    A channel leaves with mean 0 and a deviation proportional to (what it puts into the picture)^`spread`, mean square
    1 over channels: with 0 all count alike in a diffusion loss, with 1 as much as in the picture.
    """
    rows = _spread_rows(len(windows.frames), FIT_WINDOWS)
    latents = [codec.analyse(windows.pixels(rows[start : start + CHUNK])) for start in range(0, len(rows), CHUNK)]
    whole = torch.cat(latents)
    for row, (part, decoder) in enumerate(
        ((whole[:, :, :1], codec.decode_first), (whole[:, :, 1:], codec.decode_rest))
    ):
        deviation = part.std(dim=(0, 2, 3, 4))
        weight = (deviation * decoder.weight.square().sum(dim=(1, 2, 3, 4)).sqrt()) ** spread
        codec.latent_mean[row] = part.mean(dim=(0, 2, 3, 4))
        codec.latent_scale[row] = deviation / (weight / weight.square().mean().sqrt())


def _spread_rows(count: int, wanted: int) -> np.ndarray:
    """At most `wanted` rows, evenly over all."""
    return np.unique(np.linspace(0, count - 1, min(count, wanted)).astype(np.int64))
