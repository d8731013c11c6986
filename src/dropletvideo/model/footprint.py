"""Peak memory of a computation, found without doing it: the code runs on the meta device and live bytes are summed.

with PeakBytes() as memory, flash_attention():
    transformer(...)          # weights and inputs on the meta device
memory.peak                   # bytes of everything made on the way, weights not counted
"""

from __future__ import annotations

import math
import weakref
from collections.abc import Callable, Iterable
from copy import deepcopy
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor, nn
from torch.overrides import TorchFunctionMode
from torch.utils._python_dispatch import TorchDispatchMode
from torch.utils._pytree import tree_leaves

from dropletvideo.model.denoise import Denoiser
from dropletvideo.model.transformer import CONDITION_CHANNELS, LATENT_CHANNELS
from dropletvideo.model.vae import decode_latents, encode_pixels
from dropletvideo.shapes import SPATIAL_COMPRESSION, LatentShape, pixel_frames

SHORT = 7
"""Latent frames after which a codec that reads chunks of two has met its peak: first chunk, a middle one, the cache."""


class PeakBytes(TorchDispatchMode):  # type: ignore[no-untyped-call]
    """Greatest number of bytes alive at once among the tensors made inside; weights of `known` modules are left out."""

    def __init__(self, known: Iterable[nn.Module] = ()) -> None:
        super().__init__()  # type: ignore[no-untyped-call]
        self.live: int = 0
        self.peak: int = 0
        self._seen: set[int] = set()
        for module in known:
            for tensor in (*module.parameters(), *module.buffers()):
                self._seen.add(tensor.untyped_storage()._cdata)

    def __enter__(self) -> PeakBytes:
        """Start counting."""
        super().__enter__()  # type: ignore[no-untyped-call]
        return self

    def __torch_dispatch__(
        self, func: Callable[..., Any], _types: Any, args: Any = (), kwargs: dict[str, Any] | None = None
    ) -> Any:
        """Run the operation and count what it made."""
        result = func(*args, **(kwargs or {}))
        for leaf in tree_leaves(result):
            if isinstance(leaf, Tensor):
                self._count(leaf)
        return result

    def _count(self, tensor: Tensor) -> None:
        storage = tensor.untyped_storage()
        key, size = storage._cdata, storage.nbytes()
        if key in self._seen:
            return
        self._seen.add(key)
        self.live += size
        self.peak = max(self.peak, self.live)
        weakref.finalize(storage, self._forget, key, size)

    def _forget(self, key: int, size: int) -> None:
        self._seen.discard(key)
        self.live -= size


class flash_attention(TorchFunctionMode):  # noqa: N801 - read as a phrase: `with flash_attention():`
    """Attention that makes its output and nothing else, as fused kernels do; the meta device would build the matrix."""

    def __torch_function__(
        self, func: Callable[..., Any], _types: Any, args: Any = (), kwargs: dict[str, Any] | None = None
    ) -> Any:
        """Give an empty output for attention and run everything else."""
        kwargs = kwargs or {}
        if func is torch.nn.functional.scaled_dot_product_attention:
            return torch.empty_like(args[0] if args else kwargs["query"])
        return func(*args, **kwargs)


def stored_bytes(module: nn.Module) -> int:
    """Bytes of a module's weights and buffers as they are stored now."""
    storages = {
        tensor.untyped_storage()._cdata: tensor.untyped_storage().nbytes()
        for tensor in (*module.parameters(), *module.buffers())
    }
    return sum(storages.values())


def parameter_count(module: nn.Module) -> int:
    """Number of weights."""
    return sum(parameter.numel() for parameter in module.parameters())


@dataclass(frozen=True, kw_only=True)
class Work:
    """Size of one run of the model: `videos` at once, latent sizes, text tokens, with or without guidance."""

    videos: int
    latent: LatentShape
    text_length: int
    is_guided: bool

    @property
    def branches(self) -> int:
        """Samples in one call of the transformer."""
        return self.videos * (2 if self.is_guided else 1)


@torch.no_grad()
def text_peak(text_encoder: Any, work: Work) -> int:
    """Bytes of encoding prompts and negative prompts at once, weights not counted."""
    short = deepcopy(text_encoder.config)
    short.num_layers = 1
    with torch.device("meta"):
        twin = type(text_encoder)(short).to(text_encoder.dtype).eval()
        token_ids = torch.zeros(work.branches, work.text_length, dtype=torch.long)
    with PeakBytes([twin]) as memory:
        twin(token_ids)
    return memory.peak


