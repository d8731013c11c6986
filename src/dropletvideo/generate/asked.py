"""What a user asks of one video: the same names in a batch row, on the command line and in Python."""

from __future__ import annotations

import json
from collections.abc import Mapping
from difflib import get_close_matches
from pathlib import Path
from typing import Any, Literal

from pydantic import BaseModel, ConfigDict, Field, ValidationError, field_validator, model_validator

from dropletvideo.errors import RequestError
from dropletvideo.generate.timeline import Segment
from dropletvideo.media import Fit
from dropletvideo.model.vae import FrameFix

CARRIED = ("camera", "events", "reference_video", "group", "prompt_original", "name", "dimension", "tags")
"""Keys that evaluation reads from the manifest; they pass through, as all unknown ones do."""

PER_VIDEO = ("image", "last_image", "keyframes", "video", "prompt", "motion", "seed")
"""Arguments that are lists with one entry per video of a call; the others are shared by all of them."""


class GenerateRequest(BaseModel):
    """One video to make. Unknown keys are carried to the manifest untouched; None takes the model's default.

    Paths are relative to the requests file, on the command line and in Python to the working folder.

    Attributes:
        id: name of the video in a batch, `OUT/ID.mp4`.
        image: first frame; without image, last_image, keyframes and video the text alone decides.
        last_image: last frame.
        keyframes: frame number to image, -1 is the last frame.
        video: goes on from this file; `num_frames` counts its frames too.
        prompts: a time line of `{prompt, motion, num_frames}`, instead of `prompt` and `num_frames`.
        motion: M, frames per second of the scene; low is fast.
        speed: 0 slowest to 1 fastest within the calibrated range, instead of `motion`.
        prompt_suffix: appended after one space; "default" is the model's, None or "" is none.
    """

    model_config = ConfigDict(frozen=True, extra="allow")

    id: str = Field(default="video", min_length=1, pattern=r"^[^/\\]+$")
    prompt: str = ""
    image: str | None = None
    last_image: str | None = None
    keyframes: dict[int, str] | None = None
    video: str | None = None
    prompts: tuple[Segment, ...] | None = None
    motion: float | None = Field(default=None, gt=0, allow_inf_nan=False)
    speed: float | None = Field(default=None, ge=0, le=1)
    seed: int = 0
    negative_prompt: str | None = None
    prompt_suffix: str | None = "default"
    num_frames: int | None = None
    height: int | None = None
    width: int | None = None
    num_inference_steps: int | None = None
    guidance_scale: float | None = None
    max_sequence_length: int | None = None
    fit: Fit | None = None
    frame_fix: FrameFix | None = None
    scheduler: Literal["ddim", "dpm++", "unipc"] | None = None
    noise_aug: float | None = None
    dynamic_guidance: bool | None = None
    guidance_rescale: float | None = None
    chunk_frames: int | None = None
    overlap: int | None = None

    @field_validator("prompts", mode="before")
    @classmethod
    def _plain_texts(cls, entries: Any) -> Any:
        """A plain text is an entry of the time line; "" is no time line."""
        if isinstance(entries, list | tuple):
            return tuple({"prompt": entry} if isinstance(entry, str) else entry for entry in entries)
        return entries

    @model_validator(mode="after")
    def _check(self) -> GenerateRequest:
        if self.motion is not None and self.speed is not None:
            raise ValueError(f"motion={self.motion:g} and speed={self.speed:g} are both given: give one")
        for key in self.model_extra or {}:
            known = [*GenerateRequest.model_fields, *CARRIED]
            if key not in known and (close := get_close_matches(key, known, n=1, cutoff=0.8)):
                raise ValueError(f"unknown key {key!r}: is {close[0]!r} meant?")
        return self

    def group_key(self) -> str:
        """Equal for requests that may share a call."""
        own = {*PER_VIDEO, "id", "speed", *(self.model_extra or {})} - {"video"}
        return self.model_dump_json(exclude=own)

    def files(self) -> list[str]:
        """Every file whose content the video depends on."""
        named = (self.image, self.last_image, self.video, *(self.keyframes or {}).values())
        return [name for name in named if name is not None]


def parse_request(row: Mapping[str, Any], where: str, defaults: Mapping[str, Any] | None = None) -> GenerateRequest:
    """A request from plain values; `defaults` fill what the row leaves out.

    Raises:
        RequestError: a value that is not valid, with `where` it stands.
    """
    given = {key: value for key, value in row.items() if value is not None or key == "prompt_suffix"}
    base = {key: value for key, value in (defaults or {}).items() if value is not None and key not in _ousted(given)}
    try:
        return GenerateRequest(**(base | given))
    except ValidationError as error:
        faults = "; ".join(_fault(item) for item in error.errors())
        raise RequestError(f"{where}: not a valid request: {faults}") from error


def read_requests(path: Path, defaults: Mapping[str, Any]) -> tuple[list[GenerateRequest], list[dict[str, str]]]:
    """Rows of a JSONL file, and those that are not valid as `{id, reason}`; `defaults` fill what a row leaves out.

    Raises:
        RequestError: no such file, no valid row, or an id used twice.
    """
    if not path.is_file():
        raise RequestError(f"{path} is no file: name a JSONL file of requests, such as droplet world suite writes")
    rows: list[GenerateRequest] = []
    faults: list[dict[str, str]] = []
    for number, line in enumerate(_lines(path), start=1):
        if line.strip():
            try:
                rows.append(_parsed(line, f"{path}:{number}", defaults))
            except RequestError as error:
                faults.append({"id": _id_of(line) or f"line {number}", "reason": str(error)})
    if not rows:
        raise RequestError(faults[0]["reason"] if faults else f"{path} holds no request")
    ids = [row.id for row in rows]
    if twice := sorted({name for name in ids if ids.count(name) > 1}):
        raise RequestError(f"{path}: ids must be unique, used twice: {', '.join(twice[:5])}")
    return rows, faults


def _lines(path: Path) -> list[str]:
    try:
        return path.read_text(encoding="utf-8").splitlines()
    except (OSError, UnicodeDecodeError) as error:
        raise RequestError(f"{path}: cannot be read as UTF-8 text ({error}); give a JSONL file") from error


def _parsed(line: str, where: str, defaults: Mapping[str, Any]) -> GenerateRequest:
    try:
        row = json.loads(line)
    except json.JSONDecodeError as error:
        raise RequestError(f"{where}: not a valid request: no JSON ({error})") from error
    if not isinstance(row, dict):
        raise RequestError(f"{where}: a request is a JSON object, not {type(row).__name__}")
    if "id" not in row:
        raise RequestError(f"{where}: not a valid request: a row needs an id, the name of its video")
    return parse_request(row, where, defaults)


def _id_of(line: str) -> str:
    try:
        row = json.loads(line)
    except json.JSONDecodeError:
        return ""
    return str(row.get("id", "")) if isinstance(row, dict) else ""


def _ousted(given: Mapping[str, Any]) -> tuple[str, ...]:
    """Defaults that a row's own word replaces: a row's motion ousts the run's speed and the reverse."""
    return ("motion", "speed") if {"motion", "speed"} & set(given) else ()


def _fault(item: Mapping[str, Any]) -> str:
    place = ".".join(str(part) for part in item["loc"])
    message = str(item["msg"]).removeprefix("Value error, ")
    return f"{place}={item.get('input')!r}: {message}" if place else message
