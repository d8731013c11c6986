"""Groups of near-equal embeddings among many: clusters by k-means, then cosines within each cluster.

Comparing all with all grows with the square; k-means cuts the rows into clusters of a few hundred, and each row is put
into its two nearest clusters, so that two near rows on both sides of a border still meet. Source: the semantic
deduplication of Abbas et al., "SemDeDup" (2023), with two clusters per row.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray
from scipy.sparse import coo_array
from scipy.sparse.csgraph import connected_components

from dropletvideo.perception.clip_backbone import Embeddings

ROWS_PER_CLUSTER = 256
ROUNDS = 8
_SAMPLE = 65_536
_BLOCK = 8_192
_SEED = 20


def group(embeddings: Embeddings, least_cosine: float) -> NDArray[np.int64]:
    """Group number of each row of N,C: rows joined by a chain of pairs with at least this cosine are one group."""
    count = len(embeddings)
    if not count:
        return np.zeros(0, np.int64)
    unit = embeddings / np.maximum(np.linalg.norm(embeddings, axis=1, keepdims=True), 1e-12)
    firsts, seconds = [np.zeros(0, np.int64)], [np.zeros(0, np.int64)]
    for members in clusters(unit):
        close = np.argwhere(np.triu(unit[members] @ unit[members].T >= least_cosine, k=1))
        firsts.append(members[close[:, 0]])
        seconds.append(members[close[:, 1]])
    first, second = np.concatenate(firsts), np.concatenate(seconds)
    graph = coo_array((np.ones(len(first), np.int8), (first, second)), shape=(count, count))
    return np.asarray(connected_components(graph, directed=False)[1], np.int64)


def clusters(unit: Embeddings) -> list[NDArray[np.int64]]:
    """Rows of length 1 by cluster; each row in its two nearest ones."""
    number = max(1, round(len(unit) / ROWS_PER_CLUSTER))
    if number == 1:
        return [np.arange(len(unit))]
    random = np.random.default_rng(_SEED)
    sample = unit[random.permutation(len(unit))[:_SAMPLE]]
    centres = sample[:number].copy()
    for _ in range(ROUNDS):
        nearest = _nearest(sample, centres, 1)[:, 0]
        sums = np.zeros_like(centres)
        np.add.at(sums, nearest, sample)
        lengths = np.linalg.norm(sums, axis=1, keepdims=True)
        centres = np.where(lengths > 0, sums / np.maximum(lengths, 1e-12), centres)
    places = _nearest(unit, centres, 2)
    rows = np.repeat(np.arange(len(unit)), 2)
    order = np.argsort(places.ravel(), kind="stable")
    edges = np.searchsorted(places.ravel()[order], np.arange(number + 1))
    return [rows[order[edges[k] : edges[k + 1]]] for k in range(number)]


def _nearest(rows: Embeddings, centres: Embeddings, many: int) -> NDArray[np.int64]:
    """Numbers of the nearest centres of each row, N,many; in blocks, so that memory stays small."""
    found = [
        np.argpartition(-(rows[start : start + _BLOCK] @ centres.T), many - 1, axis=1)[:, :many]
        for start in range(0, len(rows), _BLOCK)
    ]
    return np.concatenate(found)
