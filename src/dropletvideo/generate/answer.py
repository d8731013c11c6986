"""From requests to frames: one open model, requests with every default filled in, one call for rows that may share it.

Files of one video and of a batch are made here alike, so that a video can be repeated bit for bit from either.
"""

from __future__ import annotations

import logging
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray

from dropletvideo import __version__, runtime
from dropletvideo.errors import DropletError, RequestError
from dropletvideo.generate.asked import GenerateRequest
from dropletvideo.generate.pipeline import DropletVideoPipeline, to_uint8
from dropletvideo.generate.provenance import (
    CallNote,
    ModelNote,
    Picture,
    Provenance,
    model_digest,
    write_generated,
)
from dropletvideo.generate.request import fit_image, settings_of

logger = logging.getLogger(__name__)

_SHARED = (
    "negative_prompt",
    "prompt_suffix",
    "num_frames",
    "height",
    "width",
    "num_inference_steps",
    "guidance_scale",
    "max_sequence_length",
    "fit",
    "frame_fix",
)
"""Arguments that all videos of one call share; the others are lists with one entry per video."""


@dataclass(frozen=True, kw_only=True)
class Setup:
    """Which model, and how it is run."""

    model: str = "nano"
    device: str = "cpu"
    dtype: str = "float32"


@dataclass(frozen=True)
class OpenModel:
    """A loaded pipeline and what its videos say of it."""

    pipeline: DropletVideoPipeline
    note: ModelNote
    made_with: dict[str, Any]


@dataclass(frozen=True)
class Prepared:
    """A request with every default filled in, and its conditioning images at the model's size."""

    request: GenerateRequest
    pictures: tuple[Picture, ...] = ()

    @property
    def shared(self) -> dict[str, Any]:
        """What must be equal for requests to share a call."""
        return {name: getattr(self.request, name) for name in _SHARED}

    def picture(self, role: str) -> NDArray[np.uint8] | None:
        """The image of a role, None without one."""
        return next((picture.pixels for picture in self.pictures if picture.role == role), None)


ImageCache = dict[tuple[str, int, int, str], NDArray[np.uint8]]


def open_model(setup: Setup) -> OpenModel:
    """Load a model for answering.

    Raises:
        WeightsError: the folder or a part is missing, damaged or of another model.
        ConfigError: a device or number type that cannot be had.
    """
    device = runtime.pick_device(setup.device)
    dtype = runtime.pick_dtype(setup.dtype, device)
    digest = model_digest(setup.model)
    pipeline = DropletVideoPipeline.from_pretrained(setup.model, torch_dtype=dtype, device=device)
    pipeline.set_progress_bar_config(disable=True)
    return OpenModel(pipeline, ModelNote(name=setup.model, digest=digest), _made_with(device, dtype))


def prepare(
    request: GenerateRequest, model: OpenModel, base: Path = Path(), known: ImageCache | None = None
) -> Prepared:
    """Fill the defaults in and bring the conditioning images to size; `base` is what paths are relative to.

    `known` keeps images that several requests share.

    Raises:
        RequestError: a size or number that is not valid.
        MediaError: an image that is missing or none.
    """
    defaults = model.pipeline.defaults
    settings = settings_of(
        defaults,
        num_frames=request.num_frames,
        height=request.height,
        width=request.width,
        num_inference_steps=request.num_inference_steps,
        guidance_scale=request.guidance_scale,
        text_length=request.max_sequence_length,
        prompt_suffix=request.prompt_suffix,
        negative_prompt=request.negative_prompt,
        fit=request.fit,
    ).model_dump()
    settings["max_sequence_length"] = settings.pop("text_length")
    filled = request.model_copy(
        update={
            **{key: value for key, value in settings.items() if key in GenerateRequest.model_fields},
            "motion": motion_of(request, model),
            "frame_fix": request.frame_fix or "exact",
        }
    )
    return Prepared(filled, _pictures(filled, base, known if known is not None else {}))


