"""The clock of one file: frame numbers, timestamps and seconds, as far as a pass has seen them."""

from __future__ import annotations

from fractions import Fraction

import numpy as np
from numpy.typing import NDArray


class FrameClock:
    """Timestamps of the frames seen so far; exact for those, linear in between and beyond.

    Args:
        time_base: seconds per timestamp unit, as a fraction such as `1/15360`.
        source_fps: average frame rate, used until two frames are known.
    """

    def __init__(self, time_base: str | Fraction, source_fps: float) -> None:
        self.time_base = Fraction(time_base)
        self._step = float(1 / (Fraction(source_fps or 25.0).limit_denominator(100000) * self.time_base))
        self._indices: NDArray[np.int64] = np.zeros(256, np.int64)
        self._pts: NDArray[np.int64] = np.zeros(256, np.int64)
        self._known = 0

    def add(self, indices: NDArray[np.int64], pts: NDArray[np.int64]) -> None:
        """Take the timestamps of further frames; frames already passed are ignored."""
        fresh = indices > (self._indices[self._known - 1] if self._known else -1)
        indices, pts = indices[fresh], pts[fresh]
        while self._known + len(indices) > len(self._indices):
            self._indices = np.concatenate([self._indices, np.zeros_like(self._indices)])
            self._pts = np.concatenate([self._pts, np.zeros_like(self._pts)])
        self._indices[self._known : self._known + len(indices)] = indices
        self._pts[self._known : self._known + len(indices)] = pts
        self._known += len(indices)

    @property
    def frames_seen(self) -> int:
        """One more than the number of the last frame seen."""
        return int(self._indices[self._known - 1]) + 1 if self._known else 0

    @property
    def mean_step(self) -> float:
        """Timestamp units per frame, over the frames seen."""
        if self._known < 2:
            return self._step
        span = int(self._indices[self._known - 1] - self._indices[0])
        return float(self._pts[self._known - 1] - self._pts[0]) / span

    def pts(self, frame: int) -> int:
        """Timestamp at which `frame` is shown."""
        if not self._known:
            return round(frame * self._step)
        last = self._known - 1
        if frame > self._indices[last]:
            return int(self._pts[last]) + round((frame - int(self._indices[last])) * self.mean_step)
        if frame < self._indices[0]:
            return int(self._pts[0]) - round((int(self._indices[0]) - frame) * self.mean_step)
        return round(float(np.interp(frame, self._indices[: self._known], self._pts[: self._known])))

    def seconds(self, frame: int) -> float:
        """Time at which `frame` is shown, on the file's clock."""
        return float(self.pts(frame) * self.time_base)

    def frame_at(self, seconds: float) -> int:
        """First frame shown at `seconds` or later."""
        wanted = float(Fraction(seconds).limit_denominator(10**9) / self.time_base)
        if not self._known:
            return max(0, int(np.ceil(wanted / self._step - 1e-6)))
        last = self._known - 1
        if wanted > self._pts[last]:
            beyond = (wanted - float(self._pts[last])) / max(self.mean_step, 1e-9)
            return int(self._indices[last]) + int(np.ceil(beyond - 1e-6))
        near = int(np.searchsorted(self._pts[: self._known], wanted - 0.5))
        if near == 0 or self._indices[near] - self._indices[near - 1] == 1:
            return int(self._indices[near])
        between = np.interp(wanted, self._pts[near - 1 : near + 1], self._indices[near - 1 : near + 1])
        return int(np.ceil(float(between) - 1e-6))
