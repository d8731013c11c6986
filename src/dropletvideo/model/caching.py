"""Step caches: what one sampling step computed serves the next ones. Fewer block calls, a slightly other picture.

    enable_cache(transformer, "first-block")        # before sampling; `transformer.disable_cache()` undoes it

They are diffusers' own, set up for this architecture. `Denoiser` tells them the step and clears them for each video.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any, Literal

import torch
from diffusers import (
    FirstBlockCacheConfig,
    MagCacheConfig,
    PyramidAttentionBroadcastConfig,
    TaylorSeerCacheConfig,
)
from torch import Tensor

from dropletvideo.errors import ConfigError

CacheName = Literal["first-block", "taylorseer", "pab", "magcache"]
CACHES: tuple[CacheName, ...] = ("first-block", "taylorseer", "pab", "magcache")


def enable_cache(
    transformer: Any,
    name: CacheName,
    *,
    threshold: float | None = None,
    interval: int | None = None,
    num_inference_steps: int | None = None,
    magnitude_ratios: Sequence[float] | None = None,
) -> None:
    """Make a transformer reuse what earlier steps computed.

    - "first-block": if the first block's change differs by less than `threshold` (0.08) from that of the last full
      step, the other blocks are taken from there (ParaAttention).
    - "taylorseer": the output is computed every `interval` (3) steps and extrapolated to first order between them
      (arXiv 2503.06923); no block runs in a step between.
    - "pab": attention is computed every `interval` (2) steps while the timestep lies in (100, 800) (arXiv 2408.12588).
    - "magcache": steps are left out while the predicted error stays below `threshold` (0.06) (arXiv 2506.09045); needs
      `magnitude_ratios` of this model, measured by `measure_magnitude_ratios`, and `num_inference_steps`.

    FasterCache is not offered: diffusers' version splits the batch of the guided call by argument names and does not
    know that of M.

    Raises:
        ConfigError: the name is unknown, an option belongs to another cache, or MagCache lacks its ratios.
    """
    if name not in CACHES:
        raise ConfigError(f"cache {name!r} is unknown: one of {', '.join(CACHES)}")
    _refuse_foreign(name, threshold=threshold, interval=interval, magnitude_ratios=magnitude_ratios)
    if name == "first-block":
        config: Any = FirstBlockCacheConfig(threshold=0.08 if threshold is None else threshold)
    elif name == "taylorseer":
        # The default patterns of diffusers name no layer of CogVideoX; the lite ones name blocks and output layer.
        config = TaylorSeerCacheConfig(
            cache_interval=interval or 3, taylor_factors_dtype=torch.float32, use_lite_mode=True
        )
    elif name == "pab":
        config = PyramidAttentionBroadcastConfig(
            spatial_attention_block_skip_range=interval or 2,
            spatial_attention_timestep_skip_range=(100, 800),
            current_timestep_callback=lambda: transformer.current_timestep,
        )
    else:
        config = _magcache(threshold, num_inference_steps, magnitude_ratios)
    transformer.enable_cache(config)


def _magcache(threshold: float | None, steps: int | None, ratios: Sequence[float] | None) -> MagCacheConfig:
    if not ratios or not steps:
        raise ConfigError(
            "magcache needs magnitude_ratios of this model and num_inference_steps: measure the ratios with "
            "dropletvideo.model.caching.measure_magnitude_ratios"
        )
    return MagCacheConfig(
        threshold=0.06 if threshold is None else threshold,
        num_inference_steps=steps,
        mag_ratios=torch.tensor(list(ratios), dtype=torch.float32),
    )


def _refuse_foreign(name: str, **given: Any) -> None:
    known = {
        "first-block": {"threshold"},
        "taylorseer": {"interval"},
        "pab": {"interval"},
        "magcache": {"threshold", "magnitude_ratios"},
    }
    foreign = [option for option, value in given.items() if value is not None and option not in known[name]]
    if foreign:
        raise ConfigError(f"cache {name!r} has no {', '.join(foreign)}: it takes {', '.join(sorted(known[name]))}")


@torch.no_grad()
def measure_magnitude_ratios(transformer: Any, sample: Callable[[], Any]) -> list[float]:
    """For each step of `sample()`, how much longer the blocks' change is than in the step before (the first: 1).

    A ratio is the mean over tokens of |change| / |change before|, where change is last block's output minus first
    block's input. Measure once per model and number of steps, without a cache. Source: MagCache (arXiv 2506.09045).
    """
    ratios: list[float] = []
    seen: dict[str, Tensor] = {}

    def keep_input(_module: Any, _args: Any, kwargs: dict[str, Tensor]) -> None:
        seen["input"] = kwargs["hidden_states"]

    def compare(_module: Any, _args: Any, output: tuple[Tensor, Tensor]) -> None:
        change = (output[0] - seen["input"]).float().norm(dim=-1)
        before = seen.get("change")
        ratios.append(1.0 if before is None else float((change / (before + 1e-8)).mean()))
        seen["change"] = change

    blocks = transformer.transformer_blocks
    hooks = [
        blocks[0].register_forward_pre_hook(keep_input, with_kwargs=True),
        blocks[-1].register_forward_hook(compare),
    ]
    try:
        sample()
    finally:
        for hook in hooks:
            hook.remove()
    return ratios
