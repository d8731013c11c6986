"""RAFT as VBench and MiraBench run it, as a backbone and three judges on it; needs `raft-things`.

Native size, padded to sides that 8 divides, half on each side (to 128 at least, torchvision's limit), 20 refinements,
the last one taken with the padding in it. A pair of frames is run once, whoever asks.

`RaftDegree` `raft_moving`: 0 or 1, higher moves, by the rule of `dynamic_degree.py`; `raft_moving_even`: the same with
at least one moving pair needed, without which two frames always count as moving.
`RaftPairs`, over all neighbouring frames: `raft_top_px` mean over pairs of the mean of the largest 5 % of flow lengths,
`raft_mean_px` mean flow length, `raft_mean_share` that over the short side; unit px a frame (the last: short sides),
range 0 upwards, direction none: more is faster, not better.
`RaftStatic` `raft_static`: 1 where VBench's static filter keeps the video: with N pairs + 1 = frames, at most
n = round(2 N / 16) neighbouring pairs whose largest 2 % have a mean above t = 3 short side / 256 px, and the same
measure from the first frame to the last and back at most 2 n t; else 0; direction: higher is stiller.

All None for fewer than two frames. Source: VBench (arXiv 2311.17982), MiraBench (arXiv 2407.06358), their code;
torchvision's `C_T_V1` is a port of the authors' `raft-things.pth`.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from dropletvideo.perception import raft_motion
from dropletvideo.perception.dynamic_degree import RATE, is_moving, largest_mean, pairs_needed, sampling_interval
from dropletvideo.perception.dynamic_degree import threshold_of as moving_threshold
from dropletvideo.perception.frame_pixels import as_tensor
from dropletvideo.perception.judge import Chunk, Features
from dropletvideo.perception.motion_smoothness import padded
from dropletvideo.weights import weights_path

WEIGHTS = "raft-things"
ROUNDS = 20
STATIC_SHARE = 0.02
_STATIC_AT_256 = 3.0
_DEEPEST = 32
"""Frames back that a pair may reach: a file of 256 frames a second is sampled at every 32nd."""
Frame = NDArray[np.uint8]


@dataclass(frozen=True)
class PairMeasures:
    """Of one flow, px: mean of the largest 5 %, of the largest 2 %, and of all lengths."""

    top_5: float
    top_2: float
    mean: float


def pair_measures(earlier: Frame, later: Frame, path: str) -> PairMeasures:
    """One forward pass; the padding counts, as in the published code."""
    import torch

    network, device = raft_motion.load(path, "large")
    pair = [(as_tensor(padded(each, 8, 128)[0][None]) / 127.5 - 1).to(device) for each in (earlier, later)]
    with torch.inference_mode():
        flow = network(*pair, num_flow_updates=ROUNDS)[-1][0].permute(1, 2, 0).float().cpu().numpy()
    lengths = np.sqrt((flow.astype(np.float64) ** 2).sum(axis=-1))
    return PairMeasures(largest_mean(flow), largest_mean(flow, STATIC_SHARE), float(lengths.mean()))


class Flows:
    """Flows that end at one frame, each made when it is first asked for."""

    def __init__(self, frames: tuple[Frame, ...], path: str) -> None:
        self._frames, self._path = frames, path
        self._made: dict[int, PairMeasures] = {}

    def since(self, back: int) -> PairMeasures | None:
        """From the frame `back` frames before; None where the clip began later."""
        if back >= len(self._frames):
            return None
        if back not in self._made:
            self._made[back] = pair_measures(self._frames[-1 - back], self._frames[-1], self._path)
        return self._made[back]


class RaftThings:
    """Backbone `raft_things`: a `Flows` for each frame.

    Args:
        path: the published file; looked for among the weights by default.
    """

    name = "raft_things"

    def __init__(self, path: str | Path | None = None) -> None:
        self.path = path

    def start(self, row: Mapping[str, Any] | None = None) -> deque[Frame]:  # noqa: ARG002 - every clip starts alike
        """Frames that a flow may begin at."""
        return deque(maxlen=_DEEPEST + 1)

    def __call__(self, state: deque[Frame], chunk: Chunk) -> list[Flows]:
        """Nothing is computed before a judge asks."""
        self.path = self.path or weights_path(WEIGHTS)
        found = []
        for frame in chunk.frames:
            state.append(frame.copy())
            found.append(Flows(tuple(state), str(self.path)))
        return found


@dataclass
class _Pairs:
    """What was measured of the pairs so far."""

    interval: int = 1
    seen: int = 0
    size: tuple[int, int] = (0, 0)
    measures: list[PairMeasures] = field(default_factory=list)
    first: Frame | None = None
    last: Frame | None = None


class RaftPairs:
    """See the module text."""

    name = "raft_pairs"
    version = 1
    weights = (WEIGHTS,)
    needs: Features = Features(backbone=RaftThings.name, rate=None, short_side=None)
    columns: Mapping[str, type] = {"raft_top_px": float, "raft_mean_px": float, "raft_mean_share": float}

    def start(self, row: Mapping[str, Any]) -> _Pairs:  # noqa: ARG002  every frame is taken
        """Nothing is known before the first frame."""
        return _Pairs()

    def update(self, state: _Pairs, chunk: Chunk) -> None:
        """Add the pairs that taken frames end."""
        state.size = (chunk.frames.shape[1], chunk.frames.shape[2])
        for flows in chunk.features[self.needs.backbone]:
            measures = flows.since(state.interval) if state.seen % state.interval == 0 else None
            if measures is not None:
                state.measures.append(measures)
            state.seen += 1

    def finish(self, state: _Pairs) -> dict[str, Any]:
        """Means over the pairs."""
        if not state.measures:
            return dict.fromkeys(self.columns)
        mean = float(np.mean([each.mean for each in state.measures]))
        top = float(np.mean([each.top_5 for each in state.measures]))
        return {"raft_top_px": top, "raft_mean_px": mean, "raft_mean_share": mean / min(state.size)}


class RaftDegree(RaftPairs):
    """See the module text."""

    name = "raft_degree"
    columns: Mapping[str, type] = {"raft_moving": float, "raft_moving_even": float}

    def start(self, row: Mapping[str, Any]) -> _Pairs:
        """The interval follows from the file's rate."""
        return _Pairs(interval=min(_DEEPEST, sampling_interval(float(row.get("source_fps") or RATE))))

    def finish(self, state: _Pairs) -> dict[str, Any]:
        """The rule's answers."""
        if not state.measures:
            return dict.fromkeys(self.columns)
        lengths = [each.top_5 for each in state.measures]
        above = sum(length > moving_threshold(*state.size) for length in lengths)
        even = above >= max(1, pairs_needed(len(lengths) + 1))
        return {"raft_moving": float(is_moving(lengths, *state.size)), "raft_moving_even": float(even)}


