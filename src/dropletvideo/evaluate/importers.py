"""Manifests of published benchmarks: VBench-I2V's folder of videos, MiraBench's CSV.

Here alone are keys read out of file names, since those benchmarks keep them there. A video that a list names and that
is not in the folder becomes a row all the same: the evaluation counts it as failed.
"""

from __future__ import annotations

import csv
import io
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from dropletvideo.errors import RequestError
from dropletvideo.evaluate.json_file import read_json
from dropletvideo.evaluate.manifest import CameraAsk, ManifestRow

VIDEO_SUFFIXES = (".mp4", ".mkv", ".mov", ".avi", ".webm", ".gif")
CAMERA_PHRASES: Mapping[str, str] = {
    "camera pans left": "pan_left",
    "camera pans right": "pan_right",
    "camera tilts up": "tilt_up",
    "camera tilts down": "tilt_down",
    "camera zooms in": "zoom_in",
    "camera zooms out": "zoom_out",
    "camera static": "static",
}
MIRABENCH_CAPTIONS = ("short", "dense", "structured")
CAPTION_PARTS = ("main_object_caption", "background_caption", "style_caption", "camera_caption")


@dataclass(frozen=True, kw_only=True)
class VBenchSource:
    """A folder of answers to VBench-I2V's list.

    Attributes:
        info: JSON list of `{prompt_en, dimension, image_type, image_name}`.
        images: folder with the list's images in the videos' ratio; without it rows have no image.
        prompts: JSON object of the list's prompt to the dense prompt that was given to the model in its place. The
            videos may be named by either: a dense prompt is often too long for a file name.
        samples: videos for each prompt, `PROMPT-0` to `PROMPT-4` by default.
    """

    folder: Path
    info: Path
    images: Path | None = None
    prompts: Path | None = None
    samples: int = 5


def vbench_rows(source: VBenchSource) -> list[ManifestRow]:
    """A row per prompt and sample, in the order of the list; the group is the image.

    Raises:
        RequestError: the list or the prompts are not what they should be, or the folder holds none of the videos.
    """
    entries = _read_list(source.info)
    dense = _read_prompts(source.prompts)
    if foreign := dense.keys() - {entry["prompt_en"] for entry in entries}:
        raise RequestError(
            f"{source.prompts}: {len(foreign)} of {len(dense)} prompts are not in the list {source.info}, such as "
            f"{min(foreign)!r}: its keys are the list's prompts"
        )
    if source.images is not None and not source.images.is_dir():
        raise RequestError(f"{source.images} is not a folder: name the one with the list's images")
    there = _videos_in(source.folder)
    rows = [
        _vbench_row(source, entry, dense.get(entry["prompt_en"]), sample, there)
        for entry in entries
        for sample in range(source.samples)
    ]
    if not any(row.video.is_file() for row in rows):
        raise RequestError(
            f"{source.folder} holds no video of the list: they are named PROMPT-0.mp4, such as "
            f"{entries[0]['prompt_en']}-0.mp4"
        )
    return rows


def _vbench_row(
    source: VBenchSource, entry: Mapping[str, Any], dense: str | None, sample: int, there: Mapping[str, Path]
) -> ManifestRow:
    prompt = str(entry["prompt_en"])
    names = [f"{text}-{sample}" for text in (dense, prompt) if text]
    video = next((there[name] for name in names if name in there), source.folder.resolve() / f"{prompt}-{sample}.mp4")
    move = next((move for phrase, move in CAMERA_PHRASES.items() if prompt.endswith(phrase)), None)
    image = None if source.images is None else source.images.resolve() / str(entry["image_name"])
    return ManifestRow(
        id=f"{prompt}-{sample}",
        video=video,
        prompt=dense or prompt,
        prompt_original=prompt if dense else None,
        image=image,
        camera=None if move is None else (CameraAsk(move=move),),
        group=str(entry["image_name"]),
        seed=sample,
        dimensions=tuple(entry["dimension"]),
        extra={"image_type": entry.get("image_type")},
    )


