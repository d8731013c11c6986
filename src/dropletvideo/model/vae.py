"""Pixels to latents and back, one home for layout, scaling and the frame counts of every codec.

Codecs speak diffusers' interface (`encode(pixels_BCFHW).latent_dist`, `decode(latents_BCFHW).sample`); the rest of the
package speaks latents B,F,C,H,W that are already scaled.
"""

from __future__ import annotations

from typing import Any, Literal

import torch
from torch import Tensor

from dropletvideo.errors import RequestError
from dropletvideo.model.tiling import Tiling, decode_tiles
from dropletvideo.shapes import pixel_frames

FrameFix = Literal["exact", "legacy"]
FRAME_FIXES: tuple[FrameFix, ...] = ("exact", "legacy")


def scaling_factor(vae: Any) -> float:
    """Factor that the transformer's latents carry (released 5B: 0.7)."""
    return float(vae.config.scaling_factor)


def working_device(part: Any) -> torch.device:
    """Where a part works: under model offloading its weights lie elsewhere until it is called."""
    device = getattr(getattr(part, "_hf_hook", None), "execution_device", None)
    return torch.device(part.device if device is None else device)


@torch.no_grad()
def encode_pixels(vae: Any, pixels_BCFHW: Tensor, *, generator: torch.Generator | None = None) -> Tensor:
    """Scaled latents B,f,16,h,w of pixels in [-1, 1]: the posterior's mode, or a sample where a generator is given."""
    posterior = vae.encode(pixels_BCFHW.to(device=working_device(vae), dtype=vae.dtype)).latent_dist
    latents_BCFHW = posterior.mode() if generator is None else posterior.sample(generator)
    scaled: Tensor = latents_BCFHW.transpose(1, 2) * scaling_factor(vae)
    return scaled


@torch.no_grad()
def decode_latents(
    vae: Any,
    latents_BFCHW: Tensor,
    *,
    frame_fix: FrameFix = "exact",
    num_frames: int | None = None,
    tiled: bool | Tiling | None = None,
    sliced: bool | None = None,
) -> Tensor:
    """Pixels B,3,F,H,W, not clamped, of scaled latents; `F = 4 (f - 1) + 1`, or `num_frames` of them.

    diffusers' CogVideoX decoder, like the released one, tells the single first frame by an odd latent count. An even
    count decodes to three frames too many (22 latents to 88 frames), and every frame comes three places late. "exact"
    appends a copy of the last latent and cuts the surplus, so that decoded frame k is encoded frame k; the decoder is
    causal, so the copy changes nothing before it. "legacy" keeps what the released code gives.

    Args:
        vae: codec of the model folder.
        latents_BFCHW: scaled latents.
        frame_fix: see above.
        num_frames: cut the tail to this many frames; only with "exact".
        tiled: decode overlapping tiles one after the other, blended: peak memory follows the tile, not the frame. The
            codec's norms see a tile instead of the frame, so the picture changes a little. True is `Tiling()`; None
            follows the codec's own switch, `vae.enable_tiling()`.
        sliced: decode one video at a time: peak memory does not grow with the batch. None follows the codec's own
            switch, `vae.enable_slicing()`.

    Raises:
        RequestError: `frame_fix` is unknown, or more frames are asked for than the latents hold.
    """
    if frame_fix not in FRAME_FIXES:
        raise RequestError(f"frame_fix={frame_fix!r} is unknown: one of {', '.join(FRAME_FIXES)}")
    latents_BCFHW = (
        (latents_BFCHW / scaling_factor(vae)).transpose(1, 2).to(device=working_device(vae), dtype=vae.dtype)
    )
    whole = pixel_frames(latents_BCFHW.shape[2])
    wanted = whole if num_frames is None else num_frames
    if not 1 <= wanted <= whole:
        raise RequestError(f"num_frames={wanted}: {latents_BCFHW.shape[2]} latent frames hold 1 to {whole} frames")
    if frame_fix == "exact" and latents_BCFHW.shape[2] % 2 == 0 and _tells_first_frame_by_parity(vae):
        latents_BCFHW = torch.cat([latents_BCFHW, latents_BCFHW[:, :, -1:]], dim=2)
    tiling = tiling_of(vae) if tiled is None else (Tiling() if tiled is True else tiled or None)
    is_sliced = getattr(vae, "use_slicing", False) if sliced is None else sliced
    parts = torch.split(latents_BCFHW, 1) if is_sliced else (latents_BCFHW,)
    pixels = torch.cat([_decoded(vae, part, tiling) for part in parts])
    return pixels if frame_fix == "legacy" else pixels[:, :, :wanted]


def tiling_of(vae: Any) -> Tiling | None:
    """Tiles of the size that the codec was switched to by `enable_tiling`, or None."""
    if not getattr(vae, "use_tiling", False):
        return None
    rows, columns = vae.tile_latent_min_height, vae.tile_latent_min_width
    shares = (vae.tile_overlap_factor_height, vae.tile_overlap_factor_width)
    return Tiling(rows=rows, columns=columns, overlap=max(round(rows * shares[0]), round(columns * shares[1])))


def _decoded(vae: Any, latents_BCFHW: Tensor, tiling: Tiling | None) -> Tensor:
    """Pixels of latents. A codec never tiles by itself here: our tiles are no larger than its own."""
    pixels: Tensor = vae.decode(latents_BCFHW).sample if tiling is None else decode_tiles(vae, latents_BCFHW, tiling)
    return pixels


def _tells_first_frame_by_parity(vae: Any) -> bool:
    """Whether the codec reads latents in chunks of two (diffusers' CogVideoX class)."""
    return hasattr(vae, "num_latent_frames_batch_size")
