"""Protects: training noise and sampling noise are one schedule, in float32, and velocity is its own inverse."""

import pytest
import torch
from diffusers import DDIMScheduler

from dropletvideo.diffusion.objective import draw_timesteps, losses_by_quarter, noisy_batch, sample_losses
from dropletvideo.diffusion.schedule import NoiseSchedule


@pytest.fixture(scope="module")
def scheduler():
    return DDIMScheduler(
        beta_start=0.00085,
        beta_end=0.012,
        beta_schedule="scaled_linear",
        prediction_type="v_prediction",
        rescale_betas_zero_snr=True,
        timestep_spacing="trailing",
        clip_sample=False,
    )


def test_equals_the_sampler_schedule(scheduler):
    schedule = NoiseSchedule.scaled_linear()
    assert (schedule.alphas_cumprod - scheduler.alphas_cumprod).abs().max() < 1e-6
    assert schedule.alphas_cumprod[-1] == 0
    scheduler.set_timesteps(50)
    assert scheduler.timesteps[:2].tolist() == [999, 979]


def test_noise_and_velocity_equal_the_sampler(scheduler):
    schedule = NoiseSchedule.from_scheduler(scheduler)
    clean, noise = torch.randn(4, 2, 3, 4, 4), torch.randn(4, 2, 3, 4, 4)
    timestep = torch.tensor([0, 1, 500, 999])
    batch = noisy_batch(schedule, clean, noise, timestep)
    assert torch.allclose(batch.noisy, scheduler.add_noise(clean, noise, timestep), atol=1e-6)
    assert torch.allclose(batch.target, scheduler.get_velocity(clean, noise, timestep), atol=1e-6)


def test_low_precision_latents_keep_their_noise_at_the_first_timesteps():
    schedule = NoiseSchedule.scaled_linear()
    clean = torch.zeros(2, 1, 16, 4, 4, dtype=torch.bfloat16)
    noisy = schedule.add_noise(clean, torch.ones_like(clean), torch.tensor([0, 1]))
    assert noisy.dtype == torch.float32
    assert (noisy > 0.01).all()


def test_velocity_gives_clean_and_noise_back():
    schedule = NoiseSchedule.scaled_linear()
    clean, noise = torch.randn(3, 2, 3, 4, 4), torch.randn(3, 2, 3, 4, 4)
    timestep = torch.tensor([3, 400, 999])
    batch = noisy_batch(schedule, clean, noise, timestep)
    assert torch.allclose(schedule.clean_from_velocity(batch.noisy, batch.target, timestep), clean, atol=1e-5)
    assert torch.allclose(schedule.noise_from_velocity(batch.noisy, batch.target, timestep), noise, atol=1e-5)


def test_timesteps_are_uniform_over_all():
    drawn = draw_timesteps(40_000, NoiseSchedule.scaled_linear(), torch.Generator().manual_seed(0))
    assert drawn.min() == 0
    assert drawn.max() == 999
    counts = torch.bincount(drawn // 100, minlength=10)
    assert (counts - 4000).abs().max() < 300


def test_losses_are_per_sample_and_float32():
    prediction = torch.zeros(2, 3, 1, 2, 2, dtype=torch.bfloat16)
    target = torch.stack([torch.zeros(3, 1, 2, 2), torch.full((3, 1, 2, 2), 2.0)])
    losses = sample_losses(prediction, target)
    assert losses.dtype == torch.float32
    assert losses.tolist() == [0.0, 4.0]
    # a constant error has no error of motion
    assert sample_losses(prediction, target, motion_share=0.25).tolist() == [0.0, 3.0]


def test_losses_by_quarter():
    assert losses_by_quarter([1.0, 3.0, 5.0], [0, 249, 999], 1000) == [2.0, None, None, 5.0]
