"""Train the patch codec: principal components first, then encoder and residual decoder together.

OUT/vae/ (config.json, weights), OUT/run.json, log.jsonl, windows/, checkpoints/
"""

from __future__ import annotations

import hashlib
import json
import logging
import shutil
import time
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

import numpy as np
import torch
from pydantic import BaseModel, ConfigDict, Field
from torch import Tensor

from dropletvideo import runtime
from dropletvideo.data.windows import WindowConfig
from dropletvideo.model.patch_codec import PatchCodec
from dropletvideo.shapes import TEMPORAL_COMPRESSION as STEP
from dropletvideo.train.codec_fit import set_statistics, start_from_components
from dropletvideo.train.codec_windows import PixelWindows, as_pixels, pixel_windows
from dropletvideo.train.optim import OptimConfig
from dropletvideo.train.pretrain import Pretraining, PretrainLoop
from dropletvideo.train.world_clips import WorldClips, WorldData

logger = logging.getLogger(__name__)


class CodecLoss(BaseModel):
    """What the codec is trained for.

    `softness` is the error (in [-1, 1] pixels) at which the penalty turns from square to absolute: absolute keeps
    edges. `latent_noise` is the greatest deviation, in units of the latent's own, that is added before decoding: what
    a diffusion model gives is never exact. `first_frame_weight` counts frame 0 so many times. `shuffle_colours` is the
    share of windows whose colour channels are shuffled, so that colours of the training scenes are not taken for law.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    softness: float = Field(default=0.03, gt=0)
    latent_noise: float = Field(default=0.1, ge=0)
    first_frame_weight: float = Field(default=2.0, gt=0)
    shuffle_colours: float = Field(default=0.15, ge=0, le=1)
    crop_latent_frames: int = Field(default=3, ge=1, description="latent frames of a training crop")


class Config(BaseModel):
    """A whole run. `latent_spread` e: channels leave the encoder with deviation ~ (their share of the picture)^e."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    kind: Literal["codec"] = "codec"
    seed: int = 0
    codec: dict[str, int] = Field(default_factory=dict, description="fields of PatchCodec")
    world: WorldData = WorldData(first_seed=100_000, shots=2048)
    held_out: WorldData = WorldData(first_seed=900_000, shots=24)
    windows: WindowConfig = WindowConfig(windows_per_clip=2)
    loss: CodecLoss = CodecLoss()
    loop: PretrainLoop = PretrainLoop()
    optim: OptimConfig = OptimConfig(learning_rate=1.5e-3, decay_from=0.2, weight_decay=0.0, max_grad_norm=0.5)
    latent_spread: float = Field(default=0.25, ge=0, le=1)


@dataclass(frozen=True)
class RunResult:
    """How a run ended; `psnr` are held-out decibels."""

    out: Path
    status: Literal["finished", "stopped"]
    steps: int
    seconds: float
    psnr: dict[str, float]


def run(config: Config, out: Path, *, fresh: bool = False, **_: Any) -> RunResult:
    """Train to the end of the recipe; the same call goes on from the last checkpoint.

    Args:
        config: the recipe.
        out: folder of the run; `OUT/vae` is the codec.
        fresh: forget checkpoints and log (rendered windows are kept).

    Raises:
        WeightsError: a checkpoint that is damaged or of another recipe.
    """
    started = time.monotonic()
    out.mkdir(parents=True, exist_ok=True)
    if fresh:
        shutil.rmtree(out / "checkpoints", ignore_errors=True)
    height, width = config.windows.height, config.windows.width
    held_out = pixel_windows(
        WorldClips(config.held_out, height, width), config.windows, out / "windows", title="held-out windows"
    )
    windows = pixel_windows(
        WorldClips(config.world, height, width), config.windows, out / "windows", title="training windows"
    )
    torch.manual_seed(config.seed)
    codec = PatchCodec(**config.codec)
    training = Pretraining(
        codec,
        lambda _step, generator: codec_loss(codec, _crop(windows, config, generator), config.loss, generator),
        config.loop,
        config.optim,
        out,
        identity=_identity(config),
    )
    if not training.resume():
        start_from_components(codec, windows)
        training.average.load_state_dict({name: value.detach().clone() for name, value in codec.named_parameters()})
        training.log.append({"step": 0, "seconds": 0.0, **held_out_psnr(codec, held_out)})
    finished = training.run(test=lambda: held_out_psnr(codec, held_out), title="training codec", seed=config.seed)
    with training.average.applied():
        set_statistics(codec, windows, spread=config.latent_spread)
        figures = held_out_psnr(codec, held_out)
        export(codec, out / "vae")
    runtime.write_run(
        out,
        recipe=config.model_dump(mode="json"),
        seeds={"seed": config.seed, "windows": config.windows.seed},
        wall_seconds=time.monotonic() - started,
        status="finished" if finished else "stopped",
        steps=training.step,
        training_seconds=round(training.seconds, 1),
        held_out=figures,
    )
    return RunResult(out, "finished" if finished else "stopped", training.step, training.seconds, figures)


