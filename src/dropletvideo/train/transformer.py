"""Train a diffusion transformer: clips, cache, loop, and a model folder that `droplet generate` takes.

OUT/model_index.json, transformer/, vae/, ...   the model: averaged weights, frozen codec and text encoder
OUT/run.json, log.jsonl, samples/, checkpoints/, cache/
"""

from __future__ import annotations

import hashlib
import json
import logging
import shutil
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Literal

import torch
from pydantic import BaseModel, ConfigDict, Field

from dropletvideo import runtime
from dropletvideo.data.bank import HeldOut, WindowBank
from dropletvideo.data.cache import CacheConfig, CacheReport, build_cache
from dropletvideo.data.clips import ClipList
from dropletvideo.data.encode import Encoders, folder_encoders
from dropletvideo.data.windows import WindowConfig
from dropletvideo.diffusion.schedule import NoiseSchedule
from dropletvideo.errors import ConfigError
from dropletvideo.model.denoise import Denoiser
from dropletvideo.model.folder import INDEX_FILE, PARTS, ModelFolder, load_model_folder, save_model_folder
from dropletvideo.model.presets import preset
from dropletvideo.model.transformer import DropletVideoTransformer3DModel
from dropletvideo.train.optim import OptimConfig
from dropletvideo.train.sources import DataConfig, caption_sources, clip_list
from dropletvideo.train.step import Batch, ObjectiveConfig
from dropletvideo.train.trainer import Hooks, LoopConfig, Outcome, Progress, Trainer

logger = logging.getLogger(__name__)

HELD_OUT_LOSS_WINDOWS = 64
FROZEN_PARTS = tuple(name for name in PARTS if name != "transformer")

SampleFunction = Callable[[ModelFolder, Sequence[HeldOut], Path], None]
"""Given the model, held-out windows and a path without suffix, writes previews under that name."""


class PreviewConfig(BaseModel):
    """Sample strips on disk while training."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    windows: int = Field(default=4, ge=0, description="held-out first frames that previews start from")
    motions: tuple[float, ...] = (4.0, 16.0)
    steps: int = Field(default=12, ge=1, description="sampling steps")


class Config(BaseModel):
    """A whole run. `encoders` is the model folder of the frozen codec and text encoder; `start_from` one whose
    transformer is trained on (None starts `preset` from nothing).
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    kind: Literal["transformer"] = "transformer"
    preset: str = "nano"
    encoders: str = "nano"
    start_from: str | None = None
    seed: int = 0
    device: str = "auto"
    data: DataConfig = DataConfig()
    windows: WindowConfig = WindowConfig()
    cache: CacheConfig = CacheConfig()
    loop: LoopConfig = LoopConfig()
    optim: OptimConfig = OptimConfig()
    objective: ObjectiveConfig = ObjectiveConfig()
    previews: PreviewConfig = PreviewConfig()


@dataclass(frozen=True)
class RunResult:
    """How a run ended."""

    out: Path
    status: Literal["finished", "stopped"]
    steps: int
    seconds: float
    loss: float | None
    held_out_loss: float | None
    cache: CacheReport


@dataclass
class BankWindows:
    """A window bank as the trainer asks for it."""

    bank: WindowBank
    empty_text: torch.Tensor = field(init=False)

    def __post_init__(self) -> None:
        self.empty_text = self.bank.empty_text

    def batch_at(self, step: int, batch_size: int, generator: torch.Generator) -> Batch:
        """Windows of a step."""
        return Batch(**self.bank.batch_tensors(step, batch_size, generator))

    def held_out(self) -> Batch | None:
        """Windows never trained on."""
        tensors = self.bank.held_out_tensors(HELD_OUT_LOSS_WINDOWS)
        return Batch(**tensors) if tensors else None


def run(
    config: Config,
    out: Path,
    *,
    fresh: bool = False,
    sample: SampleFunction | None = None,
    clips: ClipList | None = None,
) -> RunResult:
    """Train to the end of the recipe or until asked to stop; the same call goes on from the last checkpoint.

    Args:
        config: the recipe.
        out: folder of the run; a model folder when it returns.
        fresh: forget checkpoints and log that are there (the cache is kept if it still fits).
        sample: writes previews.
        clips: to train on; by default those that `config.data` names.

    Raises:
        ConfigError: settings that do not go together, no usable clip.
        WeightsError: a checkpoint or model folder that is damaged or of another recipe.
    """
    started = time.monotonic()
    out.mkdir(parents=True, exist_ok=True)
    if fresh:
        shutil.rmtree(out / "checkpoints", ignore_errors=True)
        (out / "log.jsonl").unlink(missing_ok=True)
    frozen = load_model_folder(config.encoders, parts=FROZEN_PARTS)
    encoders = folder_encoders(frozen)
    found = clips if clips is not None else clip_list(config.data, config.windows)
    report = _cached(config, out, encoders, found)
    bank = WindowBank.load(config.cache.folder or out / "cache", seed=config.seed)
    folder = _new_folder(config, frozen)
    trainer = _trainer(config, out, folder, bank)
    if sample:
        trainer.hooks.sample = _previews(sample, folder, bank, out, config.previews.windows)
    if trainer.resume():
        logger.info("going on from step %d", trainer.progress.step)
    outcome = _run_with_bar(trainer, config.loop)
    held_out_loss = trainer.held_out_loss()
    with trainer.averaged():
        publish(folder, out)
    facts = {
        "status": outcome.status,
        "steps": outcome.progress.step,
        "training_seconds": round(outcome.progress.seconds, 3),
        "skipped_steps": outcome.progress.skipped_steps,
        "held_out_loss": held_out_loss,
        "caption_sources": caption_sources(found),
        "cache": report.as_dict(),
    }
    runtime.write_run(
        out,
        recipe=config.model_dump(mode="json"),
        seeds={"seed": config.seed, "windows": config.windows.seed},
        weights={"encoders": encoders.digest},
        device=str(trainer.device),
        wall_seconds=time.monotonic() - started,
        **facts,
    )
    progress = outcome.progress
    return RunResult(out, outcome.status, progress.step, progress.seconds, progress.loss, held_out_loss, report)


