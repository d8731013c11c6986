"""How much a video changes at the seams between its chunks, against the inside of chunks."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

USUAL_MOST = 95.0
"""Percentile of the inside that a seam should not pass."""


@dataclass(frozen=True)
class Changes:
    """One kind of change, levels 0..255 a frame: means over seams and over the inside of chunks.

    `ratio` is 1 where seams cannot be told from the rest. `worst` is the greatest change of a seam over the 95th
    percentile of the inside: up to about 1 no seam stands out.
    """

    seams: float
    inside: float
    ratio: float
    worst: float


@dataclass(frozen=True)
class SeamReport:
    """`step`: between neighbours, `|f[k] - f[k-1]|`; a cut or a jump of colour. `jerk`: of the motion,
    `|f[k] - 2 f[k-1] + f[k-2]|`; a stop or a start. Both are means over pixels and channels.
    """

    step: Changes
    jerk: Changes
    num_seams: int


def measure_seams(runs: Iterable[NDArray[np.uint8]], seams: Sequence[tuple[int, int]]) -> SeamReport | None:
    """Changes at the blended frames `seams` (first, end exclusive) and just behind them against all others.

    Args:
        runs: a video as runs F,H,W,3 uint8 (or single frames), in order; two frames are held at a time.
        seams: of `DropletVideoOutput` or `Job`.

    Returns:
        None where there is no seam, or nothing beside seams.
    """
    changes = _changes(runs)
    at_seam = np.zeros(len(changes), bool)
    for first, end in seams:
        at_seam[first : end + 1] = True
    measured = np.isfinite(changes[:, 1])
    if not (at_seam & measured).any() or not (~at_seam & measured).any():
        return None
    step, jerk = (_compared(changes[at_seam & measured, kind], changes[~at_seam & measured, kind]) for kind in range(2))
    return SeamReport(step, jerk, len(seams))


def _changes(runs: Iterable[NDArray[np.uint8]]) -> NDArray[np.float64]:
    """Step and jerk of every frame, F,2; NaN where a frame lacks the ones before it."""
    rows: list[tuple[float, float]] = []
    before: list[NDArray[np.float32]] = []
    for run in runs:
        for frame in run if run.ndim == 4 else run[None]:
            now = frame.astype(np.float32)
            step = float(np.abs(now - before[-1]).mean()) if before else np.nan
            jerk = float(np.abs(now - 2 * before[-1] + before[-2]).mean()) if len(before) > 1 else np.nan
            rows.append((step, jerk))
            before = [*before[-1:], now]
    return np.array(rows, np.float64).reshape(-1, 2)


def _compared(seams: NDArray[np.float64], inside: NDArray[np.float64]) -> Changes:
    at, within, most = float(seams.mean()), float(inside.mean()), float(np.percentile(inside, USUAL_MOST))
    return Changes(
        seams=at,
        inside=within,
        ratio=at / within if within else float("inf") if at else 1.0,
        worst=float(seams.max()) / most if most else float("inf") if at else 1.0,
    )
