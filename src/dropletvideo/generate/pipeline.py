"""Image and prompt to video: `DropletVideoPipeline.from_pretrained(folder)(image=..., prompt=..., motion=8).frames`.

Shape letters: B batch, F frames or latent frames, C channels, H, W, S text tokens, D text width.
"""

from __future__ import annotations

import inspect
import logging
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import torch
from diffusers import DiffusionPipeline
from diffusers.loaders import CogVideoXLoraLoaderMixin
from diffusers.utils import BaseOutput
from numpy.typing import NDArray
from PIL import Image
from torch import Tensor

from dropletvideo.errors import RequestError
from dropletvideo.generate.given import Keyframes, VideoInput
from dropletvideo.generate.job import Job, OutputType, job_of, to_uint8
from dropletvideo.generate.provenance import model_digest
from dropletvideo.generate.request import ImageInput
from dropletvideo.generate.run import JobRun
from dropletvideo.generate.timeline import Segment
from dropletvideo.media import Fit
from dropletvideo.model.folder import PARTS, ModelFolder, load_model_folder, save_model_folder
from dropletvideo.model.presets import ModelDefaults
from dropletvideo.model.rope import RopeGrid
from dropletvideo.model.vae import FrameFix

logger = logging.getLogger(__name__)

StepCallback = Callable[["DropletVideoPipeline", int, int, dict[str, Tensor]], dict[str, Tensor] | None]
"""Gets the pipeline, the number of the step, the timestep and {"latents": B,F,C,H,W}; may give {"latents": ...} to go
on with. Setting `pipeline._interrupt` stops after the step."""

__all__ = ["DropletVideoOutput", "DropletVideoPipeline", "OutputType", "StepCallback", "to_uint8"]


@dataclass
class DropletVideoOutput(BaseOutput):
    """Videos of one call.

    Attributes:
        frames: "pt" B,F,3,H,W and "np" B,F,H,W,3 floats in [0, 1]; "pil" a list of images per video; or latents
            B,f,16,h,w.
        seams: blended frames (first, end exclusive) between chunks; empty for a video made at once.
    """

    frames: Any
    seams: list[tuple[int, int]]


