"""Judge: technical quality (noise, blur, blocks, exposure) by DOVER's technical branch; needs the weights `dover`.

`dover_technical_raw`: the head's mean over three windows; no unit, range about -0.4 to 0.4, direction: higher is
better. `dover_technical`: 1 / (1 + exp(-(raw - 0.1107) / 0.07355)), the published rescaling; range 0 to 1. A clip
without a frame has None for both. Source: Wu et al., "Exploring video quality assessment on user generated contents
from aesthetic and technical perspectives" (ICCV 2023); network in `dover_network.py`.

Three windows of 32 frames, every second frame, one in each third of the clip; frame numbers beyond the clip's end begin
again at its start. Of each frame 7 x 7 cells give a piece of 32 x 32 px, at one place per cell for the whole window.
The published code draws window starts and places at random at test time too; here they are drawn from a digest of
video and span, so that a clip has one score. A frame whose short side is under 224 px is
enlarged to that; the published code then goes on with the cells of the small frame (`old_cells`), which sees only its
upper left part: kept as the default for equal scores, off for the whole picture.
"""

from __future__ import annotations

import hashlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from functools import lru_cache
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from dropletvideo.perception.judge import Chunk, Picked
from dropletvideo.weights import weights_path

if TYPE_CHECKING:
    import torch

CELLS, CELL, SIDE = 7, 32, 224
WINDOWS, LENGTH, STRIDE = 3, 32, 2
RAW_MEAN, RAW_SPREAD = 0.1107, 0.07355
_MEAN = np.array((123.675, 116.28, 103.53), np.float32)
_SPREAD = np.array((58.395, 57.12, 57.375), np.float32)


@dataclass
class _State:
    windows: list[list[int]]
    seed: int
    pieces: dict[tuple[int, int], NDArray[np.uint8]] = field(default_factory=dict)


class DoverJudge:
    """See the module text.

    Args:
        path: the published file; looked for among the weights by default.
        old_cells: keep the published way with frames under 224 px.
    """

    name = "dover_technical"
    version = 1
    weights = ("dover",)
    needs = Picked()
    columns: Mapping[str, type] = {"dover_technical": float, "dover_technical_raw": float}

    def __init__(self, path: str | Path | None = None, *, old_cells: bool = True) -> None:
        self.path, self.old_cells = path, old_cells

    def pick(self, row: Mapping[str, Any]) -> Sequence[int]:
        """Frames of all windows."""
        return sorted({number for window in _windows(row) for number in window})

    def start(self, row: Mapping[str, Any]) -> _State:
        """Where the windows lie."""
        return _State(_windows(row), _seed(row))

    def update(self, state: _State, chunk: Chunk) -> None:
        """Cut the fragments out of the frames of a window."""
        for frame, index in zip(chunk.frames, chunk.indices, strict=True):
            for number, window in enumerate(state.windows):
                if int(index) in window:
                    places = np.random.default_rng([state.seed, number, 1])
                    state.pieces[number, int(index)] = fragments(frame, places, old_cells=self.old_cells)

    def finish(self, state: _State) -> dict[str, Any]:
        """Score the windows whose frames came."""
        import torch

        full = [number for number, window in enumerate(state.windows) if _is_whole(state, number, window)]
        if not full:
            return {"dover_technical": None, "dover_technical_raw": None}
        scores = []
        network, device = _network(str(self.path or weights_path("dover")))
        for number in full:  # one by one: the attention of three windows would take gigabytes
            frames = np.stack([state.pieces[number, index] for index in state.windows[number]])
            pixels = torch.from_numpy(normalised(frames)).to(device)
            with torch.inference_mode():
                scores.append(float(network(pixels[None]).mean()))
        raw = float(np.mean(scores))
        return {"dover_technical": rescaled(raw), "dover_technical_raw": raw}


def rescaled(raw: float) -> float:
    """The published display of the technical score, 0 to 1."""
    return float(1 / (1 + np.exp(-(raw - RAW_MEAN) / RAW_SPREAD)))


def normalised(frames: NDArray[np.uint8]) -> NDArray[np.float32]:
    """F,H,W,3 to 3,F,H,W float32 with ImageNet's mean and deviation."""
    scaled = (frames.astype(np.float32) - _MEAN) / _SPREAD
    return np.ascontiguousarray(scaled.transpose(3, 0, 1, 2))


def fragments(frame: NDArray[np.uint8], places: np.random.Generator, *, old_cells: bool = True) -> NDArray[np.uint8]:
    """7 x 7 pieces of 32 x 32 px of an RGB frame, laid edge to edge: 224,224,3.

    Args:
        frame: H,W,3.
        places: draws where in its cell each piece lies; equal generators give equal places.
        old_cells: lay the cells by the size before a small frame was enlarged.
    """
    import cv2

    height, width = frame.shape[:2]
    if min(height, width) < SIDE:
        ratio = SIDE / min(height, width)
        size = (int(width * ratio), int(height * ratio))
        frame = np.asarray(cv2.resize(frame, (max(SIDE, size[0]), max(SIDE, size[1]))), np.uint8)
        if not old_cells:
            height, width = frame.shape[:2]
    offsets = _offsets(height, places), _offsets(width, places)
    out = np.empty((SIDE, SIDE, 3), np.uint8)
    for row in range(CELLS):
        for column in range(CELLS):
            top = max(0, min(height // CELLS * row, height - CELL)) + int(offsets[0][row, column])
            left = max(0, min(width // CELLS * column, width - CELL)) + int(offsets[1][row, column])
            piece = frame[top : top + CELL, left : left + CELL]
            out[row * CELL : (row + 1) * CELL, column * CELL : (column + 1) * CELL] = piece
    return out


def _offsets(length: int, places: np.random.Generator) -> NDArray[np.int64]:
    """Where in its cell each piece lies along one axis; nought where a cell is no longer than a piece."""
    room = max(1, length // CELLS - CELL)
    return places.integers(0, room, (CELLS, CELLS))


def _seed(row: Mapping[str, Any]) -> int:
    name = f"{row.get('video_id', '')} {row['start_frame']} {row['end_frame']}"
    return int.from_bytes(hashlib.blake2b(name.encode(), digest_size=8).digest(), "big")


def _windows(row: Mapping[str, Any]) -> list[list[int]]:
    """Frame numbers of every window of a clip; empty for a clip without a frame."""
    start, count = int(row["start_frame"]), int(row["end_frame"]) - int(row["start_frame"])
    if count <= 0:
        return []
    third, covered = count // WINDOWS, LENGTH * STRIDE
    starts = np.zeros(WINDOWS, np.int64)
    if third > covered:
        starts = np.random.default_rng([_seed(row), 0]).integers(0, third - covered, WINDOWS)
    first = starts + third * np.arange(WINDOWS)
    return [[start + int(at + STRIDE * step) % count for step in range(LENGTH)] for at in first]


def _is_whole(state: _State, number: int, window: Sequence[int]) -> bool:
    return all((number, index) in state.pieces for index in window)


@lru_cache(maxsize=1)
def _network(path: str) -> tuple[torch.nn.Module, str]:
    """The network of a file, once per process, where it runs quickest."""
    from dropletvideo import runtime
    from dropletvideo.perception.dover_network import load_dover

    device = runtime.pick_device("auto")
    return load_dover(path).to(device), device
