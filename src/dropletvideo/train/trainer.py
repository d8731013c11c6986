"""The training loop: stoppable at any step, readable while it runs, and resumed as if it had never stopped.

On a CPU with the same number of threads an interrupted and resumed run gives the same bits as a whole one: what a step
draws is a function of (seed, step), and a checkpoint holds everything else.
"""

from __future__ import annotations

import logging
import math
import signal
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from types import FrameType
from typing import Any, Literal, Protocol

import torch
from pydantic import BaseModel, ConfigDict, Field
from torch import Tensor, nn

from dropletvideo.diffusion.schedule import NoiseSchedule
from dropletvideo.errors import DropletError, WeightsError
from dropletvideo.train.checkpoint import latest_checkpoint, load_checkpoint, save_checkpoint
from dropletvideo.train.ema import MovingAverage
from dropletvideo.train.logs import JsonlLog, LossMeter
from dropletvideo.train.optim import OptimConfig, learning_rate_at, set_learning_rate, transformer_optimizer
from dropletvideo.train.precision import MatmulPrecision, matmul_precision
from dropletvideo.train.step import Batch, Denoise, ObjectiveConfig, batch_loss, draw_step, step_generator

logger = logging.getLogger(__name__)

BAD_STEPS_ALLOWED = 10
DRAW, DATA, HOLDOUT = 0, 1, 2  # purposes of a step's generators


class LoopConfig(BaseModel):
    """Length and rhythm of a run.

    The run ends at `max_steps` or after `max_minutes` of training, whichever is first; the learning rate's share of
    the run follows the same clock. With `max_minutes` two runs differ by the machine's speed; without it a run is a
    function of its recipe.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    batch_size: int = Field(default=16, ge=1)
    max_steps: int = Field(default=4000, ge=1)
    max_minutes: float | None = Field(default=None, gt=0)
    log_every: int = Field(default=20, ge=1)
    preview_every: int = Field(
        default=500, ge=0, description="steps between sample strips and held-out losses; 0 is never"
    )
    checkpoint_minutes: float = Field(default=5.0, gt=0)
    keep_checkpoints: int = Field(default=2, ge=1)
    matmul: MatmulPrecision = Field(default="auto", description="precision of matrix products; see train.precision")
    compile: bool = Field(
        default=False, description="torch.compile of the repeated blocks; needs a C++ compiler on a CPU"
    )


class Windows(Protocol):
    """Training windows that can be fetched by step."""

    empty_text: Tensor

    def batch_at(self, step: int, batch_size: int, generator: torch.Generator) -> Batch:
        """The batch of a step: a function of its arguments and the recipe's seed alone."""
        ...

    def held_out(self) -> Batch | None:
        """Windows never trained on, for the held-out loss."""
        ...


@dataclass
class Progress:
    """Where a run stands; `seconds` counts training alone, over all resumptions."""

    step: int = 0
    seconds: float = 0.0
    skipped_steps: int = 0
    share: float = 0.0
    loss: float | None = None


@dataclass(frozen=True)
class Outcome:
    """How a call of `Trainer.run` ended."""

    status: Literal["finished", "stopped"]
    progress: Progress


@dataclass
class Hooks:
    """What others hand in: `sample(step)` writes previews under averaged weights, `show(progress)` draws the bar."""

    sample: Callable[[int], None] | None = None
    show: Callable[[Progress], None] | None = None


