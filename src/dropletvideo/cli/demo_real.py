"""Requests for the demo on real videos: clips held out of training give first frames, captions and references."""

from __future__ import annotations

import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np

from dropletvideo.errors import ConfigError

SIDE, NUM_FRAMES, PLAYBACK_RATE = 64, 17, 8.0
HELD_OUT_FILE = "held_out.json"


def write_real_requests(dataset: Path, folder: Path, *, images: int, motions: Sequence[float]) -> None:
    """Write images, references and `requests.jsonl` from held-out clips of a dataset, the requests last.

    The prompt is the clip's measured caption and the camera asked is what was measured in it. A clip is a reference
    only for those M that its length and rate allow. At most a third of the clips are held out.

    Raises:
        ConfigError: the dataset has fewer than three usable clips.
    """
    from dropletvideo.language.measured import CAPTION_SOURCE, measured_caption
    from dropletvideo.tables.views import read_clips

    rows = read_clips(dataset, "camera_class is distinct from 'C6' and duration_seconds >= 1.2")
    chosen = choose_held_out(rows, images)
    (folder / "images").mkdir(parents=True, exist_ok=True)
    (folder / "references").mkdir(exist_ok=True)
    (folder / HELD_OUT_FILE).write_text(json.dumps([row["clip_id"] for row in chosen]))
    lines = []
    for number, row in enumerate(chosen):
        prompt = measured_caption(row)
        name = f"{Path(row['video_path']).stem}-{row['start_frame']}"
        _write_image(row, folder / "images" / f"{name}.png")
        for motion in motions:
            request: dict[str, Any] = {
                "id": f"{name}-M{motion:g}",
                "prompt": prompt,
                "caption_source": CAPTION_SOURCE,
                "image": f"images/{name}.png",
                "motion": motion,
                "group": name,
                "seed": 1_000_000 + number,
            }
            if row.get("camera_moves"):
                request["camera"] = [{"move": move} for move in row["camera_moves"]]
            reference = f"references/{name}-M{motion:g}.mp4"
            if _write_reference(row, motion, folder / reference):
                request["reference_video"] = reference
            lines.append(json.dumps(request, ensure_ascii=False))
    part = folder / "requests.part"
    part.write_text("\n".join(lines) + "\n", encoding="utf-8")
    part.replace(folder / "requests.jsonl")


def choose_held_out(rows: Sequence[dict[str, Any]], images: int) -> list[dict[str, Any]]:
    """Clips to keep from training: one a video, videos spread over the dataset, never more than a third of all."""
    if len(rows) < 3:
        raise ConfigError(f"{len(rows)} usable clips: the demo needs 3 or more, 1.2 s long or longer and without edits")
    first_of_video: dict[str, dict[str, Any]] = {}
    for row in rows:
        first_of_video.setdefault(str(row["video_id"]), row)
    pool = list(first_of_video.values())
    count = max(1, min(images, len(rows) // 3, len(pool)))
    places = np.linspace(0, len(pool) - 1, count).round().astype(int)
    return [pool[place] for place in dict.fromkeys(places.tolist())]


def held_out_clips(folder: Path) -> list[str]:
    """Ids of the clips that the requests were made from."""
    ids: list[str] = json.loads((folder / HELD_OUT_FILE).read_text())
    return ids


def _fitted(frames: np.ndarray) -> np.ndarray:
    from dropletvideo.data.windows import fit_frames

    return fit_frames(frames, SIDE, SIDE)


def _write_image(row: dict[str, Any], path: Path) -> None:
    from dropletvideo import media

    frames = media.read_frames(row["video_path"], [int(row["start_frame"])])
    media.write_image(path, _fitted(frames)[0])


def _write_reference(row: dict[str, Any], motion: float, path: Path) -> bool:
    """The clip's first N/M seconds at M, where it is long enough and fast enough; says whether it was written."""
    from dropletvideo import media

    rate = float(row["source_fps"])
    seconds = (int(row["end_frame"]) - int(row["start_frame"])) / rate
    if motion > rate or NUM_FRAMES / motion > seconds:
        return False
    offsets = np.floor(np.arange(NUM_FRAMES) * rate / motion).astype(int)
    frames = media.read_frames(row["video_path"], (offsets + int(row["start_frame"])).tolist())
    media.write_video(path, _fitted(frames), playback_fps=PLAYBACK_RATE, crf=10)
    return True
