"""Camera classes given by people: one JSON file, read and written here, by training and by scores.

    {"format": "droplet-labels", "version": 1, "about": "…",
     "clips": {"KEY": {"video": "holiday.mp4", "start_frame": 0, "end_frame": 96, "classes": ["C2"], "note": "…"}}}

KEY is a catalog's clip id, or the file's name. `classes` lists every class that a careful person would accept for the
span; empty: nobody has said yet. `video` is the file, relative to the folder of the labels (KEY by default);
`start_frame` to `end_frame` (exclusive) its span, the whole file by default. Further fields (`by`, `cuts`, …) are kept.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any, Literal

from pydantic import BaseModel, ConfigDict, Field, ValidationError, model_validator

from dropletvideo.errors import ConfigError
from dropletvideo.files import write_json
from dropletvideo.media.seeking import frames_from, read_frame_table
from dropletvideo.moves import CameraClass

FORMAT = "droplet-labels"


class Label(BaseModel):
    """What people said of one clip; see the module text."""

    model_config = ConfigDict(frozen=True, extra="allow")

    video: str | None = None
    start_frame: int | None = Field(default=None, ge=0)
    end_frame: int | None = Field(default=None, ge=1)
    classes: tuple[CameraClass, ...] = ()
    note: str | None = None

    @model_validator(mode="after")
    def _is_a_span(self) -> Label:
        if (self.start_frame is None) != (self.end_frame is None):
            raise ValueError("start_frame and end_frame stand together, or neither is given")
        if self.start_frame is not None and self.end_frame is not None and self.end_frame <= self.start_frame:
            raise ValueError(f"end_frame={self.end_frame} must lie behind start_frame={self.start_frame}")
        return self

    @property
    def span(self) -> tuple[int, int] | None:
        """First frame and the one behind the last; None for the whole file."""
        return None if self.start_frame is None or self.end_frame is None else (self.start_frame, self.end_frame)


class Labels(BaseModel):
    """A set of labels by key."""

    model_config = ConfigDict(frozen=True, extra="allow")

    format: Literal["droplet-labels"] = "droplet-labels"
    version: Literal[1] = 1
    about: str = ""
    clips: Mapping[str, Label]

    def given(self) -> dict[str, Label]:
        """Those that have at least one class."""
        return {key: label for key, label in self.clips.items() if label.classes}


def read_labels(path: str | Path) -> Labels:
    """Read a label file.

    Raises:
        ConfigError: no such file, no JSON, or an entry that is not valid, with its place and value.
    """
    source = Path(path)
    try:
        content = json.loads(source.read_text(encoding="utf-8"))
    except (OSError, UnicodeDecodeError, json.JSONDecodeError) as error:
        raise ConfigError(f"{source} cannot be read as labels ({error}): make one by droplet label new") from error
    return parse_labels(content, str(source))


def parse_labels(content: Any, source: str = "labels") -> Labels:
    """Labels of a JSON value.

    Raises:
        ConfigError: as `read_labels`.
    """
    try:
        return Labels.model_validate(content)
    except ValidationError as error:
        first = error.errors()[0]
        place = ".".join(str(part) for part in first["loc"]) or "it"
        raise ConfigError(f"{source}: {place}={first['input']!r:.80}: {first['msg']}") from error


def write_labels(path: str | Path, labels: Labels) -> Path:
    """Write a label file, whole or not at all; keys in their order, empty fields left out."""
    target = Path(path)
    content = labels.model_dump(mode="json", exclude={"clips"}, exclude_none=True)
    content["clips"] = {key: label_fields(label) for key, label in labels.clips.items()}
    write_json(target, content, indent=1)
    return target


def label_fields(label: Label) -> dict[str, Any]:
    """A label as JSON fields."""
    return label.model_dump(mode="json", exclude_none=True)


def video_of(key: str, label: Label, folder: str | Path) -> Path:
    """Where a label's video lies, below the folder unless it names a whole path."""
    return Path(folder) / (label.video or key)


def merged(first: Labels, second: Labels) -> Labels:
    """Both sets; where both have a key, fields that the second one gives win, and its classes if it has any."""
    clips = dict(first.clips)
    for key, label in second.clips.items():
        before = label_fields(clips[key]) if key in clips else {}
        after = {name: value for name, value in label_fields(label).items() if name != "classes" or value}
        clips[key] = Label.model_validate(before | after)
    return first.model_copy(update={"clips": clips})


def frames_in(path: str | Path) -> int:
    """Frames of a file: by its packets where they tell, else by decoding it."""
    table = read_frame_table(path)
    return len(table.pts) if table is not None else sum(1 for _ in frames_from(path))