class RaftStatic(RaftPairs):
    """See the module text."""

    name = "raft_static"
    columns: Mapping[str, type] = {"raft_static": float}

    def __init__(self, path: str | Path | None = None) -> None:
        self.path = path

    def update(self, state: _Pairs, chunk: Chunk) -> None:
        """Add the pairs, and keep the outermost frames."""
        super().update(state, chunk)
        if len(chunk.frames):
            state.first = chunk.frames[0].copy() if state.first is None else state.first
            state.last = chunk.frames[-1].copy()

    def finish(self, state: _Pairs) -> dict[str, Any]:
        """The filter's answer; two more flows."""
        if not state.measures or state.first is None or state.last is None:
            return {"raft_static": None}
        path = str(self.path or weights_path(WEIGHTS))
        ends = [pair_measures(state.first, state.last, path), pair_measures(state.last, state.first, path)]
        still = is_still([each.top_2 for each in state.measures], [each.top_2 for each in ends], min(state.size))
        return {"raft_static": float(still)}


def is_still(lengths: list[float], ends: list[float], short_side: int) -> bool:
    """VBench's static filter on the `top_2` of neighbouring pairs and of the outermost frames, both ways."""
    threshold = _STATIC_AT_256 * short_side / 256.0
    allowed = round(2 * (len(lengths) + 1) / 16.0)
    return sum(each > threshold for each in lengths) <= allowed and max(ends) <= threshold * allowed * 2
