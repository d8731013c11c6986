"""Motion-adaptive frame sampling: which N frames of a clip one training sample takes, and the M that they stand for.

`M = N / seconds_spanned`, where the frames taken span from the start of the first to the end of the last: how many of
the N model frames one second of source gets (DropletVideo section 4.2; low M, fast motion). Pure functions of the
clip's clock, N and a random generator; frame numbers count from the clip's first frame.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

import numpy as np
from numpy.typing import NDArray

from dropletvideo.errors import RequestError

SkipReason = Literal["too_few_frames", "too_short", "rate_too_low"]
PLACEMENTS_TRIED = 16


@dataclass(frozen=True, eq=False)
class FrameClock:
    """When each frame of a clip is shown.

    `edges` has F + 1 ascending seconds: frame i is shown from `edges[i]` to `edges[i + 1]`.
    """

    edges: NDArray[np.float64]

    @classmethod
    def constant(cls, num_frames: int, source_fps: float) -> FrameClock:
        """Clock of a clip whose frames come at one rate."""
        if num_frames < 1 or not source_fps > 0:
            raise RequestError(
                f"a clip of {num_frames} frames at {source_fps} per second has no clock: both must be > 0"
            )
        return cls(np.arange(num_frames + 1, dtype=np.float64) / source_fps)

    @classmethod
    def from_times(cls, times: NDArray[np.float64]) -> FrameClock:
        """Clock from the frames' own timestamps (seconds, ascending); the last frame lasts the median interval."""
        if times.size < 2 or bool((np.diff(times) <= 0).any()):
            raise RequestError(
                f"{times.size} timestamps do not make a clock: need 2 or more, each above the one before"
            )
        intervals = np.diff(times)
        return cls(np.append(times, times[-1] + np.median(intervals)).astype(np.float64))

    @property
    def num_frames(self) -> int:
        """Frames of the clip."""
        return len(self.edges) - 1

    @property
    def seconds(self) -> float:
        """Length of the clip from the start of its first frame to the end of its last."""
        return float(self.edges[-1] - self.edges[0])

    @property
    def source_fps(self) -> float:
        """Average frames per second."""
        return self.num_frames / self.seconds

    def spanned(self, first: int, last: int) -> float:
        """Seconds from the start of frame `first` to the end of frame `last`."""
        return float(self.edges[last + 1] - self.edges[first])


@dataclass(frozen=True, eq=False)
class FrameSample:
    """Frames of one training sample: N ascending frame numbers in the clip, none twice, and their M."""

    indices: NDArray[np.int64]
    motion: float


@dataclass(frozen=True)
class Skipped:
    """A clip that gives no sample: why, for the count, and in words with value and limit."""

    reason: SkipReason
    detail: str


def sample_whole(clock: FrameClock, num_frames: int, *, trim: float = 0.1) -> FrameSample | Skipped:
    """The paper's rule: `trim` (0 to 0.5, a share) off each end, N frames evenly over all that remains."""
    lead = trim * clock.seconds
    slack = 1e-6 / clock.source_fps
    first = int(np.searchsorted(clock.edges, clock.edges[0] + lead - slack, side="left"))
    last = int(np.searchsorted(clock.edges, clock.edges[-1] - lead + slack, side="right")) - 2
    if last - first + 1 < num_frames:
        return Skipped("too_few_frames", f"{max(0, last - first + 1)} frames after the trim, {num_frames} needed")
    return _take(clock, first, last, num_frames) or Skipped(
        "rate_too_low", f"{num_frames} evenly spaced instants fall on fewer frames of an uneven clock"
    )


def sample_window(
    clock: FrameClock, num_frames: int, motion_range: tuple[float, float], rng: np.random.Generator
) -> FrameSample | Skipped:
    """Draw M log-uniformly, take `num_frames / M` seconds at a random place, recompute M from the frames taken.

    The draw is confined to what the clip can give: at least N / duration (the window fits) and at most the source rate
    (no frame twice). The M returned differs from the draw by the rounding of the window to whole frames.
    """
    low = max(motion_range[0], num_frames / clock.seconds)
    high = min(motion_range[1], clock.source_fps)
    if clock.num_frames < num_frames:
        return Skipped("too_few_frames", f"{clock.num_frames} frames, {num_frames} needed")
    if clock.source_fps < motion_range[0] * (1 - 1e-9):
        return Skipped(
            "rate_too_low", f"{clock.source_fps:.2f} frames per second, below the least M {motion_range[0]:g}"
        )
    if low > high * (1 + 1e-9):
        return Skipped("too_short", f"{clock.seconds:.2f} s, {num_frames / high:.2f} s needed at M {high:g}")
    for _ in range(PLACEMENTS_TRIED):
        motion = float(np.exp(rng.uniform(np.log(low), np.log(max(low, high)))))
        if sample := _place(clock, num_frames, num_frames / motion, rng):
            return sample
    return Skipped("rate_too_low", f"{PLACEMENTS_TRIED} windows tried, none held {num_frames} distinct frames")


def _place(clock: FrameClock, num_frames: int, seconds: float, rng: np.random.Generator) -> FrameSample | None:
    """A window of about `seconds` that starts at a random frame edge and ends at the edge nearest to its end."""
    tolerance = 0.5 / clock.source_fps
    latest = int(np.searchsorted(clock.edges, clock.edges[-1] - seconds + tolerance, side="right")) - 1
    first = int(rng.integers(0, max(0, latest) + 1))
    end = _nearest(clock.edges, np.array([clock.edges[first] + seconds]))[0]
    if end - first < num_frames:
        return None
    return _take(clock, first, int(end) - 1, num_frames)


def _take(clock: FrameClock, first: int, last: int, num_frames: int) -> FrameSample | None:
    """`num_frames` frames evenly in time from `first` to `last`, or None if two instants fall on one frame."""
    instants = np.linspace(clock.edges[first], clock.edges[last], num_frames)
    indices = _nearest(clock.edges[:-1], instants)
    if bool((np.diff(indices) <= 0).any()):
        return None
    return FrameSample(indices, num_frames / clock.spanned(first, last))


def _nearest(ascending: NDArray[np.float64], wanted: NDArray[np.float64]) -> NDArray[np.int64]:
    """Place of the entry nearest to each wanted value."""
    middles = (ascending[1:] + ascending[:-1]) / 2
    return np.searchsorted(middles, wanted, side="right").astype(np.int64)
