"""Architectures by name. A preset is a function that gives the transformer's fields and the model's defaults."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from types import MappingProxyType
from typing import Any, Literal

from pydantic import BaseModel, ConfigDict

from dropletvideo.errors import ConfigError
from dropletvideo.model.motion_curve import MotionCalibration

RELEASED_PROMPT_SUFFIX = (
    "The video is of high quality, and the view is very clear. High quality, masterpiece, best quality, highres, "
    "ultra-detailed, fantastic."
)
RELEASED_NEGATIVE_PROMPT = "The video is low quality, blurry, distortion. "


class ModelDefaults(BaseModel):
    """What belongs to a model beside its weights; the file `droplet.json` in its folder.

    The values here are those of the released 5B and hold for a folder without that file.

    Attributes:
        text_length: tokens that the text encoder reads, pads included.
        prompt_suffix: appended to every prompt after one space.
        negative_prompt: text of the unguided branch.
        height: pixels.
        width: pixels.
        num_frames: frames of one clip, `4k + 1`.
        num_inference_steps: sampling steps.
        guidance_scale: weight of the guided branch; 1 is off.
        motion: M when the user names none.
        motion_range: least and greatest M seen in training, None where unknown.
        playback_fps: of written files; has nothing to do with M.
        image_fit: how an image of another aspect is fitted: "stretch" as released, "crop" keeps the aspect.
        condition_noise: deviation of the noise on the given image, for models trained with it.
        motion_calibration: measured motion at levels of M, written by `droplet calibrate`.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    text_length: int = 400
    prompt_suffix: str = RELEASED_PROMPT_SUFFIX
    negative_prompt: str = RELEASED_NEGATIVE_PROMPT
    height: int = 384
    width: int = 672
    num_frames: int = 85
    num_inference_steps: int = 50
    guidance_scale: float = 6.0
    motion: float = 16.0
    motion_range: tuple[float, float] | None = None
    playback_fps: float = 8.0
    image_fit: Literal["stretch", "crop"] = "stretch"
    condition_noise: float = 0.0563
    motion_calibration: MotionCalibration | None = None


class ModelPreset(BaseModel):
    """An architecture: `transformer` are the fields of `DropletVideoTransformer3DModel`."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    name: str
    transformer: Mapping[str, Any]
    defaults: ModelDefaults


def nano() -> ModelPreset:
    """The smallest model in the 5B's architecture: 17 frames of 64x64, trained on a laptop CPU in minutes.

    The base grid of its rotary positions is its own size, so positions are whole patches.
    """
    return ModelPreset(
        name="nano",
        transformer={
            "num_attention_heads": 4,
            "attention_head_dim": 48,
            "in_channels": 33,
            "out_channels": 16,
            "time_embed_dim": 256,
            "text_embed_dim": 128,
            "num_layers": 6,
            "sample_width": 8,
            "sample_height": 8,
            "sample_frames": 17,
            "max_text_seq_length": 64,
            "use_rotary_positional_embeddings": True,
        },
        defaults=ModelDefaults(
            text_length=64,
            prompt_suffix="",
            negative_prompt="",
            height=64,
            width=64,
            num_frames=17,
            num_inference_steps=20,
            guidance_scale=3.0,
            motion=8.0,
            motion_range=(4.0, 32.0),
            image_fit="crop",
            condition_noise=0.0,
        ),
    )


def droplet_5b() -> ModelPreset:
    """DropletVideo-5B: 42 layers of 48 heads x 64, T5 v1.1 XXL text of 400 tokens. Source: DropletVideo section 3."""
    return ModelPreset(
        name="droplet-5b",
        transformer={
            "num_attention_heads": 48,
            "attention_head_dim": 64,
            "in_channels": 33,
            "out_channels": 16,
            "num_layers": 42,
            "use_rotary_positional_embeddings": True,
            "add_noise_in_inpaint_model": True,
        },
        defaults=ModelDefaults(),
    )


PRESETS: Mapping[str, Callable[[], ModelPreset]] = MappingProxyType({"nano": nano, "droplet-5b": droplet_5b})


def preset(name: str) -> ModelPreset:
    """The preset of a name.

    Raises:
        ConfigError: no preset has this name.
    """
    if name not in PRESETS:
        raise ConfigError(f"preset {name!r} is unknown: one of {', '.join(PRESETS)}")
    return PRESETS[name]()
