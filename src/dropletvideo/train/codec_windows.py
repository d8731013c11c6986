"""Uncompressed training windows on disk, in parts: rendered once, read by many steps, resumable."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from dropletvideo import runtime
from dropletvideo.data.clips import ClipList
from dropletvideo.data.sampling import Skipped
from dropletvideo.data.windows import WindowConfig, read_windows
from dropletvideo.errors import ConfigError
from dropletvideo.files import write_file

CLIPS_PER_PART = 64


@dataclass(frozen=True, eq=False)
class PixelWindows:
    """`frames` N,F,H,W,3 uint8 and the M of each window."""

    frames: NDArray[np.uint8]
    motion: NDArray[np.float64]

    def pixels(self, rows: NDArray[np.int64]) -> Tensor:
        """Windows as pixels B,3,F,H,W in [-1, 1]."""
        return as_pixels(self.frames[rows])


def as_pixels(frames_BFHWC: NDArray[np.uint8]) -> Tensor:
    """B,F,H,W,3 uint8 to B,3,F,H,W in [-1, 1]."""
    return torch.from_numpy(np.ascontiguousarray(frames_BFHWC)).permute(0, 4, 1, 2, 3).float() / 127.5 - 1


def pixel_windows(clips: ClipList, config: WindowConfig, folder: Path, *, title: str) -> PixelWindows:
    """Windows of all clips, from `folder` where they lie there already.

    Raises:
        ConfigError: no clip gives a window.
    """
    place = folder / clips.digest()
    place.mkdir(parents=True, exist_ok=True)
    parts = [
        place / f"{config.seed}-{start:06d}-{min(start + CLIPS_PER_PART, len(clips)):06d}.npz"
        for start in range(0, len(clips), CLIPS_PER_PART)
    ]
    with runtime.progress(title, total=len(clips)) as bar:
        for number, path in enumerate(parts):
            first = number * CLIPS_PER_PART
            last = min(first + CLIPS_PER_PART, len(clips))
            if not path.is_file():
                _write_part(clips, range(first, last), config, path)
            bar.advance(last - first)
    loaded = [np.load(path) for path in parts]
    frames = np.concatenate([part["frames"] for part in loaded])
    if not len(frames):
        raise ConfigError(f"none of {len(clips)} clips gives a window of {config.num_frames} frames: lower it")
    return PixelWindows(frames, np.concatenate([part["motion"] for part in loaded]))


def _write_part(clips: ClipList, numbers: range, config: WindowConfig, path: Path) -> None:
    windows = []
    for number in numbers:
        found = read_windows(clips[number], config)
        windows += [] if isinstance(found, Skipped) else found
    shape = (0, config.num_frames, config.height, config.width, 3)
    frames = np.stack([window.frames for window in windows]) if windows else np.zeros(shape, np.uint8)
    motion = np.array([window.motion for window in windows])
    write_file(path, lambda file: np.savez(file, frames=frames, motion=motion))
