"""The training objective: predict velocity at a uniformly drawn timestep, mean squared error in float32."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import torch
from torch import Tensor

from dropletvideo.diffusion.schedule import NoiseSchedule

QUARTERS = 4


@dataclass(frozen=True)
class NoisyBatch:
    """What the model sees and what it must say: `noisy` and `target` of the clean latents' shape, float32."""

    noisy: Tensor
    target: Tensor
    timesteps: Tensor


def draw_timesteps(batch_size: int, schedule: NoiseSchedule, generator: torch.Generator | None = None) -> Tensor:
    """Integers drawn uniformly from all timesteps, shape (batch,)."""
    return torch.randint(0, schedule.num_timesteps, (batch_size,), generator=generator)


def noisy_batch(schedule: NoiseSchedule, clean_BFCHW: Tensor, noise_BFCHW: Tensor, timestep_B: Tensor) -> NoisyBatch:
    """Noise clean latents and state the target velocity."""
    return NoisyBatch(
        noisy=schedule.add_noise(clean_BFCHW, noise_BFCHW, timestep_B),
        target=schedule.velocity(clean_BFCHW, noise_BFCHW, timestep_B),
        timesteps=timestep_B,
    )


def sample_losses(prediction_BFCHW: Tensor, target_BFCHW: Tensor, *, motion_share: float = 0.0) -> Tensor:
    """Mean squared error of each sample, shape (batch,), float32.

    `motion_share` r mixes in the error of differences between neighbouring latent frames,
    `(1 - r) mse + r mse(differences)`, for clips of more than two latent frames (CogVideoX-Fun's option; 0 is the
    released objective).
    """
    error = prediction_BFCHW.float() - target_BFCHW.float()
    losses = error.square().flatten(1).mean(dim=1)
    if motion_share > 0 and error.shape[1] > 2:
        motion = error.diff(dim=1).square().flatten(1).mean(dim=1)
        losses = (1 - motion_share) * losses + motion_share * motion
    return losses


def losses_by_quarter(losses: Sequence[float], timesteps: Sequence[int], num_timesteps: int) -> list[float | None]:
    """Mean loss in each quarter of the timesteps, the nearly clean one first; None where none was drawn."""
    sums, counts = [0.0] * QUARTERS, [0] * QUARTERS
    for loss, timestep in zip(losses, timesteps, strict=True):
        quarter = min(timestep * QUARTERS // num_timesteps, QUARTERS - 1)
        sums[quarter] += loss
        counts[quarter] += 1
    return [total / count if count else None for total, count in zip(sums, counts, strict=True)]