def answer(
    model: OpenModel, rows: Sequence[Prepared], advance: Callable[[], None] | None = None
) -> list[NDArray[np.uint8]]:
    """One call for all rows (equal `shared`): a video F,H,W,3 uint8 each; `advance` is told of every step.

    Raises:
        RequestError: what was asked does not go together.
        DropletError: out of memory, with what to try.
    """

    def told(_pipeline: Any, _number: int, _timestep: int, _tensors: Any) -> None:
        if advance:
            advance()

    with _memory_explained(model, rows):
        frames = model.pipeline(
            image=[row.picture("image") for row in rows],
            prompt=[row.request.prompt for row in rows],
            motion=[float(row.request.motion or 0) for row in rows],
            generator=[torch.Generator().manual_seed(row.request.seed) for row in rows],
            output_type="np",
            callback_on_step_end=told,
            **rows[0].shared,
        ).frames
        return list(to_uint8(frames))


def write_answer(
    path: Path, frames: NDArray[np.uint8], model: OpenModel, rows: Sequence[Prepared], place: int, *, sidecar: bool
) -> Provenance:
    """Write the video of `rows[place]`, made in one call with the others, with its provenance."""
    row = rows[place]
    provenance = Provenance(
        request=row.request.model_dump(exclude_none=True, exclude={"id"}, mode="json"),
        model=model.note,
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


def motion_of(request: GenerateRequest, model: OpenModel) -> float:
    """M of a request: its own, that of its speed on the model's measured curve, or the model's default.

    Raises:
        RequestError: a speed without a curve of these very weights.
    """
    defaults = model.pipeline.defaults
    if request.speed is None or request.motion is not None:  # a repeated request keeps its M beside the speed asked
        return request.motion if request.motion is not None else defaults.motion
    curve = defaults.motion_calibration
    if curve is None or curve.model_digest != model.note.digest:
        why = "is not calibrated" if curve is None else "was calibrated with other weights"
        raise RequestError(
            f"speed={request.speed:g}: {model.note.name} {why}; run droplet calibrate --model {model.note.name} "
            "--out DIR, or give motion"
        )
    return curve.motion_at(request.speed)


def _pictures(request: GenerateRequest, base: Path, known: ImageCache) -> tuple[Picture, ...]:
    if request.image is None:
        return ()
    return (Picture("image", _fitted(request, base / request.image, known)),)


def _fitted(request: GenerateRequest, path: Path, known: ImageCache) -> NDArray[np.uint8]:
    height, width, fit = int(request.height or 0), int(request.width or 0), request.fit or "crop"
    key = (str(path), height, width, fit)
    if key not in known:
        known[key] = fit_image(path, height, width, fit)
    return known[key]


def _made_with(device: str, dtype: torch.dtype) -> dict[str, Any]:
    """What beside request and weights decides the last digits."""
    return {
        "dropletvideo": __version__,
        "torch": torch.__version__,
        "device": torch.cuda.get_device_name(device) if device.startswith("cuda") else device,
        "dtype": str(dtype).removeprefix("torch."),
        "threads": torch.get_num_threads(),
    }


@contextmanager
def _memory_explained(model: OpenModel, rows: Sequence[Prepared]) -> Iterator[None]:
    try:
        yield
    except (torch.OutOfMemoryError, MemoryError, RuntimeError) as error:
        if not is_memory_error(error):
            raise
        request = rows[0].request
        size = f"{request.width}x{request.height}x{request.num_frames}"
        raise DropletError(
            f"out of memory at {size}, {len(rows)} at once, on {model.made_with['device']}: try a smaller size, "
            "fewer frames or, in a batch, a smaller --batch-size"
        ) from error


def is_memory_error(error: BaseException) -> bool:
    """Whether an exception says that memory ran out; the CPU allocator says so in words alone."""
    words = str(error).lower()
    return isinstance(error, torch.OutOfMemoryError | MemoryError) or (
        isinstance(error, RuntimeError) and ("can't allocate memory" in words or "not enough memory" in words)
    )
