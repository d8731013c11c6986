"""Frozen encoders of a model folder: pixels to latents and image condition, captions to text states."""

from __future__ import annotations

import hashlib
import logging
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from dropletvideo.data.given import Given, given_mask
from dropletvideo.errors import WeightsError
from dropletvideo.model import text as text_module
from dropletvideo.model.folder import ModelFolder
from dropletvideo.model.image_condition import encode_condition
from dropletvideo.model.text import encode_prompt, full_prompt
from dropletvideo.model.vae import encode_pixels

_FROZEN = ("vae", "text_encoder", "tokenizer")


@dataclass(frozen=True)
class Encoders:
    """`pixels`: W,F,H,W,3 uint8 windows and their given frames -> latents W,f,16,h,w and condition W,f,17,h,w.
    `text`: captions -> states T,S,D. `digest` changes with the weights and settings behind them.
    """

    pixels: Callable[[NDArray[np.uint8], Sequence[Given]], tuple[Tensor, Tensor]]
    text: Callable[[Sequence[str]], Tensor]
    digest: str


def to_pixels(frames_BFHWC: NDArray[np.uint8]) -> Tensor:
    """Frames 0..255 to pixels B,3,F,H,W in [-1, 1], float32."""
    return torch.from_numpy(np.ascontiguousarray(frames_BFHWC)).movedim(-1, 1).float() / 127.5 - 1


def folder_encoders(folder: ModelFolder) -> Encoders:
    """Encoders of a model folder, with its text length and prompt suffix. The posterior's mode is taken."""
    defaults = folder.defaults

    def pixels(frames_BFHWC: NDArray[np.uint8], given: Sequence[Given]) -> tuple[Tensor, Tensor]:
        pixels_BCFHW = to_pixels(frames_BFHWC)
        condition = encode_condition(folder.vae, pixels_BCFHW, given_mask(given, pixels_BCFHW))
        return encode_pixels(folder.vae, pixels_BCFHW), condition

    def text(captions: Sequence[str]) -> Tensor:
        with _without_warnings(text_module.logger):  # a dense caption loses its end in every batch: no news
            return encode_prompt(
                [full_prompt(caption, defaults.prompt_suffix) for caption in captions],
                tokenizer=folder.tokenizer,
                text_encoder=folder.text_encoder,
                text_length=defaults.text_length,
            )

    settings = f"{defaults.text_length}:{defaults.prompt_suffix}"
    return Encoders(pixels, text, weights_digest(folder.path, _FROZEN, settings))


@contextmanager
def _without_warnings(log: logging.Logger) -> Iterator[None]:
    before = log.level
    log.setLevel(logging.ERROR)
    try:
        yield
    finally:
        log.setLevel(before)


def weights_digest(path: Path | None, parts: Sequence[str], settings: str = "") -> str:
    """Digest of every file of some parts of a model folder.

    Raises:
        WeightsError: the folder was never on disk, so that nothing names its weights.
    """
    if path is None:
        raise WeightsError("encoders that come from no folder have no digest: save the model folder first")
    digest = hashlib.blake2b(settings.encode(), digest_size=12)
    for part in parts:
        for file in sorted((path / part).rglob("*")):
            if file.is_file():
                digest.update(f"{part}/{file.name}".encode())
                with file.open("rb") as stream:
                    while block := stream.read(1 << 20):
                        digest.update(block)
    return digest.hexdigest()
