"""One request of generation with every default filled in, checked before any work."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any, TypeAlias, TypeVar

import numpy as np
from numpy.typing import NDArray
from PIL import Image
from pydantic import BaseModel, ConfigDict

from dropletvideo.errors import RequestError
from dropletvideo.generate.schedulers import SCHEDULERS
from dropletvideo.media import FITS, Fit, read_image
from dropletvideo.model.motion import check_motion
from dropletvideo.model.presets import ModelDefaults
from dropletvideo.model.vae import FrameFix
from dropletvideo.shapes import (
    TEMPORAL_COMPRESSION,
    LatentShape,
    PixelShape,
    check_num_frames,
    encodable_frames,
    latent_frames,
    nearest_side,
    pixel_frames,
)

FRAME_FIXES: tuple[FrameFix, ...] = ("exact", "legacy")
LEAST_CHUNK = TEMPORAL_COMPRESSION + 1
WIDE_OVERLAP, WIDE_OVERLAP_FROM = 5, 13
ImageInput: TypeAlias = Image.Image | NDArray[np.uint8] | str | Path
Item = TypeVar("Item")


class Settings(BaseModel):
    """What all videos of one call share.

    Attributes:
        num_frames: frames of the result, from 1.
        height: pixels, a multiple of 16.
        width: pixels, a multiple of 16.
        num_inference_steps: sampling steps of each chunk.
        guidance_scale: weight of the prompt; 1 is off.
        text_length: text tokens read.
        prompt_suffix: put after every prompt.
        negative_prompt: of the unguided branch.
        fit: how images are brought to size.
        frame_fix: see `model.vae.decode_latents`.
        scheduler: one of `generate.schedulers.SCHEDULERS`; None is the model's.
        noise_aug: deviation of the noise on given frames in [-1, 1]; None is what the model was trained with.
        dynamic_guidance: guidance that rises over the steps, see `generate.guidance`.
        guidance_rescale: share of the guided prediction that is brought back to the deviation of the unguided one.
        chunk_frames: frames that the model makes at once, `4k + 1`; longer videos are made chunk by chunk.
        overlap: frames of a chunk that the next one sees, `4k + 1`.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    num_frames: int
    height: int
    width: int
    num_inference_steps: int
    guidance_scale: float
    text_length: int
    prompt_suffix: str
    negative_prompt: str
    fit: Fit
    frame_fix: FrameFix = "exact"
    scheduler: str | None = None
    noise_aug: float | None = None
    dynamic_guidance: bool = False
    guidance_rescale: float = 0.0
    chunk_frames: int
    overlap: int

    def encoded_frames(self, num_frames: int) -> int:
        """`4k + 1` frames that stand for a chunk of so many: the next, as published the one before."""
        return pixel_frames(latent_frames(num_frames)) if self.frame_fix == "legacy" else encodable_frames(num_frames)

    def latent(self, num_frames: int) -> LatentShape:
        """Latent size of a chunk of so many frames."""
        whole = self.encoded_frames(num_frames)
        return LatentShape.of(PixelShape(frames=whole, height=self.height, width=self.width))


def settings_of(defaults: ModelDefaults, **asked: Any) -> Settings:
    """The model's defaults with what was asked put over them; None and "default" mean the default.

    `prompt_suffix` alone takes None for "append nothing". Sides become the nearest multiple of 16, see `size_note`.

    Raises:
        RequestError: a number out of its range or an unknown name.
    """
    if "prompt_suffix" in asked and asked["prompt_suffix"] is None:
        asked["prompt_suffix"] = ""
    base: dict[str, Any] = {
        "num_frames": defaults.num_frames,
        "height": defaults.height,
        "width": defaults.width,
        "num_inference_steps": defaults.num_inference_steps,
        "guidance_scale": defaults.guidance_scale,
        "text_length": defaults.text_length,
        "prompt_suffix": defaults.prompt_suffix,
        "negative_prompt": defaults.negative_prompt,
        "fit": defaults.image_fit,
    }
    values = base | {key: value for key, value in asked.items() if value is not None and value != "default"}
    _check_numbers(values)
    values["height"], values["width"] = nearest_side(values["height"]), nearest_side(values["width"])
    if values.get("chunk_frames") is None:
        values["chunk_frames"] = max(encodable_frames(defaults.num_frames), LEAST_CHUNK)
    if values.get("overlap") is None:
        values["overlap"] = WIDE_OVERLAP if values["chunk_frames"] >= WIDE_OVERLAP_FROM else 1
    _check_chunks(values["chunk_frames"], values["overlap"])
    return Settings(**values)


