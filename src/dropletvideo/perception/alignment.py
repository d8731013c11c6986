"""How much of one small frame is found again in another, once motion is taken out.

Both are gray or RGB thumbnails (short side about 48). Dense inverse search flow (Kroeger et al. 2016, OpenCV's DIS)
moves the older frame onto the newer one; what is then compared is structure, not brightness.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import cv2
import numpy as np
from numpy.typing import NDArray

_BOX = (9, 9)
_NOISE_VARIANCE = 2.0
_LEAST_WEIGHT = 0.5
_BAR_RANGE = 12
MOST_GAIN = 3.0


@dataclass(frozen=True, slots=True)
class Match:
    """Comparison of an older frame, moved, with a newer one.

    Attributes:
        similarity: local structural agreement weighted by local contrast, about 0 (nothing found again) to 1.
        changed_share: share of the picture whose structure is not found again.
    """

    similarity: float
    changed_share: float


class Aligner:
    """Moves thumbnails of one size onto each other; holds the flow solver and the pixel grid."""

    def __init__(self, height: int, width: int) -> None:
        create: Any = getattr(cv2, "DISOpticalFlow_create")  # noqa: B009 - missing in OpenCV's type stubs
        self._flow: Any = create(cv2.DISOPTICAL_FLOW_PRESET_ULTRAFAST)
        self._flow.setFinestScale(1)
        rows, columns = np.mgrid[0:height, 0:width].astype(np.float32)
        self._rows: NDArray[np.float32] = rows
        self._columns: NDArray[np.float32] = columns

    def maps(self, older_HW: NDArray[np.uint8], newer_HW: NDArray[np.uint8]) -> tuple[Any, Any]:
        """For each pixel of the newer frame, the column and row in the older one where it comes from."""
        flow_HW2 = self._flow.calc(newer_HW, older_HW, None)
        return self._columns + flow_HW2[..., 0], self._rows + flow_HW2[..., 1]

    def outside(self, columns: Any, rows: Any) -> NDArray[np.bool_]:
        """Pixels of the newer frame that come from beyond the older one's rim."""
        height, width = self._rows.shape
        beyond = (columns < -0.5) | (columns > width - 0.5) | (rows < -0.5) | (rows > height - 0.5)
        return np.asarray(beyond, np.bool_)

    def match(self, older_HW: NDArray[np.uint8], newer_HW: NDArray[np.uint8]) -> Match:
        """Align two gray thumbnails, which may be far apart in time, and compare them whatever their exposure."""
        expected = moved(older_HW, *self.maps(older_HW, newer_HW))
        return compare(expected, newer_HW, older_HW, most_gain=MOST_GAIN)


def moved(frame: NDArray[np.uint8], columns: Any, rows: Any) -> NDArray[np.uint8]:
    """`frame` sampled at the given places, its rim continued outwards."""
    sampled = cv2.remap(frame, columns, rows, cv2.INTER_LINEAR, borderMode=cv2.BORDER_REPLICATE)
    return np.asarray(sampled, np.uint8)


def compare(
    expected_HW: NDArray[np.uint8], newer_HW: NDArray[np.uint8], older_HW: NDArray[np.uint8], *, most_gain: float = 1.0
) -> Match:
    """Structural agreement `(2 cov + e) / (var + var + e)` over 9x9 boxes (the contrast-structure part of SSIM).

    Args:
        expected_HW, newer_HW: the older frame moved onto the newer one, and that one.
        older_HW: the older frame itself, which tells where bars are (moving smears their edges).
        most_gain: above 1, the expected frame's contrast is brought to that of the newer, by that factor at most.
    """
    rows, columns = _active(older_HW, newer_HW)
    first, second = expected_HW[rows, columns].astype(np.float32), newer_HW[rows, columns].astype(np.float32)
    mean_first, mean_second = cv2.blur(first, _BOX), cv2.blur(second, _BOX)
    variance_first = cv2.blur(first * first, _BOX) - mean_first * mean_first
    variance_second = cv2.blur(second * second, _BOX) - mean_second * mean_second
    covariance = cv2.blur(first * second, _BOX) - mean_first * mean_second
    if most_gain > 1:
        gain = float(np.sqrt((variance_second.mean() + 1) / (variance_first.mean() + 1)))
        gain = min(max(gain, 1 / most_gain), most_gain)
        variance_first *= gain * gain
        covariance *= gain
    noise = _NOISE_VARIANCE + 0.02 * float(variance_first.mean() + variance_second.mean())
    agreement = (2 * covariance + noise) / (variance_first + variance_second + noise)
    weight = np.sqrt(np.maximum(np.maximum(variance_first, variance_second), 0)) + _LEAST_WEIGHT
    similarity = float((agreement * weight).sum() / weight.sum())
    return Match(similarity=similarity, changed_share=float((agreement < 0.5).mean()))


def _active(first_HW: NDArray[np.uint8], second_HW: NDArray[np.uint8]) -> tuple[slice, slice]:
    """Rows and columns inside the bars: a bar's edge stays through every cut and would pass for structure."""
    spans = []
    for axis in (1, 0):
        lively = np.maximum(np.ptp(first_HW, axis=axis), np.ptp(second_HW, axis=axis)) > _BAR_RANGE
        places = np.flatnonzero(lively)
        is_frame = len(places) and places[-1] - places[0] >= len(lively) / 2
        spans.append(slice(int(places[0]), int(places[-1]) + 1) if is_frame else slice(None))
    return spans[0], spans[1]
