"""What a run writes about itself: one JSON row per logged step, readable while it runs."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

from dropletvideo.diffusion.objective import QUARTERS
from dropletvideo.files import write_json_lines


class LossMeter:
    """Mean loss since the last row, in all and by quarter of the noise schedule (quarter 1 is the least noise).

    A quarter without a sample has no mean. State is plain tensors, so that a resumed run logs what it would have.
    """

    def __init__(self, num_train_timesteps: int) -> None:
        self.num_train_timesteps = num_train_timesteps
        self.sums = torch.zeros(QUARTERS, dtype=torch.float64)
        self.counts = torch.zeros(QUARTERS, dtype=torch.float64)

    def add(self, losses_B: Tensor, timesteps_B: Tensor) -> None:
        """Take the per-sample losses of one step."""
        quarters = (timesteps_B.cpu() * QUARTERS // self.num_train_timesteps).clamp_max(QUARTERS - 1)
        self.sums.index_add_(0, quarters, losses_B.detach().cpu().double())
        self.counts.index_add_(0, quarters, torch.ones_like(quarters, dtype=torch.float64))

    def take(self) -> dict[str, float | None]:
        """Means since the last call, then start over."""
        means: dict[str, float | None] = {"loss": float(self.sums.sum() / self.counts.sum().clamp_min(1))}
        for quarter in range(QUARTERS):
            count = float(self.counts[quarter])
            means[f"loss_quarter_{quarter + 1}"] = float(self.sums[quarter]) / count if count else None
        self.sums.zero_()
        self.counts.zero_()
        return means

    def state_dict(self) -> dict[str, Tensor]:
        """Running sums."""
        return {"sums": self.sums.clone(), "counts": self.counts.clone()}

    def load_state_dict(self, state: dict[str, Tensor]) -> None:
        """Take saved sums."""
        self.sums.copy_(state["sums"])
        self.counts.copy_(state["counts"])


class JsonlLog:
    """Append-only `log.jsonl`; on resume, rows of steps that will be done again are dropped."""

    def __init__(self, path: Path) -> None:
        self.path = path

    def restart_at(self, step: int) -> None:
        """Keep rows of steps up to `step`; a torn last line is dropped."""
        kept = [row for row in self.rows() if row.get("step", 0) <= step]
        write_json_lines(self.path, kept)

    def append(self, row: dict[str, Any]) -> None:
        """Add one row and flush it."""
        with self.path.open("a") as file:
            file.write(json.dumps(_rounded(row)) + "\n")

    def rows(self) -> list[dict[str, Any]]:
        """All whole rows."""
        if not self.path.exists():
            return []
        rows = []
        for line in self.path.read_text().splitlines():
            try:
                rows.append(json.loads(line))
            except json.JSONDecodeError:
                continue  # torn by a kill in the middle of a write
        return rows


def _rounded(row: dict[str, Any]) -> dict[str, Any]:
    """Floats to six significant digits: rows are read by people and curves, not used to resume."""
    return {key: float(f"{value:.6g}") if isinstance(value, float) else value for key, value in row.items()}
