"""MiraData v1 table: `DIR/miradata.csv` with the published columns, and the cut files under `DIR/clips`.

Columns and their meaning follow the MiraData v1 description: `clip_id` is `{download_id}.{clip number in its video}`,
`timestamp` and `framestamp` are `[start, end]` in the source video (frames with exclusive end), `fps` the source's
rate. `timestamp` has the published form: the text of a list of two, each `H:MM:SS.mmm` (their cutter reads it by
`%H:%M:%S.%f`, so below 24 hours). What is not known stays empty: there is no `video_url` for a local file, and captions
are filled only where the data set, or the list that it was made from, has them under these names.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Mapping, Sequence
from fractions import Fraction
from pathlib import Path
from typing import Any

from dropletvideo.curate.export.told import caption_of, public_id
from dropletvideo.curate.export.videofolder import write_csv

NAME = "miradata"
CAPTIONS = (
    "short_caption",
    "dense_caption",
    "background_caption",
    "main_object_caption",
    "style_caption",
    "camera_caption",
)
COLUMNS = (
    "clip_id", "source", "video_url", "video_id", "width", "height", "fps", "seconds", "timestamp", "frame_number",
    "framestamp", "file_path", *CAPTIONS,
)  # fmt: skip


def video_folder(out: Path) -> Path:
    """Where the cut files of this format lie."""
    return out / "clips"


def write_tables(out: Path, clips: Sequence[Mapping[str, Any]]) -> list[Path]:
    """The CSV of the clips whose files were written."""
    numbers = _numbers(clips)
    rows = [_row(clip, *numbers[str(clip["clip_id"])]) for clip in clips]
    table = out / "miradata.csv"
    write_csv(table, rows, COLUMNS)
    return [table]


def _numbers(clips: Sequence[Mapping[str, Any]]) -> dict[str, tuple[int, int]]:
    """(number of the video, number of the clip inside it) by clip id, in the order of videos and of time."""
    by_video: dict[str, list[Mapping[str, Any]]] = defaultdict(list)
    for clip in clips:
        by_video[str(clip["video_id"])].append(clip)
    numbers = {}
    for video, own in enumerate(by_video.values()):
        for place, clip in enumerate(sorted(own, key=lambda clip: int(clip["start_frame"]))):
            numbers[str(clip["clip_id"])] = (video, place)
    return numbers


def _row(clip: Mapping[str, Any], video: int, place: int) -> dict[str, Any]:
    time_base = Fraction(str(clip["time_base"]))
    start, end = float(clip["start_pts"] * time_base), float(clip["end_pts"] * time_base)
    row = {
        "clip_id": f"{video}.{place}",
        "source": clip.get("source") or "local",
        "video_url": clip.get("url") or "",
        "video_id": public_id(clip),
        "width": clip["width"],
        "height": clip["height"],
        "fps": clip["source_fps"],
        "seconds": round(end - start, 3),
        "timestamp": str([clock_text(start), clock_text(end)]),
        "frame_number": clip["num_frames"],
        "framestamp": str([int(clip["start_frame"]), int(clip["end_frame"])]),
        "file_path": f"clips/{clip['clip_id']}.mp4",
    }
    return {**row, **{name: caption_of(clip, name) or "" for name in CAPTIONS}}


def clock_text(seconds: float) -> str:
    """`H:MM:SS.mmm`."""
    milliseconds = round(seconds * 1000)
    minutes, milliseconds = divmod(milliseconds, 60_000)
    return f"{minutes // 60}:{minutes % 60:02d}:{milliseconds // 1000:02d}.{milliseconds % 1000:03d}"
