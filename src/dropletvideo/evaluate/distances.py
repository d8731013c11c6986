"""Distances between two sets of feature rows, and the score of one set of class logits.

Sources: Frechet distance, Heusel et al. (2017) and Unterthiner et al. (2018); kernel distance, Binkowski et al. (2018);
inception score, Salimans et al. (2016). All take N,D float arrays; None stands for sets that do not define the value.

The Frechet distance is computed without a square root of a D x D matrix: Tr (S1 S2)^1/2 is the sum of the singular
values of A B^T, where A and B are the centred rows over sqrt(N - 1). Exact, and quick for fewer rows than D.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

Rows = NDArray[np.floating]
SPLITS = 10


def frechet_distance(first: Rows, second: Rows, *, unbiased: bool = True) -> float | None:
    """|m1 - m2|^2 + Tr(S1 + S2 - 2 (S1 S2)^1/2); range 0 upwards, 0 for equal sets, lower is nearer.

    Args:
        first: N,D with N of 2 or more.
        second: M,D with M of 2 or more.
        unbiased: covariance over N - 1; False takes N.
    """
    if min(len(first), len(second)) < 2:
        return None
    one, other = first.astype(np.float64), second.astype(np.float64)
    shift = one.mean(0) - other.mean(0)
    one, other = _centred(one, unbiased), _centred(other, unbiased)
    shared = _sum_of_roots(one, other)
    distance = float(shift @ shift) + float((one**2).sum() + (other**2).sum()) - 2 * shared
    return max(distance, 0.0)


def _centred(rows: NDArray[np.float64], unbiased: bool) -> NDArray[np.float64]:
    """Rows whose Gram matrix over D is the covariance."""
    centred: NDArray[np.float64] = (rows - rows.mean(0)) / np.sqrt(len(rows) - int(unbiased))
    return centred


def _sum_of_roots(one: NDArray[np.float64], other: NDArray[np.float64]) -> float:
    """Sum of the singular values of A B^T; rows beyond D are folded into D by a triangular factor."""
    width = one.shape[1]
    one, other = (np.asarray(np.linalg.qr(rows, mode="r")) if len(rows) > width else rows for rows in (one, other))
    return float(np.linalg.svd(one @ other.T, compute_uv=False).sum())


def kernel_distance(first: Rows, second: Rows) -> float | None:
    """Unbiased MMD^2 with the kernel (x.y / D + 1)^3; about 0 for sets of one kind (also below 0), lower is nearer.

    Args:
        first: N,D with N of 2 or more.
        second: M,D with M of 2 or more.
    """
    if min(len(first), len(second)) < 2:
        return None
    one, other = first.astype(np.float64), second.astype(np.float64)
    return _within(one) + _within(other) - 2 * float(_kernel(one, other).mean())


def _kernel(one: NDArray[np.float64], other: NDArray[np.float64]) -> NDArray[np.float64]:
    values: NDArray[np.float64] = (one @ other.T / one.shape[1] + 1) ** 3
    return values


def _within(rows: NDArray[np.float64]) -> float:
    """Mean of the kernel over all pairs of different rows."""
    values, count = _kernel(rows, rows), len(rows)
    return float((values.sum() - np.trace(values)) / (count * (count - 1)))


def inception_score(logits: Rows, splits: int = SPLITS) -> float | None:
    """exp of the mean KL(p(y|x) | p(y)): mean over `splits` parts of the rows in their order.

    Args:
        logits: N,K with N of 2 or more; with fewer than two rows a part, fewer parts are made.
        splits: parts.

    Returns:
        1 (all alike) to K (sure of each, all different), higher is better.
    """
    if len(logits) < 2:
        return None
    shifted = logits.astype(np.float64) - logits.max(1, keepdims=True)
    odds = np.exp(shifted)
    shares = odds / odds.sum(1, keepdims=True)
    logs = shifted - np.log(odds.sum(1, keepdims=True))
    scores = []
    for part, part_logs in zip(
        np.array_split(shares, min(splits, len(shares) // 2)),
        np.array_split(logs, min(splits, len(shares) // 2)),
        strict=True,
    ):
        marginal = np.log(np.maximum(part.mean(0), np.finfo(np.float64).tiny))
        scores.append(float(np.exp((part * (part_logs - marginal)).sum(1).mean())))
    return float(np.mean(scores))
