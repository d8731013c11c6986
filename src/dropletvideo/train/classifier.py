"""Training of the camera classifier: labelled clips in, the folder that the stage `camera_class_swin` reads out.

A step is a function of (seed, step), and a checkpoint holds all else: on a CPU with the same number of threads a run
that was interrupted and resumed gives the same bits as a whole one.
"""

from __future__ import annotations

import json
import logging
import shutil
import time
from collections.abc import Callable
from contextlib import AbstractContextManager
from dataclasses import dataclass, field
from hashlib import blake2b
from pathlib import Path
from typing import Any, Literal

import torch
from pydantic import BaseModel, ConfigDict, Field
from torch import nn

from dropletvideo import runtime
from dropletvideo.data.label_score import ClassScore, score_classes
from dropletvideo.errors import ConfigError, WeightsError
from dropletvideo.perception.camera_class_network import (
    build_network,
    start_at_random,
    start_from_kinetics,
    write_classifier,
)
from dropletvideo.perception.camera_class_swin import NetworkConfig, normalised, size_named
from dropletvideo.train.checkpoint import latest_checkpoint, load_checkpoint, save_checkpoint
from dropletvideo.train.classifier_bank import Bank
from dropletvideo.train.classifier_clips import CLASSES, Clips, held_out_shots, labelled_files, training_shots
from dropletvideo.train.classifier_step import (
    accepted,
    class_weights,
    cropped,
    draw_batch,
    soft_loss,
    step_numbers,
)
from dropletvideo.train.logs import JsonlLog
from dropletvideo.train.optim import OptimConfig, build_optimizer, learning_rate_at, set_learning_rate
from dropletvideo.train.trainer import stop_requests

logger = logging.getLogger(__name__)

KEPT_FRAMES = 1.5
"""Frames kept of a training clip over those of a window: parts of a clip are shown at their own pace."""
OPTIM = {"learning_rate": 1.5e-3, "warmup_steps": 50, "decay_from": 0.3, "weight_decay": 0.05}
"""Where a run differs from the optimizer's own defaults."""


