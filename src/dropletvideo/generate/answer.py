"""From requests to frames: one open model, requests with every default filled in, one call for rows that may share it.

Files of one video and of a batch are made here alike, so that a video can be repeated bit for bit from either.
"""

from __future__ import annotations

import logging
from collections.abc import Callable, Iterable, Sequence
from contextlib import AbstractContextManager
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from dropletvideo.generate.asked import PER_VIDEO, GenerateRequest
from dropletvideo.generate.job import Job, job_of, to_uint8
from dropletvideo.generate.opened import Known, OpenModel, memory_explained, motion_of
from dropletvideo.generate.pipeline import CALL_DEFAULTS
from dropletvideo.generate.provenance import (
    CallNote,
    Picture,
    Provenance,
    VideoNote,
    file_digest,
    write_generated,
)
from dropletvideo.generate.timeline import Segment
from dropletvideo.model.presets import ModelDefaults

logger = logging.getLogger(__name__)

_SHARED = tuple(
    name for name in GenerateRequest.model_fields if name not in (*PER_VIDEO, "id", "speed") and name in CALL_DEFAULTS
)
"""Arguments that all videos of one call share; the others are lists with one entry per video."""
Frames = Iterable[NDArray[np.uint8]]


@dataclass(frozen=True)
class Prepared:
    """A request with every default filled in, its images at the model's size, and the file of the video it goes on
    from.
    """

    request: GenerateRequest
    pictures: tuple[Picture, ...] = ()
    video: Path | None = None

    @property
    def shared(self) -> dict[str, Any]:
        """What must be equal for requests to share a call."""
        given = {name: getattr(self.request, name) for name in _SHARED}
        given["prompt_suffix"] = given["prompt_suffix"] or ""  # None is "none" there, not "the default"
        return {name: value for name, value in given.items() if value is not None}

    def picture(self, role: str) -> NDArray[np.uint8] | None:
        """The image of a role, None without one."""
        return next((picture.pixels for picture in self.pictures if picture.role == role), None)

    @property
    def keyframes(self) -> dict[int, NDArray[np.uint8]] | None:
        """Images by frame number, None without one."""
        own = {int(p.frame): p.pixels for p in self.pictures if p.role == "keyframes" and p.frame is not None}
        return own or None


def prepare(request: GenerateRequest, known: Known, base: Path = Path()) -> Prepared:
    """Fill the defaults in and bring the conditioning images to size; `base` is what paths are relative to.

    Raises:
        RequestError: values that are out of range or do not go together.
        MediaError: an image or video that is missing or none.
    """
    motion = motion_of(request, known)
    paths = {
        name: None if getattr(request, name) is None else base / getattr(request, name)
        for name in ("image", "last_image", "video")
    }
    keyframes = {number: base / name for number, name in (request.keyframes or {}).items()} or None
    row = Prepared(request)
    own = {"prompt": request.prompt, "motion": motion, "seed": request.seed, "keyframes": keyframes}
    job = job_of(known.defaults, **{**CALL_DEFAULTS, **row.shared, **own, **paths})
    settings = job.settings.model_dump()
    settings["max_sequence_length"] = settings.pop("text_length")
    filled = {name: value for name, value in settings.items() if name in GenerateRequest.model_fields}
    if request.prompts is not None:
        filled["num_frames"] = None
        filled["prompts"] = _filled_parts(request.prompts, motion, known.defaults.num_frames)
    is_by_speed = request.speed is not None and request.motion is None
    request = request.model_copy(update={**filled, "motion": motion})
    curve = known.defaults.motion_calibration
    if is_by_speed and curve is not None and (sentence := curve.differences(request)):
        logger.warning("%s", sentence)
    return Prepared(request, _pictures(request, job), paths["video"])


def answer(model: OpenModel, rows: Sequence[Prepared], advance: Callable[[], None] | None = None) -> list[Frames]:
    """One call for all rows (equal `shared`): a video each as runs F,H,W,3 uint8; `advance` is told of every step.

    A single video comes as it is made, so that a long one is never in memory as a whole.

    Raises:
        RequestError: what was asked does not go together.
        DropletError: out of memory, with what to try. A single video raises both while it is read.
    """

    def told(_pipeline: Any, _number: int, _timestep: int, _tensors: Any) -> None:
        if advance:
            advance()

    asked = call_arguments(rows)
    if len(rows) == 1:
        return [_streamed(model, rows, asked, told)]
    with _explained(model, rows):
        frames = model.pipeline(**asked, output_type="np", callback_on_step_end=told).frames
        return [[video] for video in to_uint8(frames)]


