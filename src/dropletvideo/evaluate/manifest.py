"""The evaluation manifest: one JSON object per line, one line per video to score.

    {"id": "ball-M4", "video": "ball-M4.mp4", "prompt": "...", "image": "ball.png", "motion": 4,
     "camera": [{"move": "pan_left"}], "reference_video": "ball_real.mp4", "group": "ball", "seed": 7}

`id` and `video` are required. Paths are relative to the manifest's folder or absolute. Keys beyond the known ones are
kept in `extra`, since writers may add their own; one that looks like a misspelt known key is refused. Nothing is ever
parsed out of a file name.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping
from difflib import get_close_matches
from pathlib import Path
from typing import Any, Literal

from pydantic import BaseModel, ConfigDict, Field, ValidationError, field_validator

from dropletvideo.errors import RequestError
from dropletvideo.files import write_json_lines
from dropletvideo.moves import check_move


class CameraAsk(BaseModel):
    """One asked camera move; `start` and `end` in seconds from the video's start, `amount` in the move's own unit."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    move: str
    start: float | None = Field(default=None, ge=0)
    end: float | None = Field(default=None, ge=0)
    amount: float | None = None

    @field_validator("move")
    @classmethod
    def _known(cls, name: str) -> str:
        check_move(name)
        return name


class ManifestRow(BaseModel):
    """One video to score and what was asked of it.

    Attributes:
        video, image, reference_video: absolute once read. The files need not exist: a missing one is a failed row.
        camera: the moves asked; None where nothing was asked of the camera, which is not the same as `static`.
        motion: M asked; low is fast.
        group: rows that belong together (an image under several M or seeds); bootstrap draws groups.
        fit: how `image` was brought to the size of the video.
        dimensions: of a published list (VBench), for what this row is scored; None leaves it to the metrics.
        extra: keys of the line that this format does not know, unchanged.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    id: str = Field(min_length=1)
    video: Path
    prompt: str = ""
    prompt_original: str | None = None
    image: Path | None = None
    camera: tuple[CameraAsk, ...] | None = None
    events: tuple[dict[str, Any], ...] = ()
    reference_video: Path | None = None
    group: str | None = None
    seed: int | None = None
    motion: float | None = Field(default=None, gt=0)
    fit: Literal["crop", "pad", "stretch"] = "crop"
    dimensions: tuple[str, ...] | None = None
    extra: dict[str, Any] = Field(default_factory=dict)

    @field_validator("events", mode="before")
    @classmethod
    def _no_events(cls, events: Any) -> Any:
        return () if events is None else events

    @property
    def moves(self) -> tuple[str, ...] | None:
        """Names of the asked moves in their order, None where nothing was asked."""
        return None if self.camera is None else tuple(ask.move for ask in self.camera)

    @property
    def cluster(self) -> str:
        """What bootstrap draws: the group, else the image, else the prompt, else the row itself."""
        return self.group or (str(self.image) if self.image else "") or self.prompt or self.id


_KNOWN = frozenset(ManifestRow.model_fields) - {"extra"}


def read_manifest(path: Path | str) -> list[ManifestRow]:
    """All rows of a JSONL manifest, paths made absolute.

    Raises:
        RequestError: no such file, no row in it, or a line that is not valid; the message has the line number.
    """
    path = Path(path)
    if not path.is_file():
        inside = path / "manifest.jsonl"
        named = (
            f"give {inside}" if inside.is_file() else "give the manifest.jsonl that `droplet generate --batch` wrote"
        )
        raise RequestError(f"{path} is not a file: {named}")
    rows: list[ManifestRow] = []
    seen: dict[str, int] = {}
    try:
        text = path.read_text(encoding="utf-8")
    except UnicodeDecodeError as error:
        raise RequestError(f"{path} is not UTF-8 text ({error.reason} at byte {error.start})") from error
    for number, line in enumerate(text.split("\n"), start=1):
        if not line.strip():
            continue
        row = _read_line(line, where=f"{path}:{number}", folder=path.parent)
        if row.id in seen:
            raise RequestError(f"{path}:{number}: id {row.id!r} is already on line {seen[row.id]}: ids must differ")
        seen[row.id] = number
        rows.append(row)
    if not rows:
        raise RequestError(f"{path} has no rows: each line is one JSON object with at least id and video")
    return rows


def write_manifest(path: Path | str, rows: Iterable[ManifestRow]) -> None:
    """Write rows as JSONL, with paths inside the manifest's folder made relative to it."""
    path = Path(path)
    write_json_lines(path, (row_as_json(row, path.parent) for row in rows))


def row_as_json(row: ManifestRow, folder: Path) -> dict[str, Any]:
    """A row as the JSON object of one line; empty keys are left out, `extra` is folded back in."""
    record = row.model_dump(mode="json", exclude_defaults=True, exclude={"extra"})
    for key in ("video", "image", "reference_video"):
        if record.get(key) is not None:
            file = Path(record[key])
            inside = file.is_absolute() and file.is_relative_to(folder.resolve())
            record[key] = str(file.relative_to(folder.resolve()) if inside else file)
    return record | row.extra


def _read_line(line: str, *, where: str, folder: Path) -> ManifestRow:
    try:
        record = json.loads(line)
    except json.JSONDecodeError as error:
        raise RequestError(f"{where}: not JSON ({error.msg} at column {error.colno})") from error
    if not isinstance(record, dict):
        raise RequestError(f"{where}: expected a JSON object, got {type(record).__name__}")
    extra = {key: value for key, value in record.items() if key not in _KNOWN}
    for key in extra:
        near = get_close_matches(key, _KNOWN, n=1, cutoff=0.8)
        if near:
            raise RequestError(f"{where}: key {key!r} is unknown: did you mean {near[0]!r}?")
    known = {key: value for key, value in record.items() if key in _KNOWN}
    try:
        row = ManifestRow(**_absolute(known, folder), extra=extra)
    except ValidationError as error:
        raise RequestError(f"{where}: {_first_complaint(error)}") from error
    return row


def _absolute(record: Mapping[str, Any], folder: Path) -> dict[str, Any]:
    """Resolve the paths of a line against the manifest's folder."""
    out = dict(record)
    for key in ("video", "image", "reference_video"):
        if isinstance(out.get(key), str):
            if not out[key]:
                out[key] = None
            else:
                out[key] = folder.resolve() / out[key]
    return out


def _first_complaint(error: ValidationError) -> str:
    first = error.errors()[0]
    place = ".".join(str(part) for part in first["loc"])
    value = first.get("input")
    shown = "" if first["type"] == "missing" else f" (got {value!r})"
    return f"{place}: {first['msg']}{shown}"
