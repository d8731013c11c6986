"""PSNR and SSIM of every frame against the frame of a reference video that answers the same request.

Columns: `reference_psnr` in dB, range 0 to 100, higher is nearer: the mean over frames of each frame's PSNR (not the
PSNR of the mean error; identical frames are capped at 100); `reference_ssim`, range -1 to 1, higher is nearer: mean
over frames, 3 channels. `reference_frames`: how many frames were compared. None without a reference or a common frame.

The row hands over `reference_frames`, an iterable of H,W,3 uint8 frames at the scored video's size, one for each of its
frames from the first on. Formulas and sources as in `perception/fidelity.py`. A video that moves otherwise than the
reference loses even where it is as good: these are measures of sameness.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any

import numpy as np
from numpy.typing import NDArray

from dropletvideo.perception.fidelity import psnr, ssim
from dropletvideo.perception.judge import Chunk, Features, Frames

SSIM_FRAMES = 8
"""SSIM costs more than all else here: it is taken of every k-th frame, so that 8 to 15 of a video have one."""


@dataclass
class _State:
    reference: Iterator[NDArray[np.uint8]] | None
    step: int = 1
    psnrs: list[float] = field(default_factory=list)
    ssims: list[float] = field(default_factory=list)


class ReferenceFidelity:
    """See the module text."""

    name = "reference_fidelity"
    version = 1
    reads = ("reference_video", "motion")
    needs: Frames | Features = Frames(rate=None, short_side=None)
    columns: Mapping[str, type] = {"reference_psnr": float, "reference_ssim": float, "reference_frames": int}

    def start(self, row: Mapping[str, Any]) -> _State:
        """Open the reference."""
        given = row.get("reference_frames")
        step = max(1, int(row.get("num_frames") or SSIM_FRAMES) // SSIM_FRAMES)
        return _State(reference=None if given is None else iter(given), step=step)

    def update(self, state: _State, chunk: Chunk) -> None:
        """Compare as long as the reference lasts."""
        for frame in chunk.frames:
            other = None if state.reference is None else next(state.reference, None)
            if other is None:
                state.reference = None
                return
            if len(state.psnrs) % state.step == 0 and (value := ssim(frame, other)) is not None:
                state.ssims.append(value)
            state.psnrs.append(psnr(frame, other))

    def finish(self, state: _State) -> dict[str, Any]:
        """Means over the compared frames."""
        return {
            "reference_psnr": float(np.mean(state.psnrs)) if state.psnrs else None,
            "reference_ssim": float(np.mean(state.ssims)) if state.ssims else None,
            "reference_frames": len(state.psnrs),
        }
