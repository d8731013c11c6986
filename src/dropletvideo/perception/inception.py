"""Judge: what Inception-v3 sees in 16 frames evenly spread over a video, for FID, KID and the inception score.

`inception_pool`: 16,2048 float32 (fewer rows for a shorter video), `inception_logits`: 16,1008 without bias. No unit
and no direction: `evaluate/distances.py` compares sets of them. Every video gives the same number of frames, since
frames of one video are alike and a long one would outweigh the others. Network and resizing: torch-fidelity's, equal to
the TensorFlow graph of 2015-12-05 that FID is defined by; weights `inception-fid`.

`wrapped=True` gives the columns of MiraBench's released code: it hands on frames that are already normalised by
ImageNet's mean and deviation to a library that takes 0 to 1, so that bytes wrap round. Kept for equal numbers alone.

Source: Heusel et al., "GANs trained by a two time-scale update rule converge to a local Nash equilibrium" (2017).
"""

from __future__ import annotations

from collections.abc import Mapping
from functools import lru_cache
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from dropletvideo.perception.evenly import Evenly
from dropletvideo.perception.judge import Chunk, Frames
from dropletvideo.weights import weights_path

FRAMES = 16
WEIGHTS = "inception-fid"
_MEAN = np.array((0.485, 0.456, 0.406), np.float32)
_SPREAD = np.array((0.229, 0.224, 0.225), np.float32)


class InceptionFeatures:
    """See the module text.

    Args:
        path: the published file; looked for among the weights by default.
        wrapped: see there.
    """

    version = 1
    weights = (WEIGHTS,)
    needs = Frames(rate=None, short_side=None)

    def __init__(self, path: str | Path | None = None, *, wrapped: bool = False) -> None:
        self.path, self.wrapped = path, wrapped
        self.name = "inception_wrapped" if wrapped else "inception"
        self.columns: Mapping[str, type] = {f"{self.name}_pool": np.ndarray, f"{self.name}_logits": np.ndarray}

    def start(self, row: Mapping[str, Any]) -> Evenly[NDArray[np.uint8]]:  # noqa: ARG002  asks nothing of the row
        """Frames that are kept."""
        return Evenly(FRAMES)

    def update(self, state: Evenly[NDArray[np.uint8]], chunk: Chunk) -> None:
        """Keep frames at their own size: the network's own filter resizes them."""
        for frame in chunk.frames:
            state.add(frame.copy() if state.wants_next() else None)

    def finish(self, state: Evenly[NDArray[np.uint8]]) -> dict[str, Any]:
        """One forward per kept frame."""
        import torch

        pools, logits = [], []
        frames = state.chosen()
        if not frames:
            return dict.fromkeys(self.columns)
        network, device = _network(str(self.path or weights_path(WEIGHTS)))
        for frame in frames:
            pixels = torch.from_numpy(wrap(frame) if self.wrapped else frame).permute(2, 0, 1)[None].to(device)
            with torch.inference_mode():
                pool, logit = network(pixels)
            pools.append(pool[0].float().cpu().numpy())
            logits.append(logit[0].float().cpu().numpy())
        return dict(zip(self.columns, (np.stack(pools), np.stack(logits)), strict=True))


def wrap(frame: NDArray[np.uint8]) -> NDArray[np.uint8]:
    """H,W,3 as MiraBench's code hands it to the network: normalised, times 255, the low byte of what is left."""
    scaled = ((frame.astype(np.float32) / 255 - _MEAN) / _SPREAD * 255).astype(np.int64)
    return (scaled & 255).astype(np.uint8)


@lru_cache(maxsize=1)
def _network(path: str) -> tuple[Any, str]:
    from torch_fidelity.feature_extractor_inceptionv3 import FeatureExtractorInceptionV3

    from dropletvideo import runtime
    from dropletvideo.errors import WeightsError

    device = runtime.pick_device("auto")
    try:
        network = FeatureExtractorInceptionV3("inception", ["2048", "logits_unbiased"], path)
    except (OSError, RuntimeError, KeyError, ValueError) as error:
        raise WeightsError(f"{path} cannot be read as Inception-v3 ({' '.join(str(error).split())[:200]})") from error
    return network.to(device), device
