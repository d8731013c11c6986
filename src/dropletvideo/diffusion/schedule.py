"""Noise schedule: how clean latents, noise and velocity relate at each timestep. All arithmetic is float32.

With `a = sqrt(alphas_cumprod[t])` and `s = sqrt(1 - alphas_cumprod[t])`: `noisy = a clean + s noise` and
`velocity = a noise - s clean` (arXiv 2202.00512). With zero terminal SNR (arXiv 2305.08891) the last timestep is pure
noise. In bfloat16 `s` would be exactly 0 at the first two timesteps, so nothing here is computed below float32.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor


@dataclass(frozen=True)
class NoiseSchedule:
    """`alphas_cumprod` of shape (timesteps,), float32; index 0 is nearly clean, the last is (nearly) pure noise."""

    alphas_cumprod: Tensor

    @classmethod
    def from_scheduler(cls, scheduler: Any) -> NoiseSchedule:
        """The schedule that a diffusers scheduler samples with, so that training and sampling are one."""
        return cls(alphas_cumprod=scheduler.alphas_cumprod.float().clone())

    @classmethod
    def scaled_linear(
        cls,
        *,
        num_timesteps: int = 1000,
        beta_start: float = 0.00085,
        beta_end: float = 0.012,
        zero_terminal_snr: bool = True,
    ) -> NoiseSchedule:
        """Square roots of beta evenly spaced; then, with zero terminal SNR, `sqrt(alphas_cumprod)` is shifted and
        scaled so that its last value is 0 and its first is kept (arXiv 2305.08891 algorithm 1).
        """
        betas = torch.linspace(beta_start**0.5, beta_end**0.5, num_timesteps, dtype=torch.float32) ** 2
        alphas_cumprod = torch.cumprod(1.0 - betas, dim=0)
        if zero_terminal_snr:
            signal = alphas_cumprod.sqrt()
            first, last = signal[0].clone(), signal[-1].clone()
            alphas_cumprod = ((signal - last) * (first / (first - last))) ** 2
        return cls(alphas_cumprod=alphas_cumprod)

    @property
    def num_timesteps(self) -> int:
        """Number of training timesteps."""
        return len(self.alphas_cumprod)

    def add_noise(self, clean: Tensor, noise: Tensor, timestep_B: Tensor) -> Tensor:
        """Noisy latents, float32."""
        signal, sigma = self._signal_and_sigma(timestep_B, clean)
        return signal * clean.float() + sigma * noise.float()

    def velocity(self, clean: Tensor, noise: Tensor, timestep_B: Tensor) -> Tensor:
        """What the model is trained to predict, float32."""
        signal, sigma = self._signal_and_sigma(timestep_B, clean)
        return signal * noise.float() - sigma * clean.float()

    def clean_from_velocity(self, noisy: Tensor, velocity: Tensor, timestep_B: Tensor) -> Tensor:
        """Clean latents that a predicted velocity implies, float32."""
        signal, sigma = self._signal_and_sigma(timestep_B, noisy)
        return signal * noisy.float() - sigma * velocity.float()

    def noise_from_velocity(self, noisy: Tensor, velocity: Tensor, timestep_B: Tensor) -> Tensor:
        """Noise that a predicted velocity implies, float32."""
        signal, sigma = self._signal_and_sigma(timestep_B, noisy)
        return sigma * noisy.float() + signal * velocity.float()

    def _signal_and_sigma(self, timestep_B: Tensor, like: Tensor) -> tuple[Tensor, Tensor]:
        alphas = self.alphas_cumprod.to(like.device)[timestep_B.to(like.device)]
        alphas = alphas.reshape(-1, *[1] * (like.ndim - 1))
        return alphas.sqrt(), (1 - alphas).sqrt()
