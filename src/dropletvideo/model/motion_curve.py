"""The measured answer of a model to M, and `speed`: equal steps of measured motion instead of steps of M.

The curve is measured by `droplet calibrate` and lies in the model folder's `droplet.json`. Between its levels it is
interpolated over log M; outside them nothing is said.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray
from pydantic import BaseModel, ConfigDict, model_validator

from dropletvideo.errors import RequestError

NUM_RESAMPLES = 4000
CONFIDENCE = 0.95
SIGNIFICANT = 0.05
LEAST_SCENES = 3
MEASURED_WITH = ("num_frames", "height", "width", "num_inference_steps", "guidance_scale")
"""Settings of a calibration that a request may differ in."""
_SEED = 20250306

Matrix = NDArray[np.float64]


class MotionCalibration(BaseModel):
    """Measured motion at levels of M.

    Attributes:
        motions: levels of M, rising.
        measured: mean over scenes at each level, in `unit`.
        low, high: 95 % interval of each mean, by drawing scenes.
        curve: `measured` as the nearest curve that never rises with M (pool adjacent violators); `speed` follows it.
        flat: stretches of M over which motion does not measurably fall (interval of the paired difference reaches 0).
        trend_p: probability of a trend this strong if M did nothing (Page's test for ordered alternatives, scenes as
            blocks, by permutation).
        falling_pairs: share of neighbouring levels within a scene at which motion falls, 0 to 1.
        num_scenes: scenes behind each mean.
        unit: what `measured` counts.
        judge: name and version of the measuring function.
        model_digest: of the weights that were measured.
        settings: how the videos were made.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    motions: tuple[float, ...]
    measured: tuple[float, ...]
    low: tuple[float, ...]
    high: tuple[float, ...]
    curve: tuple[float, ...]
    flat: tuple[tuple[float, float], ...] = ()
    trend_p: float
    falling_pairs: float
    num_scenes: int
    unit: str
    judge: str
    model_digest: str
    settings: dict[str, float | int | str | None] = {}

    @model_validator(mode="after")
    def _check(self) -> MotionCalibration:
        lengths = {len(values) for values in (self.motions, self.measured, self.low, self.high, self.curve)}
        if lengths != {len(self.motions)} or len(self.motions) < 2:
            raise ValueError("need two or more levels of M, and one number of each kind per level")
        if any(later <= earlier for earlier, later in zip(self.motions, self.motions[1:], strict=False)):
            raise ValueError(f"levels of M must rise: {self.motions}")
        return self

    @property
    def follows(self) -> bool:
        """Whether motion measurably falls as M rises."""
        return self.trend_p < SIGNIFICANT and self.curve[0] > self.curve[-1]

    def differences(self, request: Any) -> str | None:
        """A sentence for the user where a request (an object with the fields of `MEASURED_WITH`) is made otherwise than
        the measured videos were, else None.
        """
        changed = [
            f"{name} {self.settings[name]} then, {getattr(request, name)} now"
            for name in MEASURED_WITH
            if name in self.settings and getattr(request, name) not in (None, self.settings[name])
        ]
        return f"speed was measured with other settings ({'; '.join(changed)}): it is less sure" if changed else None

    def motion_at(self, speed: float) -> float:
        """M at which measured motion lies `speed` of the way from the slowest (0) to the fastest (1) level.

        Where the curve is level, the middle (in log M) of the stretch is taken.

        Raises:
            RequestError: `speed` lies outside 0 to 1, or this model's motion does not follow M.
        """
        if not 0 <= speed <= 1:
            raise RequestError(f"speed={speed} must lie in 0 (slowest) to 1 (fastest): nothing is extrapolated")
        if not self.follows:
            raise RequestError(
                f"measured motion of this model does not follow M (p = {self.trend_p:.2g}), so speed={speed:g} means "
                "nothing: use motion, or calibrate with more scenes (droplet calibrate --scenes)"
            )
        slowest, fastest = self.curve[-1], self.curve[0]
        target = slowest + speed * (fastest - slowest)
        logs = np.log(self.motions)
        from_left = _first_at_or_below(self.curve, logs, target)
        from_right = -_first_at_or_below([-value for value in reversed(self.curve)], -logs[::-1], -target)
        found = float(math.exp((from_left + from_right) / 2))
        return float(np.clip(found, self.motions[0], self.motions[-1]))