class ClassifierConfig(BaseModel):
    """One run. `labels` (with `videos`, their folder) takes the place of the world's shots.

    `start`: "random", or the path of torchvision's Kinetics file. `held_out_share` is that of labelled videos;
    `held_out_shots` shots of the world from `held_out_seed` are evaluated on otherwise.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    size: str = "toy"
    frames: int | None = Field(default=None, ge=2, description="of a window; the size's own if None")
    rate: float | None = Field(default=None, gt=0, description="of a window; None spreads it over the clip")
    labels: str | None = None
    videos: str | None = None
    held_out_share: float = Field(default=0.2, ge=0, lt=1)
    preset: str = "validation"
    first_seed: int = Field(default=0, ge=0)
    shots: int = Field(default=1200, ge=1)
    held_out_seed: int = 1_000_000
    held_out_shots: int = Field(default=120, ge=0)
    start: str = "random"
    steps: int = Field(default=600, ge=1)
    batch_size: int = Field(default=16, ge=1)
    optim: OptimConfig = Field(default_factory=lambda: OptimConfig.model_validate(OPTIM))
    drop_path: float = Field(default=0.1, ge=0, lt=1)
    augment: bool = True
    weigh_classes: bool = True
    seed: int = 0
    log_every: int = Field(default=25, ge=1)
    evaluate_every: int = Field(default=0, ge=0, description="steps between held-out accuracies; 0: at the end alone")
    checkpoint_minutes: float = Field(default=2.0, gt=0)

    @property
    def network(self) -> NetworkConfig:
        """What is built and what it is shown: trained windows lie over the whole clip unless `rate` says otherwise."""
        given: dict[str, Any] = {"rate": self.rate} | ({} if self.rate else {"views": 1})
        return size_named(self.size).model_copy(update=given | ({"frames": self.frames} if self.frames else {}))

    @property
    def identity(self) -> str:
        """What a checkpoint belongs to: all that changes what a step learns."""
        told = self.model_dump(mode="json", exclude={"log_every", "evaluate_every", "checkpoint_minutes"})
        return blake2b(json.dumps(told, sort_keys=True).encode(), digest_size=8).hexdigest()


@dataclass
class Result:
    """How a run ended; `evaluation` once it is finished; `failures`: clips that could not be read, and why."""

    out: Path
    status: Literal["finished", "stopped"]
    steps: int
    seconds: float
    loss: float | None = None
    evaluation: ClassScore | None = None
    failures: dict[str, str] = field(default_factory=dict)

    def as_dict(self) -> dict[str, Any]:
        """For JSON."""
        told = {name: value for name, value in vars(self).items() if name != "evaluation"}
        return {**told, "out": str(self.out), "evaluation": self.evaluation.as_dict() if self.evaluation else None}


Show = Callable[[str, int], AbstractContextManager[runtime.Progress]]


def run(
    config: ClassifierConfig,
    out: Path,
    *,
    fresh: bool = False,
    workers: int = 1,
    device: str = "auto",
    show: Show = runtime.progress,
) -> Result:
    """Read the clips, train, evaluate, write `out`: config.json, model.safetensors, run.json, log.jsonl.

    Raises:
        ConfigError: seeds of the wrong side, labels that cannot be used.
        WeightsError: a start that does not fit, or a checkpoint of another run.
    """
    learnt, held_out = _clips(config)
    network = config.network
    frames = round(network.frames * KEPT_FRAMES)
    banks = (
        Bank(out / "frames", learnt, frames=frames, side=network.short_side, rate=network.rate),
        Bank(out / "frames", held_out, frames=network.frames, side=network.short_side, rate=network.rate),
    )
    _check_room(banks, out)
    for bank, words in zip(banks, ("reading clips", "reading held-out clips"), strict=True):
        with show(words, len(bank.clips)) as bar:
            bank.fill(workers=workers, advance=lambda name, bar=bar: bar.advance(note=name))  # type: ignore[misc]
    if not len(banks[0].there):
        raise ConfigError(f"none of {len(learnt)} clips could be read: {next(iter(banks[0].failures.values()), '')}")
    trainer = ClassifierTrainer(config, out, *banks, device=runtime.pick_device(device))
    if fresh:
        trainer.forget()
    else:
        trainer.resume()
    with show("training", config.steps) as bar:
        bar.done = trainer.step
        status = trainer.run(lambda: bar.advance(note=f"loss {trainer.loss:.3f}" if trainer.loss else ""))
    result = Result(out, status, trainer.step, round(trainer.seconds, 1), trainer.loss)
    result.failures = banks[0].failures | banks[1].failures
    if status == "finished":
        result.evaluation = trainer.evaluate() if len(held_out) else None
        write_classifier(out, trainer.network, network)
        runtime.write_run(
            out,
            recipe={"kind": "classifier", **config.model_dump(mode="json")},
            seeds={"seed": config.seed},
            device=trainer.device,
            wall_seconds=trainer.seconds,
            result=result.as_dict(),
            clips={"learnt": len(banks[0].there), "held_out": len(banks[1].there)},
        )
    return result


def _clips(config: ClassifierConfig) -> tuple[Clips, Clips]:
    if config.labels is None:
        return (
            training_shots(config.preset, config.first_seed, config.shots),
            held_out_shots(config.preset, config.held_out_seed, config.held_out_shots),
        )
    return labelled_files(config.labels, config.videos, config.held_out_share)


def _check_room(banks: tuple[Bank, ...], out: Path) -> None:
    """Refuse before an hour of reading what the disk cannot hold."""
    wanted, free = sum(bank.missing_bytes for bank in banks), shutil.disk_usage(out).free
    if wanted > free:
        raise ConfigError(
            f"frames of the clips take {wanted / 1e9:.1f} GB, {out} has {free / 1e9:.1f} GB free: give fewer --shots, "
            "--set frames=16, or another --out"
        )


class ClassifierTrainer:
    """One network on one bank of clips."""

    def __init__(self, config: ClassifierConfig, out: Path, learnt: Bank, held_out: Bank, *, device: str) -> None:
        torch.manual_seed(config.seed)
        self.config, self.out, self.device = config, out, device
        self.learnt, self.held_out = learnt, held_out
        self.shape = config.network
        self.network: nn.Module = build_network(self.shape, drop_path=config.drop_path)
        if config.start == "random":
            start_at_random(self.network)
        else:
            start_from_kinetics(self.network, config.start)
        self.network.to(device).train()
        self.optimizer = build_optimizer(self.network.parameters(), config.optim)
        whole = learnt.shares[learnt.there, 0]
        self.weights = class_weights(whole) if config.weigh_classes else torch.ones(len(CLASSES))
        self.identity = f"{config.identity}-{learnt.name}"
        self.log = JsonlLog(out / "log.jsonl")
        self.step, self.seconds, self.loss = 0, 0.0, None
        self._losses: list[float] = []

    step: int
    seconds: float
    loss: float | None

    def resume(self) -> bool:
        """Go on from the newest checkpoint; False where there is none.

        Raises:
            WeightsError: it is damaged, or of another run.
        """
        path = latest_checkpoint(self.out / "checkpoints")
        if path is None:
            return False
        state = load_checkpoint(path)
        if state.get("identity") != self.identity:
            raise WeightsError(f"{path} was written with other settings or clips: use --fresh or another --out")
        self.network.load_state_dict(state["network"])
        self.optimizer.load_state_dict(state["optimizer"])
        self.step, self.seconds, self.loss = int(state["step"]), float(state["seconds"]), state["loss"]
        self._losses = list(state["losses"])
        self.log.restart_at(self.step)
        return True

    def forget(self) -> None:
        """Delete what an earlier run of this folder left; frames of clips stay."""
        for path in (self.out / "checkpoints").glob("step-*.pt"):
            path.unlink()
        self.log.restart_at(-1)

    def save(self) -> Path:
        """Write a checkpoint of this very step."""
        state: dict[str, Any] = {
            "identity": self.identity,
            "network": self.network.state_dict(),
            "optimizer": self.optimizer.state_dict(),
            "step": self.step,
            "seconds": self.seconds,
            "loss": self.loss,
            "losses": list(self._losses),
        }
        return save_checkpoint(self.out / "checkpoints", self.step, state, keep=1)

    def run(self, advance: Callable[[], None]) -> Literal["finished", "stopped"]:
        """Train to the end, or until SIGINT or SIGTERM; either way the last step is saved."""
        saved = time.monotonic()
        with stop_requests() as stop:
            while self.step < self.config.steps and not stop.asked:
                begun = time.monotonic()
                self._train_step()
                self.seconds += time.monotonic() - begun
                self._tell()
                advance()
                if time.monotonic() - saved > self.config.checkpoint_minutes * 60:
                    self.save()
                    saved = time.monotonic()
        self.save()
        return "finished" if self.step >= self.config.steps else "stopped"

    def evaluate(self) -> ClassScore:
        """The network as it stands on the clips held out, each seen as the judge sees it."""
        self.network.eval()
        pairs = []
        for number in self.held_out.there:
            frames = self.held_out.frames(int(number), range(self.shape.frames))
            pixels = torch.from_numpy(normalised(cropped(frames, self.shape.crop)))[None].to(self.device)
            with torch.inference_mode():
                told = CLASSES[int(self.network(pixels)[0].argmax())]
            pairs.append((accepted(self.held_out.shares[number, 0]), told))
        self.network.train()
        return score_classes(pairs)

    def _train_step(self) -> None:
        config = self.config
        rate = learning_rate_at(self.step, self.step / config.steps, config.optim)
        set_learning_rate(self.optimizer, rate)
        numbers = step_numbers(config.seed, self.step)
        torch.manual_seed(int(numbers.integers(2**62)))  # branches left out follow from the step too
        batch = draw_batch(self.learnt, self.shape, config.batch_size, numbers, augment=config.augment)
        kind = self.device.partition(":")[0]
        with torch.autocast(kind, torch.bfloat16, enabled=kind == "cuda"):
            logits = self.network(batch.pixels.to(self.device))
        loss = soft_loss(logits, batch.shares.to(self.device), self.weights.to(self.device))
        self.optimizer.zero_grad(set_to_none=True)
        loss.backward()  # type: ignore[no-untyped-call]
        norm = nn.utils.clip_grad_norm_(self.network.parameters(), config.optim.max_grad_norm)
        if torch.isfinite(norm) and torch.isfinite(loss):
            self.optimizer.step()
            self._losses.append(float(loss.detach()))
        self.step += 1

    def _tell(self) -> None:
        config = self.config
        if self.step % config.log_every == 0 or self.step == config.steps:
            self.loss = sum(self._losses) / len(self._losses) if self._losses else None
            row = {"step": self.step, "loss": self.loss, "skipped_steps": config.log_every - len(self._losses)}
            self._losses = []
            self.log.append({**row, "seconds": round(self.seconds, 2)})
        if config.evaluate_every and self.step % config.evaluate_every == 0:
            score = self.evaluate()
            self.log.append({"step": self.step, "held_out_accuracy": score.accuracy, "recall": score.recall})
