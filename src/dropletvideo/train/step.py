"""One training step as pure functions: what is drawn for a step, and the loss of a batch under that draw.

Shape letters: B batch, F latent frames, C channels, H, W latent size, S text tokens, D text width.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, fields

import numpy as np
import torch
from pydantic import BaseModel, ConfigDict, Field
from torch import Tensor

from dropletvideo.diffusion.objective import noisy_batch, sample_losses
from dropletvideo.diffusion.schedule import NoiseSchedule

Denoise = Callable[[Tensor, Tensor, Tensor, Tensor, Tensor], Tensor]
"""(latents, timestep, text, motion, condition) -> velocity; see `model.denoise`."""


class ObjectiveConfig(BaseModel):
    """What is drawn at random in a step.

    Shares are probabilities per sample. `shuffle_motion` gives each sample another's M: the control experiment, under
    which a model can learn nothing of M. `stratified` spreads the timesteps of a batch evenly; each is still uniform.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    text_drop: float = Field(default=0.1, ge=0, le=1)
    image_drop: float = Field(
        default=0.0, ge=0, le=1, description="share trained as text-to-video, all condition channels 0"
    )
    shuffle_motion: bool = False
    stratified: bool = True
    motion_loss_share: float = Field(
        default=0.0, ge=0, lt=1, description="share of the loss on differences between frames"
    )


@dataclass(frozen=True)
class Batch:
    """Samples of one step: `latents` B,F,16,H,W, `condition` B,F,17,H,W, `text` B,S,D, `motion` B; float32."""

    latents: Tensor
    condition: Tensor
    text: Tensor
    motion: Tensor

    def to(self, device: torch.device | str) -> Batch:
        """The batch on a device."""
        return Batch(**{field.name: getattr(self, field.name).to(device) for field in fields(self)})


@dataclass(frozen=True)
class Draw:
    """The randomness of one step; a function of (seed, step) alone."""

    noise: Tensor
    timesteps: Tensor
    drop_text: Tensor
    drop_image: Tensor
    motion_order: Tensor


@dataclass(frozen=True)
class StepLoss:
    """`loss` is the mean of `per_sample`, shape (batch,)."""

    loss: Tensor
    per_sample: Tensor


def step_generator(seed: int, step: int, purpose: int = 0) -> torch.Generator:
    """Generator on the CPU for one step, the same whether or not the run was interrupted before it."""
    state = np.random.SeedSequence([seed, step, purpose]).generate_state(1, np.uint64)[0]
    return torch.Generator().manual_seed(int(state >> np.uint64(1)))


def draw_step(shape_BFCHW: torch.Size, num_timesteps: int, config: ObjectiveConfig, generator: torch.Generator) -> Draw:
    """Noise, timesteps and drops for a batch of this latent shape."""
    batch = shape_BFCHW[0]
    noise = torch.randn(shape_BFCHW, generator=generator)
    places = torch.rand(batch, generator=generator)
    if config.stratified:
        places = (torch.randperm(batch, generator=generator) + places) / batch
    order = torch.randperm(batch, generator=generator) if config.shuffle_motion else torch.arange(batch)
    return Draw(
        noise=noise,
        timesteps=(places * num_timesteps).long().clamp_max(num_timesteps - 1),
        drop_text=torch.rand(batch, generator=generator) < config.text_drop,
        drop_image=torch.rand(batch, generator=generator) < config.image_drop,
        motion_order=order,
    )


def batch_loss(
    denoise: Denoise,
    batch: Batch,
    draw: Draw,
    schedule: NoiseSchedule,
    empty_text_SD: Tensor,
    config: ObjectiveConfig,
) -> StepLoss:
    """Mean squared error of the predicted velocity at the drawn timesteps, float32.

    Dropped texts become `empty_text_SD`, the states of the empty prompt; dropped images zero their condition.
    """
    device = batch.latents.device
    text = torch.where(draw.drop_text.to(device)[:, None, None], empty_text_SD.to(device), batch.text)
    keep_image = (~draw.drop_image).to(device=device, dtype=batch.condition.dtype)
    condition = batch.condition * keep_image[:, None, None, None, None]
    noisy = noisy_batch(schedule, batch.latents, draw.noise.to(device), draw.timesteps.to(device))
    velocity = denoise(noisy.noisy, noisy.timesteps, text, batch.motion[draw.motion_order.to(device)], condition)
    losses = sample_losses(velocity, noisy.target, motion_share=config.motion_loss_share)
    return StepLoss(loss=losses.mean(), per_sample=losses)
