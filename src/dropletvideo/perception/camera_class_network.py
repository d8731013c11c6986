"""The network behind `camera_class_swin`: torchvision's Video Swin with a head of six classes, its folder, its start.

A folder holds `config.json` (`NetworkConfig`) and `model.safetensors` with torchvision's names
(`patch_embed.{proj,norm}`, `features.{k}.{j}.{norm1,attn,norm2,mlp}`, `norm`, `head`), written by
`droplet train-classifier`. Size `tiny` is `swin3d_t`, so that torchvision's Kinetics-400 file starts it; `toy` learns
on a CPU. Source: Liu et al., "Video Swin Transformer" (CVPR 2022).
"""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import torch
from torch import Tensor, nn

from dropletvideo.errors import WeightsError
from dropletvideo.files import write_file, write_json
from dropletvideo.perception.camera_class_swin import (
    CLASSES,
    CONFIG_FILE,
    NO_LIBRARY,
    TENSORS_FILE,
    NetworkConfig,
    read_config,
)
from dropletvideo.perception.tensors import read_tensors

_MADE_ANEW = "relative_position_index"
"""Buffers that follow from the window alone."""


def build_network(config: NetworkConfig, *, drop_path: float = 0.1) -> nn.Module:
    """The network with random weights: pixels B,3,F,H,W (normalised) to logits B,6.

    Args:
        config: its shape.
        drop_path: share of residual branches left out in training, rising with depth.

    Raises:
        WeightsError: torchvision is not installed.
    """
    try:
        from torchvision.models.video.swin_transformer import SwinTransformer3d
    except ImportError as error:
        raise WeightsError(f"{NO_LIBRARY} ({error})") from error
    network: nn.Module = SwinTransformer3d(
        patch_size=list(config.patch),
        embed_dim=config.embed_dim,
        depths=list(config.depths),
        num_heads=list(config.num_heads),
        window_size=list(config.window),
        stochastic_depth_prob=drop_path,
        num_classes=len(config.classes),
    )
    return network


def start_at_random(network: nn.Module) -> None:
    """Random weights that a few minutes can train; draws from torch's generator.

    Filters of the first layer see no brightness, and half of them see only change in time: tokens are normalised, and
    brightness would drown both. Matrices have deviation 1/sqrt(inputs), not 0.02, which small widths never leave.
    """
    with torch.no_grad():
        for module in network.modules():
            if isinstance(module, nn.Linear):
                nn.init.trunc_normal_(module.weight, std=module.in_features**-0.5)
        filters = network.get_parameter("patch_embed.proj.weight")
        filters.sub_(filters.mean(dim=(1, 2, 3, 4), keepdim=True))
        half = filters[: len(filters) // 2]
        half.sub_(half.mean(dim=2, keepdim=True))


def start_from_kinetics(network: nn.Module, path: str | Path) -> None:
    """Give a network the tensors of torchvision's file, all but its head of 400 actions.

    Raises:
        WeightsError: a damaged file, or one of another shape, with the first tensor that differs.
    """
    stored = {name: value for name, value in read_tensors(path).items() if not name.startswith("head.")}
    _give(network, stored, path, kept=("head.",))


def write_classifier(folder: str | Path, network: nn.Module, config: NetworkConfig) -> Path:
    """Write the folder that the judge reads; each file whole or not at all."""
    from safetensors.torch import save

    target = Path(folder)
    stored = {
        name: value.detach().cpu().float().contiguous()
        for name, value in network.state_dict().items()
        if not name.endswith(_MADE_ANEW)
    }
    write_file(target / TENSORS_FILE, lambda file: file.write(save(stored)))
    write_json(target / CONFIG_FILE, config.model_dump(mode="json"), indent=1)
    return target


def load_classifier(folder: str | Path) -> tuple[nn.Module, NetworkConfig]:
    """Network (eval, no gradients, float32 on the CPU) and configuration of a folder.

    Raises:
        WeightsError: a folder of another kind, a damaged file or wrong shapes.
    """
    config = read_config(folder)
    try:
        network = build_network(config)
    except (ValueError, IndexError) as error:
        raise WeightsError(f"{folder}/{CONFIG_FILE} describes no network ({error}): train it again") from error
    _give(network, read_tensors(Path(folder) / TENSORS_FILE), folder)
    return network.eval().requires_grad_(False), config


def _give(network: nn.Module, stored: Mapping[str, Tensor], path: str | Path, kept: tuple[str, ...] = ()) -> None:
    wanted = {name: tuple(value.shape) for name, value in network.state_dict().items() if not name.startswith(kept)}
    found = {name: tuple(value.shape) for name, value in stored.items()}
    wrong = sorted(
        name
        for name in wanted.keys() | found.keys()
        if wanted.get(name) != found.get(name) and not (name.endswith(_MADE_ANEW) and name not in found)
    )
    if wrong:
        raise WeightsError(
            f"{path} does not fit this network: {len(wrong)} tensors differ, the first is {wrong[0]} "
            f"(wanted {wanted.get(wrong[0])}, there {found.get(wrong[0])}): choose the size it was made for"
        )
    with torch.no_grad():
        network.load_state_dict(dict(stored), strict=False)


def class_shares(logits_NC: Tensor) -> dict[str, float]:
    """Mean over N windows of the softmax, by class; shares add up to 1."""
    shares: list[Any] = logits_NC.float().softmax(dim=-1).mean(dim=0).tolist()
    return dict(zip(CLASSES, shares, strict=True))
