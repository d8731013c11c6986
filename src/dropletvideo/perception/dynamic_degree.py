"""Dynamic degree: does a video move at all, by VBench's rule, and how fast, as a number; flow by DIS.

The rule, on given flow: of the frames at about 8 per second (the published tool takes each `max(1, round(rate / 8))`-th
frame, this judge the shared flow's 8 per second by timestamp), each neighbouring pair has the mean of its largest 5 %
of flow lengths in pixels; the video moves where at least `round(4 N / 16)` pairs are above `6 * short side / 256` px,
N frames taken, ties rounded to the even number.

Columns: `dynamic_degree_dis`, 0 or 1, higher moves; `dynamic_speed` in short sides per second, range 0 upwards, no
direction (more is faster, not better): the median over pairs of that mean over the short side and the pair's seconds;
`dynamic_pairs_above`, share 0 to 1 of the pairs above the threshold. None for fewer than two frames.

Source: "dynamic degree" of VBench (arXiv 2311.17982), whose flow is RAFT's; the rule as its code has it.
Faults of the rule: camera motion counts as dynamics; with two frames nothing has to move and the video counts as
moving; one bit per video. The classical flow loses jumps beyond about a tenth of the frame.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np
from numpy.typing import NDArray

from dropletvideo.perception.judge import Chunk, Features, Frames

RATE = 8.0
TOP_SHARE = 0.05
THRESHOLD_AT_256 = 6.0


def sampling_interval(source_fps: float) -> int:
    """Every so many frames one is taken: about 8 per second, at least each."""
    return max(1, round(source_fps / RATE))


def largest_mean(flow: NDArray[np.float32], share: float = TOP_SHARE) -> float:
    """Mean of the largest `share` of the lengths of an H,W,2 flow, px."""
    squares = (flow[..., 0] ** 2 + flow[..., 1] ** 2).ravel()
    count = max(1, int(len(squares) * share))
    return float(np.sqrt(np.partition(squares, len(squares) - count)[-count:].astype(np.float64)).mean())


def threshold_of(height: int, width: int) -> float:
    """Length above which a pair moves, px: 6 at short side 256, in proportion."""
    return THRESHOLD_AT_256 * min(height, width) / 256.0


def pairs_needed(num_frames: int) -> int:
    """Moving pairs that make `num_frames` taken frames a moving video; 0 for two frames, a fault of the rule."""
    return round(4 * num_frames / 16.0)


def is_moving(lengths: Sequence[float], height: int, width: int) -> bool:
    """The rule on the `largest_mean` of each pair of neighbouring taken frames."""
    threshold = threshold_of(height, width)
    return sum(length > threshold for length in lengths) >= pairs_needed(len(lengths) + 1)


@dataclass
class _State:
    size: tuple[int, int] = (0, 0)
    lengths: list[float] = field(default_factory=list)
    seconds: list[float] = field(default_factory=list)


class DynamicDegree:
    """See the module text; the flow is the one that motion uses, at short side 256, to which the rule is scaled."""

    name = "dynamic_degree"
    version = 2
    needs: Frames | Features = Features(backbone="dis_flow", rate=RATE, short_side=256)
    columns: Mapping[str, type] = {"dynamic_degree_dis": float, "dynamic_speed": float, "dynamic_pairs_above": float}

    def start(self, row: Mapping[str, Any]) -> _State:  # noqa: ARG002  the row asks nothing of this judge
        """Nothing is known before the first frame."""
        return _State()

    def update(self, state: _State, chunk: Chunk) -> None:
        """Take the pairs that the new frames end."""
        for found in chunk.features["dis_flow"]:
            if found is not None:
                state.size = (found.flow.shape[0], found.flow.shape[1])
                state.lengths.append(largest_mean(found.flow))
                state.seconds.append(found.seconds)

    def finish(self, state: _State) -> dict[str, Any]:
        """The rule's answer and the speeds; None without a pair."""
        if not state.lengths:
            return dict.fromkeys(self.columns)
        speeds = [length / seconds for length, seconds in zip(state.lengths, state.seconds, strict=True) if seconds > 0]
        above = sum(length > threshold_of(*state.size) for length in state.lengths)
        return {
            "dynamic_degree_dis": float(is_moving(state.lengths, *state.size)),
            "dynamic_speed": float(np.median(speeds)) / min(state.size) if speeds else None,
            "dynamic_pairs_above": above / len(state.lengths),
        }