def fit_calibration(
    motions: Sequence[float],
    scenes: Matrix,
    *,
    unit: str,
    judge: str,
    model_digest: str,
    settings: dict[str, float | int | str | None] | None = None,
) -> MotionCalibration:
    """Curve, intervals, trend test and flat stretches of `scenes`: measured motion, (scene, level), levels rising in M.

    Scenes with a missing value (NaN) are left out, so that every level is a mean over the same scenes.

    Raises:
        RequestError: fewer than three whole scenes, or fewer than two levels.
    """
    whole = scenes[np.isfinite(scenes).all(axis=1)]
    if len(whole) < LEAST_SCENES or len(motions) < 2:
        raise RequestError(
            f"{len(whole)} scenes measured at every of {len(motions)} levels of M: a calibration needs "
            f"{LEAST_SCENES} scenes and 2 levels or more"
        )
    drawn = np.random.default_rng(_SEED).integers(0, len(whole), (NUM_RESAMPLES, len(whole)))
    resampled = whole[drawn].mean(axis=1)
    tail = (1 - CONFIDENCE) / 2
    low, high = np.quantile(resampled, [tail, 1 - tail], axis=0)
    measured = whole.mean(axis=0)
    return MotionCalibration(
        motions=tuple(float(value) for value in motions),
        measured=_rounded(measured),
        low=_rounded(low),
        high=_rounded(high),
        curve=_rounded(never_rising(measured)),
        flat=tuple((float(motions[i]), float(motions[j])) for i, j in _flat_stretches(resampled)),
        trend_p=round(page_trend(whole), 6),
        falling_pairs=round(float((np.diff(whole, axis=1) < 0).mean()), 4),
        num_scenes=len(whole),
        unit=unit,
        judge=judge,
        model_digest=model_digest,
        settings=settings or {},
    )


def never_rising(values: Sequence[float] | Matrix) -> Matrix:
    """The nearest sequence (least squares) that never rises: pool adjacent violators.

    Source: Ayer, Brunk, Ewing, Reid, Silverman, "An empirical distribution function for sampling with incomplete
    information" (1955).
    """
    blocks: list[list[float]] = []  # sum, count
    for value in values:
        blocks.append([float(value), 1.0])
        while len(blocks) > 1 and blocks[-1][0] / blocks[-1][1] > blocks[-2][0] / blocks[-2][1]:
            total, count = blocks.pop()
            blocks[-1][0] += total
            blocks[-1][1] += count
    return np.concatenate([np.full(int(count), total / count) for total, count in blocks])


def page_trend(scenes: Matrix, *, draws: int = 9999, seed: int = _SEED) -> float:
    """One-sided probability that motion falls over the levels as much as in `scenes` (scene, level) by chance.

    Page's L (Page, "Ordered hypotheses for multiple treatments", 1963): ranks within a scene times the level's place;
    its distribution under no effect by permuting levels within each scene.
    """
    ranks = (scenes[:, :, None] > scenes[:, None, :]).sum(2) + (
        (scenes[:, :, None] == scenes[:, None, :]).sum(2) - 1
    ) / 2
    places = np.arange(scenes.shape[1])[::-1].astype(np.float64)
    seen = float((ranks * places).sum())
    shuffled = np.random.default_rng(seed).permuted(np.broadcast_to(ranks, (draws, *ranks.shape)), axis=2)
    by_chance = (shuffled * places).sum(axis=(1, 2))
    return float((1 + (by_chance >= seen - 1e-9).sum()) / (1 + draws))


def _flat_stretches(resampled: Matrix) -> list[tuple[int, int]]:
    """Longest stretches of levels (first, last) over which the drop from first to last is not sure."""
    stretches: list[tuple[int, int]] = []
    start, count = 0, resampled.shape[1]
    while start < count - 1:
        end = start
        while end + 1 < count and not _falls(resampled, start, end + 1):
            end += 1
        if end > start:
            stretches.append((start, end))
        start = max(end, start + 1)
    return stretches


def _falls(resampled: Matrix, earlier: int, later: int) -> bool:
    drop = resampled[:, earlier] - resampled[:, later]
    return bool(np.quantile(drop, (1 - CONFIDENCE) / 2) > 0)


def _first_at_or_below(curve: Sequence[float], logs: Matrix, target: float) -> float:
    """Place on the log M axis where a curve that never rises first comes down to `target`."""
    for place, value in enumerate(curve):
        if value <= target + 1e-12:
            if place == 0 or curve[place - 1] <= value:
                return float(logs[place])
            share = (curve[place - 1] - target) / (curve[place - 1] - value)
            return float(logs[place - 1] + min(max(share, 0.0), 1.0) * (logs[place] - logs[place - 1]))
    return float(logs[-1])


def _rounded(values: Matrix) -> tuple[float, ...]:
    return tuple(round(float(value), 6) for value in values)
