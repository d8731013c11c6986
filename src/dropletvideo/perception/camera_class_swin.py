"""Judge: the class C1 to C6 of a clip by a trained Video Swin network, beside the weight-free `camera`.

`camera_class_learned`: the class with the largest share, or None for a clip of fewer than two frames.
`camera_class_learned_confidence`: that share, range 0 to 1, direction: higher is surer. `camera_class_learned_shares`:
the share of every class, unit: probability, together 1. Source: DropletVideo's supplement, section A (Video Swin, six
classes; its weights were never published), network in `camera_class_network.py`, weights by `droplet train-classifier`.

The network sees windows of a few frames, cut square from the middle; how many, how far apart and how large says the
`config.json` beside its weights. A clip shorter than a window is spread over it. Shares are means over the windows. The
published protocol for `swin3d_t` is four windows of 32 frames at 15 per second, short side 256, the middle 224 x 224.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from functools import lru_cache
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray
from pydantic import BaseModel, ConfigDict, Field, ValidationError

from dropletvideo.errors import ConfigError, WeightsError
from dropletvideo.moves import CAMERA_CLASSES, CameraClass
from dropletvideo.perception.judge import Chunk, Picked
from dropletvideo.weights import look_for, quick_digest, weights_path

if TYPE_CHECKING:
    import torch

NAME = "camera-classifier"
CLASSES: tuple[CameraClass, ...] = tuple(CAMERA_CLASSES)
CONFIG_FILE, TENSORS_FILE = "config.json", "model.safetensors"
NO_LIBRARY = "torchvision is not installed: pip install 'dropletvideo[judges]'"
_MEAN = np.array((0.485, 0.456, 0.406), np.float32)
_SPREAD = np.array((0.229, 0.224, 0.225), np.float32)


class NetworkConfig(BaseModel):
    """Shape of the network and what it is shown.

    A window is `frames` pictures of `crop` x `crop` px, cut from the middle of frames of `short_side`. `rate`: pictures
    per second of a window, `views` windows evenly over the clip; None spreads one window over the whole clip.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    embed_dim: int = Field(default=96, ge=1)
    depths: tuple[int, ...] = (2, 2, 6, 2)
    num_heads: tuple[int, ...] = (3, 6, 12, 24)
    patch: tuple[int, int, int] = (2, 4, 4)
    window: tuple[int, int, int] = (8, 7, 7)
    frames: int = Field(default=32, ge=2)
    short_side: int = Field(default=256, ge=8)
    crop: int = Field(default=224, ge=8)
    rate: float | None = Field(default=15.0, gt=0)
    views: int = Field(default=4, ge=1)
    classes: tuple[CameraClass, ...] = CLASSES


SIZES: Mapping[str, NetworkConfig] = {
    "tiny": NetworkConfig(),
    "toy": NetworkConfig(
        embed_dim=32,
        depths=(1, 1, 2),
        num_heads=(2, 4, 8),
        window=(8, 4, 4),
        frames=16,
        short_side=64,
        crop=64,
        rate=None,
        views=1,
    ),
}


@dataclass
class _State:
    windows: list[list[int]]
    pictures: dict[int, NDArray[np.uint8]] = field(default_factory=dict)


class SwinCameraJudge:
    """See the module text.

    Args:
        path: a folder that `droplet train-classifier` wrote; looked for among the weights by default.
    """

    name = "camera_class_swin"
    version = 1
    weights = (NAME,)
    columns: Mapping[str, type] = {
        "camera_class_learned": str,
        "camera_class_learned_confidence": float,
        "camera_class_learned_shares": dict,
    }

    def __init__(self, path: str | Path | None = None) -> None:
        self.path = path

    @property
    def config(self) -> NetworkConfig:
        """Of the folder; that of `swin3d_t` while there is none."""
        folder = self.path or look_for(NAME).path
        return SIZES["tiny"] if folder is None else read_config(folder)

    @property
    def needs(self) -> Picked:
        """Frames of the network's own size."""
        return Picked(short_side=self.config.short_side)

    def pick(self, row: Mapping[str, Any]) -> Sequence[int]:
        """Frames of all windows."""
        return sorted({number for window in windows_of(row, self.config) for number in window})

    def start(self, row: Mapping[str, Any]) -> _State:
        """Where the windows lie."""
        return _State(windows_of(row, self.config))

    def update(self, state: _State, chunk: Chunk) -> None:
        """Keep the frames that windows name."""
        crop, named = self.config.crop, {number for window in state.windows for number in window}
        for frame, index in zip(chunk.frames, chunk.indices, strict=True):
            if int(index) in named:
                state.pictures[int(index)] = middle(frame, crop).copy()

    def finish(self, state: _State) -> dict[str, Any]:
        """Ask the network about every window whose frames came."""
        import torch

        whole = [window for window in state.windows if all(number in state.pictures for number in window)]
        if not whole:
            return dict.fromkeys(self.columns)
        from dropletvideo.perception.camera_class_network import class_shares

        network, device = _network(str(self.path or weights_path(NAME)))
        logits = []
        for window in whole:  # one by one: memory stays that of one window
            pixels = normalised(np.stack([state.pictures[number] for number in window]))
            with torch.inference_mode():
                logits.append(network(torch.from_numpy(pixels)[None].to(device))[0].cpu())
        shares = class_shares(torch.stack(logits))
        best = max(shares, key=lambda name: shares[name])
        return {
            "camera_class_learned": best,
            "camera_class_learned_confidence": round(shares[best], 6),
            "camera_class_learned_shares": {name: round(share, 6) for name, share in shares.items()},
        }


