"""Frames of labelled clips, read once and kept in one file, with the class of each span that a window may take."""

from __future__ import annotations

import json
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import partial
from hashlib import blake2b
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from dropletvideo.engine import map_rows
from dropletvideo.errors import DropletError, MediaError
from dropletvideo.files import write_json
from dropletvideo.train.classifier_clips import CLASSES, Clips, Frames

SPANS = ((0.0, 1.0), (0.0, 2 / 3), (1 / 3, 1.0))
"""Parts of a clip's kept frames that a training window may be spread over."""
_SAVE_EVERY = 32
Advance = Callable[[str], None]
Kept = np.memmap[Any, np.dtype[np.uint8]]


@dataclass(frozen=True)
class Read:
    """What is kept of a clip: its frames, their numbers' ends, and six shares for every span."""

    frames: Frames
    shares: NDArray[np.float32]


def spread(count: int, source_fps: float, frames: int, rate: float | None) -> list[int]:
    """`frames` numbers over a clip: over all of it, or at `rate` per second around its middle where it is longer."""
    first, last = 0.0, count - 1.0
    length = (frames - 1) * source_fps / rate if rate else last
    if length < last:
        first = (last - length) / 2
        last = first + length
    return [int(number) for number in np.linspace(first, last, frames).round()]


def read_clip(clips: Clips, frames: int, side: int, rate: float | None, number: int) -> Read:
    """Read one clip; a span's class is that of the clip's frames under it."""
    clip = clips[number]
    if clip.count < 2:
        raise MediaError(clips.name(number), "has one frame: nothing tells what its camera does")
    is_edited = float(clip.shares(0, clip.count - 1)[CLASSES.index("C6")]) > 0
    numbers = spread(clip.count, clip.source_fps, frames, None if is_edited else rate)
    shares = [clip.shares(numbers[_at(low, frames)], numbers[_at(high, frames)]) for low, high in SPANS]
    if rate and not is_edited:  # a part of a clip that people labelled as a whole: what lasts, lasts there too
        shares[0] = clip.shares(0, clip.count - 1) if not shares[0].any() else shares[0]
    return Read(clip.read(numbers, side), np.stack(shares))


def _at(part: float, frames: int) -> int:
    return round(part * (frames - 1))


class Bank:
    """Frames C,F,S,S,3 and shares C,3,6 of a list of clips, in a file that is filled on first use.

    Args:
        folder: where the file lies; its name follows from the clips and sizes.
        clips: the list.
        frames, side, rate: see `spread`; `side` is the length of the square.
    """

    def __init__(self, folder: Path, clips: Clips, *, frames: int, side: int, rate: float | None) -> None:
        self.clips, self.shape = clips, (len(clips), frames, side, side, 3)
        name = blake2b(f"{clips.digest()} {frames} {side} {rate} {SPANS}".encode(), digest_size=8).hexdigest()
        self._read = partial(read_clip, clips, frames, side, rate)
        self._frames_path, self._facts_path = folder / f"{name}.frames", folder / f"{name}.json"
        folder.mkdir(parents=True, exist_ok=True)
        self.name = name
        self.failures: dict[str, str] = {}
        self._done: dict[int, list[list[float]] | None] = {}

    @property
    def missing_bytes(self) -> int:
        """What the file takes, nought where it lies there already."""
        return 0 if self._frames_path.is_file() else int(np.prod(self.shape, dtype=np.int64))

    def fill(self, *, workers: int = 1, advance: Advance | None = None) -> None:
        """Read every clip that is not there yet. A clip that cannot be read is passed over and named in `failures`."""
        self.there = np.zeros(0, np.int64)
        self.shares = np.zeros((self.shape[0], len(SPANS), len(CLASSES)), np.float32)
        if not self.shape[0]:
            return
        self._load()
        is_there = self._frames_path.is_file()
        kept: Kept = np.memmap(self._frames_path, np.uint8, "r+" if is_there else "w+", shape=self.shape)
        missing = [number for number in range(self.shape[0]) if number not in self._done]
        for read, (number, result) in enumerate(map_rows(self._read, missing, workers=workers, label=self.clips.name)):
            if isinstance(result, Exception):
                if not isinstance(result, DropletError):
                    raise result
                self.failures[self.clips.name(number)] = str(result)
                self._done[number] = None
            else:
                kept[number] = result.frames
                self._done[number] = result.shares.tolist()
            if advance is not None:
                advance(self.clips.name(number))
            if read % _SAVE_EVERY == _SAVE_EVERY - 1:
                self._save(kept)
        self._save(kept)
        self._frames: Kept = np.memmap(self._frames_path, np.uint8, "r", shape=self.shape)
        there = {number: shares for number, shares in sorted(self._done.items()) if shares is not None}
        self.there = np.array(list(there), np.int64)
        for number, shares in there.items():
            self.shares[number] = shares

    def frames(self, number: int, places: Sequence[int]) -> Frames:
        """Kept frames of a clip, by their places among the kept ones."""
        return np.asarray(self._frames[number][list(places)])

    def _load(self) -> None:
        if self._facts_path.is_file() and self._frames_path.is_file():
            facts: dict[str, Any] = json.loads(self._facts_path.read_text(encoding="utf-8"))
            self._done = {int(number): shares for number, shares in facts["done"].items()}
            self.failures = dict(facts["failures"])

    def _save(self, kept: Kept) -> None:
        """Frames before the note that they are there."""
        kept.flush()
        write_json(self._facts_path, {"done": self._done, "failures": self.failures})
