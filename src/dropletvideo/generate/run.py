"""Running a prepared job on a pipeline's parts: conditions, sampling and decoding, chunk after chunk."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from typing import Any

import torch
from torch import Tensor

from dropletvideo.errors import RequestError
from dropletvideo.generate.chunks import Chunk, run_chunks
from dropletvideo.generate.given import GivenFrames, as_pixels, clip_and_mask
from dropletvideo.generate.guidance import Guidance
from dropletvideo.generate.job import Job
from dropletvideo.generate.sampling import Conditions, sample
from dropletvideo.generate.schedulers import scheduler_named
from dropletvideo.model.denoise import Denoiser
from dropletvideo.model.image_condition import encode_condition, text_only_condition
from dropletvideo.model.motion import motion_condition
from dropletvideo.model.text import encode_prompt, full_prompt
from dropletvideo.model.transformer import LATENT_CHANNELS
from dropletvideo.model.vae import decode_latents

DECODE_BATCH = 8


class JobRun:
    """One run of a job; `pipeline` is the `DropletVideoPipeline` whose parts do the work."""

    def __init__(self, pipeline: Any, job: Job, callback: Callable[..., Any] | None = None) -> None:
        self.pipeline, self.job, self.callback = pipeline, job, callback
        self.device = pipeline.device_of_work
        self.denoise = Denoiser(pipeline.transformer, rope_grid=job.rope_grid)
        self.scheduler = scheduler_named(job.settings.scheduler, pipeline.scheduler)
        self.guidance = Guidance(
            job.settings.guidance_scale, job.settings.guidance_rescale, job.settings.dynamic_guidance
        )
        self._text: tuple[int, Tensor] | None = None
        pipeline._interrupt = False
        pipeline._num_timesteps = job.settings.num_inference_steps
        pipeline._guidance_scale = job.settings.guidance_scale

    @torch.no_grad()
    def latents(self) -> Tensor:
        """Clean latents B,f,16,h,w of a job of one chunk."""
        clean = self._sampled(self.job.chunks[0], None)
        self.pipeline.maybe_free_model_hooks()
        return clean

    @torch.no_grad()
    def frames(self) -> Iterator[Tensor]:
        """Frames in [0, 1] of the whole videos as runs B,F,3,H,W; a video that is continued comes first, unchanged up
        to its last frames, which are blended.
        """
        overlap = self.job.chunks[0].overlap
        cut = self.job.given_length - overlap
        yield from self._given_runs(0, cut)
        tail = torch.cat(list(self._given_runs(cut, self.job.given_length)), dim=1) if overlap else None
        for run in run_chunks(self.job.chunks, self._made, tail=tail):
            yield run if len(self.job.chunks) == 1 else run.cpu()
            if self.pipeline.interrupt:
                break
        self.pipeline.maybe_free_model_hooks()

    def _given_runs(self, start: int, end: int) -> Iterator[Tensor]:
        if end <= start:
            return
        for runs in zip(*(video.frames(start, end) for video in self.job.videos), strict=True):
            pixels = [torch.stack([as_pixels(frame) for frame in run]) for run in runs]
            yield torch.stack(pixels * (self.job.count if len(pixels) == 1 else 1)) / 2 + 0.5

    def _made(self, chunk: Chunk, before: Tensor | None) -> Tensor:
        """Frames B,F,3,H,W of a chunk; `before` are the last frames of what is there, B,overlap,3,H,W in [0, 1]."""
        fix = self.job.settings.frame_fix
        wanted = chunk.overlap + chunk.new if fix == "exact" else None
        decoded = [
            decode_latents(self.pipeline.vae, part, frame_fix=fix, num_frames=wanted)
            for part in torch.split(self._sampled(chunk, before), DECODE_BATCH)
        ]
        frames = (torch.cat(decoded).float() / 2 + 0.5).clamp(0, 1).transpose(1, 2)
        return frames if before is None else frames.to(before.device)

    def _sampled(self, chunk: Chunk, before: Tensor | None) -> Tensor:
        settings = self.job.settings
        noise = self._noise(chunk)
        conditions = Conditions(
            text=self._text_of(chunk.segment),
            motion=self._motion_of(chunk.segment),
            image=self._image(chunk, before, noise),
        )
        self.scheduler.set_timesteps(settings.num_inference_steps, device=self.device)
        with self.pipeline.progress_bar(total=settings.num_inference_steps) as bar:

            def on_step(number: int, timestep: int, latents: Tensor) -> Tensor | None:
                bar.update()
                return self._after_step(number, timestep, latents)

            return sample(
                self.denoise,
                self.scheduler,
                noise,
                conditions,
                self.guidance,
                before_step=self._before_step,
                on_step=on_step,
                generator=self.job.generator,
            )

    def _before_step(self, timestep: int) -> None:
        self.pipeline._current_timestep = timestep

    def _after_step(self, number: int, timestep: int, latents: Tensor) -> Tensor | None:
        """Latents to go on with after the user's callback, None where it asked to stop."""
        if self.callback is not None:
            answer = self.callback(self.pipeline, number, timestep, {"latents": latents}) or {}
            latents = answer.get("latents", latents)
        return None if self.pipeline.interrupt else latents

    def _noise(self, chunk: Chunk) -> Tensor:
        size = self.job.settings.latent(chunk.num_frames)
        shape = (size.frames, LATENT_CHANNELS, size.height, size.width)
        given, generator = self.job.latents, self.job.generator
        if given is None:
            if isinstance(generator, list):
                return torch.stack([_drawn(shape, own) for own in generator]).to(self.device)
            return _drawn((self.job.count, *shape), generator).to(self.device)
        if tuple(given.shape) != (self.job.count, *shape):
            raise RequestError(f"latents are {tuple(given.shape)}: need {(self.job.count, *shape)} for this request")
        return given.to(self.device, torch.float32)

    def _text_of(self, segment: int) -> Tensor:
        """States of a part's prompts; when guided, the negative ones come first. Equal texts are encoded once."""
        if self._text is not None and self._text[0] == segment:
            return self._text[1]
        settings = self.job.settings
        texts = [full_prompt(prompt, settings.prompt_suffix) for prompt in self.job.parts[segment].prompts]
        if self.guidance.is_on:
            texts = [settings.negative_prompt] * len(texts) + texts
        distinct = list(dict.fromkeys(texts))
        states = encode_prompt(
            distinct,
            tokenizer=self.pipeline.tokenizer,
            text_encoder=self.pipeline.text_encoder,
            text_length=settings.text_length,
        )
        self._text = (segment, states[[distinct.index(text) for text in texts]].to(self.device))
        return self._text[1]

    def _motion_of(self, segment: int) -> Tensor:
        """M of each video, doubled under guidance; one shared number stays one."""
        motions = self.job.parts[segment].motions
        if len(set(motions)) == 1:
            return motion_condition(motions[0], batch_size=1, device=self.device)
        values = motion_condition(motions, batch_size=len(motions), device=self.device)
        return torch.cat([values, values]) if self.guidance.is_on else values

    def _image(self, chunk: Chunk, before: Tensor | None, noise_BFCHW: Tensor) -> Tensor:
        """Condition channels B,f,17,h,w; equal ones are encoded once where no noise sets them apart."""
        sigma = self._noise_aug()
        known: dict[tuple[int, ...], Tensor] = {}
        rows = []
        for row, given in enumerate(self.job.given):
            own = _given_in(given, chunk, None if before is None else before[row])
            key = tuple(id(given[number]) for number in sorted(given)) if before is None and not sigma else (-1, row)
            if key not in known:
                known[key] = self._encoded(own, chunk, noise_BFCHW, sigma, row)
            rows.append(known[key])
        return torch.cat(rows).to(self.device)

    def _encoded(self, given: GivenFrames, chunk: Chunk, noise_BFCHW: Tensor, sigma: float, row: int) -> Tensor:
        if not given:
            return text_only_condition(noise_BFCHW[:1])
        settings = self.job.settings
        num_frames = settings.encoded_frames(chunk.num_frames)
        pixels, mask = clip_and_mask(given, num_frames, settings.height, settings.width)
        generator = self.job.generator
        own = generator[row] if isinstance(generator, Sequence) else generator
        return encode_condition(self.pipeline.vae, pixels, mask, noise_sigma=sigma, generator=own)

    def _noise_aug(self) -> float:
        if self.job.settings.noise_aug is not None:
            return self.job.settings.noise_aug
        is_trained_with = bool(self.pipeline.transformer.config.add_noise_in_inpaint_model)
        return float(self.pipeline.defaults.condition_noise) if is_trained_with else 0.0


def _given_in(given: GivenFrames, chunk: Chunk, before: Tensor | None) -> dict[int, Tensor]:
    """Given frames that lie in a chunk, by their number in it; those that are there already come first."""
    inside = {
        number - chunk.start: frame
        for number, frame in given.items()
        if chunk.start <= number < chunk.start + chunk.num_frames
    }
    if before is not None:
        inside |= {number: frame * 2 - 1 for number, frame in enumerate(before.cpu())}
    return inside


def _drawn(shape: tuple[int, ...], generator: torch.Generator | None) -> Tensor:
    """Noise drawn where the generator lives, so that a CPU seed gives one video on every device."""
    device = generator.device if generator is not None else torch.device("cpu")
    return torch.randn(shape, generator=generator, device=device)