def windows_of(row: Mapping[str, Any], config: NetworkConfig) -> list[list[int]]:
    """Frame numbers in the file of every window of a clip; empty for fewer than two frames."""
    start, count = int(row["start_frame"]), int(row["end_frame"]) - int(row["start_frame"])
    if count < 2:
        return []
    step = float(row.get("source_fps") or 30.0) / config.rate if config.rate else count
    places = window_places(count, step, config.frames, config.views)
    return [[start + number for number in window] for window in places]


def window_places(count: int, step: float, frames: int, views: int) -> list[list[int]]:
    """`views` windows of `frames` numbers in 0 to count - 1, `step` apart; one over all of it where it is shorter."""
    length = (frames - 1) * step
    if length >= count - 1:
        return [np.linspace(0, count - 1, frames).round().astype(int).tolist()]
    room = count - 1 - length
    starts = [room / 2] if views == 1 else np.linspace(0, room, views).tolist()
    return [(begin + step * np.arange(frames)).round().astype(int).tolist() for begin in starts]


def middle(frame: NDArray[np.uint8], crop: int) -> NDArray[np.uint8]:
    """The middle `crop` x `crop` px of a frame H,W,3."""
    top, left = (frame.shape[0] - crop) // 2, (frame.shape[1] - crop) // 2
    return frame[top : top + crop, left : left + crop]


def normalised(frames: NDArray[np.uint8]) -> NDArray[np.float32]:
    """F,H,W,3 uint8 to 3,F,H,W float32 with ImageNet's mean and deviation."""
    scaled = (frames.astype(np.float32) / 255 - _MEAN) / _SPREAD
    return np.ascontiguousarray(scaled.transpose(3, 0, 1, 2))


def read_config(folder: str | Path) -> NetworkConfig:
    """What a folder's network is shown and how it is built.

    Raises:
        WeightsError: no such file, or one that is not ours.
    """
    path = Path(folder) / CONFIG_FILE
    try:
        return NetworkConfig.model_validate_json(path.read_text(encoding="utf-8"))
    except (OSError, ValidationError, UnicodeDecodeError) as error:
        reason = " ".join(str(error).split())[:200]
        raise WeightsError(
            f"{path} cannot be read ({reason}): give a folder that droplet train-classifier wrote"
        ) from error


def digest_of(folder: Path) -> str:
    """Digest of the two files of a network; what else lies in the folder of a training does not count.

    Raises:
        WeightsError: one of them is not there, as before a training has finished.
    """
    missing = [name for name in (CONFIG_FILE, TENSORS_FILE) if not (folder / name).is_file()]
    if missing:
        raise WeightsError(f"{folder} has no {missing[0]}: is its training finished? droplet train-classifier goes on")
    return "-".join(quick_digest(folder / name) for name in (CONFIG_FILE, TENSORS_FILE))


def size_named(name: str) -> NetworkConfig:
    """The configuration of a size.

    Raises:
        ConfigError: an unknown size.
    """
    if name not in SIZES:
        raise ConfigError(f"size={name!r} is unknown: one of {', '.join(SIZES)}")
    return SIZES[name]


@lru_cache(maxsize=1)
def _network(path: str) -> tuple[torch.nn.Module, str]:
    """The network of a folder, once per process, where it runs quickest."""
    from dropletvideo import runtime
    from dropletvideo.perception.camera_class_network import load_classifier

    device = runtime.pick_device("auto")
    return load_classifier(path)[0].to(device), device
