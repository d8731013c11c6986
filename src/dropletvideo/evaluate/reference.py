"""The reference of a row, brought to the scored video: its frames at the asked M, one for one, at the video's size."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from dropletvideo import media
from dropletvideo.errors import RequestError
from dropletvideo.evaluate.manifest import ManifestRow

Frames = NDArray[np.uint8]


@dataclass(frozen=True)
class Asked:
    """Frame count, size and playback rate of the scored video, which its baselines copy."""

    num_frames: int
    height: int
    width: int
    playback_fps: float


@dataclass(frozen=True)
class ReferenceFrames:
    """Iterates over the reference's frames that answer the request, decoding as it goes; see `reference_rate`."""

    row: ManifestRow
    asked: Asked

    def __iter__(self) -> Iterator[Frames]:
        """Up to `asked.num_frames` frames H,W,3 at the asked size; fewer where the reference ends before.

        Raises:
            RequestError: there is no reference, or its rate is below M.
            MediaError: the reference cannot be read.
        """
        path, rate, source_fps = reference_rate(self.row, self.asked)
        for frame in _at_rate(path, rate, self.asked.num_frames, source_fps):
            yield media.fit_image(frame, self.asked.height, self.asked.width, self.row.fit)


def reference_rate(row: ManifestRow, asked: Asked) -> tuple[Path, float, float]:
    """The reference, the frames per second to take of it, and those that it has.

    A reference with the scored video's frame count and playback rate was taken for this request already and is used
    frame by frame. Of any other, frames are taken at M per second (playback rate without M) from its first.

    Raises:
        RequestError: there is no reference, or its rate is below M.
        MediaError: the reference cannot be read.
    """
    if row.reference_video is None:
        raise RequestError(f"row {row.id!r} names no reference_video")
    info = media.probe(row.reference_video)
    is_answer = info.num_frames == asked.num_frames and abs(info.source_fps / asked.playback_fps - 1) < 0.01
    rate = asked.playback_fps if is_answer else row.motion or asked.playback_fps
    if rate > info.source_fps * 1.01:
        raise RequestError(
            f"{row.reference_video.name} has {info.source_fps:g} frames/s, M={rate:g} would repeat frames"
        )
    return row.reference_video, rate, info.source_fps


def real_frames(row: ManifestRow, asked: Asked) -> Frames:
    """All frames of the reference that answer the request, FHWC.

    Raises:
        RequestError: there is no reference, its rate is below M, or it ends before the last frame wanted.
        MediaError: the reference cannot be read.
    """
    chosen = list(ReferenceFrames(row, asked))
    if len(chosen) < asked.num_frames:
        path, rate, _ = reference_rate(row, asked)
        raise RequestError(
            f"{path.name} gives {len(chosen)} frames at M={rate:g}, {asked.num_frames} are needed: "
            f"it must last {asked.num_frames / rate:.2f} s"
        )
    return np.stack(chosen)


def _at_rate(path: Path, rate: float, count: int, source_fps: float) -> Iterator[Frames]:
    """The frames nearest to `k / rate` seconds after the first, as far as the file goes."""
    start: float | None = None
    taken = 0
    for run in media.stream(path):
        for frame, time in zip(run.frames, run.times, strict=True):
            start = float(time) if start is None else start
            if taken < count and time - start >= taken / rate - 0.5 / source_fps:
                taken += 1
                yield frame
        if taken == count:
            return
