"""Parameter groups and the learning rate of a run."""

from __future__ import annotations

import math
from collections.abc import Iterable

import torch
from pydantic import BaseModel, ConfigDict, Field
from torch import nn


class OptimConfig(BaseModel):
    """AdamW and its rate: linear warm-up, constant, cosine decay over the last part of the run.

    `decay_from` is the share of the run (0 to 1) at which the cosine starts; it ends at `learning_rate * final_share`.
    Weight decay acts on matrices only, never on biases, norms and embeddings' biases.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    learning_rate: float = Field(default=1e-3, gt=0)
    warmup_steps: int = Field(default=100, ge=0)
    decay_from: float = Field(default=0.5, ge=0, le=1)
    final_share: float = Field(default=0.02, ge=0, le=1)
    betas: tuple[float, float] = (0.9, 0.99)
    epsilon: float = Field(default=1e-8, gt=0)
    weight_decay: float = Field(default=0.01, ge=0)
    max_grad_norm: float = Field(default=1.0, gt=0)
    ema_decay: float = Field(default=0.998, ge=0, lt=1)


def build_optimizer(parameters: Iterable[nn.Parameter], config: OptimConfig) -> torch.optim.AdamW:
    """AdamW over the parameters that want gradients, the fused kernel where the device has one."""
    wanted = [parameter for parameter in parameters if parameter.requires_grad]
    groups = [
        {"params": [p for p in wanted if p.ndim >= 2], "weight_decay": config.weight_decay},
        {"params": [p for p in wanted if p.ndim < 2], "weight_decay": 0.0},
    ]
    return torch.optim.AdamW(
        [group for group in groups if group["params"]],
        lr=config.learning_rate,
        betas=config.betas,
        eps=config.epsilon,
        fused=all(p.device.type in {"cpu", "cuda"} for p in wanted),
    )


def learning_rate_at(step: int, progress: float, config: OptimConfig) -> float:
    """Rate of `step` (from 0) when a share `progress` (0 to 1) of the run is done."""
    rate = config.learning_rate
    if step < config.warmup_steps:
        return rate * (step + 1) / config.warmup_steps
    if progress <= config.decay_from or config.decay_from >= 1:
        return rate
    done = min(1.0, (progress - config.decay_from) / (1 - config.decay_from))
    cosine = 0.5 * (1 + math.cos(math.pi * done))
    return rate * (config.final_share + (1 - config.final_share) * cosine)


def set_learning_rate(optimizer: torch.optim.Optimizer, rate: float) -> None:
    """Give every group the rate."""
    for group in optimizer.param_groups:
        group["lr"] = rate
