"""A model made ready for answering: weights, LoRAs, device, precision, memory preset, and what videos say of it."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

import torch

from dropletvideo import __version__, runtime
from dropletvideo.errors import ConfigError, DropletError, RequestError
from dropletvideo.generate.asked import GenerateRequest
from dropletvideo.generate.lora import LoraChoice, load_loras
from dropletvideo.generate.memory import MEMORY_PRESETS, MemoryPreset, apply_memory_preset, next_smaller
from dropletvideo.generate.pipeline import DropletVideoPipeline
from dropletvideo.generate.provenance import LoraNote, ModelNote, file_digest, model_digest, model_folder
from dropletvideo.model.folder import load_defaults
from dropletvideo.model.presets import ModelDefaults


@dataclass(frozen=True, kw_only=True)
class Setup:
    """Which model, and how it is run."""

    model: str = "nano"
    loras: tuple[LoraChoice, ...] = ()
    device: str = "cpu"
    dtype: str = "float32"
    memory: MemoryPreset = "high"


@dataclass(frozen=True)
class Known:
    """What is known of a model without its weights in memory."""

    note: ModelNote
    defaults: ModelDefaults


@dataclass(frozen=True)
class OpenModel:
    """A loaded pipeline and what its videos say of it."""

    pipeline: DropletVideoPipeline
    note: ModelNote
    made_with: dict[str, Any]
    loras: tuple[LoraNote, ...] = ()

    @property
    def known(self) -> Known:
        """The same without the weights."""
        return Known(self.note, self.pipeline.defaults)


def known_model(model: str) -> Known:
    """Digest and defaults of a model folder.

    Raises:
        WeightsError: the folder is missing, or its `droplet.json` is not valid.
    """
    return Known(ModelNote(name=model, digest=model_digest(model)), load_defaults(model_folder(model)))


def open_model(setup: Setup) -> OpenModel:
    """Load a model for answering.

    Raises:
        WeightsError: the folder or a part is missing, damaged or of another model.
        ConfigError: a device, number type or memory preset that cannot be had.
        DropletError: the weights do not fit in memory, with what to try.
    """
    if setup.memory not in MEMORY_PRESETS:
        raise ConfigError(f"memory={setup.memory!r} is unknown: one of {', '.join(MEMORY_PRESETS)}")
    device = runtime.pick_device(setup.device)
    dtype = runtime.pick_dtype(setup.dtype, device)
    digest = model_digest(setup.model)
    with memory_explained(f"while loading {setup.model}", setup.memory, device):
        pipeline = DropletVideoPipeline.from_pretrained(setup.model, torch_dtype=dtype)
        pipeline.set_progress_bar_config(disable=True)
        load_loras(pipeline, setup.loras)
        apply_memory_preset(pipeline, setup.memory, device)
    made_with = _made_with(device, dtype) | {"memory": setup.memory}
    loras = tuple(LoraNote(name=str(one.path), digest=file_digest(one.file), scale=one.scale) for one in setup.loras)
    return OpenModel(pipeline, ModelNote(name=setup.model, digest=digest), made_with, loras)


def motion_of(request: GenerateRequest, known: Known) -> float:
    """M of a request: its own, that of its speed on the model's measured curve, or the model's default.

    Raises:
        RequestError: a speed without a curve of these very weights.
    """
    if request.speed is None or request.motion is not None:  # a repeated request keeps its M beside the speed asked
        return request.motion if request.motion is not None else known.defaults.motion
    curve = known.defaults.motion_calibration
    if curve is None or curve.model_digest != known.note.digest:
        why = "is not calibrated" if curve is None else "was calibrated with other weights"
        raise RequestError(
            f"speed={request.speed:g}: {known.note.name} {why}; run droplet calibrate --model {known.note.name} "
            "--out DIR, or give motion"
        )
    return curve.motion_at(request.speed)


@contextmanager
def memory_explained(what: str, memory: MemoryPreset, device: str) -> Iterator[None]:
    """Turn running out of memory into a line that says what to try."""
    try:
        yield
    except (torch.OutOfMemoryError, MemoryError, RuntimeError) as error:
        if not is_memory_error(error):
            raise
        smaller = next_smaller(memory)
        preset = f"--memory {smaller}" if smaller else "a smaller size"
        raise DropletError(
            f"out of memory {what}, on {device} with --memory {memory}: try {preset}, fewer frames or, in a batch, a "
            "smaller --batch-size; --dry-run says what a request needs"
        ) from error


def is_memory_error(error: BaseException) -> bool:
    """Whether an exception says that memory ran out; the CPU allocator says so in words alone."""
    words = str(error).lower()
    return isinstance(error, torch.OutOfMemoryError | MemoryError) or (
        isinstance(error, RuntimeError) and ("can't allocate memory" in words or "not enough memory" in words)
    )


def _made_with(device: str, dtype: torch.dtype) -> dict[str, Any]:
    """What beside request and weights decides the last digits."""
    return {
        "dropletvideo": __version__,
        "torch": torch.__version__,
        "device": torch.cuda.get_device_name(device) if device.startswith("cuda") else device,
        "dtype": str(dtype).removeprefix("torch."),
        "threads": torch.get_num_threads(),
    }
