"""The form of the DropletVideo release: `DIR/dropletvideo.csv`, the same by video as `DIR/dropletvideo.json`, files.

The CSV has `url, fps, framestamp, quality_score` and the captions; `framestamp` is `(start, end)` in frames of the
source, end exclusive, at `fps`. The JSON holds lists of the same rows, texts as in the CSV and without `url`, by video
id; `youtube_id.txt` the ids. Files are `DIR/videos/<video id>--<start>_<end>-<quality score>.mp4`, frame numbers with
six digits. What is not known stays empty, in the name too; `url` is empty for files that no list told an address of.
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from dropletvideo.curate.export.told import caption_of, main_caption, public_id, quality_of
from dropletvideo.curate.export.videofolder import write_csv
from dropletvideo.curate.items import youtube_id
from dropletvideo.files import write_text

NAME = "dropletvideo"
CAPTIONS = ("caption", "short_caption")
COLUMNS = ("url", "fps", "framestamp", "quality_score", *CAPTIONS, "file_path")


def video_folder(out: Path) -> Path:
    """Where the cut files of this format lie."""
    return out / "videos"


def file_name(clip: Mapping[str, Any]) -> str:
    """The published name of a clip's file."""
    score = quality_of(clip)
    tail = "" if score is None else f"-{score:g}"
    return f"{public_id(clip)}--{int(clip['start_frame']):06d}_{int(clip['end_frame']):06d}{tail}.mp4"


def write_tables(out: Path, clips: Sequence[Mapping[str, Any]]) -> list[Path]:
    """CSV, JSON and list of ids of the clips whose files were written."""
    rows = [_row(clip) for clip in clips]
    table, by_id, ids = out / "dropletvideo.csv", out / "dropletvideo.json", out / "youtube_id.txt"
    write_csv(table, rows, COLUMNS)
    grouped: dict[str, list[dict[str, str]]] = {}
    for clip, row in zip(clips, rows, strict=True):
        texts = {name: str(row[name]) for name in COLUMNS if name != "url"}
        grouped.setdefault(public_id(clip), []).append(texts)
    write_text(by_id, json.dumps(grouped, ensure_ascii=False, indent=1) + "\n")
    known = dict.fromkeys(name for row in rows if (name := youtube_id(row["url"])))
    write_text(ids, "".join(f"{name}\n" for name in known))
    return [table, by_id, ids]


def _row(clip: Mapping[str, Any]) -> dict[str, Any]:
    score = quality_of(clip)
    return {
        "url": clip.get("url") or "",
        "fps": clip["source_fps"],
        "framestamp": str((int(clip["start_frame"]), int(clip["end_frame"]))),
        "quality_score": "" if score is None else f"{score:g}",
        "caption": main_caption(clip) or "",
        "short_caption": caption_of(clip, "short_caption") or "",
        "file_path": f"videos/{file_name(clip)}",
    }
