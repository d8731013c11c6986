"""Protects: each step cache saves block or attention calls, its error is small and not nothing, and it forgets a run
before the next one."""

import functools

import pytest
import torch
from diffusers import DDIMScheduler

from dropletvideo.errors import ConfigError
from dropletvideo.model.caching import CACHES, enable_cache, measure_magnitude_ratios
from dropletvideo.model.denoise import Denoiser
from dropletvideo.model.folder import load_model_folder

STEPS = 12


@functools.cache
def nano():
    """The shipped model: caches live on steps that resemble each other, which random weights do not give."""
    return load_model_folder("nano", parts=["transformer", "scheduler"])


@torch.no_grad()
def sample(transformer, counts=None):
    torch.manual_seed(0)
    latents = torch.randn(1, 3, 16, 8, 8)
    text, condition = torch.randn(1, 4, 128) * 0.1, torch.zeros(1, 3, 17, 8, 8)
    scheduler = DDIMScheduler.from_config(nano().scheduler.config)
    scheduler.set_timesteps(STEPS)
    hooks = []
    if counts is not None:
        for block in transformer.transformer_blocks:
            hooks.append(
                block.attn1.to_q.register_forward_hook(lambda *_: counts.update(attention=counts["attention"] + 1))
            )
            hooks.append(block.ff.register_forward_hook(lambda *_: counts.update(block=counts["block"] + 1)))
    denoise = Denoiser(transformer)
    for timestep in scheduler.timesteps:
        velocity = denoise(latents, timestep.expand(1), text, torch.tensor([8.0]), condition)
        latents = scheduler.step(velocity, timestep, latents, return_dict=False)[0]
    for hook in hooks:
        hook.remove()
    return latents


@functools.cache
def full_run():
    counts = {"block": 0, "attention": 0}
    return sample(nano().transformer, counts), counts


@functools.cache
def ratios():
    return tuple(measure_magnitude_ratios(nano().transformer, lambda: sample(nano().transformer)))


def options_of(name):
    magcache = {"num_inference_steps": STEPS, "magnitude_ratios": ratios()}
    # twelve steps are few: from one to the next the first block changes by more than with fifty
    return {"magcache": magcache, "first-block": {"threshold": 0.15}}.get(name, {})


# relative error of the latents; measured with the shipped nano: 0.12, 0.13, 0.10, 0.10. Figures of frames are in
# docs/model.md.
@pytest.mark.parametrize("name", CACHES)
def test_a_cache_saves_calls_at_a_small_error(name):
    transformer = nano().transformer
    full, all_calls = full_run()
    counts = {"block": 0, "attention": 0}
    enable_cache(transformer, name, **options_of(name))
    try:
        cached = sample(transformer, counts)
        again = sample(transformer)
    finally:
        transformer.disable_cache()
    saved = "attention" if name == "pab" else "block"
    assert counts[saved] < 0.9 * all_calls[saved], counts
    error = float((cached - full).norm() / full.norm())
    assert 0 < error < 0.25
    assert torch.equal(cached, again), "the second video must not see the first one's steps"
    assert torch.equal(sample(transformer), full), "a cache that is off must leave nothing behind"


def test_ratios_are_one_per_step():
    assert len(ratios()) == STEPS
    assert ratios()[0] == 1.0
    assert all(0.2 < ratio < 5 for ratio in ratios())


def test_caches_and_options_that_do_not_exist_are_refused():
    transformer = nano().transformer
    with pytest.raises(ConfigError, match="first-block, taylorseer, pab, magcache"):
        enable_cache(transformer, "fastercache")
    with pytest.raises(ConfigError, match="has no interval: it takes threshold"):
        enable_cache(transformer, "first-block", interval=2)
    with pytest.raises(ConfigError, match="measure_magnitude_ratios"):
        enable_cache(transformer, "magcache", num_inference_steps=5)
    assert not transformer.is_cache_enabled
