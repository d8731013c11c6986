"""Reading the windows of many clips, here or in other processes; no torch, so that a process starts in a moment."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from dropletvideo.data.clips import ClipList
from dropletvideo.data.sampling import Skipped
from dropletvideo.data.windows import Window, WindowConfig, read_windows
from dropletvideo.engine import map_rows
from dropletvideo.errors import DropletError

CLIP_TIMEOUT_SECONDS = 300.0


@dataclass(frozen=True)
class ClipResult:
    """What one clip gave: windows, or why not."""

    number: int
    windows: tuple[Window, ...] = ()
    skipped: Skipped | None = None
    failure: str | None = None
    clip_id: str = ""


def iter_clip_results(
    clips: ClipList, windows: WindowConfig, numbers: Sequence[int], workers: int
) -> Iterator[ClipResult]:
    """Results of the clips as they come, read here or by `workers` processes; a decoder that hangs is killed."""
    read = ReadClip(clips, windows)
    timeout = CLIP_TIMEOUT_SECONDS if workers > 1 else None
    for number, result in map_rows(read, numbers, workers=workers, timeout_seconds=timeout):
        if isinstance(result, Exception):
            yield ClipResult(number, failure=str(result), clip_id=str(number))
        else:
            yield result


@dataclass(frozen=True, eq=False)
class ReadClip:
    """`read_clip` with its clips and settings, as it goes to another process."""

    clips: ClipList
    windows: WindowConfig

    def __call__(self, number: int) -> ClipResult:
        """Result of one clip."""
        return read_clip(self.clips, self.windows, number)


def read_clip(clips: ClipList, windows: WindowConfig, number: int) -> ClipResult:
    """Windows of clip `number`; one of our errors becomes a failure with its reason, never another clip's data."""
    clip_id = str(number)
    try:
        clip = clips[number]
        clip_id = clip.clip_id
        found = read_windows(clip, windows)
    except DropletError as error:
        return ClipResult(number, failure=str(error), clip_id=clip_id)
    if isinstance(found, Skipped):
        return ClipResult(number, skipped=found, clip_id=clip_id)
    return ClipResult(number, windows=tuple(found), clip_id=clip_id)