@torch.no_grad()
def denoise_peak(transformer: Any, work: Work) -> int:
    """Bytes of one call of the transformer and its inputs; layers are alike, so two of them tell the peak."""
    with torch.device("meta"):
        config = dict(transformer.config)
        twin = type(transformer).from_config(config | {"num_layers": min(2, config["num_layers"])})
        twin = nn.Module.to(twin, dtype=transformer.dtype).eval()
        size = (work.branches, work.latent.frames)
        plane = (work.latent.height, work.latent.width)
        with PeakBytes([twin]) as memory, flash_attention():
            Denoiser(twin)(
                torch.zeros(*size, LATENT_CHANNELS, *plane),
                torch.zeros(work.branches, dtype=torch.long),
                torch.zeros(work.branches, work.text_length, config["text_embed_dim"], dtype=transformer.dtype),
                torch.zeros(1),
                torch.zeros(*size, CONDITION_CHANNELS, *plane),
            )
    return memory.peak


@torch.no_grad()
def encode_peak(vae: Any, work: Work) -> int:
    """Bytes of encoding the given frames of one video, the frames themselves counted."""
    whole = (pixel_frames(work.latent.frames), work.latent.height, work.latent.width)
    frames, rows, columns = _piece(vae, whole, most_frames=pixel_frames(SHORT))
    with torch.device("meta"):
        twin = _codec_twin(vae)
        with PeakBytes([twin]) as memory:
            encode_pixels(twin, torch.zeros(1, *_pixel_shape(frames, rows, columns)))
    bytes_of_pixel = 4 + (0 if vae.dtype == torch.float32 else vae.dtype.itemsize)
    missing = math.prod(_pixel_shape(*whole)) - math.prod(_pixel_shape(frames, rows, columns))
    return memory.peak + missing * bytes_of_pixel


@torch.no_grad()
def decode_peak(vae: Any, work: Work) -> int:
    """Bytes of decoding the latents and bringing frames to [0, 1].

    A codec that reads chunks is run on the first of them and on one tile; the frames that pile up are added.
    """
    whole = (work.latent.frames, work.latent.height, work.latent.width)
    piece = _piece(vae, whole, most_frames=SHORT)
    at_once = 1 if vae.use_slicing else work.videos
    decoding = _decode_piece_peak(vae, at_once, piece)
    piece_pixels, all_pixels = (
        videos * math.prod(_pixel_shape(pixel_frames(size[0]), *size[1:]))
        for videos, size in ((at_once, piece), (work.videos, whole))
    )
    if piece != whole or at_once != work.videos:
        decoding += all_pixels * vae.dtype.itemsize - (
            piece_pixels * vae.dtype.itemsize if piece[1:] == whole[1:] else 0
        )
    # joined from parts, then float, halved and clamped: at most three such copies live at once
    finishing: int = all_pixels * max(2 * vae.dtype.itemsize, vae.dtype.itemsize + 8)
    return max(decoding, finishing)


def _decode_piece_peak(vae: Any, videos: int, piece: tuple[int, int, int]) -> int:
    frames, rows, columns = piece
    with torch.device("meta"):
        twin = _codec_twin(vae)
        with PeakBytes([twin]) as memory:
            latents_BFCHW = torch.zeros(videos, frames, LATENT_CHANNELS, rows, columns)
            decode_latents(twin, latents_BFCHW, tiled=False, sliced=False)
    return memory.peak


def _piece(vae: Any, whole: tuple[int, int, int], *, most_frames: int) -> tuple[int, int, int]:
    """Frames, rows and columns (in latent pixels) that the codec holds at once."""
    frames, rows, columns = whole
    if hasattr(vae, "num_latent_frames_batch_size"):
        frames = min(frames, most_frames)
    if vae.use_tiling:
        rows, columns = min(rows, vae.tile_latent_min_height), min(columns, vae.tile_latent_min_width)
    return frames, rows, columns


def _pixel_shape(frames: int, rows: int, columns: int) -> tuple[int, int, int, int]:
    return 3, frames, rows * SPATIAL_COMPRESSION, columns * SPATIAL_COMPRESSION


def _codec_twin(vae: Any) -> Any:
    """The codec without storage, with the same switches."""
    twin = nn.Module.to(type(vae).from_config(dict(vae.config)), dtype=vae.dtype).eval()
    for name, value in vars(vae).items():
        if name.startswith(("use_", "tile_", "num_")):
            setattr(twin, name, value)
    return twin
