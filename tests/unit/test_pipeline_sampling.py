"""Protects sampling: every sampler solves the same problem, guidance is the formula it says."""

import math

import pytest
import torch
from diffusers import CogVideoXDDIMScheduler, CogVideoXDPMScheduler, DDIMScheduler

from dropletvideo.errors import RequestError
from dropletvideo.generate.guidance import Guidance
from dropletvideo.generate.sampling import Conditions, sample
from dropletvideo.generate.schedulers import SCHEDULERS, scheduler_named


def released_scheduler(kind=DDIMScheduler, **changes):
    settings = {
        "beta_start": 0.00085,
        "beta_end": 0.012,
        "beta_schedule": "scaled_linear",
        "prediction_type": "v_prediction",
        "rescale_betas_zero_snr": True,
        "timestep_spacing": "trailing",
        "clip_sample": False,
    }
    return kind(**(settings | changes))


NOTHING = Conditions(torch.zeros(1), torch.zeros(1), torch.zeros(1))


def gaussian_velocity(own, mean, deviation):
    """The exact velocity of a model of the Gaussian N(mean, deviation^2), from which the true solution is known."""

    def denoise(latents, timestep_B, _text, _motion, _image):
        signal = own.alphas_cumprod[timestep_B[0]].sqrt()
        sigma = (1 - signal**2).sqrt()
        clean = mean + signal * deviation**2 / (signal**2 * deviation**2 + sigma**2) * (latents - signal * mean)
        noise = (latents - signal * clean) / sigma
        return signal * noise - sigma * clean

    return denoise


def error_of(name, steps, own):
    """Greatest distance to what the exact path gives: its point at the last timestep, cleaned in one step."""
    mean, deviation = 0.5, 0.3
    noise = torch.randn(1, 5, 16, 4, 4, generator=torch.Generator().manual_seed(0))
    scheduler = scheduler_named(name, own)
    scheduler.set_timesteps(steps)
    found = sample(gaussian_velocity(own, mean, deviation), scheduler, noise, NOTHING, Guidance(1.0))
    signal = own.alphas_cumprod[scheduler.timesteps[-1]].sqrt()
    spread = (signal**2 * deviation**2 + 1 - signal**2).sqrt()
    return (found - (mean + signal * deviation**2 / spread * noise)).abs().max().item()


@pytest.mark.parametrize("name", SCHEDULERS)
def test_every_sampler_follows_the_exact_path(name):
    assert error_of(name, 50, released_scheduler()) < (0.06 if name == "ddim" else 0.01)


def test_the_solvers_need_fewer_steps_than_ddim():
    errors = {name: error_of(name, 10, released_scheduler()) for name in SCHEDULERS}
    assert errors["dpm++"] < errors["ddim"] / 3
    assert errors["unipc"] < errors["ddim"] / 3


@pytest.mark.parametrize("name", SCHEDULERS)
def test_a_shifted_schedule_stays_shifted(name):
    own = released_scheduler(CogVideoXDDIMScheduler, snr_shift_scale=3.0)
    scheduler = scheduler_named(name, own)
    assert torch.allclose(scheduler.alphas_cumprod[:-1], own.alphas_cumprod[:-1])
    assert error_of(name, 50, own) < 0.06


def test_the_models_own_sampler_is_the_default_and_an_unknown_name_is_refused():
    own = released_scheduler()
    assert scheduler_named(None, own) is own
    assert type(scheduler_named("dpm++", own)) is SCHEDULERS["dpm++"]
    assert type(scheduler_named(None, CogVideoXDPMScheduler())) is SCHEDULERS["dpm++"]
    with pytest.raises(RequestError, match="ddim, dpm\\+\\+, unipc"):
        scheduler_named("euler", own)


def test_guidance_adds_the_scaled_difference():
    branches = torch.tensor([[1.0, 2.0], [3.0, 1.0]])
    assert Guidance(4.0).combine(branches, 0, 10).tolist() == [[9.0, -2.0]]
    assert Guidance(1.0).combine(branches, 0, 10) is branches


def test_rescaled_guidance_has_the_deviation_of_the_branch_with_the_prompt():
    branches = torch.randn(4, 5, 16, 4, 4, generator=torch.Generator().manual_seed(0))
    towards = branches[2:]
    full = Guidance(8.0, rescale=1.0).combine(branches, 0, 10)
    assert torch.allclose(full.std(dim=(1, 2, 3, 4)), towards.std(dim=(1, 2, 3, 4)), rtol=1e-4)
    plain, half = Guidance(8.0).combine(branches, 0, 10), Guidance(8.0, rescale=0.5).combine(branches, 0, 10)
    assert torch.allclose(half, (plain + full) / 2, atol=1e-4)


def test_dynamic_guidance_rises_with_the_number_of_the_step():
    dynamic = Guidance(6.0, is_dynamic=True)
    scales = [dynamic.at(step, 50) for step in range(50)]
    assert scales[0] == 1.0
    assert scales == sorted(scales)
    assert scales[45] == pytest.approx(1 + 6 * (1 - math.cos(math.pi * 0.9**5)) / 2)
    assert scales[-1] > 6.5
