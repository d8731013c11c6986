"""DINO ViT-B/16 by transformers, with the position embedding as its owners interpolate it; needs `dino-vit-b-16`.

The released network stretches its 14 x 14 positions by the factor (n + 0.1) / 14, bicubic, to n patches a side; the
0.1 shifts every position a little against stretching "to n patches", which transformers does. Its layer norms have
eps 1e-6; the folder on Hugging Face says 1e-12. Both are set as in the released network. Input F,3,H,W normalised by
ImageNet's mean and deviation, sides of any length from 16 (the rest below a full patch is not seen); output F,768,
the class token after the last norm. Source: Caron et al., "Emerging properties in self-supervised vision transformers"
(2021), Apache-2.0.
"""

from __future__ import annotations

from functools import lru_cache
from pathlib import Path
from types import MethodType
from typing import TYPE_CHECKING, Any

from dropletvideo.perception.pretrained import load_network
from dropletvideo.weights import weights_path

if TYPE_CHECKING:
    import torch

WEIGHTS = "dino-vit-b-16"
_EPS = 1e-6
_SHIFT = 0.1


def dino(path: str | Path | None = None) -> tuple[Any, str]:
    """The network and its device, loaded once a process.

    Raises:
        WeightsError: the folder is not there or holds another model.
    """
    return _loaded(str(path or weights_path(WEIGHTS)))


def class_tokens(network: Any, pixels: torch.Tensor) -> torch.Tensor:
    """F,C of F,3,H,W."""
    import torch

    with torch.inference_mode():
        tokens: torch.Tensor = network(pixel_values=pixels, interpolate_pos_encoding=True).last_hidden_state
    return tokens[:, 0].float()


def stretched_positions(positions: torch.Tensor, rows: int, columns: int) -> torch.Tensor:
    """1,1+N,C (N a square) to 1,1+rows*columns,C, as DINO stretches them."""
    import torch
    from torch.nn.functional import interpolate

    count = positions.shape[1] - 1
    edge = round(count**0.5)
    if count == rows * columns and rows == columns:
        return positions
    grid = positions[:, 1:].reshape(1, edge, edge, -1).permute(0, 3, 1, 2)
    factors = ((rows + _SHIFT) / edge, (columns + _SHIFT) / edge)
    grid = interpolate(grid, scale_factor=factors, mode="bicubic", recompute_scale_factor=False)
    return torch.cat([positions[:, :1], grid.permute(0, 2, 3, 1).reshape(1, rows * columns, -1)], dim=1)


@lru_cache(maxsize=2)
def _loaded(path: str) -> tuple[Any, str]:
    from transformers import ViTModel

    network, device = load_network(ViTModel, path, "DINO", add_pooling_layer=False, layer_norm_eps=_EPS)

    def interpolate_pos_encoding(embeddings: Any, _: Any, height: int, width: int) -> torch.Tensor:
        rows, columns = height // network.config.patch_size, width // network.config.patch_size
        return stretched_positions(embeddings.position_embeddings, rows, columns)

    network.embeddings.interpolate_pos_encoding = MethodType(interpolate_pos_encoding, network.embeddings)
    return network, device