def size_note(settings: Settings, height: int | None, width: int | None) -> str | None:
    """A sentence for the user when an asked side had to be rounded, else None."""
    asked = (height or settings.height, width or settings.width)
    if asked == (settings.height, settings.width):
        return None
    return (
        f"size {asked[0]}x{asked[1]} (height x width) becomes {settings.height}x{settings.width}: "
        "sides are multiples of 16"
    )


def _check_numbers(values: dict[str, Any]) -> None:
    limits: tuple[tuple[str, float, str], ...] = (
        ("num_frames", 1, "need 1 or more"),
        ("height", 1, "need 1 pixel or more"),
        ("width", 1, "need 1 pixel or more"),
        ("num_inference_steps", 1, "need 1 or more; 20 to 50 are usual"),
        ("guidance_scale", 0, "need 0 or more; 1 is off, 2 to 7 are usual"),
        ("text_length", 1, "need 1 token or more"),
        ("noise_aug", 0, "need 0 or more; 0.02 to 0.2 are usual"),
    )
    for name, least, words in limits:
        if name in values and not values[name] >= least:
            raise RequestError(f"{name}={values[name]}: {words}")
    if not 0 <= values.get("guidance_rescale", 0) <= 1:
        raise RequestError(f"guidance_rescale={values['guidance_rescale']}: need 0 (off) to 1; 0.7 is usual")
    for name, names in (("fit", FITS), ("frame_fix", FRAME_FIXES), ("scheduler", tuple(SCHEDULERS))):
        if name in values and values[name] not in names:
            raise RequestError(f"{name}={values[name]!r} is unknown: one of {', '.join(names)}")


def _check_chunks(chunk_frames: int, overlap: int) -> None:
    for name, frames in (("chunk_frames", chunk_frames), ("overlap", overlap)):
        try:
            check_num_frames(frames)
        except RequestError as error:
            raise RequestError(str(error).replace("num_frames", name)) from error
    if overlap >= chunk_frames:
        raise RequestError(f"overlap={overlap} leaves nothing of chunk_frames={chunk_frames}: give a smaller overlap")


def as_list(value: Item | Sequence[Item] | None, count: int, name: str) -> list[Item | None]:
    """One value per video: a list of `count`, or one value for all.

    Raises:
        RequestError: a list of another length.
    """
    if not isinstance(value, list | tuple):
        return [value] * count  # type: ignore[list-item]
    if len(value) not in (1, count):
        raise RequestError(f"{name} has {len(value)} entries for {count} videos: give one, or one per video")
    return list(value) * (count if len(value) == 1 else 1)


def batch_size_of(**values: Any) -> int:
    """Number of videos asked for: the greatest length of any list."""
    return max([len(value) for value in values.values() if isinstance(value, list | tuple)], default=1)


def motions_of(motion: float | Sequence[float] | None, count: int, default: float) -> list[float]:
    """M of each video, checked."""
    motions = [default if value is None else float(value) for value in as_list(motion, count, "motion")]
    for value in motions:
        check_motion(value)
    return motions


def as_picture(image: ImageInput) -> NDArray[np.uint8]:
    """An image in any of the forms that are taken, as H,W,3 uint8 RGB.

    Raises:
        MediaError: the file is missing or no image.
    """
    if isinstance(image, Image.Image):
        return np.array(image.convert("RGB"))
    return image if isinstance(image, np.ndarray) else read_image(image)