def _cached(config: Config, out: Path, encoders: Encoders, clips: ClipList) -> CacheReport:
    with runtime.progress("encoding clips", total=len(clips)) as bar:
        report = build_cache(
            config.cache.folder or out / "cache",
            clips,
            config.windows,
            encoders,
            config.cache,
            show=lambda done, _whole: bar.advance(done - bar.done),
        )
    if report.skipped or report.failures:
        logger.warning(
            "%d clips skipped %s, %d failed", report.skipped.total(), dict(report.skipped), len(report.failures)
        )
    return report


def _new_folder(config: Config, frozen: ModelFolder) -> ModelFolder:
    """The model that will be trained and saved: fresh or loaded transformer beside the frozen parts."""
    torch.manual_seed(config.seed)
    if config.start_from:
        transformer = load_model_folder(config.start_from, parts=("transformer",), without_motion=True).transformer
        transformer.requires_grad_(True)
    else:
        transformer = DropletVideoTransformer3DModel(**preset(config.preset).transformer)
        transformer.start_from_nothing()
    text_width = int(transformer.config.text_embed_dim)
    if text_width != int(frozen.text_encoder.config.d_model):
        raise ConfigError(
            f"transformer reads text of width {text_width}, the text encoder of {config.encoders} gives "
            f"{frozen.text_encoder.config.d_model}: choose a preset and encoders that belong together"
        )
    defaults = frozen.defaults.model_copy(
        update={
            "num_frames": config.windows.num_frames,
            "height": config.windows.height,
            "width": config.windows.width,
            "motion_range": config.windows.motion_range if config.windows.span == "window" else None,
        }
    )
    parts = {**frozen.parts, "transformer": transformer}
    return ModelFolder(defaults=defaults, parts=parts, path=frozen.path, index=frozen.index)


def _trainer(config: Config, out: Path, folder: ModelFolder, bank: WindowBank) -> Trainer:
    transformer = folder.transformer
    if config.loop.compile:
        transformer.compile_repeated_blocks()
    return Trainer(
        model=transformer,
        denoise=Denoiser(transformer),
        windows=BankWindows(bank),
        schedule=NoiseSchedule.from_scheduler(folder.scheduler),
        loop=config.loop,
        optim=config.optim,
        objective=config.objective,
        out=out,
        seed=config.seed,
        identity=identity_of(config, bank.fingerprint),
        device=torch.device(runtime.pick_device(config.device)),
    )


def identity_of(config: Config, fingerprint: str) -> str:
    """What a checkpoint shares with the recipe that goes on from it: all that bears on the weights but the length."""
    loop = config.loop.model_dump(mode="json", include={"batch_size", "matmul"})
    unused = {"optimizer", "matrix_learning_rate"} if config.optim.optimizer == "adamw" else None
    content = [
        fingerprint,
        loop,
        config.model_dump(
            mode="json",
            include={"preset", "encoders", "start_from", "seed", "optim", "objective"},
            exclude={"optim": unused} if unused else None,
        ),
    ]
    return hashlib.blake2b(json.dumps(content, sort_keys=True).encode(), digest_size=12).hexdigest()


def _previews(
    sample: SampleFunction, folder: ModelFolder, bank: WindowBank, out: Path, limit: int
) -> Callable[[int], None]:
    windows = bank.held_out_windows(limit)

    def write(step: int) -> None:
        if windows:
            sample(folder, windows, out / "samples" / f"step-{step:08d}")

    return write


def _run_with_bar(trainer: Trainer, loop: LoopConfig) -> Outcome:
    """The bar counts steps, or thousandths of the time where the clock ends the run."""
    by_time = loop.max_minutes is not None
    total = 1000 if by_time else loop.max_steps
    with runtime.progress("training", total=total) as bar:

        def show(progress: Progress) -> None:
            done = int(progress.share * 1000) if by_time else progress.step
            loss = f", loss {progress.loss:.4f}" if progress.loss is not None else ""
            bar.advance(done - bar.done, note=f"step {progress.step}{loss}")

        trainer.hooks = Hooks(sample=trainer.hooks.sample, show=show)
        show(trainer.progress)
        return trainer.run()


def publish(folder: ModelFolder, out: Path) -> None:
    """Write the model into the run's folder, which holds other things too; the index comes last."""
    scratch = out / ".model"
    shutil.rmtree(scratch, ignore_errors=True)
    save_model_folder(folder, scratch)
    (out / INDEX_FILE).unlink(missing_ok=True)
    parts = sorted(scratch.iterdir(), key=lambda path: path.name == INDEX_FILE)
    for part in parts:
        target = out / part.name
        if target.is_dir():
            shutil.rmtree(target)
        part.replace(target)
    scratch.rmdir()
