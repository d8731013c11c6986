"""Toys of the networks that evaluation runs: DINO and CLIP B/32 in the owners' folders, exported programs by shape.

Programs have the stated input and output and a simple answer that a test can know beforehand; they take the shape that
they were exported with and no other, as real ones do.
"""

from __future__ import annotations

import shutil
from collections.abc import Iterable
from pathlib import Path

import torch

from dropletvideo.weights import WEIGHTS

GRID = 10
SIDES = (384, 512)


def write_programs(folder: Path) -> None:
    """All of them, for the sizes and lengths that tests use; needs `clip-vit-l-14` and `raft-large`."""
    write_dino(folder / "dino-vit-b-16")
    shutil.copytree(folder / "clip-vit-l-14", folder / "clip-vit-b-32", dirs_exist_ok=True)
    shutil.copy(folder / WEIGHTS["raft-large"].file, folder / WEIGHTS["raft-things"].file)
    save(Colours(), folder / WEIGHTS["dreamsim"].file, torch.zeros(1, 3, 224, 224))
    write_amt(folder / "amt-s", ["64x96"])
    write_musiq(folder / "musiq-spaq", ["64x85", "64x96", "256x512"])
    write_tracks(folder, [2, 9, 13])
    save(Pooled(), folder / "viclip" / "video.pt2", torch.zeros(1, 8, 3, 224, 224))
    save(Words(), folder / "viclip" / "text.pt2", torch.zeros(1, 32, dtype=torch.int64))


def save(program: torch.nn.Module, path: Path, *example: torch.Tensor) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    torch.export.save(torch.export.export(program.eval(), example), path)


def write_dino(folder: Path) -> None:
    """A ViT folder as transformers writes it, with DINO's parts: class token, positions of a square, no pooling."""
    from transformers import ViTConfig, ViTModel

    torch.manual_seed(11)
    config = ViTConfig(
        hidden_size=24, num_hidden_layers=1, num_attention_heads=2, intermediate_size=48, image_size=32, patch_size=8
    )
    model = ViTModel(config, add_pooling_layer=False)
    model.embeddings.position_embeddings.data.normal_(std=0.2)
    model.save_pretrained(folder)


def write_amt(folder: Path, sizes: Iterable[str]) -> None:
    """The middle of two frames is their mean."""
    for size in sizes:
        height, width = map(int, size.split("x"))
        example = torch.zeros(1, 3, height, width)
        save(Mean(), folder / f"{size}.pt2", example, example + 1)


def write_musiq(folder: Path, sizes: Iterable[str]) -> None:
    """100 times the mean of the picture."""
    for size in sizes:
        height, width = map(int, size.split("x"))
        save(Brightness(), folder / f"{size}.pt2", torch.zeros(1, 3, height, width))


def write_tracks(folder: Path, lengths: Iterable[int]) -> None:
    """Points of CoTracker's grid that go 3 px to the right and 1 px up a frame; online: the first half twice."""
    for length in lengths:
        example = torch.zeros(1, length, 3, *SIDES)
        save(Drift(), folder / "cotracker2" / f"{length}.pt2", example)
        save(Drift(twice=True), folder / "cotracker2-online" / f"{length}.pt2", example)


class Colours(torch.nn.Module):
    def forward(self, picture):
        means = picture.mean((2, 3))
        return torch.cat([means - 0.5, means**2, picture[:, :, 0, 0]], dim=1)


class Mean(torch.nn.Module):
    def forward(self, first, second):
        return (first + second) / 2


class Brightness(torch.nn.Module):
    def forward(self, picture):
        return picture.mean() * 100


class Pooled(torch.nn.Module):
    def forward(self, video):
        return torch.cat([video.mean((1, 3, 4)), video[:, 0].mean((2, 3))], dim=1)


class Words(torch.nn.Module):
    def forward(self, tokens):
        values = tokens.double() % 7
        return torch.stack([values[:, at::6].sum(1) for at in range(6)], dim=1)


class Drift(torch.nn.Module):
    def __init__(self, twice: bool = False):
        super().__init__()
        self.twice = twice

    def forward(self, video):
        steps = torch.arange(video.shape[1], dtype=torch.float32)[None, :, None, None]
        ys, xs = torch.meshgrid(torch.linspace(8, 376, GRID), torch.linspace(8, 504, GRID), indexing="ij")
        start = torch.stack([xs, ys], -1).reshape(1, 1, GRID * GRID, 2)
        places = start + steps * torch.tensor([3.0, -1.0]) + 0 * video.mean()
        return torch.cat([places[:, : video.shape[1] // 2], places], dim=1) if self.twice else places
