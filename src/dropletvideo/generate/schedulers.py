"""Samplers by name, built from the model's own schedule: a faster solver, the same noise at the same timesteps."""

from __future__ import annotations

import inspect
from collections.abc import Mapping
from types import MappingProxyType
from typing import Any

from diffusers import (
    CogVideoXDDIMScheduler,
    CogVideoXDPMScheduler,
    DDIMScheduler,
    DPMSolverMultistepScheduler,
    UniPCMultistepScheduler,
)

from dropletvideo.errors import RequestError

SCHEDULERS: Mapping[str, type[Any]] = MappingProxyType(
    {"ddim": DDIMScheduler, "dpm++": DPMSolverMultistepScheduler, "unipc": UniPCMultistepScheduler}
)
"""DDIM (arXiv 2010.02502) as released; DPM-Solver++ 2M (arXiv 2211.01095) and UniPC (arXiv 2302.04867), both of order
2, which need fewer steps."""
LEAST_SIGNAL = 2.0**-24
"""Stands for a signal of exactly 0, at which the solvers' log-SNR would be infinite (diffusers takes the same)."""


def scheduler_named(name: str | None, own: Any) -> Any:
    """The sampler of a name on the schedule of the model's `own` one; None is `own` itself.

    Raises:
        RequestError: no sampler has this name.
    """
    if name is None and not isinstance(own, CogVideoXDPMScheduler):
        return own
    wanted = name or "dpm++"  # diffusers' CogVideoX DPM takes the step before as an argument, unlike all others
    if wanted not in SCHEDULERS:
        raise RequestError(f"scheduler={wanted!r} is unknown: one of {', '.join(SCHEDULERS)}")
    kind = SCHEDULERS[wanted]
    if kind is DDIMScheduler and isinstance(own, CogVideoXDDIMScheduler | CogVideoXDPMScheduler):
        kind = CogVideoXDDIMScheduler
    known = inspect.signature(kind).parameters
    scheduler = kind(**{key: value for key, value in own.config.items() if key in known})
    signal = own.alphas_cumprod.clone()
    scheduler.alphas_cumprod = signal if wanted == "ddim" else signal.clamp(min=LEAST_SIGNAL)
    return scheduler