def call_arguments(rows: Sequence[Prepared]) -> dict[str, Any]:
    """The pipeline's arguments for rows that share a call."""
    listed: dict[str, Any] = {
        "image": [row.picture("image") for row in rows],
        "last_image": [row.picture("last_image") for row in rows],
        "keyframes": [row.keyframes for row in rows],
        "prompt": [row.request.prompt for row in rows],
        "motion": [row.request.motion for row in rows],
        "seed": [row.request.seed for row in rows],
    }
    if rows[0].shared.get("prompts") is not None:
        listed["prompt"] = ""
    videos = [str(row.video) for row in rows if row.video is not None]
    return {**listed, **rows[0].shared, "video": videos or None}


def job_for(defaults: ModelDefaults, rows: Sequence[Prepared]) -> Job:
    """The job of a call, without a word to the user."""
    return job_of(defaults, **{**CALL_DEFAULTS, **call_arguments(rows)})


def _explained(model: OpenModel, rows: Sequence[Prepared]) -> AbstractContextManager[None]:
    request = rows[0].request
    size = f"{request.width}x{request.height}x{job_for(model.pipeline.defaults, rows).settings.num_frames}"
    return memory_explained(f"at {size}, {len(rows)} at once", model.made_with["memory"], model.made_with["device"])


def _streamed(model: OpenModel, rows: Sequence[Prepared], asked: dict[str, Any], told: Any) -> Frames:
    with _explained(model, rows):
        yield from model.pipeline.stream(model.pipeline.prepare(**asked), told)


def write_answer(
    path: Path, frames: Frames, model: OpenModel, rows: Sequence[Prepared], place: int, *, sidecar: bool
) -> Provenance:
    """Write the video of `rows[place]`, made in one call with the others, with its provenance."""
    row = rows[place]
    provenance = Provenance(
        request=row.request.model_dump(exclude_none=True, exclude={"id"}, mode="json"),
        video=None if row.video is None else VideoNote(name=str(row.request.video), digest=file_digest(row.video)),
        model=model.note,
        loras=model.loras,
        call=CallNote(size=len(rows), place=place, is_motion_shared=len({other.request.motion for other in rows}) == 1),
        made_with=model.made_with,
    )
    playback_fps = model.pipeline.defaults.playback_fps
    write_generated(path, frames, provenance, row.pictures, playback_fps=playback_fps, sidecar=sidecar)
    return provenance


def same_call(row: Prepared, call: CallNote) -> list[Prepared]:
    """Rows of a call that rounds as the one that `call` describes: copies, with another M where M was not shared.

    A row of a batch does not depend on the other rows' values, only on their number and on which kernels run.
    """
    motion = float(row.request.motion or 1)
    other = (
        row if call.is_motion_shared else replace(row, request=row.request.model_copy(update={"motion": motion + 1}))
    )
    return [row if place == call.place else other for place in range(call.size)]


def _pictures(request: GenerateRequest, job: Job) -> tuple[Picture, ...]:
    """The frames that images give, as the model sees them, each under the argument that it came by."""
    last = job.settings.num_frames - 1
    pictures = []
    for number, pixels in sorted(job.given[0].items()):
        frame = ((pixels.permute(1, 2, 0).numpy() + 1) * 127.5).round().astype(np.uint8)
        if number == 0 and request.image is not None:
            pictures.append(Picture("image", frame))
        elif number == last and request.last_image is not None:
            pictures.append(Picture("last_image", frame))
        else:
            pictures.append(Picture("keyframes", frame, number))
    return tuple(pictures)


def _filled_parts(parts: Sequence[Segment], motion: float, num_frames: int) -> tuple[Segment, ...]:
    return tuple(
        part.model_copy(update={"motion": part.motion or motion, "num_frames": part.num_frames or num_frames})
        for part in parts
    )
