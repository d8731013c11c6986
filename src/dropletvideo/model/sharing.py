"""One video on several ranks: each holds its share of the text and of the video tokens (context parallelism).

    transformer.enable_parallelism(config=ContextParallelConfig(ulysses_degree=2))

diffusers' hooks split before the first block and gather after the output layer, as the plan says; attention talks
between ranks through the dispatcher. The rotary tables are shared out by the model itself: a hook on the whole model
would refuse diffusers' output object.
"""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType
from typing import Any

import torch
from diffusers.hooks.context_parallel import EquipartitionSharder, PartitionAnythingSharder
from diffusers.models._modeling_parallel import (
    ContextParallelConfig,
    ContextParallelInput,
    ContextParallelOutput,
    ParallelConfig,
)
from torch import Tensor, distributed
from torch.distributed.device_mesh import init_device_mesh

from dropletvideo.errors import ConfigError, RequestError

SHARING_PLAN: Mapping[str, Any] = MappingProxyType(
    {
        "transformer_blocks.0": {
            "hidden_states": ContextParallelInput(split_dim=1, expected_dims=3),
            "encoder_hidden_states": ContextParallelInput(split_dim=1, expected_dims=3),
        },
        "proj_out": ContextParallelOutput(gather_dim=1, expected_dims=3),
    }
)


def resolve_on_cpu(config: Any) -> ParallelConfig:
    """The configuration with its mesh, on ranks without accelerators; diffusers' own counts accelerators to find one.

    Raises:
        ConfigError: there is no process group, or another kind of parallelism is asked for.
    """
    if not distributed.is_initialized():
        raise ConfigError("no process group: start the ranks with torchrun and call torch.distributed first")
    if isinstance(config, ContextParallelConfig):
        config = ParallelConfig(context_parallel_config=config)
    sharing = getattr(config, "context_parallel_config", None)
    if sharing is None:
        raise ConfigError(f"{type(config).__name__}: on a CPU only ContextParallelConfig can be used")
    mesh = sharing.mesh or init_device_mesh("cpu", sharing.mesh_shape, mesh_dim_names=sharing.mesh_dim_names)
    config.setup(distributed.get_rank(), distributed.get_world_size(), torch.device("cpu"), mesh=mesh)
    return config


def check_shares(sharing: Any, *, text_tokens: int, video_tokens: int) -> None:
    """Refuse a sequence that ranks cannot share equally, unless the configuration takes unequal shares.

    Raises:
        RequestError: names the length and what it must be a multiple of.
    """
    ranks = sharing.ring_degree * sharing.ulysses_degree
    if _is_unequal(sharing):
        return
    lengths = (
        ("text", text_tokens, "choose another max_sequence_length"),
        ("video", video_tokens, "choose another size or number of frames"),
    )
    for name, length, way_out in lengths:
        if length % ranks:
            raise RequestError(
                f"{length} {name} tokens cannot be shared by {ranks} ranks: need a multiple of {ranks}; {way_out}"
            )


def own_share(sharing: Any, tables: tuple[Tensor, Tensor] | None) -> tuple[Tensor, Tensor] | None:
    """This rank's rows of the rotary tables."""
    if tables is None:
        return None
    share = PartitionAnythingSharder.shard_anything if _is_unequal(sharing) else EquipartitionSharder.shard
    cos, sin = (share(table, 0, sharing._flattened_mesh) for table in tables)
    return cos, sin


def _is_unequal(sharing: Any) -> bool:
    return bool(sharing.ulysses_anything or sharing.ring_anything)
