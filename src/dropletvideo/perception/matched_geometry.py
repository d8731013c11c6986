"""Judge: MiraBench's 3-D consistency, how well matched points of two frames fit one epipolar geometry; no weights.

For d of 60, 50, ... 10 frames and N in all, k = int((N - d) / 5): pairs (i, i + d) for i = 0, k, 2k, ... while
i + d < N, none where k is 0. Both frames at 1280 x 720 whatever their shape, SIFT (40,000 at most), ratio test 0.85,
fundamental matrix by RANSAC at 3 px. Over its inliers e = |x2' F x1| / sqrt((F x1)_1^2 + (F x1)_2^2), px of 1280 x 720.

Columns, means over all pairs that gave a matrix: `geometry_mae_px` mean of e, `geometry_rmse_px` root of the mean of
e^2, `geometry_matches` matches, `geometry_inliers`, `geometry_keep_ratio` inliers over matches; `geometry_pairs` their
number, `geometry_pairs_asked` how many were tried. Unit px and counts, range 0 upwards, lower is better for the errors,
higher for the ratio; None where no pair gave a matrix. Source: MiraBench (arXiv 2407.06358), its code, after "Sora
generates videos with stunning geometrical consistency" (arXiv 2402.17403).
Faults, kept: the error is over inliers alone, so never above 3; a still, turning or flat scene has no one matrix and
yet a good error. In the released code a pair without a matrix (fewer than 8 matches) ends the whole video, which then
has no value: `evaluate/metrics/mira_geometry.py` repeats that in compat. `perception/rigid_scene.py` is held against
truth.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from functools import lru_cache
from typing import Any

import cv2
import numpy as np
from numpy.typing import NDArray

from dropletvideo.perception.flow import gray
from dropletvideo.perception.judge import Chunk, Picked

SIZE = (1280, 720)
DISTANCES = (60, 50, 40, 30, 20, 10)
MOST_POINTS, RATIO, RANSAC_PX, LEAST_MATCHES = 40_000, 0.85, 3.0, 8
Points = NDArray[np.float64]


@dataclass(frozen=True)
class PairFit:
    """Of one pair: errors over the inliers, px, and counts."""

    mae: float
    rmse: float
    matches: int
    inliers: int


@dataclass
class _State:
    pairs: list[tuple[int, int]]
    first: int
    found: dict[int, tuple[Points, NDArray[np.float32]]] = field(default_factory=dict)


def pairs_of(num_frames: int) -> list[tuple[int, int]]:
    """Frame numbers of all pairs."""
    found = []
    for distance in DISTANCES:
        step = int((num_frames - distance) / 5)
        if step > 0:
            found += [(at, at + distance) for at in range(0, num_frames - distance, step)]
    return found


def one_sided_errors(matrix: Points, first: Points, second: Points) -> Points:
    """N distances, px, of the second points N,2 from the lines that a 3,3 matrix draws for the first."""
    ones = np.ones((len(first), 1))
    lines = np.hstack([first, ones]) @ matrix.T
    residual = np.abs((np.hstack([second, ones]) * lines).sum(axis=1))
    return np.asarray(residual / np.maximum(np.hypot(lines[:, 0], lines[:, 1]), 1e-12))


def fit_pair(first: Points, second: Points) -> PairFit | None:
    """A fundamental matrix through matched points N,2 and its errors; None where there is none."""
    if len(first) < LEAST_MATCHES:
        return None
    cv2.setRNGSeed(0)
    matrix, mask = cv2.findFundamentalMat(first, second, cv2.FM_RANSAC, RANSAC_PX)
    if matrix is None or np.shape(matrix) != (3, 3) or not np.any(mask):
        return None
    kept = np.asarray(mask).ravel().astype(bool)
    errors = one_sided_errors(np.asarray(matrix, np.float64), first[kept], second[kept])
    return PairFit(float(errors.mean()), float(np.sqrt((errors**2).mean())), len(first), int(kept.sum()))


class MatchedGeometry:
    """See the module text."""

    name = "matched_geometry"
    version = 2
    needs = Picked()
    columns: Mapping[str, type] = {
        "geometry_mae_px": float,
        "geometry_rmse_px": float,
        "geometry_matches": float,
        "geometry_inliers": float,
        "geometry_keep_ratio": float,
        "geometry_pairs": int,
        "geometry_pairs_asked": int,
    }

    def pick(self, row: Mapping[str, Any]) -> Sequence[int]:
        """Frames of all pairs."""
        start, pairs = self._pairs(row)
        return sorted({start + number for pair in pairs for number in pair})

    def _pairs(self, row: Mapping[str, Any]) -> tuple[int, list[tuple[int, int]]]:
        start = int(row.get("start_frame") or 0)
        return start, pairs_of(int(row.get("end_frame") or 0) - start)

    def start(self, row: Mapping[str, Any]) -> _State:
        """Which frames are compared."""
        start, pairs = self._pairs(row)
        return _State(pairs, start)

    def update(self, state: _State, chunk: Chunk) -> None:
        """Points of each picked frame."""
        wanted = {number for pair in state.pairs for number in pair}
        for frame, index in zip(chunk.frames, chunk.indices, strict=True):
            if (number := int(index) - state.first) in wanted:
                state.found[number] = points_of(frame)

    def finish(self, state: _State) -> dict[str, Any]:
        """Means over the pairs."""
        fits = []
        for one, other in state.pairs:
            if one in state.found and other in state.found:
                fit = fit_pair(*matched(state.found[one], state.found[other]))
                fits += [fit] if fit is not None else []
        columns: dict[str, Any] = dict.fromkeys(self.columns)
        columns |= {"geometry_pairs": len(fits), "geometry_pairs_asked": len(state.pairs)}
        if fits:
            columns |= {
                "geometry_mae_px": float(np.mean([fit.mae for fit in fits])),
                "geometry_rmse_px": float(np.mean([fit.rmse for fit in fits])),
                "geometry_matches": float(np.mean([fit.matches for fit in fits])),
                "geometry_inliers": float(np.mean([fit.inliers for fit in fits])),
                "geometry_keep_ratio": float(np.mean([fit.inliers / fit.matches for fit in fits])),
            }
        return columns


def points_of(frame: NDArray[np.uint8]) -> tuple[Points, NDArray[np.float32]]:
    """N,2 places at 1280 x 720 and N,128 descriptors."""
    small = gray(np.asarray(cv2.resize(frame, SIZE), np.uint8))
    points, descriptors = _sift().detectAndCompute(small, None)
    if descriptors is None:
        return np.zeros((0, 2)), np.zeros((0, 128), np.float32)
    return np.array([point.pt for point in points], np.float64), np.asarray(descriptors, np.float32)


def matched(
    one: tuple[Points, NDArray[np.float32]], other: tuple[Points, NDArray[np.float32]]
) -> tuple[Points, Points]:
    """Places of what the ratio test keeps."""
    if len(one[0]) < 2 or len(other[0]) < 2:
        return np.zeros((0, 2)), np.zeros((0, 2))
    cv2.setRNGSeed(0)
    index = cv2.FlannBasedMatcher()  # OpenCV's own settings, as the released code: four trees, 32 checks
    good = [
        pair[0]
        for pair in index.knnMatch(one[1], other[1], k=2)
        if len(pair) == 2 and pair[0].distance < RATIO * pair[1].distance
    ]
    return one[0][[match.queryIdx for match in good]], other[0][[match.trainIdx for match in good]]


@lru_cache(maxsize=1)
def _sift() -> Any:
    create: Any = getattr(cv2, "SIFT_create")  # noqa: B009 - missing in OpenCV's type stubs
    return create(MOST_POINTS)
