"""A model's codec there and back: what its latents can hold at best, the ceiling of models that work in them."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import torch
from numpy.typing import NDArray

from dropletvideo.evaluate.baselines import Reconstruct
from dropletvideo.model.folder import load_model_folder
from dropletvideo.model.vae import decode_latents, encode_pixels
from dropletvideo.shapes import LatentShape, PixelShape, encodable_frames


def load_codec(model: str | Path, *, device: str = "cpu") -> Reconstruct:
    """The codec of a model folder ("nano" for the shipped one) as a function on frames FHWC uint8.

    Frame counts that cannot be encoded are filled up with copies of the last frame, which are cut off again.

    Raises:
        WeightsError: the folder has no codec.
        RequestError: of the function, where a side is no multiple of 16.
    """
    vae = load_model_folder(model, parts=("vae",), device=device).vae

    def reconstruct(frames: NDArray[np.uint8]) -> NDArray[np.uint8]:
        num_frames, height, width = frames.shape[:3]
        wanted = encodable_frames(num_frames)
        LatentShape.of(PixelShape(frames=wanted, height=height, width=width))
        filled = np.concatenate([frames, np.repeat(frames[-1:], wanted - num_frames, axis=0)])
        pixels_BCFHW = torch.from_numpy(filled).permute(3, 0, 1, 2)[None].float() / 127.5 - 1.0
        decoded_BCFHW = decode_latents(vae, encode_pixels(vae, pixels_BCFHW))
        levels = ((decoded_BCFHW[0].float().cpu() + 1.0) * 127.5).round().clamp(0, 255)
        back: NDArray[np.uint8] = levels.to(torch.uint8).permute(1, 2, 3, 0).numpy()[:num_frames]
        return back

    return reconstruct
