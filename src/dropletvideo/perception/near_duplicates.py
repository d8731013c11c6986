"""Groups of near-equal hashes among very many, in time that grows with their number and not with its square.

Hashes of 256 bits fall into a bucket per 16-bit band; two that differ in few bits share at least one band unless every
band has a flipped bit. Within a bucket, sorted by the following bands, each entry is compared with its next
neighbours; distances are counted on all bits, so a bucket only proposes and never decides.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray
from scipy.sparse import coo_array
from scipy.sparse.csgraph import connected_components

WORDS = 4
BANDS = 16
NEIGHBOURS = 64
"""Entries of one bucket that each is compared with; a fuller bucket is of flat or looping pictures."""

Hashes = NDArray[np.uint64]


def parse_hashes(texts: Sequence[str]) -> Hashes:
    """64-digit texts to N,4 words.

    Raises:
        ValueError: a text that is no hash of 256 bits.
    """
    digits = "".join(texts)
    if any(len(text) != WORDS * 16 for text in texts):
        raise ValueError(f"a hash has {WORDS * 16} hexadecimal digits")
    return np.frombuffer(bytes.fromhex(digits), dtype=">u8").astype(np.uint64).reshape(-1, WORDS)


def distances(first: Hashes, second: Hashes) -> NDArray[np.int64]:
    """Number of differing bits of N,4 words, row by row."""
    return np.asarray(np.bitwise_count(first ^ second).sum(axis=-1, dtype=np.int64))


def near_pairs(hashes: Hashes, radius: int) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """Pairs of rows that differ in at most `radius` bits and share a band; a pair may come more than once."""
    bands = hashes.view(np.uint16).reshape(len(hashes), BANDS)
    firsts, seconds = [np.zeros(0, np.int64)], [np.zeros(0, np.int64)]
    for band in range(BANDS):
        key = bands[:, band].astype(np.uint64)
        following = [bands[:, (band + k) % BANDS].astype(np.uint64) for k in (1, 2, 3)]
        order = np.argsort(key << 48 | following[0] << 32 | following[1] << 16 | following[2], kind="stable")
        sorted_key, sorted_hashes = bands[order, band], hashes[order]
        for step in range(1, min(NEIGHBOURS, len(order) - 1) + 1):
            same = np.flatnonzero(sorted_key[step:] == sorted_key[:-step])
            if not len(same):
                break
            close = same[distances(sorted_hashes[same], sorted_hashes[same + step]) <= radius]
            firsts.append(order[close])
            seconds.append(order[close + step])
    return np.concatenate(firsts), np.concatenate(seconds)


def group(hashes: Hashes, radius: int) -> NDArray[np.int64]:
    """Group number of each row: rows joined by a chain of near pairs are one group."""
    if not len(hashes):
        return np.zeros(0, np.int64)
    first, second = near_pairs(hashes, radius)
    graph = coo_array((np.ones(len(first), np.int8), (first, second)), shape=(len(hashes), len(hashes)))
    return np.asarray(connected_components(graph, directed=False)[1], np.int64)
