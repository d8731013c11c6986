"""Cut chosen clips into mp4 files, frame by frame: the file holds exactly frames `start_frame` to `end_frame`.

Where the packets of a span can be copied and give exactly these frames (`media.copying` proves it), they are, without
any loss; else the frames are coded anew.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from dropletvideo import media
from dropletvideo.engine import heartbeat
from dropletvideo.errors import DropletError, MediaError
from dropletvideo.media.copying import copy_span

TAG_COLUMNS = ("clip_id", "video_id", "start_frame", "end_frame", "camera_class", "camera_moves", "motion_score")


def clip_file_name(clip: Mapping[str, Any]) -> str:
    """The file of a clip where a format has no names of its own."""
    return f"{clip['clip_id']}.mp4"


@dataclass(frozen=True, kw_only=True)
class CutSettings:
    """How frames are coded: x264 quality and preset, the short side (None keeps the size), and whether to copy."""

    crf: int = 18
    preset: str = "medium"
    short_side: int | None = None
    copy: bool = True


@dataclass(frozen=True, kw_only=True)
class Cut:
    """Cuts files into a folder. A source of variable rate is read twice, so that its frame times can be kept.

    Args:
        name_of: file name of a clip; a function of a module, since it travels to worker processes.
    """

    folder: Path
    settings: CutSettings = CutSettings()
    name_of: Callable[[Mapping[str, Any]], str] = clip_file_name

    def __call__(self, clips: Sequence[Mapping[str, Any]]) -> list[dict[str, str]]:
        """Write clips; `{clip_id, video_path, reason}` for each that could not be written.

        A file of the clip that was cut before with the same settings is kept: files appear only when complete.
        """
        failures = []
        for clip in clips:
            heartbeat()
            try:
                if not self._is_cut(clip):
                    self._write(clip)
            except DropletError as error:
                found = {"clip_id": str(clip["clip_id"]), "video_path": str(clip["video_path"])}
                failures.append({**found, "reason": str(error)})
        return failures

    def path_of(self, clip: Mapping[str, Any]) -> Path:
        """Where a clip's file lies."""
        return self.folder / self.name_of(clip)

    def _is_cut(self, clip: Mapping[str, Any]) -> bool:
        path = self.path_of(clip)
        return path.exists() and self._is_of(media.read_metadata(path) or {}, clip)

    def _is_of(self, tag: Mapping[str, Any], clip: Mapping[str, Any]) -> bool:
        return tag.get("cut") == asdict(self.settings) and tag.get("clip_id") == clip["clip_id"]

    def _write(self, clip: Mapping[str, Any]) -> None:
        path, start, end = str(clip["video_path"]), int(clip["start_frame"]), int(clip["end_frame"])
        tag = {"cut": asdict(self.settings), **{key: clip[key] for key in TAG_COLUMNS if clip.get(key) is not None}}
        if self.settings.copy and self.settings.short_side is None:
            copied = {**tag, "is_copied": True}
            if copy_span(path, self.path_of(clip), start, end, metadata=copied):
                return
            heartbeat()
        times = _times(path, start, end) if media.probe(path).is_variable_rate is not False else None
        media.write_video(
            self.path_of(clip),
            _frames(path, start, end, self.settings.short_side),
            playback_fps=float(clip["source_fps"]),
            metadata=tag,
            crf=self.settings.crf,
            preset=self.settings.preset,
            times=times,
        )


def _frames(path: str, start: int, end: int, short_side: int | None) -> Iterator[NDArray[np.uint8]]:
    """Runs of frames `start` to `end`.

    Raises:
        MediaError: the video has become shorter than the clip.
    """
    count = 0
    for run in media.stream(path, start_frame=start, end_frame=end, short_side=short_side):
        heartbeat()
        count += len(run.indices)
        yield run.frames
    if count != end - start:
        raise MediaError(path, f"gives {count} of the frames {start} to {end}: it has changed, curate it again")


def _times(path: str, start: int, end: int) -> list[float]:
    runs = media.stream(path, start_frame=start, end_frame=end, short_side=16, colour="gray")
    times = np.concatenate([run.times for run in runs] or [np.zeros(0)])
    return [float(time - times[0]) for time in times]