def _read_list(path: Path) -> list[dict[str, Any]]:
    entries = read_json(path)
    wanted = ("prompt_en", "dimension", "image_name")
    if not isinstance(entries, list) or not entries or not all(_is_entry(entry) for entry in entries):
        raise RequestError(f"{path} is not VBench's I2V list: a JSON list of objects with {', '.join(wanted)}")
    return entries


def _is_entry(entry: Any) -> bool:
    if not isinstance(entry, dict) or not isinstance(entry.get("dimension"), list):
        return False
    return all(isinstance(entry.get(name), str) and entry[name] for name in ("prompt_en", "image_name"))


def _read_prompts(path: Path | None) -> dict[str, str]:
    if path is None:
        return {}
    prompts = read_json(path)
    if not isinstance(prompts, dict) or not all(isinstance(value, str) for value in prompts.values()):
        raise RequestError(f"{path} must be a JSON object of the list's prompt to the dense one")
    return prompts


def _videos_in(folder: Path) -> dict[str, Path]:
    if not folder.is_dir():
        raise RequestError(f"{folder} is not a folder: name the one with the videos")
    files = (file for file in sorted(folder.resolve().iterdir()) if file.suffix.lower() in VIDEO_SUFFIXES)
    return {file.name[: -len(file.suffix)]: file for file in files}


def mirabench_rows(table: Path, *, videos: Path, caption: str = "dense") -> list[ManifestRow]:
    """A row per line of a MiraBench CSV; captions go to `extra`, the chosen kind to `prompt`.

    `structured` joins the captions of object, background, style and camera, as its paper does. A line without
    `video_path` (the released sample list) is looked for as `<index>.mp4`.

    Raises:
        RequestError: an unknown kind of caption, or a file that is no such CSV.
    """
    if caption not in MIRABENCH_CAPTIONS:
        raise RequestError(f"caption={caption!r} is unknown: one of {', '.join(MIRABENCH_CAPTIONS)}")
    named = (line for line in _read_table(table) if line.get("video_idx") or line.get("index"))
    return [_mirabench_row(line, videos.resolve(), caption) for line in named]


def _mirabench_row(line: Mapping[str, str], videos: Path, caption: str) -> ManifestRow:
    name = line.get("video_idx") or line["index"]
    captions = {key: line[key].strip() for key in ("short_caption", "dense_caption", *CAPTION_PARTS) if line.get(key)}
    prompt = prompt_of(captions, caption)
    return ManifestRow(
        id=f"{name}-{caption}",
        video=videos / (line.get("video_path") or f"{name}.mp4"),
        prompt=prompt,
        group=name,
        extra={**captions, "caption_kind": caption},
    )


def prompt_of(captions: Mapping[str, str], kind: str) -> str:
    """The prompt of a kind; `structured` joins object, background, style and camera. Empty where it is not there."""
    if kind == "structured":
        return " ".join(captions[key] for key in CAPTION_PARTS if captions.get(key))
    return captions.get(f"{kind}_caption", "")


def _read_table(path: Path) -> Iterator[dict[str, str]]:
    try:
        text = path.read_text(encoding="utf-8-sig")
    except OSError as error:
        raise RequestError(f"{path} cannot be read: {error.strerror or error}") from error
    except UnicodeDecodeError as error:
        raise RequestError(f"{path} is not UTF-8 text ({error.reason} at byte {error.start})") from error
    lines = list(csv.DictReader(io.StringIO(text, newline="")))
    columns = set(lines[0]) if lines else set()
    if not lines or not ({"video_idx", "index"} & columns) or not ({"short_caption", "dense_caption"} & columns):
        raise RequestError(
            f"{path} is no MiraBench CSV: it needs the columns video_idx (or index), short_caption or dense_caption"
        )
    return iter(lines)
