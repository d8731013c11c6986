"""The motion condition M: how many model frames one second of source gets. Low M, fast motion."""

from __future__ import annotations

import math
from collections.abc import Sequence

import torch
from torch import Tensor

from dropletvideo.errors import RequestError


def motion_condition(
    motion: float | Sequence[float] | Tensor, *, batch_size: int, device: torch.device | str | None = None
) -> Tensor:
    """M as the float32 tensor that the transformer takes, of shape (batch,), or (1,) where all samples share one.

    One shared number stays one: caches of some accelerators need it so.

    Raises:
        RequestError: M is not positive and finite, or their number is neither 1 nor the batch size.
    """
    values = torch.as_tensor(motion, dtype=torch.float32, device=device).reshape(-1)
    if len(values) not in (1, batch_size):
        raise RequestError(f"motion has {len(values)} values for a batch of {batch_size}: give one, or one per video")
    for value in values.tolist():
        check_motion(value)
    return values


def check_motion(motion: float) -> None:
    """Refuse an M that means nothing."""
    if not math.isfinite(motion) or motion <= 0:
        raise RequestError(
            f"motion={motion} is not valid: need a positive number such as 8 (low is fast, high is slow)"
        )


def outside_range(motion: float, trained: tuple[float, float] | None) -> str | None:
    """A sentence for the user when M lies outside the range that the model was trained on, else None."""
    if trained is None or trained[0] <= motion <= trained[1]:
        return None
    low, high = trained
    return f"motion={motion:g} lies outside the trained range {low:g} to {high:g}; the result may not follow it"
