"""Image and prompt to video: `DropletVideoPipeline.from_pretrained(folder)(image=..., prompt=..., motion=8).frames`.

Shape letters: B batch, F frames or latent frames, C channels, H, W, S text tokens, D text width.
"""

from __future__ import annotations

import logging
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

import numpy as np
import torch
from diffusers import DiffusionPipeline
from diffusers.utils import BaseOutput
from numpy.typing import NDArray
from PIL import Image
from torch import Tensor

from dropletvideo.errors import RequestError
from dropletvideo.generate.request import (
    Fit,
    ImageInput,
    Settings,
    as_list,
    batch_size_of,
    fit_image,
    motions_of,
    settings_of,
)
from dropletvideo.model.denoise import Denoiser
from dropletvideo.model.folder import PARTS, ModelFolder, load_model_folder, save_model_folder
from dropletvideo.model.image_condition import image_condition, text_only_condition
from dropletvideo.model.motion import motion_condition, outside_range
from dropletvideo.model.presets import ModelDefaults
from dropletvideo.model.rope import RopeGrid
from dropletvideo.model.text import encode_prompt, full_prompt
from dropletvideo.model.transformer import LATENT_CHANNELS
from dropletvideo.model.vae import FrameFix, decode_latents

logger = logging.getLogger(__name__)

OutputType = Literal["pt", "np", "pil", "latent"]
StepCallback = Callable[["DropletVideoPipeline", int, int, dict[str, Tensor]], dict[str, Tensor] | None]
DECODE_BATCH = 8


@dataclass
class DropletVideoOutput(BaseOutput):
    """`frames`: "pt" B,F,3,H,W and "np" B,F,H,W,3 floats in [0, 1]; "pil" a list of images per video; or latents."""

    frames: Any


@dataclass(frozen=True)
class _Conditions:
    """What the transformer hears beside latents and timestep: `text` B,S,D, `motion` B or 1, `image` B,f,17,h,w.

    All but a single M are doubled when guidance is on, negative ones first.
    """

    text: Tensor
    motion: Tensor
    image: Tensor
    is_guided: bool

    def doubled(self, latents_BFCHW: Tensor) -> Tensor:
        """Latents once for each branch."""
        return torch.cat([latents_BFCHW, latents_BFCHW]) if self.is_guided else latents_BFCHW


