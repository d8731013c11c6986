"""Parameter groups and the learning rate of a run."""

from __future__ import annotations

import math
from collections.abc import Iterable
from typing import Any, Literal, Protocol

import torch
from pydantic import BaseModel, ConfigDict, Field
from torch import nn

SCALE = "rate_scale"
"""Key of a parameter group: its rate over the run's rate."""


class OptimConfig(BaseModel):
    """The optimizer and its rate: linear warm-up, constant, cosine decay over the last part of the run.

    `decay_from` is the share of the run (0 to 1) at which the cosine starts; it ends at `learning_rate * final_share`.
    Weight decay acts on matrices only, never on biases, norms and embeddings' biases.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    optimizer: Literal["adamw", "muon"] = "adamw"
    learning_rate: float = Field(default=1e-3, gt=0)
    matrix_learning_rate: float = Field(default=1e-2, gt=0, description="of matrices that Muon moves")
    warmup_steps: int = Field(default=100, ge=0)
    decay_from: float = Field(default=0.5, ge=0, le=1)
    final_share: float = Field(default=0.02, ge=0, le=1)
    betas: tuple[float, float] = (0.9, 0.99)
    epsilon: float = Field(default=1e-8, gt=0)
    weight_decay: float = Field(default=0.01, ge=0)
    max_grad_norm: float = Field(default=1.0, gt=0)
    ema_decay: float = Field(default=0.998, ge=0, lt=1)


class Optimizer(Protocol):
    """What the loop asks of an optimizer, or of several that act as one."""

    @property
    def param_groups(self) -> list[dict[str, Any]]:
        """Groups of parameters with their rates."""
        ...

    def step(self) -> Any:
        """Move the weights."""
        ...

    def zero_grad(self, set_to_none: bool = True) -> None:
        """Forget gradients."""
        ...

    def state_dict(self) -> dict[str, Any]:
        """Everything that a resumed run needs."""
        ...

    def load_state_dict(self, state_dict: dict[str, Any]) -> None:
        """Take a saved state."""
        ...


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


def transformer_optimizer(model: nn.Module, config: OptimConfig) -> Optimizer:
    """The optimizer that `config` names, over a transformer.

    "muon" moves the matrices of attention and feed-forward by Muon (orthogonalised momentum, Jordan 2024) at
    `matrix_learning_rate`, and everything else, the adaptive norms included, by AdamW.
    """
    if config.optimizer == "adamw":
        return build_optimizer(model.parameters(), config)
    matrices = {name: p for name, p in model.named_parameters() if p.requires_grad and _is_block_matrix(name, p)}
    others = [p for name, p in model.named_parameters() if name not in matrices]
    muon = torch.optim.Muon(
        [{"params": list(matrices.values()), SCALE: config.matrix_learning_rate / config.learning_rate}],
        lr=config.matrix_learning_rate,
        weight_decay=config.weight_decay,
        adjust_lr_fn="match_rms_adamw",
    )
    return OptimizerPair(build_optimizer(others, config), muon)


class OptimizerPair:
    """Two optimizers over disjoint parameters, stepped together."""

    def __init__(self, first: torch.optim.Optimizer, second: torch.optim.Optimizer) -> None:
        self.first, self.second = first, second

    @property
    def param_groups(self) -> list[dict[str, Any]]:
        """Groups of both."""
        return [*self.first.param_groups, *self.second.param_groups]

    def step(self) -> None:
        """Step both."""
        self.first.step()
        self.second.step()

    def zero_grad(self, set_to_none: bool = True) -> None:
        """Forget gradients of both."""
        self.first.zero_grad(set_to_none=set_to_none)
        self.second.zero_grad(set_to_none=set_to_none)

    def state_dict(self) -> dict[str, Any]:
        """States of both."""
        return {"first": self.first.state_dict(), "second": self.second.state_dict()}

    def load_state_dict(self, state_dict: dict[str, Any]) -> None:
        """Take states of both."""
        self.first.load_state_dict(state_dict["first"])
        self.second.load_state_dict(state_dict["second"])


def _is_block_matrix(name: str, parameter: nn.Parameter) -> bool:
    return parameter.ndim == 2 and "transformer_blocks." in name and ".norm" not in name


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


def set_learning_rate(optimizer: Optimizer, rate: float) -> None:
    """Give every group the rate, times the group's own scale where it has one."""
    for group in optimizer.param_groups:
        group["lr"] = rate * group.get(SCALE, 1.0)
