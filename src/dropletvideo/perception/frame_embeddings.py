"""The shared passes of DINO, CLIP and DreamSim over frames, one for each way in which published tools prepare frames.

A pass runs its network once per frame for all judges that name it, and gives F,C float32 embeddings of length 1. The
network itself is loaded once, whatever passes use it. Names: network and way, as in

    dino_vbench_crop    VBench, I2V subject: short side 256, bicubic, the square of 224 in the middle
    dino_vbench         VBench, subject consistency: short side 224, bilinear, whole frame
    dino_picture        Pillow, short side 224, bilinear, whole frame: MiraBench, and every `fixed`
    clip_b32_vbench, clip_l14_vbench     short side 224, bicubic, square in the middle
    clip_b32_picture, clip_l14_picture   the same through Pillow: MiraBench, and every `fixed`
    dreamsim_vbench, dreamsim_picture    both sides 224, bicubic

Ways named vbench resize a float tensor without averaging and without clamping, as the tool's pinned torchvision does.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from functools import cache, lru_cache, partial
from pathlib import Path
from types import MappingProxyType
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from dropletvideo.perception.frame_pixels import CLIP, IMAGENET, Way
from dropletvideo.perception.judge import Chunk, Features
from dropletvideo.perception.pretrained import load_network
from dropletvideo.perception.programs import load_program
from dropletvideo.perception.vit_dino import class_tokens, dino
from dropletvideo.weights import weights_path

if TYPE_CHECKING:
    import torch

Embeddings = NDArray[np.float32]
Network = tuple[Callable[["torch.Tensor"], "torch.Tensor"], int, str]
"""Pixels F,3,h,w to F,C; the side of its input; its device."""

DINO, CLIP_B32, CLIP_L14, DREAMSIM = "dino-vit-b-16", "clip-vit-b-32", "clip-vit-l-14", "dreamsim"
DREAMSIM_SIDE = 224
BATCH = 16
PICTURES = 4
"""Asked images whose embeddings are remembered: of one video, as many as networks and ways there are."""

WAYS: Mapping[str, tuple[str, Way]] = MappingProxyType(
    {
        "dino_vbench_crop": (DINO, Way(by="tensor", method="bicubic", short_over_side=256 / 224, norm=IMAGENET)),
        "dino_vbench": (DINO, Way(by="tensor", method="bilinear", shape="whole", norm=IMAGENET)),
        "dino_picture": (DINO, Way(by="picture", method="bilinear", shape="whole", norm=IMAGENET)),
        "clip_b32_vbench": (CLIP_B32, Way(by="tensor", method="bicubic", norm=CLIP)),
        "clip_b32_picture": (CLIP_B32, Way(by="picture", method="bicubic", norm=CLIP)),
        "clip_l14_vbench": (CLIP_L14, Way(by="tensor", method="bicubic", norm=CLIP)),
        "clip_l14_picture": (CLIP_L14, Way(by="picture", method="bicubic", norm=CLIP)),
        "dreamsim_vbench": (DREAMSIM, Way(by="tensor", method="bicubic", shape="square")),
        "dreamsim_picture": (DREAMSIM, Way(by="picture", method="bicubic", shape="square")),
    }
)


def embeddings_of(name: str, path: str | Path | None = None) -> Features:
    """What a judge of these embeddings needs: every frame at native size."""
    return Features(backbone=f"{name}@{path}" if path else name, rate=None, short_side=None)


class FrameEmbedding:
    """Backbone: one of `WAYS`.

    Args:
        name: which.
        path: the network's folder or file; looked for among the weights by default.
    """

    def __init__(self, name: str, path: str | Path | None = None) -> None:
        self.name, self.path = name, path
        self.weights, self.way = WAYS[name]

    def start(self, row: Mapping[str, Any] | None = None) -> None:  # noqa: ARG002 - every clip starts alike
        """Frames do not depend on each other."""
        return

    def __call__(self, state: None, chunk: Chunk) -> Embeddings:  # noqa: ARG002 - see `start`
        """One forward for each frame of the chunk."""
        return _embed(self.weights, self._found(), self.way, chunk.frames)

    def of_picture(self, picture: NDArray[np.uint8]) -> Embeddings:
        """C of a single H,W,3 image, which tools always prepare through Pillow."""
        return picture_embedding(self.weights, self._found(), self.way.picture(), picture.shape, picture.tobytes())

    def _found(self) -> str:
        self.path = self.path or weights_path(self.weights)
        return str(self.path)


@lru_cache(maxsize=PICTURES)
def picture_embedding(weights: str, path: str, way: Way, shape: tuple[int, ...], content: bytes) -> Embeddings:
    """C of the image with these bytes; judges that compare with the same image share one forward."""
    found = _embed(weights, path, way, np.frombuffer(content, np.uint8).reshape(1, *shape))
    return np.asarray(found[0], np.float32)


def _embed(weights: str, path: str, way: Way, frames: NDArray[np.uint8]) -> Embeddings:
    """F,C of length 1."""
    import torch

    if not len(frames):
        return np.zeros((0, 0), np.float32)
    forward, side, device = network(weights, path)
    size = 1 if weights == DREAMSIM else BATCH  # a traced program may hold the batch it was traced with
    found = []
    for at in range(0, len(frames), size):
        with torch.inference_mode():
            one = forward(way(frames[at : at + size], side).to(device)).float()
        found.append(torch.nn.functional.normalize(one, dim=-1).cpu().numpy())
    return np.concatenate(found)


MAKERS: Mapping[str, Callable[..., FrameEmbedding]] = MappingProxyType(
    {name: partial(FrameEmbedding, name) for name in WAYS}
)


@cache
def network(weights: str, path: str) -> Network:
    """A network of `WAYS`, loaded once a process.

    Raises:
        WeightsError: its file holds something else.
    """
    if weights == DREAMSIM:
        program, device = load_program(DREAMSIM, path)
        return program, DREAMSIM_SIDE, device
    if weights == DINO:
        model, device = dino(path)
        return partial(class_tokens, model), int(model.config.image_size), device
    return _clip(path)


def _clip(path: str) -> Network:
    from transformers import CLIPVisionModelWithProjection

    model, device = load_network(CLIPVisionModelWithProjection, path, "CLIP")
    return lambda pixels: model(pixel_values=pixels).image_embeds, int(model.config.image_size), device
