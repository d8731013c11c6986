"""The network of DOVER's technical branch: a video Swin transformer over fragments and a small head; for inference.

Written from published facts (Wu et al., "Exploring video quality assessment on user generated contents from aesthetic
and technical perspectives", ICCV 2023; "FAST-VQA", ECCV 2022; "Video Swin Transformer", CVPR 2022). Fragments are
7 x 7 pieces of 32 x 32 px cut from the whole picture and laid edge to edge. Two tokens of one window may so come from
places far apart; the network has a second table of position biases for that: with g = sum |difference of fragment
index| the bias is `relative * g + fragment * (1 - g)`; g is not limited to 1.

Shape letters: B batch, C channels, D time, H height, W width, N tokens of a window, P windows, K heads.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from dropletvideo.errors import WeightsError
from dropletvideo.perception.tensors import read_tensors

CELLS, CELL = 7, 32
SIDE = CELLS * CELL
FRAMES = 32
PATCH = (2, 4, 4)
WINDOW = (8, 7, 7)
_TABLE = (2 * WINDOW[0] - 1) * (2 * WINDOW[1] - 1) * (2 * WINDOW[2] - 1)
_MASKED = -100.0
_WINDOWS_AT_A_TIME = 16

Size = tuple[int, int, int]


@dataclass(frozen=True, kw_only=True)
class DoverConfig:
    """Widths of the network; the defaults are the published ones."""

    embed_dim: int = 96
    depths: tuple[int, ...] = (2, 2, 6, 2)
    num_heads: tuple[int, ...] = (3, 6, 12, 24)
    hidden_channels: int = 64


def relative_index() -> Tensor:
    """N,N rows of the bias table for the tokens of a full window."""
    axes = torch.meshgrid(*(torch.arange(length) for length in WINDOW), indexing="ij")
    place = torch.stack([axis.reshape(-1) for axis in axes])
    apart = place[:, :, None] - place[:, None, :]
    depth, height, width = (apart[k] + WINDOW[k] - 1 for k in range(3))
    return (depth * (2 * WINDOW[1] - 1) + height) * (2 * WINDOW[2] - 1) + width


def windows(tokens_BDHWC: Tensor) -> Tensor:
    """B,D,H,W,C to P,N,C; windows in the order batch, time, height, width."""
    batch, depth, height, width, channels = tokens_BDHWC.shape
    shape = (batch, depth // WINDOW[0], WINDOW[0], height // WINDOW[1], WINDOW[1], width // WINDOW[2], WINDOW[2])
    split = tokens_BDHWC.reshape(*shape, channels).permute(0, 1, 3, 5, 2, 4, 6, 7)
    return split.reshape(-1, WINDOW[0] * WINDOW[1] * WINDOW[2], channels)


def unwindows(tokens_PNC: Tensor, batch: int, size: Size) -> Tensor:
    """P,N,C back to B,D,H,W,C."""
    counts = [length // window for length, window in zip(size, WINDOW, strict=True)]
    split = tokens_PNC.reshape(batch, *counts, *WINDOW, tokens_PNC.shape[-1]).permute(0, 1, 4, 2, 5, 3, 6, 7)
    return split.reshape(batch, *size, tokens_PNC.shape[-1])


@lru_cache(maxsize=16)
def fragment_distance(size: Size, shift: Size) -> Tensor:
    """P,N,N: how many fragments two tokens of a window lie apart, rows and columns added.

    Time does not matter, so P counts the windows of one moment only.
    """
    grid = torch.meshgrid(torch.arange(CELLS), torch.arange(CELLS), indexing="ij")
    index = F.interpolate(torch.stack(grid)[None].float(), size=size[1:])[0]
    rolled = torch.roll(index, (-shift[1], -shift[2]), (1, 2))
    rows, columns = windows(rolled.permute(1, 2, 0)[None, None].expand(1, WINDOW[0], -1, -1, -1)).unbind(-1)
    return (rows[:, :, None] - rows[:, None]).abs() + (columns[:, :, None] - columns[:, None]).abs()


@lru_cache(maxsize=16)
def shift_mask(size: Size, shift: Size) -> Tensor:
    """P,N,N: 0 between tokens that were neighbours before the shift, -100 between others."""
    region = torch.zeros(1, *size, 1)
    number = 0
    parts = [
        (slice(0, -window), slice(-window, -step), slice(-step, None)) if step else (slice(None),)
        for window, step in zip(WINDOW, shift, strict=True)
    ]
    for times in parts[0]:
        for rows in parts[1]:
            for columns in parts[2]:
                region[:, times, rows, columns] = number
                number += 1
    inside = windows(region)[..., 0]
    return torch.where(inside[:, :, None] == inside[:, None], 0.0, _MASKED)


class WindowAttention(nn.Module):
    """Attention within windows. `fragment_position_bias_table` is there in all stages but the last."""

    def __init__(self, dim: int, num_heads: int, *, has_fragment_bias: bool) -> None:
        super().__init__()
        self.num_heads = num_heads
        self.relative_position_bias_table = nn.Parameter(torch.zeros(_TABLE, num_heads))
        self.fragment_position_bias_table = nn.Parameter(torch.zeros(_TABLE, num_heads)) if has_fragment_bias else None
        self.qkv, self.proj = nn.Linear(dim, 3 * dim), nn.Linear(dim, dim)

    def forward(self, tokens_PNC: Tensor, distance_PNN: Tensor, mask_PNN: Tensor | None, index_NN: Tensor) -> Tensor:
        """P,N,C to P,N,C."""
        groups = range(0, len(tokens_PNC), _WINDOWS_AT_A_TIME)
        parts = [slice(start, start + _WINDOWS_AT_A_TIME) for start in groups]
        return torch.cat([self._some(tokens_PNC[part], distance_PNN, mask_PNN, index_NN, part) for part in parts])

    def _some(
        self, tokens_PNC: Tensor, distance_PNN: Tensor, mask_PNN: Tensor | None, index_NN: Tensor, part: slice
    ) -> Tensor:
        count, length, dim = tokens_PNC.shape
        places = torch.arange(part.start, part.start + count, device=tokens_PNC.device)
        heads = self.qkv(tokens_PNC).reshape(count, length, 3, self.num_heads, -1).permute(2, 0, 3, 1, 4)
        bias = self.relative_position_bias_table[index_NN].permute(2, 0, 1)[None]
        if self.fragment_position_bias_table is not None:
            share = distance_PNN[places % len(distance_PNN)][:, None]
            fragment = self.fragment_position_bias_table[index_NN].permute(2, 0, 1)[None]
            bias = bias * share + fragment * (1 - share)
        if mask_PNN is not None:
            bias = bias + mask_PNN[places % len(mask_PNN)][:, None]  # it knows time, distances do not
        mixed = F.scaled_dot_product_attention(heads[0], heads[1], heads[2], attn_mask=bias)
        answer: Tensor = self.proj(mixed.transpose(1, 2).reshape(count, length, dim))
        return answer


class Mlp(nn.Module):
    """Two layers, four times as wide between."""

    def __init__(self, dim: int) -> None:
        super().__init__()
        self.fc1, self.fc2 = nn.Linear(dim, 4 * dim), nn.Linear(4 * dim, dim)

    def forward(self, tokens: Tensor) -> Tensor:
        """Any leading shape."""
        answer: Tensor = self.fc2(F.gelu(self.fc1(tokens)))
        return answer


class SwinBlock(nn.Module):
    """Attention in windows, shifted in every second block, then the two layers."""

    def __init__(self, dim: int, num_heads: int, *, is_shifted: bool, has_fragment_bias: bool) -> None:
        super().__init__()
        self.is_shifted = is_shifted
        self.norm1, self.norm2 = nn.LayerNorm(dim), nn.LayerNorm(dim)
        self.attn = WindowAttention(dim, num_heads, has_fragment_bias=has_fragment_bias)
        self.mlp = Mlp(dim)

    def forward(self, tokens_BDHWC: Tensor, index_NN: Tensor) -> Tensor:
        """B,D,H,W,C to the same."""
        batch, *size = tokens_BDHWC.shape[:4]
        grid = (size[0], size[1], size[2])
        shift = _shift(grid) if self.is_shifted else (0, 0, 0)
        device = tokens_BDHWC.device
        mask = shift_mask(grid, shift).to(device) if any(shift) else None
        rolled = torch.roll(self.norm1(tokens_BDHWC), tuple(-step for step in shift), (1, 2, 3))
        mixed = self.attn(windows(rolled), fragment_distance(grid, shift).to(device), mask, index_NN)
        tokens = tokens_BDHWC + torch.roll(unwindows(mixed, batch, grid), shift, (1, 2, 3))
        return tokens + torch.as_tensor(self.mlp(self.norm2(tokens)))


def _shift(size: Size) -> Size:
    """Half a window, and none along an axis that one window fills."""
    steps = [0 if length <= window else window // 2 for length, window in zip(size, WINDOW, strict=True)]
    return steps[0], steps[1], steps[2]


class PatchMerging(nn.Module):
    """Four neighbours of a picture become one token of twice the width."""

    def __init__(self, dim: int) -> None:
        super().__init__()
        self.norm, self.reduction = nn.LayerNorm(4 * dim), nn.Linear(4 * dim, 2 * dim, bias=False)

    def forward(self, tokens: Tensor) -> Tensor:
        """B,D,H,W,C to B,D,H/2,W/2,2C."""
        corners = [tokens[:, :, row::2, column::2] for row, column in ((0, 0), (1, 0), (0, 1), (1, 1))]
        answer: Tensor = self.reduction(self.norm(torch.cat(corners, dim=-1)))
        return answer


class SwinStage(nn.Module):
    """Blocks of one resolution, then the step to the next."""

    def __init__(self, dim: int, depth: int, num_heads: int, *, has_fragment_bias: bool, is_last: bool) -> None:
        super().__init__()
        self.blocks = nn.ModuleList(
            SwinBlock(dim, num_heads, is_shifted=bool(number % 2), has_fragment_bias=has_fragment_bias)
            for number in range(depth)
        )
        self.downsample = None if is_last else PatchMerging(dim)

    def forward(self, tokens: Tensor, index_NN: Tensor) -> Tensor:
        """B,D,H,W,C to B,D,H/2,W/2,2C, the last stage to its own shape."""
        for block in self.blocks:
            tokens = block(tokens, index_NN)
        return tokens if self.downsample is None else self.downsample(tokens)


class PatchEmbed(nn.Module):
    """Patches of 2 frames and 4 x 4 px to tokens."""

    def __init__(self, dim: int) -> None:
        super().__init__()
        self.proj, self.norm = nn.Conv3d(3, dim, PATCH, PATCH), nn.LayerNorm(dim)

    def forward(self, pixels_BCDHW: Tensor) -> Tensor:
        """B,3,D,H,W to B,D/2,H/4,W/4,C."""
        answer: Tensor = self.norm(self.proj(pixels_BCDHW).permute(0, 2, 3, 4, 1))
        return answer


class Backbone(nn.Module):
    """Fragments to features."""

    def __init__(self, config: DoverConfig) -> None:
        super().__init__()
        self.patch_embed = PatchEmbed(config.embed_dim)
        last = len(config.depths) - 1
        self.layers = nn.ModuleList(
            SwinStage(
                config.embed_dim * 2**k,
                depth,
                heads,
                has_fragment_bias=k < last,
                is_last=k == last,
            )
            for k, (depth, heads) in enumerate(zip(config.depths, config.num_heads, strict=True))
        )
        self.norm = nn.LayerNorm(config.embed_dim * 2**last)

    def forward(self, pixels_BCDHW: Tensor) -> Tensor:
        """B,3,32,224,224 to B,C,16,7,7 (at the published depth of four stages)."""
        tokens = self.patch_embed(pixels_BCDHW)
        index = relative_index().to(tokens.device)
        for layer in self.layers:
            tokens = layer(tokens, index)
        features: Tensor = self.norm(tokens).permute(0, 4, 1, 2, 3)
        return features


class Head(nn.Module):
    """Features to a map of scores."""

    def __init__(self, channels: int, hidden: int) -> None:
        super().__init__()
        self.fc_hid, self.fc_last = nn.Conv3d(channels, hidden, 1), nn.Conv3d(hidden, 1, 1)

    def forward(self, features: Tensor) -> Tensor:
        """B,C,D,H,W to B,1,D,H,W."""
        answer: Tensor = self.fc_last(F.gelu(self.fc_hid(features)))
        return answer


class DoverTechnical(nn.Module):
    """Normalised fragments B,3,32,224,224 to a score map B,1,16,7,7; the raw score is its mean."""

    def __init__(self, config: DoverConfig) -> None:
        super().__init__()
        self.technical_backbone = Backbone(config)
        channels = config.embed_dim * 2 ** (len(config.depths) - 1)
        self.technical_head = Head(channels, config.hidden_channels)

    def forward(self, pixels_BCDHW: Tensor) -> Tensor:
        """See the class."""
        score_map: Tensor = self.technical_head(self.technical_backbone(pixels_BCDHW))
        return score_map


def load_dover(path: str | Path) -> DoverTechnical:
    """The network from the published file (`DOVER.pth`, or the same names in safetensors); widths follow its tensors.

    The aesthetic branch and stored index buffers are passed over.

    Raises:
        WeightsError: a damaged file, or tensors that are missing, left over or wrongly shaped.
    """
    stored = {
        name: tensor
        for name, tensor in read_tensors(path).items()
        if not name.startswith("aesthetic_") and not name.endswith("relative_position_index")
    }
    with torch.device("meta"):
        network = DoverTechnical(_config_of(stored, path))
    wanted = {name: tuple(tensor.shape) for name, tensor in network.state_dict().items()}
    found = {name: tuple(tensor.shape) for name, tensor in stored.items()}
    wrong = sorted(name for name in wanted.keys() | found.keys() if wanted.get(name) != found.get(name))
    if wrong:
        name = wrong[0]
        raise WeightsError(
            f"{path} is not DOVER's technical branch: {len(wrong)} tensors differ, the first is {name} "
            f"(wanted {wanted.get(name)}, there {found.get(name)}): fetch it again"
        )
    network.load_state_dict({name: tensor.float() for name, tensor in stored.items()}, assign=True)
    return network.eval().requires_grad_(False)


def _config_of(stored: Mapping[str, Tensor], path: str | Path) -> DoverConfig:
    block = re.compile(r"technical_backbone\.layers\.(\d+)\.blocks\.(\d+)\.attn\.relative_position_bias_table$")
    found = {(int(m[1]), int(m[2])): tensor.shape[1] for name, tensor in stored.items() if (m := block.match(name))}
    first = stored.get("technical_backbone.patch_embed.proj.weight")
    hidden = stored.get("technical_head.fc_hid.weight")
    stages = sorted({stage for stage, _ in found})
    if first is None or hidden is None or stages != list(range(len(stages))) or not stages:
        raise WeightsError(f"{path} has no tensors of DOVER's technical branch (technical_backbone.…): fetch it again")
    return DoverConfig(
        embed_dim=first.shape[0],
        depths=tuple(sum(stage == one for one, _ in found) for stage in stages),
        num_heads=tuple(found.get((stage, 0), 1) for stage in stages),
        hidden_channels=hidden.shape[0],
    )
