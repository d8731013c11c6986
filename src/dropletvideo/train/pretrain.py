"""The loop that trains nano's codec and text encoder: any module, any loss, resumable, averaged, logged."""

from __future__ import annotations

import logging
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import torch
from pydantic import BaseModel, ConfigDict, Field
from torch import Tensor, nn

from dropletvideo import runtime
from dropletvideo.errors import WeightsError
from dropletvideo.train.checkpoint import latest_checkpoint, load_checkpoint, save_checkpoint
from dropletvideo.train.ema import MovingAverage
from dropletvideo.train.logs import JsonlLog
from dropletvideo.train.optim import OptimConfig, build_optimizer, learning_rate_at, set_learning_rate
from dropletvideo.train.trainer import stop_requests

logger = logging.getLogger(__name__)

LossOfStep = Callable[[int, torch.Generator], dict[str, Tensor]]
"""(step, generator of the step) -> figures; `loss` among them is what is minimised."""


class PretrainLoop(BaseModel):
    """Length and rhythm of a run; its length in steps makes it a function of its recipe."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    batch_size: int = Field(default=12, ge=1)
    max_steps: int = Field(default=2000, ge=1)
    log_every: int = Field(default=20, ge=1)
    test_every: int = Field(default=500, ge=0, description="steps between held-out figures; 0 is only at the end")
    checkpoint_minutes: float = Field(default=2.0, gt=0)


class Pretraining:
    """One run of one module. `identity` names what bears on the weights: a checkpoint of another is refused."""

    def __init__(
        self, module: nn.Module, loss: LossOfStep, loop: PretrainLoop, optim: OptimConfig, out: Path, *, identity: str
    ) -> None:
        self.module, self.loss, self.loop, self.optim, self.identity = module, loss, loop, optim, identity
        self.checkpoints, self.log = out / "checkpoints", JsonlLog(out / "log.jsonl")
        self.optimizer = build_optimizer(module.parameters(), optim)
        self.average = MovingAverage(module, optim.ema_decay)
        self.step, self.seconds = 0, 0.0

    def resume(self) -> bool:
        """Take the newest checkpoint of this run, if there is one.

        Raises:
            WeightsError: it is damaged or of another recipe.
        """
        path = latest_checkpoint(self.checkpoints)
        if path is None:
            self.log.restart_at(-1)
            return False
        state = load_checkpoint(path)
        if state["identity"] != self.identity:
            raise WeightsError(f"{path} is of another recipe: choose another --out, or start with --fresh")
        self.module.load_state_dict(state["module"])
        self.optimizer.load_state_dict(state["optimizer"])
        self.average.load_state_dict(state["average"])
        self.step, self.seconds = int(state["step"]), float(state["seconds"])
        self.log.restart_at(self.step)
        return True

    def run(self, *, test: Callable[[], dict[str, float]], title: str, seed: int) -> bool:
        """Train to the end or until asked to stop, then save; True where the end was reached.

        `test` gives held-out figures, under the averaged weights.
        """
        saved_at = time.monotonic()
        with runtime.progress(title, total=self.loop.max_steps) as bar, stop_requests() as stop:
            bar.advance(self.step)
            while self.step < self.loop.max_steps and not stop.asked:
                figures = self._train_step(seed)
                bar.advance(note=f"loss {float(figures['loss'].detach()):.4f}")
                self._report(figures, test)
                if time.monotonic() - saved_at > self.loop.checkpoint_minutes * 60:
                    self.save()
                    saved_at = time.monotonic()
        self.save()
        return self.step >= self.loop.max_steps

    def save(self) -> None:
        """Write a checkpoint."""
        state: dict[str, Any] = {
            "identity": self.identity,
            "step": self.step,
            "seconds": self.seconds,
            "module": self.module.state_dict(),
            "optimizer": self.optimizer.state_dict(),
            "average": self.average.state_dict(),
        }
        save_checkpoint(self.checkpoints, self.step, state, keep=2)

    def _train_step(self, seed: int) -> dict[str, Tensor]:
        started = time.monotonic()
        rate = learning_rate_at(self.step, self.step / self.loop.max_steps, self.optim)
        set_learning_rate(self.optimizer, rate)
        figures = self.loss(self.step, torch.Generator().manual_seed(seed * 1_000_003 + self.step))
        self.optimizer.zero_grad(set_to_none=True)
        figures["loss"].backward()  # type: ignore[no-untyped-call]
        nn.utils.clip_grad_norm_(self.module.parameters(), self.optim.max_grad_norm)
        self.optimizer.step()
        self.average.update(self.step)
        self.step += 1
        self.seconds += time.monotonic() - started
        return figures

    def _report(self, figures: dict[str, Tensor], test: Callable[[], dict[str, float]]) -> None:
        is_last = self.step == self.loop.max_steps
        row: dict[str, Any] = {"step": self.step, "seconds": self.seconds}
        if self.step % self.loop.log_every == 0 or is_last or self.step == 1:
            row |= {name: float(value.detach()) for name, value in figures.items()}
        if is_last or (self.loop.test_every and self.step % self.loop.test_every == 0):
            with self.average.applied():
                row |= test()
        if len(row) > 2:
            self.log.append(row)