def codec_loss(
    codec: PatchCodec, pixels_BCFHW: Tensor, config: CodecLoss, generator: torch.Generator
) -> dict[str, Tensor]:
    """Loss of one batch: `sqrt(error^2 + softness^2) - softness`, averaged, frame 0 weighted; and its PSNR."""
    latents = codec.analyse(pixels_BCFHW)
    share = torch.rand(len(latents), 1, 1, 1, 1, generator=generator) * config.latent_noise
    noise = torch.randn(latents.shape, generator=generator)
    error = codec.synthesise(latents + share * _deviations(latents) * noise) - pixels_BCFHW
    penalty = (error.square() + config.softness**2).sqrt() - config.softness
    weight = torch.ones(error.shape[2])
    weight[0] = config.first_frame_weight
    loss = (penalty.mean(dim=(0, 1, 3, 4)) * weight).sum() / weight.sum()
    return {"loss": loss, "psnr": _psnr(error.detach().square().mean())}


def _deviations(latents: Tensor) -> Tensor:
    """Standard deviation of each channel in the batch, the first frame apart: 1,16,f,1,1, without gradient."""
    parts = [latents[:, :, :1], latents[:, :, 1:]]
    rows = [part.detach().std(dim=(0, 2, 3, 4), keepdim=True) for part in parts if part.shape[2]]
    return torch.cat([rows[0], *[rows[-1]] * (latents.shape[2] - 1)], dim=2)


def _crop(windows: PixelWindows, config: Config, generator: torch.Generator) -> Tensor:
    """A batch of crops in time: any frame may be the first one; mirrored half the time, colours shuffled sometimes."""
    batch, frames = config.loop.batch_size, (config.loss.crop_latent_frames - 1) * STEP + 1
    rows = torch.randint(len(windows.frames), (batch,), generator=generator)
    starts = torch.randint(windows.frames.shape[1] - frames + 1, (batch,), generator=generator)
    taken = [windows.frames[row, start : start + frames] for row, start in zip(rows, starts, strict=True)]
    pixels = as_pixels(np.stack(taken))
    mirrored, shuffled = torch.rand(2, batch, generator=generator)
    for sample in range(batch):
        if mirrored[sample] < 0.5:
            pixels[sample] = pixels[sample].flip(-1)
        if shuffled[sample] < config.loss.shuffle_colours:
            pixels[sample] = pixels[sample, torch.randperm(3, generator=generator)]
    return pixels


def _psnr(mean_square: Tensor) -> Tensor:
    return 10 * torch.log10(4 / mean_square)


@torch.no_grad()
def held_out_psnr(codec: PatchCodec, windows: PixelWindows) -> dict[str, float]:
    """Mean PSNR in dB of windows never trained on: of all, of frame 0, and by M (low is fast)."""
    figures: dict[str, list[float]] = {}
    for row, motion in enumerate(windows.motion):
        pixels = windows.pixels(np.array([row]))
        restored = codec.decode(codec.encode(pixels).latent_dist.mode()).sample.clamp(-1, 1)
        error = (restored - pixels).square()
        figures.setdefault("held_out_psnr", []).append(float(_psnr(error.mean())))
        figures.setdefault("held_out_psnr_first_frame", []).append(float(_psnr(error[:, :, 0].mean())))
        band = next(high for high in (8, 16, 32) if motion <= high or high == 32)
        figures.setdefault(f"held_out_psnr_motion_to_{band}", []).append(figures["held_out_psnr"][-1])
    return {name: float(np.mean(values)) for name, values in sorted(figures.items())}


def export(codec: PatchCodec, folder: Path) -> None:
    """Write the codec in half precision; loading brings it back to single."""
    half = PatchCodec.from_config(codec.config)
    half.load_state_dict(codec.state_dict())
    half.half().save_pretrained(folder)


def _identity(config: Config) -> str:
    content = config.model_dump(mode="json", exclude={"held_out", "latent_spread"})
    return hashlib.blake2b(json.dumps(content, sort_keys=True).encode(), digest_size=12).hexdigest()
