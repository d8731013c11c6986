"""A cache held in memory and handed out by step."""

from __future__ import annotations

import json
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch
from safetensors import safe_open
from torch import Tensor

from dropletvideo.data.cache import INDEX, TEXT
from dropletvideo.data.order import batch_at
from dropletvideo.errors import ConfigError


@dataclass(frozen=True)
class HeldOut:
    """A window that is never trained on, with its frames F,H,W,3 uint8, for previews."""

    frames: Tensor
    caption: str
    motion: float


@dataclass(frozen=True, eq=False)
class WindowBank:
    """All windows of a cache, half precision as stored; batches come in float32.

    `latents` W,F,16,H,W; `condition` W,F,17,H,W; `motion` W; `text` T,S,D, row 0 the empty prompt; `captions[w]` lists
    the rows of `text` that are true of window w; `train_rows` and `held_rows` are disjoint.
    """

    latents: Tensor
    condition: Tensor
    motion: Tensor
    text: Tensor
    captions: list[list[int]]
    caption_texts: list[str]
    train_rows: Tensor
    held_rows: Tensor
    held_frames: Tensor | None
    seed: int
    fingerprint: str

    @classmethod
    def load(cls, folder: Path, *, seed: int) -> WindowBank:
        """Read a complete cache.

        Raises:
            ConfigError: the cache is missing or unfinished.
        """
        index = folder / INDEX
        content = json.loads(index.read_text()) if index.exists() else {}
        if not content.get("complete"):
            raise ConfigError(f"{folder} holds no finished cache: run droplet train again to build it")
        tensors, facts = _read_shards(folder)
        with safe_open(folder / TEXT, framework="pt") as file:
            texts: list[str] = json.loads(file.metadata()["facts"])["captions"]
            states = file.get_tensor("states")
        row_of = {caption: row for row, caption in enumerate(texts)}
        held = torch.tensor([bool(window["held_out"]) for window in facts])
        frames = tensors.get("held_out_frames")
        return cls(
            latents=torch.cat(tensors["latents"]),
            condition=torch.cat(tensors["condition"]),
            motion=torch.cat(tensors["motion"]),
            text=states,
            captions=[[row_of[caption] for caption in window["captions"]] for window in facts],
            caption_texts=texts,
            train_rows=torch.nonzero(~held)[:, 0],
            held_rows=torch.nonzero(held)[:, 0],
            held_frames=torch.cat(frames) if frames else None,
            seed=seed,
            fingerprint=str(content["fingerprint"]),
        )

    @property
    def empty_text(self) -> Tensor:
        """States S,D of the empty prompt, float32."""
        return self.text[0].float()

    def rows_at(self, step: int, batch_size: int) -> Tensor:
        """Windows of the batch of a step."""
        numbers = batch_at(len(self.train_rows), batch_size, seed=self.seed, step=step)
        return self.train_rows[torch.from_numpy(numbers)]

    def batch_tensors(self, step: int, batch_size: int, generator: torch.Generator) -> dict[str, Tensor]:
        """`latents, condition, text, motion` of a step; each window is given one of its captions at random."""
        return self._tensors(self.rows_at(step, batch_size), generator)

    def held_out_tensors(self, limit: int) -> dict[str, Tensor] | None:
        """The same of windows never trained on, spread over all of them, always the same; None if there are none."""
        if not len(self.held_rows):
            return None
        places = torch.linspace(0, len(self.held_rows) - 1, min(limit, len(self.held_rows))).long()
        return self._tensors(self.held_rows[places], None)

    def held_out_windows(self, limit: int) -> list[HeldOut]:
        """Held-out windows with frames, each from another clip where there are enough."""
        if self.held_frames is None:
            return []
        places = torch.linspace(0, len(self.held_rows) - 1, min(limit, len(self.held_rows))).long()
        return [
            HeldOut(
                frames=self.held_frames[place],
                caption=self.caption_texts[self.captions[int(self.held_rows[place])][0]],
                motion=float(self.motion[self.held_rows[place]]),
            )
            for place in places
        ]

    def _tensors(self, rows: Tensor, generator: torch.Generator | None) -> dict[str, Tensor]:
        places = torch.rand(len(rows), generator=generator) if generator else torch.zeros(len(rows))
        options = [self.captions[int(row)] for row in rows]
        chosen = torch.tensor([own[int(place * len(own))] for own, place in zip(options, places, strict=True)])
        return {
            "latents": self.latents[rows].float(),
            "condition": self.condition[rows].float(),
            "text": self.text[chosen].float(),
            "motion": self.motion[rows],
        }


def _read_shards(folder: Path) -> tuple[dict[str, list[Tensor]], list[dict[str, Any]]]:
    tensors: dict[str, list[Tensor]] = {}
    windows: list[dict[str, Any]] = []
    for path in sorted(folder.glob("shard-*.safetensors")):
        with safe_open(path, framework="pt") as file:
            windows += json.loads(file.metadata()["facts"])["windows"]
            for name in file.keys():  # noqa: SIM118
                tensors.setdefault(name, []).append(file.get_tensor(name))
    return tensors, windows
