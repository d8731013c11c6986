"""Dynamic degree: does a video move at all, by VBench's rule, and how fast, as a number; flow by DIS.

The rule, on given flow: of the frames at about 8 per second (every `max(1, round(rate / 8))`-th), each neighbouring
pair has the mean of its largest 5 % of flow lengths in pixels; the video moves where at least `round(4 N / 16)` pairs
are above `6 * short side / 256` px, N frames taken, ties rounded to the even number.

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

from dropletvideo.perception.flow import Gray, dense_flow, gray
from dropletvideo.perception.judge import Chunk, Features, Frames

RATE = 8.0
TOP_SHARE = 0.05
THRESHOLD_AT_256 = 6.0
_LEAST_SIDE = 16


def sampling_interval(source_fps: float) -> int:
    """Every so many frames one is taken: about 8 per second, at least each."""
    return max(1, round(source_fps / RATE))


def largest_mean(flow: NDArray[np.float32], share: float = TOP_SHARE) -> float:
    """Mean of the largest `share` of the lengths of an H,W,2 flow, px."""
    lengths = np.sqrt((flow.astype(np.float64) ** 2).sum(axis=-1)).ravel()
    count = max(1, int(len(lengths) * share))
    return float(np.partition(lengths, len(lengths) - count)[-count:].mean())


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
    interval: int
    last: Gray | None = None
    last_time: float = 0.0
    seen: int = 0
    size: tuple[int, int] = (0, 0)
    lengths: list[float] = field(default_factory=list)
    seconds: list[float] = field(default_factory=list)


class DynamicDegree:
    """See the module text; frames at native size."""

    name = "dynamic_degree"
    version = 1
    needs: Frames | Features = Frames(rate=None, short_side=None, colour="gray")
    columns: Mapping[str, type] = {"dynamic_degree_dis": float, "dynamic_speed": float, "dynamic_pairs_above": float}

    def start(self, row: Mapping[str, Any]) -> _State:
        """The interval follows from the file's rate."""
        return _State(interval=sampling_interval(float(row.get("source_fps") or RATE)))

    def update(self, state: _State, chunk: Chunk) -> None:
        """Flow of each pair that a taken frame ends."""
        for frame, time in zip(chunk.frames, chunk.times, strict=True):
            if state.seen % state.interval == 0 and min(frame.shape[:2]) >= _LEAST_SIDE:
                now = gray(frame)
                if state.last is not None:
                    state.lengths.append(largest_mean(dense_flow(state.last, now)))
                    state.seconds.append(float(time) - state.last_time)
                state.last, state.last_time, state.size = now, float(time), (now.shape[0], now.shape[1])
            state.seen += 1

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
