"""Does a model obey M? Pure functions from (image, M, measured motion) to a rank correlation and a ratio.

M is frames of source time per second: low M asks for fast motion. Two questions, both per image with equal seeds, so
that what the image holds cancels out: does motion fall as M rises (Spearman per image, -1 is perfect), and by how
much (mean motion at the lowest M over mean motion at the highest, interval by drawing images). Pooling images in one
correlation would mislead, since fast scenes are fast at every M.
"""

from __future__ import annotations

import math
from collections.abc import Hashable, Iterable, Mapping, Sequence
from dataclasses import asdict, dataclass
from itertools import pairwise
from typing import Any

import numpy as np
from numpy.typing import NDArray

from dropletvideo.evaluate.aggregate import Estimate, bootstrap_interval, mean_estimate


@dataclass(frozen=True, kw_only=True)
class MotionPoint:
    """Measured motion of one video: `image` names the group, `motion` is M asked, `measured` a score per second."""

    image: Hashable
    motion: float
    measured: float | None


@dataclass(frozen=True, kw_only=True)
class MotionResponse:
    """How measured motion answers to M.

    Attributes:
        levels: M values, rising, each with the mean measured motion over images.
        spearman: mean over images of the rank correlation of measured motion with M; None where it never varies.
        falling_share: share of images whose motion falls strictly from each M to the next.
        ratio: mean motion at `low_motion` over mean motion at `high_motion`, over images that have both.
        ratio_of_time: `high_motion / low_motion`, what a model that obeyed M exactly in every scene would come near to.
    """

    levels: tuple[tuple[float, Estimate], ...]
    spearman: Estimate
    falling_share: Estimate
    ratio: Estimate
    low_motion: float | None
    high_motion: float | None

    @property
    def ratio_of_time(self) -> float | None:
        """Ratio of the two M, None with fewer than two."""
        if self.low_motion is None or self.high_motion is None or self.low_motion == self.high_motion:
            return None
        return self.high_motion / self.low_motion

    def as_dict(self) -> dict[str, Any]:
        """Plain dictionary for JSON."""
        return asdict(self) | {
            "levels": [{"motion": motion, **estimate.as_dict()} for motion, estimate in self.levels],
            "ratio_of_time": self.ratio_of_time,
        }


def motion_response(
    points: Iterable[MotionPoint], *, low_motion: float | None = None, high_motion: float | None = None
) -> MotionResponse:
    """Summary of all points; `low_motion` and `high_motion` are the least and greatest M present unless told."""
    points = list(points)
    motions = sorted({point.motion for point in points})
    low = low_motion if low_motion is not None else (motions[0] if motions else None)
    high = high_motion if high_motion is not None else (motions[-1] if motions else None)
    by_image = _by_image(points)
    images = list(by_image)
    levels = tuple(
        (motion, mean_estimate([by_image[image].get(motion) for image in images], images)) for motion in motions
    )
    return MotionResponse(
        levels=levels,
        spearman=mean_estimate([spearman(curve) for curve in by_image.values()], images),
        falling_share=mean_estimate([falls(curve, motions) for curve in by_image.values()], images),
        ratio=motion_ratio(by_image, low, high),
        low_motion=low,
        high_motion=high,
    )


def spearman(curve: Mapping[float, float]) -> float | None:
    """Rank correlation of motion with M for one image, ties share their mean rank; None where either never varies."""
    if len(curve) < 2:
        return None
    ranks = [_ranks(list(curve)), _ranks(list(curve.values()))]
    deviations = [rank - rank.mean() for rank in ranks]
    size = math.sqrt(float((deviations[0] ** 2).sum() * (deviations[1] ** 2).sum()))
    return float((deviations[0] * deviations[1]).sum()) / size if size > 0 else None


def falls(curve: Mapping[float, float], motions: Sequence[float]) -> float | None:
    """1.0 when motion falls strictly as M rises, 0.0 when not; None where a level is missing or there is only one."""
    if len(motions) < 2 or any(motion not in curve for motion in motions):
        return None
    values = [curve[motion] for motion in motions]
    return float(all(later < earlier for earlier, later in pairwise(values)))


def motion_ratio(by_image: Mapping[Hashable, Mapping[float, float]], low: float | None, high: float | None) -> Estimate:
    """Mean motion at M `low` over mean motion at M `high`, over images that have both; interval by drawing images."""
    if low is None or high is None or low == high:
        return Estimate(value=None, low=None, high=None, count=0, missing=len(by_image), clusters=0)
    pairs = [(curve[low], curve[high]) for curve in by_image.values() if low in curve and high in curve]
    missing = len(by_image) - len(pairs)
    fast = np.array([pair[0] for pair in pairs], dtype=np.float64)
    slow = np.array([pair[1] for pair in pairs], dtype=np.float64)
    if not pairs or slow.sum() <= 0:
        return Estimate(value=None, low=None, high=None, count=0, missing=len(by_image), clusters=0)

    def ratio(drawn: NDArray[np.int64]) -> NDArray[np.float64]:
        bottom = slow[drawn].sum(-1)
        shares: NDArray[np.float64] = np.full_like(bottom, np.nan)
        np.divide(fast[drawn].sum(-1), bottom, out=shares, where=bottom > 0)
        return shares

    least, greatest = bootstrap_interval(len(pairs), ratio)
    value = float(fast.sum() / slow.sum())
    return Estimate(value=value, low=least, high=greatest, count=len(pairs), missing=missing, clusters=len(pairs))


def _by_image(points: Sequence[MotionPoint]) -> dict[Hashable, dict[float, float]]:
    """Per image, M to mean measured motion (several seeds are averaged); images keep their place without a value."""
    sums: dict[Hashable, dict[float, list[float]]] = {}
    for point in points:
        curve = sums.setdefault(point.image, {})
        if point.measured is not None and not math.isnan(point.measured):
            curve.setdefault(point.motion, []).append(point.measured)
    return {
        image: {motion: float(np.mean(values)) for motion, values in sorted(curve.items())}
        for image, curve in sums.items()
    }


def _ranks(values: Sequence[float]) -> NDArray[np.float64]:
    """Ranks from 0, ties share the mean of theirs."""
    array = np.asarray(values, dtype=np.float64)
    below = (array[:, None] > array[None, :]).sum(1)
    equal = (array[:, None] == array[None, :]).sum(1)
    ranks: NDArray[np.float64] = below + (equal - 1) / 2.0
    return ranks
