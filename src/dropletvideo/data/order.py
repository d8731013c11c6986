"""Which samples a training step sees: a pure function of (seed, step), so that a resumed run sees what it would have.

No state is kept and none needs saving: the data position of a run is its step.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from dropletvideo.errors import ConfigError


def steps_per_epoch(num_samples: int, batch_size: int) -> int:
    """Full batches in one pass over the data; the remainder of a pass is left out, another one in every pass."""
    if num_samples < 1:
        raise ConfigError("there are 0 training windows: see the skipped and failed counts of the cache, or add clips")
    return max(1, num_samples // batch_size)


def batch_at(num_samples: int, batch_size: int, *, seed: int, step: int) -> NDArray[np.int64]:
    """Sample numbers of the batch of `step` (from 0): each pass is a fresh permutation of all samples.

    With fewer samples than `batch_size`, a batch repeats them.
    """
    epoch, place = divmod(step, steps_per_epoch(num_samples, batch_size))
    order = np.random.default_rng([seed, epoch]).permutation(num_samples)
    if num_samples < batch_size:
        order = np.resize(order, batch_size)
    return order[place * batch_size : (place + 1) * batch_size].astype(np.int64)
