"""Judge: a perceptual hash of a clip, four 64-bit hashes of frames spread over it, at 2 frames per second.

Per frame: luma at 32x32, two-dimensional cosine transform, the 8x8 lowest coefficients against their median (the
constant one apart). Re-encoding, resizing and mild colour changes flip up to 12 of the 256 bits; unrelated clips differ
in 100 or more. A copy that was trimmed shows other moments and may differ in 50. `phash`: 64 hexadecimal digits, no
direction, or None for a clip without a frame or with nothing but flat ones, whose bits would be noise.
`phash_flat_share`: share of the four frames that are flat, 0 to 1. Source: the cosine-transform hash of Zauner,
"Implementation and benchmarking of perceptual image hash functions" (2010).
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import cv2
import numpy as np
from numpy.typing import NDArray

from dropletvideo.perception.flow import gray
from dropletvideo.perception.judge import Chunk, Features, Frames

SIDE = 32
KEPT = 8
FRAMES = 4
FLAT_LEVELS = 3.0
"""Deviation of luma, in grey levels, under which a frame says nothing."""


class PerceptualHashJudge:
    """See the module text."""

    name = "phash"
    version = 1
    needs: Frames | Features = Frames(rate=2.0, short_side=256)
    columns: Mapping[str, type] = {"phash": str, "phash_flat_share": float}

    def start(self, row: Mapping[str, Any]) -> list[tuple[int, float]]:  # noqa: ARG002 - the row asks nothing of it
        """Hash and deviation of every sampled frame."""
        return []

    def update(self, state: list[tuple[int, float]], chunk: Chunk) -> None:
        """Hash every frame of the chunk."""
        state += [frame_hash(gray(frame)) for frame in chunk.frames]

    def finish(self, state: list[tuple[int, float]]) -> dict[str, Any]:
        """The hashes of four frames spread over the clip."""
        if not state:
            return {"phash": None, "phash_flat_share": None}
        places = (np.arange(FRAMES) + 0.5) / FRAMES * len(state)
        chosen = [state[int(place)] for place in places]
        flat = float(np.mean([spread < FLAT_LEVELS for _, spread in chosen]))
        text = "".join(f"{bits:016x}" for bits, _ in chosen)
        return {"phash": None if flat == 1 else text, "phash_flat_share": flat}


def frame_hash(luma: NDArray[np.uint8]) -> tuple[int, float]:
    """64 bits of a luma frame H,W, and the deviation of its luma in grey levels."""
    small = cv2.resize(luma, (SIDE, SIDE), interpolation=cv2.INTER_AREA).astype(np.float32)
    low = cv2.dct(small)[:KEPT, :KEPT].ravel()
    bits = low > np.median(low[1:])
    bits[0] = False  # the constant term says how bright, not what
    return int.from_bytes(np.packbits(bits).tobytes(), "big"), float(small.std())