@dataclass
class Trainer:
    """One run of one model on one bank of windows.

    `identity` names the recipe's learning-relevant part: a checkpoint of another identity is refused.
    """

    model: nn.Module
    denoise: Denoise
    windows: Windows
    schedule: NoiseSchedule
    loop: LoopConfig
    optim: OptimConfig
    objective: ObjectiveConfig
    out: Path
    seed: int = 0
    identity: str = ""
    device: torch.device = field(default_factory=lambda: torch.device("cpu"))
    hooks: Hooks = field(default_factory=Hooks)

    def __post_init__(self) -> None:
        self.out.mkdir(parents=True, exist_ok=True)
        self.model.to(self.device).train()
        self.optimizer = transformer_optimizer(self.model, self.optim)
        self.average = MovingAverage(self.model, self.optim.ema_decay)
        self.meter = LossMeter(self.schedule.num_timesteps)
        self.log = JsonlLog(self.out / "log.jsonl")
        self.progress = Progress()
        self._since_log = (0, 0.0)  # steps and seconds
        self._bad_in_a_row = 0

    @property
    def checkpoints(self) -> Path:
        """Folder of the run's checkpoints."""
        return self.out / "checkpoints"

    def resume(self) -> bool:
        """Go on from the newest checkpoint; False where there is none.

        Raises:
            WeightsError: the checkpoint is damaged or of another recipe.
        """
        path = latest_checkpoint(self.checkpoints)
        if path is None:
            return False
        state = load_checkpoint(path)
        if state.get("identity") != self.identity:
            raise WeightsError(f"{path} was written by another recipe or other data: use --fresh or another --out")
        self.model.load_state_dict(state["model"])
        self.optimizer.load_state_dict(state["optimizer"])
        self.average.load_state_dict(state["average"])
        self.meter.load_state_dict(state["meter"])
        self.progress = Progress(**state["progress"])
        self._since_log = (int(state["since_log"][0]), float(state["since_log"][1]))
        self.log.restart_at(self.progress.step)
        return True

    def save(self, *, keep: int | None = None) -> Path:
        """Write a checkpoint of this very step; `keep` so many, the configured number by default."""
        state: dict[str, Any] = {
            "identity": self.identity,
            "model": self.model.state_dict(),
            "optimizer": self.optimizer.state_dict(),
            "average": self.average.state_dict(),
            "meter": self.meter.state_dict(),
            "progress": vars(self.progress).copy(),
            "since_log": list(self._since_log),
        }
        return save_checkpoint(self.checkpoints, self.progress.step, state, keep=keep or self.loop.keep_checkpoints)

    def run(self) -> Outcome:
        """Train to the end, or until SIGINT or SIGTERM asks to stop; either way the last step is saved."""
        saved_at = time.monotonic()
        with stop_requests() as stop, matmul_precision(self.loop.matmul, self.device):
            while not self._is_done():
                self._timed_step()
                if self.hooks.show:
                    self.hooks.show(self.progress)
                if stop.asked:
                    logger.warning("stopped at step %d; the same command goes on from here", self.progress.step)
                    break
                if time.monotonic() - saved_at > self.loop.checkpoint_minutes * 60:
                    self.save()
                    saved_at = time.monotonic()
        self.save(keep=1 if self._is_done() else None)
        return Outcome("finished" if self._is_done() else "stopped", self.progress)

    def held_out_loss(self) -> float | None:
        """Loss of the averaged weights on windows never trained on, under noise that is the same every time."""
        batch = self.windows.held_out()
        if batch is None:
            return None
        config = self.objective.model_copy(update={"text_drop": 0.0, "image_drop": 0.0, "shuffle_motion": False})
        draw = draw_step(batch.latents.shape, self.schedule.num_timesteps, config, step_generator(0, 0, HOLDOUT))
        with torch.no_grad(), self.averaged():
            result = batch_loss(
                self.denoise, batch.to(self.device), draw, self.schedule, self.windows.empty_text, config
            )
        return float(result.loss)

    def _timed_step(self) -> None:
        started = time.monotonic()
        self._train_step()
        seconds = time.monotonic() - started
        self.progress.seconds += seconds
        self.progress.share = self._share()
        self._since_log = (self._since_log[0] + 1, self._since_log[1] + seconds)
        step, loop = self.progress.step, self.loop
        if step % loop.log_every == 0 or step == 1 or self._is_done():
            self._write_row()
        if loop.preview_every and (step % loop.preview_every == 0 or self._is_done()):
            self._preview()

    def _train_step(self) -> None:
        """Forward, backward, clip, step, average. A step whose gradient is not finite changes nothing."""
        step = self.progress.step
        self._rate = learning_rate_at(step, self._share(), self.optim)
        set_learning_rate(self.optimizer, self._rate)
        batch = self.windows.batch_at(step, self.loop.batch_size, step_generator(self.seed, step, DATA))
        draw = draw_step(
            batch.latents.shape, self.schedule.num_timesteps, self.objective, step_generator(self.seed, step, DRAW)
        )
        result = batch_loss(
            self.denoise, batch.to(self.device), draw, self.schedule, self.windows.empty_text, self.objective
        )
        self.optimizer.zero_grad(set_to_none=True)
        result.loss.backward()  # type: ignore[no-untyped-call]
        self._norm = float(nn.utils.clip_grad_norm_(self.model.parameters(), self.optim.max_grad_norm))
        self.progress.step += 1
        if self._is_sound(float(result.loss.detach())):
            self.optimizer.step()
            self.average.update(step)
            self.meter.add(result.per_sample, draw.timesteps)

    def _is_sound(self, loss: float) -> bool:
        """False for a step to leave out; too many in a row end the run."""
        if math.isfinite(loss) and math.isfinite(self._norm):
            self._bad_in_a_row = 0
            return True
        self._bad_in_a_row += 1
        self.progress.skipped_steps += 1
        if self._bad_in_a_row >= BAD_STEPS_ALLOWED:
            raise DropletError(
                f"loss or gradient was not finite in {BAD_STEPS_ALLOWED} steps in a row at step {self.progress.step}: "
                f"lower optim.learning_rate ({self.optim.learning_rate:g}) and go on from the last checkpoint"
            )
        return False

    def _write_row(self) -> None:
        steps, seconds = self._since_log
        means = self.meter.take()
        self.progress.loss = means["loss"]
        self.log.append(
            {
                "step": self.progress.step,
                **means,
                "grad_norm": self._norm,
                "learning_rate": self._rate,
                "samples_per_second": steps * self.loop.batch_size / max(seconds, 1e-9),
                "seconds": self.progress.seconds,
                "skipped_steps": self.progress.skipped_steps,
            }
        )
        self._since_log = (0, 0.0)

    def _preview(self) -> None:
        loss = self.held_out_loss()
        if loss is not None:
            self.log.append({"step": self.progress.step, "held_out_loss": loss})
        if self.hooks.sample:
            with self.averaged():
                self.hooks.sample(self.progress.step)

    @contextmanager
    def averaged(self) -> Iterator[None]:
        """The model in eval mode under the averaged weights."""
        self.model.eval()
        try:
            with self.average.applied():
                yield
        finally:
            self.model.train()

    def _share(self) -> float:
        share = self.progress.step / self.loop.max_steps
        if self.loop.max_minutes is not None:
            share = max(share, self.progress.seconds / (self.loop.max_minutes * 60))
        return min(1.0, share)

    def _is_done(self) -> bool:
        return self._share() >= 1.0


@dataclass
class StopRequest:
    """`asked` turns true when the process was asked to stop."""

    asked: bool = False


@contextmanager
def stop_requests() -> Iterator[StopRequest]:
    """Turn the first SIGINT or SIGTERM into a request to stop after this step; a second one acts as usual."""
    request = StopRequest()
    previous: dict[signal.Signals, Any] = {}

    def ask(number: int, _frame: FrameType | None) -> None:
        request.asked = True
        signal.signal(number, previous[signal.Signals(number)])

    try:
        for number in (signal.SIGINT, signal.SIGTERM):
            previous[number] = signal.signal(number, ask)
    except ValueError:  # not in the main thread: signals are the owner's business
        previous.clear()
    try:
        yield request
    finally:
        for number, handler in previous.items():
            signal.signal(number, handler)
