"""One request of generation with every default filled in, checked before any work."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any, Literal, TypeAlias, TypeVar

import numpy as np
from numpy.typing import NDArray
from PIL import Image
from pydantic import BaseModel, ConfigDict

from dropletvideo.errors import RequestError
from dropletvideo.media import read_image
from dropletvideo.model.motion import check_motion
from dropletvideo.model.presets import ModelDefaults
from dropletvideo.shapes import LatentShape, PixelShape

Fit = Literal["crop", "pad", "stretch"]
FITS: tuple[Fit, ...] = ("crop", "pad", "stretch")
ImageInput: TypeAlias = Image.Image | NDArray[np.uint8] | str | Path
Item = TypeVar("Item")


class Settings(BaseModel):
    """What all videos of one call share."""

    model_config = ConfigDict(frozen=True)

    num_frames: int
    height: int
    width: int
    num_inference_steps: int
    guidance_scale: float
    text_length: int
    prompt_suffix: str
    negative_prompt: str
    fit: Fit

    @property
    def latent(self) -> LatentShape:
        """Latent size of each video."""
        return LatentShape.of(PixelShape(frames=self.num_frames, height=self.height, width=self.width))


def settings_of(defaults: ModelDefaults, **asked: Any) -> Settings:
    """The model's defaults with what was asked put over them; None, and "default" for the suffix, mean the default.

    Raises:
        RequestError: a size that cannot be encoded, or a number out of its range.
    """
    if asked.get("prompt_suffix") == "default":
        asked["prompt_suffix"] = defaults.prompt_suffix
    elif asked.get("prompt_suffix") is None:
        asked["prompt_suffix"] = ""
    base: dict[str, Any] = {
        "num_frames": defaults.num_frames,
        "height": defaults.height,
        "width": defaults.width,
        "num_inference_steps": defaults.num_inference_steps,
        "guidance_scale": defaults.guidance_scale,
        "text_length": defaults.text_length,
        "negative_prompt": defaults.negative_prompt,
        "fit": defaults.image_fit,
    }
    settings = Settings(**base | {key: value for key, value in asked.items() if value is not None})
    settings.latent  # noqa: B018 - the sizes are checked here
    if settings.num_inference_steps < 1:
        raise RequestError(f"num_inference_steps={settings.num_inference_steps}: need 1 or more; 20 to 50 are usual")
    if not settings.guidance_scale >= 0:
        raise RequestError(f"guidance_scale={settings.guidance_scale}: need 0 or more; 1 is off, 2 to 7 are usual")
    return settings


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


def fit_image(image: ImageInput, height: int, width: int, fit: Fit) -> NDArray[np.uint8]:
    """An image as H,W,3 uint8 of the asked size (bicubic, with a low-pass when it shrinks).

    "crop" keeps the aspect and cuts what hangs over, "pad" keeps it and adds black borders, "stretch" is the released
    code's: both sides to size, aspect lost.

    Raises:
        MediaError: the file is missing or no image.
        RequestError: `fit` is unknown.
    """
    if fit not in FITS:
        raise RequestError(f"fit={fit!r} is unknown: one of {', '.join(FITS)}")
    picture = _picture(image)
    if fit == "stretch":
        return _resized(picture, height, width)
    ratios = (height / picture.height, width / picture.width)
    scale = max(ratios) if fit == "crop" else min(ratios)
    rows, columns = round(picture.height * scale), round(picture.width * scale)
    rows, columns = (max(rows, height), max(columns, width)) if fit == "crop" else (max(rows, 1), max(columns, 1))
    scaled = _resized(picture, rows, columns)
    if fit == "crop":
        top, left = (rows - height) // 2, (columns - width) // 2
        return scaled[top : top + height, left : left + width]
    canvas = np.zeros((height, width, 3), np.uint8)
    top, left = (height - rows) // 2, (width - columns) // 2
    canvas[top : top + rows, left : left + columns] = scaled
    return canvas


def _picture(image: ImageInput) -> Image.Image:
    if isinstance(image, Image.Image):
        return image.convert("RGB")
    return Image.fromarray(image if isinstance(image, np.ndarray) else read_image(image))


def _resized(picture: Image.Image, height: int, width: int) -> NDArray[np.uint8]:
    if (picture.height, picture.width) != (height, width):
        picture = picture.resize((width, height), Image.Resampling.BICUBIC)
    return np.array(picture)