class DropletVideoPipeline(DiffusionPipeline, CogVideoXLoraLoaderMixin):
    """diffusers-style pipeline over a model folder in the released layout; nothing resamples its frames by M."""

    model_cpu_offload_seq = "text_encoder->transformer->vae"

    def __init__(
        self, tokenizer: Any, text_encoder: Any, vae: Any, transformer: Any, scheduler: Any, defaults: Any = None
    ) -> None:
        super().__init__()
        self.register_modules(
            tokenizer=tokenizer, text_encoder=text_encoder, vae=vae, transformer=transformer, scheduler=scheduler
        )
        self.defaults: ModelDefaults = defaults or ModelDefaults()
        self._folder: ModelFolder | None = None
        self._interrupt = False
        self._current_timestep: int | None = None
        self._num_timesteps = 0
        self._guidance_scale = self.defaults.guidance_scale

    @classmethod
    def from_folder(cls, folder: ModelFolder) -> DropletVideoPipeline:
        """A pipeline over parts that are in memory already; the transformer is shared, not copied."""
        pipeline = cls(**{name: getattr(folder, name) for name in PARTS}, defaults=folder.defaults)
        pipeline._folder = folder
        return pipeline

    @classmethod
    def from_pretrained(
        cls, path: str | Path, *, torch_dtype: torch.dtype = torch.float32, device: str | torch.device = "cpu"
    ) -> DropletVideoPipeline:
        """Load a model folder, or "nano".

        Raises:
            WeightsError: the folder or a part is missing, damaged or of another model.
        """
        return cls.from_folder(load_model_folder(path, dtype=torch_dtype, device=device))

    def save_pretrained(self, path: str | Path) -> None:
        """Write the model folder in the released layout."""
        known = self._folder or ModelFolder(defaults=self.defaults)
        parts = {name: getattr(self, name) for name in PARTS}
        save_model_folder(ModelFolder(self.defaults, parts, path=known.path, index=known.index), path)

    def __call__(  # noqa: PLR0913, PLR0917 - the published call's arguments and those of every mode
        self,
        image: ImageInput | Sequence[ImageInput | None] | None = None,
        prompt: str | Sequence[str] = "",
        negative_prompt: str | None = None,
        motion: float | Sequence[float] | None = None,
        num_frames: int | None = None,
        height: int | None = None,
        width: int | None = None,
        num_inference_steps: int | None = None,
        guidance_scale: float | None = None,
        latents: Tensor | None = None,
        max_sequence_length: int | None = None,
        prompt_suffix: str | None = "default",
        frame_fix: FrameFix = "exact",
        fit: Fit | None = None,
        generator: torch.Generator | Sequence[torch.Generator] | None = None,
        output_type: OutputType = "pt",
        callback_on_step_end: StepCallback | None = None,
        *,
        last_image: ImageInput | Sequence[ImageInput | None] | None = None,
        keyframes: Keyframes | Sequence[Keyframes | None] | None = None,
        video: VideoInput | Sequence[VideoInput] | None = None,
        prompts: Sequence[Segment | Mapping[str, Any] | str] | None = None,
        seed: int | Sequence[int] | None = None,
        speed: float | Sequence[float] | None = None,
        scheduler: str | None = None,
        noise_aug: float | None = None,
        dynamic_guidance: bool = False,
        guidance_rescale: float = 0.0,
        chunk_frames: int | None = None,
        overlap: int | None = None,
        rope_grid: RopeGrid = "released",
    ) -> DropletVideoOutput:
        """Generate one video per entry of the longest list given; single values hold for all.

        None takes the model's own value. Sides become multiples of 16.

        Args:
            image: first frame(s): PIL, H,W,3 uint8, or a path. None: the text alone decides.
            prompt: text(s).
            negative_prompt: of the unguided branch; "default" is the model's too.
            motion: M, how many of the frames one second of the scene gets; low is fast.
            num_frames: frames of the result, any number from 1; beyond `chunk_frames` it is made chunk by chunk.
            height, width: pixels.
            num_inference_steps: sampling steps (of each chunk).
            guidance_scale: weight of the prompt; 1 is off.
            latents: the starting noise B,f,16,h,w, instead of drawing it; sizes that are not asked follow from it.
            max_sequence_length: text tokens read.
            prompt_suffix: put after the prompt and one space; "default" is the model's, None appends nothing.
            frame_fix: "exact", or "legacy" for the frame counts of the published code (85 asked, 88 given).
            fit: how images are brought to size: "crop", "pad" or "stretch" (as published).
            generator: one for all, or one per video (then a video does not depend on its batch).
            output_type: see `DropletVideoOutput`.
            callback_on_step_end: see `StepCallback`.
            last_image: last frame(s).
            keyframes: {frame number: image}, -1 is the last frame; or one such mapping per video.
            video: goes on from a path, frames F,H,W,3 or a list of images. `num_frames` counts its frames too.
            prompts: a time line, [{prompt, motion, num_frames}], instead of `prompt` and `num_frames`.
            seed: of a generator per video, instead of `generator`.
            speed: 0 slowest to 1 fastest as measured by `droplet calibrate`, instead of `motion`.
            scheduler: "ddim", "dpm++" or "unipc".
            noise_aug: deviation of noise on given frames; more of it gives more motion and less likeness.
            dynamic_guidance: guidance that rises over the steps.
            guidance_rescale: 0 to 1, against the burnt colours of high guidance.
            chunk_frames, overlap: frames made at once, and those of a chunk that the next one sees; both `4k + 1`.
            rope_grid: see `model.rope`.

        Raises:
            RequestError, MediaError: numbers that do not go together; an image or video that cannot be read.
        """
        asked = {name: value for name, value in locals().items() if name not in ("self", "callback_on_step_end")}
        job = self.prepare(**asked)
        run = JobRun(self, job, callback_on_step_end)
        if job.output_type == "latent":
            frames: Any = run.latents()
        else:
            runs = list(run.frames())
            frames = _as_output(runs[0] if len(runs) == 1 else torch.cat(runs, dim=1), job.output_type)
        return DropletVideoOutput(frames=frames, seams=job.seams)

    def prepare(self, **asked: Any) -> Job:
        """A call's arguments checked, its pictures read and its chunks planned; `stream` runs it.

        Raises:
            RequestError, MediaError: as a call.
            TypeError: an argument that a call does not have.
        """
        unknown = sorted(set(asked) - set(CALL_DEFAULTS))
        if unknown:
            raise TypeError(f"unknown arguments {', '.join(unknown)}: a call has {', '.join(CALL_DEFAULTS)}")
        asked = {**CALL_DEFAULTS, **asked}
        speed = asked.pop("speed")
        if speed is not None:
            asked["motion"] = self._motion_of(speed, asked["motion"])
        job = job_of(self.defaults, **asked)
        curve = self.defaults.motion_calibration
        notes = [*job.notes, curve.differences(job.settings) if speed is not None and curve is not None else None]
        for note in filter(None, notes):
            logger.warning("%s", note)
        return job

    def _motion_of(self, speed: float | Sequence[float], motion: Any) -> list[float] | float:
        """M of a speed on the curve that was measured on these very weights."""
        if motion is not None:
            raise RequestError(f"motion={motion} and speed={speed} are both given: give one")
        curve = self.defaults.motion_calibration
        path = self._folder.path if self._folder is not None else None
        if curve is None or (path is not None and curve.model_digest != model_digest(path)):
            why = "is not calibrated" if curve is None else "was calibrated with other weights"
            raise RequestError(f"speed={speed}: this model {why}; run droplet calibrate, or give motion")
        if isinstance(speed, list | tuple):
            return [curve.motion_at(one) for one in speed]
        return curve.motion_at(float(speed))  # type: ignore[arg-type]

    def stream(self, job: Job, callback_on_step_end: StepCallback | None = None) -> Iterator[NDArray[np.uint8]]:
        """The video of a job for one as runs F,H,W,3 uint8, each as soon as it is final.

        Memory does not grow with the length of the video: hand this to `media.write_video`.
        """
        assert job.count == 1, "one video at a time is streamed"
        for frames in JobRun(self, job, callback_on_step_end).frames():
            yield to_uint8(frames[0].permute(0, 2, 3, 1).cpu().numpy())

    @property
    def device_of_work(self) -> torch.device:
        """Where the transformer runs, also while its weights wait elsewhere (see `generate.memory`)."""
        return torch.device(self._execution_device)

    # diffusers' caches and callbacks read these four
    @property
    def interrupt(self) -> bool:
        """Whether a callback asked to stop."""
        return self._interrupt

    @property
    def current_timestep(self) -> int | None:
        """Timestep of the step that runs."""
        return self._current_timestep

    @property
    def num_timesteps(self) -> int:
        """Steps of a chunk in the call that runs."""
        return self._num_timesteps

    @property
    def guidance_scale(self) -> float:
        """Guidance of the call that runs."""
        return self._guidance_scale


CALL_DEFAULTS: Mapping[str, Any] = {
    name: parameter.default
    for name, parameter in inspect.signature(DropletVideoPipeline.__call__).parameters.items()
    if name not in ("self", "callback_on_step_end")
}
"""Arguments of a call and their defaults."""


def _as_output(frames_BFCHW: Tensor, output_type: OutputType) -> Any:
    if output_type == "pt":
        return frames_BFCHW
    array = frames_BFCHW.permute(0, 1, 3, 4, 2).cpu().numpy()
    if output_type == "np":
        return array
    return [[Image.fromarray(frame) for frame in video] for video in to_uint8(array)]
