"""The denoising loop, the same for every sampler and mode."""

from __future__ import annotations

import inspect
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor

from dropletvideo.generate.guidance import Guidance

Denoise = Callable[[Tensor, Tensor, Tensor, Tensor, Tensor], Tensor]
OnStep = Callable[[int, int, Tensor], Tensor | None]


@dataclass(frozen=True)
class Conditions:
    """What the model hears beside latents and timestep, once for each branch of guidance, negative ones first.

    Attributes:
        text: B or 2B,S,D.
        motion: M, B or 2B; or 1 where all videos share one.
        image: B,f,17,h,w.
    """

    text: Tensor
    motion: Tensor
    image: Tensor


def sample(
    denoise: Denoise,
    scheduler: Any,
    noise_BFCHW: Tensor,
    conditions: Conditions,
    guidance: Guidance,
    *,
    before_step: Callable[[int], None] | None = None,
    on_step: OnStep | None = None,
    generator: Any = None,
) -> Tensor:
    """Clean latents B,f,16,h,w of starting noise; the arithmetic of steps is float32 whatever the model's precision.

    Args:
        denoise: predicted velocity of `(latents, timestep, text, motion, image)`, see `model.denoise.Denoiser`.
        scheduler: a diffusers scheduler whose timesteps are set.
        noise_BFCHW: starting noise.
        conditions: see `Conditions`.
        guidance: see `Guidance`.
        before_step: called with the timestep.
        on_step: called with (number of the step, timestep, latents) after each; gives the latents to go on with, or
            None to stop here.
        generator: for samplers that draw noise in their steps.
    """
    drawn = {"generator": generator} if "generator" in inspect.signature(scheduler.step).parameters else {}
    latents: Tensor = noise_BFCHW * scheduler.init_noise_sigma
    image = torch.cat([conditions.image] * 2) if guidance.is_on else conditions.image
    num_steps = len(scheduler.timesteps)
    for number, timestep in enumerate(scheduler.timesteps):
        if before_step is not None:
            before_step(int(timestep))
        branches = torch.cat([latents, latents]) if guidance.is_on else latents
        branches = scheduler.scale_model_input(branches, timestep)
        velocity = denoise(branches, timestep.expand(len(branches)), conditions.text, conditions.motion, image)
        velocity = guidance.combine(velocity, number, num_steps)
        latents = torch.as_tensor(scheduler.step(velocity, timestep, latents, return_dict=False, **drawn)[0])
        if on_step is not None:
            answer = on_step(number, int(timestep), latents)
            if answer is None:
                break
            latents = answer
    return latents