class DropletVideoPipeline(DiffusionPipeline):
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

    @torch.no_grad()
    def __call__(  # noqa: PLR0913, PLR0917 - the published call's arguments
        self,
        image: ImageInput | Sequence[ImageInput] | None = None,
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
        fit: Fit | None = None,
        generator: torch.Generator | Sequence[torch.Generator] | None = None,
        output_type: OutputType = "pt",
        callback_on_step_end: StepCallback | None = None,
        rope_grid: RopeGrid = "released",
        frame_fix: FrameFix = "exact",
    ) -> DropletVideoOutput:
        """Generate one video per entry of the longest list given; single values hold for all.

        Args:
            image: first frame(s): PIL, H,W,3 uint8, or a path. None is text-to-video.
            prompt: text(s).
            negative_prompt: of the unguided branch.
            motion: M, how many of the frames one second of the scene gets; low is fast.
            num_frames: `4k + 1`.
            height: multiple of 16.
            width: multiple of 16.
            num_inference_steps: sampling steps.
            guidance_scale: 1 is off and halves the work.
            latents: the starting noise B,f,16,h,w, instead of drawing it.
            max_sequence_length: text tokens read.
            prompt_suffix: put after the prompt; "default" is the model's, None is none.
            fit: how the image is brought to size.
            generator: one for all, or one per video (then a video does not depend on its batch).
            output_type: see `DropletVideoOutput`.
            callback_on_step_end: called with (pipeline, number of the step, timestep, {"latents"}); may return latents.
            rope_grid: see `model.rope`.
            frame_fix: see `model.vae.decode_latents`.

        None takes the model's own default for everything but `image`, `latents`, `prompt_suffix` and `generator`.

        Raises:
            RequestError: sizes, counts or numbers that do not go together.
            MediaError: an image that cannot be read.
        """
        settings = settings_of(
            self.defaults,
            num_frames=num_frames,
            height=height,
            width=width,
            num_inference_steps=num_inference_steps,
            guidance_scale=guidance_scale,
            text_length=max_sequence_length,
            prompt_suffix=prompt_suffix,
            negative_prompt=negative_prompt,
            fit=fit,
        )
        count = batch_size_of(image=image, prompt=prompt, motion=motion, generator=generator)
        count = max(count, 1 if latents is None else len(latents))
        motions = motions_of(motion, count, self.defaults.motion)
        self._warn_about(motions)
        noise = self._noise(settings, count, latents, generator)
        conditions = _Conditions(
            text=self._text(as_list(prompt, count, "prompt"), settings),
            motion=self._motion(motions, settings.guidance_scale != 1),
            image=self._image(as_list(image, count, "image"), settings, noise),
            is_guided=settings.guidance_scale != 1,
        )
        clean = self._sample(noise, conditions, settings, rope_grid, callback_on_step_end)
        return DropletVideoOutput(frames=self._finished(clean, output_type, frame_fix))

    @property
    def device_of_work(self) -> torch.device:
        """Where the transformer runs; other parts may lie elsewhere."""
        hook = getattr(self.transformer, "_hf_hook", None)  # set by diffusers' offloading
        device = getattr(hook, "execution_device", None)
        return torch.device(device if device is not None else self.transformer.device)

    def _warn_about(self, motions: Sequence[float]) -> None:
        for value in sorted(set(motions)):
            if sentence := outside_range(value, self.defaults.motion_range):
                logger.warning("%s", sentence)

    def _noise(self, settings: Settings, count: int, latents: Tensor | None, generator: Any) -> Tensor:
        size = settings.latent
        shape = (size.frames, LATENT_CHANNELS, size.height, size.width)
        if latents is None:
            generators = as_list(generator, count, "generator")
            if generator is None or isinstance(generator, torch.Generator):
                return _drawn((count, *shape), generator).to(self.device_of_work)
            return torch.stack([_drawn(shape, own) for own in generators]).to(self.device_of_work)
        if tuple(latents.shape) != (count, *shape):
            raise RequestError(f"latents are {tuple(latents.shape)}: need {(count, *shape)} for this request")
        return latents.to(self.device_of_work, torch.float32)

    def _text(self, prompts: Sequence[str | None], settings: Settings) -> Tensor:
        """States of all prompts; when guided, the negative ones come first. Equal texts are encoded once."""
        texts = [full_prompt(prompt or "", settings.prompt_suffix) for prompt in prompts]
        if settings.guidance_scale != 1:
            texts = [settings.negative_prompt] * len(texts) + texts
        distinct = list(dict.fromkeys(texts))
        states = encode_prompt(
            distinct, tokenizer=self.tokenizer, text_encoder=self.text_encoder, text_length=settings.text_length
        )
        return states[[distinct.index(text) for text in texts]].to(self.device_of_work)

    def _motion(self, motions: Sequence[float], is_guided: bool) -> Tensor:
        """M of each video, doubled under guidance; one shared number stays one."""
        if len(set(motions)) == 1:
            return motion_condition(motions[0], batch_size=1, device=self.device_of_work)
        values = motion_condition(list(motions), batch_size=len(motions), device=self.device_of_work)
        return torch.cat([values, values]) if is_guided else values

    def _image(self, images: Sequence[Any], settings: Settings, noise_BFCHW: Tensor) -> Tensor:
        """Condition channels; equal images are encoded once, a missing one is text-to-video."""
        sigma = self.defaults.condition_noise if self.transformer.config.add_noise_in_inpaint_model else 0.0
        known: dict[int, Tensor] = {}
        rows = []
        for row, image in enumerate(images):
            if id(image) not in known:
                known[id(image)] = (
                    text_only_condition(noise_BFCHW[row : row + 1])
                    if image is None
                    else self._encoded(image, settings, sigma).to(self.device_of_work, torch.float32)
                )
            rows.append(known[id(image)])
        condition = torch.cat(rows)
        return torch.cat([condition, condition]) if settings.guidance_scale != 1 else condition

    def _encoded(self, image: ImageInput, settings: Settings, sigma: float) -> Tensor:
        fitted = fit_image(image, settings.height, settings.width, settings.fit)
        pixels_BCHW = torch.from_numpy(fitted.copy()).permute(2, 0, 1)[None].float() / 127.5 - 1
        return image_condition(self.vae, pixels_BCHW, settings.num_frames, noise_sigma=sigma)

    def _sample(
        self,
        latents_BFCHW: Tensor,
        conditions: _Conditions,
        settings: Settings,
        rope_grid: RopeGrid,
        callback: StepCallback | None,
    ) -> Tensor:
        """The denoising loop; the scheduler works in float32 whatever the transformer's precision."""
        denoise = Denoiser(self.transformer, rope_grid=rope_grid)
        self.scheduler.set_timesteps(settings.num_inference_steps, device=self.device_of_work)
        latents_BFCHW = latents_BFCHW * self.scheduler.init_noise_sigma
        with self.progress_bar(total=settings.num_inference_steps) as bar:
            for number, timestep in enumerate(self.scheduler.timesteps):
                doubled = self.scheduler.scale_model_input(conditions.doubled(latents_BFCHW), timestep)
                velocity = denoise(
                    doubled,
                    timestep.expand(len(doubled)),
                    conditions.text,
                    conditions.motion,
                    conditions.image,
                )
                if conditions.is_guided:
                    without, towards = velocity.chunk(2)
                    velocity = without + settings.guidance_scale * (towards - without)
                latents_BFCHW = self.scheduler.step(velocity, timestep, latents_BFCHW, return_dict=False)[0]
                if callback is not None:
                    answer = callback(self, number, int(timestep), {"latents": latents_BFCHW}) or {}
                    latents_BFCHW = answer.get("latents", latents_BFCHW)
                bar.update()
        return latents_BFCHW

    def _finished(self, latents_BFCHW: Tensor, output_type: OutputType, frame_fix: FrameFix) -> Any:
        if output_type == "latent":
            return latents_BFCHW
        if output_type not in ("pt", "np", "pil"):
            raise RequestError(f"output_type={output_type!r} is unknown: one of pt, np, pil, latent")
        decoded = [
            decode_latents(self.vae, part, frame_fix=frame_fix) for part in torch.split(latents_BFCHW, DECODE_BATCH)
        ]
        frames = (torch.cat(decoded).float() / 2 + 0.5).clamp(0, 1).transpose(1, 2)
        self.maybe_free_model_hooks()
        if output_type == "pt":
            return frames
        array = frames.permute(0, 1, 3, 4, 2).cpu().numpy()
        if output_type == "np":
            return array
        return [[Image.fromarray(frame) for frame in video] for video in to_uint8(array)]


def to_uint8(frames: NDArray[np.floating[Any]]) -> NDArray[np.uint8]:
    """Frames in [0, 1] to 0..255, rounded (the released code cut the fraction off)."""
    rounded: NDArray[np.uint8] = np.rint(np.clip(frames, 0, 1) * 255).astype(np.uint8)
    return rounded


def _drawn(shape: tuple[int, ...], generator: torch.Generator | None) -> Tensor:
    """Noise drawn where the generator lives, so that a CPU seed gives one video on every device."""
    device = generator.device if generator is not None else torch.device("cpu")
    return torch.randn(shape, generator=generator, device=device)
