"""Classifier-free guidance: fixed or rising over the steps, with or without its deviation brought back."""

from __future__ import annotations

import math
from dataclasses import dataclass

import torch
from torch import Tensor

DYNAMIC_POWER = 5.0


@dataclass(frozen=True)
class Guidance:
    """How the branches with and without prompt become one prediction.

    Attributes:
        scale: weight of the prompt; 1 is off, one branch is computed.
        rescale: 0 to 1, share of the result that is brought to the deviation of the branch with the prompt; against
            the burnt colours of high scales (arXiv 2305.08891 section 3.4).
        is_dynamic: rise with step k of n as `1 + scale (1 - cos(pi (k/n)^5)) / 2`, CogVideoX's form. The published
            pipelines put the timestep (999 and down) where the number of the step belongs.
    """

    scale: float
    rescale: float = 0.0
    is_dynamic: bool = False

    @property
    def is_on(self) -> bool:
        """Whether two branches are computed."""
        return self.scale != 1

    def at(self, step: int, num_steps: int) -> float:
        """The scale at a step, counted from 0."""
        if not self.is_dynamic:
            return self.scale
        return 1 + self.scale * (1 - math.cos(math.pi * (step / num_steps) ** DYNAMIC_POWER)) / 2

    def combine(self, branches: Tensor, step: int, num_steps: int) -> Tensor:
        """One prediction B,... of both branches 2B,... (without prompt first); where guidance is off, what came in."""
        if not self.is_on:
            return branches
        without, towards = branches.chunk(2)
        guided = without + self.at(step, num_steps) * (towards - without)
        if not self.rescale:
            return guided
        axes = list(range(1, guided.ndim))
        spread = towards.std(dim=axes, keepdim=True) / guided.std(dim=axes, keepdim=True)
        return torch.lerp(guided, guided * spread, self.rescale)
