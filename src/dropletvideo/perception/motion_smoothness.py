"""Judge: motion smoothness, how near each odd frame is to what AMT-S puts between its neighbours; needs the programs `amt-s`.

`motion_smoothness`: frames 0, 2, 4, ... in pairs, the middle predicted and compared with the true odd frame:
1 - mean |true - predicted| / 255 over pixels, channels and pairs; a last frame without a successor is ignored. No unit,
range 0 to 1, higher is smoother. `motion_smoothness_even`: the same on every n-th frame, n = max(1, round(rate / 8)), so
that more frames a second do not look smoother, and the prediction rounded, where the published code cuts off decimals.
None for fewer than three frames (at that step). Source: VBench (arXiv 2311.17982), its code; Li et al., "AMT" (CVPR
2023). Fault: a frozen picture has 1.

The program takes two frames 1,3,H,W float32 of 0 to 1, H and W padded to multiples of 16 by repeating the edge evenly
on both sides, and gives the middle one; it is traced for its size (`shaped_programs.py`).
"""  # noqa: E501  the first line names the weights

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import cv2
import numpy as np
from numpy.typing import NDArray

from dropletvideo.perception.dynamic_degree import RATE, sampling_interval
from dropletvideo.perception.frame_pixels import as_tensor
from dropletvideo.perception.judge import Chunk, Features, Frames
from dropletvideo.perception.shaped_programs import shaped_program

WEIGHTS = "amt-s"
_STEP = 16
Frame = NDArray[np.uint8]


def smoothness(differences: list[float]) -> float | None:
    """1 - mean / 255 of mean absolute differences in grey levels."""
    return 1.0 - float(np.mean(differences)) / 255.0 if differences else None


def padded(frame: Frame, step: int, least: int = 0) -> tuple[Frame, tuple[slice, slice]]:
    """The frame with its edge repeated up to sides that `step` divides, half on each side; and where it lies in it."""
    more = [max(-length % step, least - length) for length in frame.shape[:2]]
    before = [extra // 2 for extra in more]
    around = [(first, extra - first) for first, extra in zip(before, more, strict=True)]
    inner = [slice(first, first + length) for first, length in zip(before, frame.shape[:2], strict=True)]
    return np.pad(frame, (*around, (0, 0)), mode="edge"), (inner[0], inner[1])


@dataclass
class _Triple:
    """Every `step`-th frame in triples of even, odd, even; `exact` rounds the prediction."""

    step: int
    seen: int = 0
    even: Frame | None = None
    odd: Frame | None = None
    cut: list[float] = field(default_factory=list)
    rounded: list[float] = field(default_factory=list)


class MotionSmoothness:
    """See the module text.

    Args:
        path: the folder of programs; looked for among the weights by default.
    """

    name = "motion_smoothness"
    version = 1
    weights = (WEIGHTS,)
    needs: Frames | Features = Frames(rate=None, short_side=None)
    columns: Mapping[str, type] = {"motion_smoothness": float, "motion_smoothness_even": float}

    def __init__(self, path: str | Path | None = None) -> None:
        self.path = path

    def start(self, row: Mapping[str, Any]) -> list[_Triple]:
        """One row of triples a step; at 8 frames a second and below both columns share it."""
        steps = {1, sampling_interval(float(row.get("source_fps") or RATE))}
        return [_Triple(step) for step in sorted(steps)]

    def update(self, state: list[_Triple], chunk: Chunk) -> None:
        """Predict the middle of each triple that a frame completes."""
        for frame in chunk.frames:
            for triple in state:
                self._take(triple, frame)

    def _take(self, triple: _Triple, frame: Frame) -> None:
        number, rest = divmod(triple.seen, triple.step)
        triple.seen += 1
        if rest:
            return
        if number % 2:
            triple.odd = frame.copy()
            return
        if triple.even is not None and triple.odd is not None:
            middle = self._middle(triple.even, frame)
            for found, prediction in ((triple.cut, middle), (triple.rounded, np.rint(middle))):
                found.append(float(cv2.absdiff(triple.odd, prediction.clip(0, 255).astype(np.uint8)).mean()))
        triple.even = frame.copy()

    def _middle(self, first: Frame, second: Frame) -> NDArray[np.float32]:
        """H,W,3 float of 0 to 255."""
        import torch

        (one, inner), (other, _) = padded(first, _STEP), padded(second, _STEP)
        program, device = shaped_program(WEIGHTS, f"{one.shape[0]}x{one.shape[1]}", self.path)
        pair = [(as_tensor(each[None]) / 255).to(device) for each in (one, other)]
        with torch.inference_mode():
            middle = program(*pair)[0].float().cpu().numpy().transpose(1, 2, 0)
        return np.asarray(middle[inner] * 255, np.float32)

    def finish(self, state: list[_Triple]) -> dict[str, Any]:
        """Both means."""
        found = smoothness(state[0].cut), smoothness(state[-1].rounded)
        return dict(zip(self.columns, (None if v is None else round(v, 6) for v in found), strict=True))
