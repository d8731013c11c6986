"""What a world may draw: ranges and shares, as two presets (`validation`, `training`), and the seed rule."""

from __future__ import annotations

from typing import Literal

from pydantic import BaseModel, ConfigDict, Field

from dropletvideo.errors import ConfigError

EVALUATION_SEED_START = 1_000_000
"""Seeds from here up are for evaluation only; training refuses them."""

Span = tuple[float, float]
Composition = Literal["single", "sequence", "pair", "out_and_back"]

_VALIDATION_RANGES: dict[str, Span] = {
    "pan": (3.0, 60.0),
    "tilt": (3.0, 60.0),
    "roll": (3.0, 30.0),
    "arc": (10.0, 360.0),
    "truck": (0.1, 2.0),
    "pedestal": (0.1, 1.2),
    "dolly": (0.1, 2.0),
    "zoom": (0.7, 1.5),
}
_VALIDATION_WEIGHTS: dict[str, float] = {
    "pan": 1.0,
    "tilt": 1.0,
    "roll": 0.6,
    "truck": 1.0,
    "pedestal": 0.8,
    "dolly": 1.0,
    "zoom": 1.0,
    "arc": 1.0,
    "tracking": 0.7,
    "static": 1.0,
}
_TRAINING_RANGES: dict[str, Span] = {
    "pan": (9.0, 13.0),
    "tilt": (7.5, 9.5),
    "roll": (9.0, 12.0),
    "arc": (10.0, 13.0),
    "truck": (0.55, 0.8),
    "pedestal": (0.3, 0.4),
    "dolly": (0.45, 0.65),
    "zoom": (1.14, 1.2),
}
_TRAINING_WEIGHTS: dict[str, float] = {
    "pan": 1.0,
    "tilt": 0.9,
    "roll": 0.25,
    "truck": 1.0,
    "pedestal": 0.4,
    "dolly": 0.5,
    "zoom": 1.5,
    "arc": 0.45,
    "tracking": 0.15,
    "static": 0.85,
}


class WorldConfig(BaseModel):
    """Distribution of scenes, camera moves, plots and file properties.

    `ranges` are degrees (pan, tilt, roll, arc), metres (truck, pedestal, dolly) and end/start focal ratio (zoom); with
    `amounts="per_second"` the same per second, and a zoom range is that of zooming in (its inverse zooms out).
    Shares lie in 0..1 and are those of shots.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    name: str = "validation"
    seconds: Span = (2.0, 7.0)
    source_rates: tuple[float, ...] = (8.0, 10.0, 12.0, 15.0, 24.0, 25.0, 30.0, 50.0, 60.0)
    short_side: tuple[int, int] = (128, 720)
    aspects: tuple[float, ...] = (1.0, 4 / 3, 16 / 9, 9 / 16)
    crf: tuple[int, int] = (18, 35)
    focal: Span = Field(default=(0.85, 1.35), description="focal length over the short side")
    camera_height: Span = (1.0, 2.0)
    amounts: Literal["total", "per_second"] = "total"
    ranges: dict[str, Span] = Field(default_factory=lambda: dict(_VALIDATION_RANGES))
    move_weights: dict[str, float] = Field(default_factory=lambda: dict(_VALIDATION_WEIGHTS))
    compositions: dict[Composition, float] = {"single": 0.55, "sequence": 0.2, "pair": 0.15, "out_and_back": 0.1}
    ease_share: float = 0.5
    jitter_share: float = 1 / 3
    jitter_degrees: Span = (0.1, 1.0)
    weak_texture_share: float = 0.2
    flat_share: float = 0.1
    deep_share: float = 0.6
    moving_share: float = 0.5
    moving_pixels: Span = (0.0, 0.4)
    reveal_share: float = 0.5
    turntable_share: float = Field(default=0.4, description="of the static shots: one object that turns, close by")
    near_travel: bool = Field(default=False, description="give trucks, pedestals and dollies a near backdrop")
    objects: tuple[int, int] = (3, 7)
    object_distance: Span = (2.4, 7.0)
    lens_blur: float = Field(default=0.0, ge=0, description="deviation of the lens's blur as a share of the short side")

    @classmethod
    def validation(cls) -> WorldConfig:
        """Wide: the list that measuring functions are held against."""
        return cls()

    @classmethod
    def training(cls) -> WorldConfig:
        """Narrow: footage for a nano model at 64x64; one speed per move, so that M predicts motion."""
        return cls(
            name="training",
            seconds=(5.0, 5.5),
            source_rates=(32.0,),
            short_side=(128, 128),  # files keep colour at half size, so 64 px are taken from a file of 128
            aspects=(1.0,),
            crf=(18, 18),
            focal=(0.95, 1.1),
            camera_height=(1.3, 1.7),
            amounts="per_second",
            ranges=dict(_TRAINING_RANGES),
            move_weights=dict(_TRAINING_WEIGHTS),
            compositions={"single": 0.88, "sequence": 0.12},
            ease_share=0.0,
            jitter_share=0.0,
            weak_texture_share=0.0,
            flat_share=0.0,
            deep_share=0.6,
            moving_share=0.2,
            moving_pixels=(0.0, 0.15),
            reveal_share=0.5,
            turntable_share=0.0,
            near_travel=True,
            objects=(4, 7),
            object_distance=(2.4, 6.0),
            lens_blur=0.0095,  # 0.6 px of 64: a small codec cannot carry what lies near the pixel's limit
        )

    @classmethod
    def preset(cls, name: str) -> WorldConfig:
        """The preset called `name`.

        Raises:
            ConfigError: no such preset.
        """
        presets = {"validation": cls.validation, "training": cls.training}
        if name not in presets:
            raise ConfigError(f"world preset {name!r} is unknown: one of {', '.join(presets)}")
        return presets[name]()


def check_training_seed(seed: int) -> None:
    """Refuse a seed that belongs to evaluation.

    Raises:
        ConfigError: `seed` is `EVALUATION_SEED_START` or above, or negative.
    """
    if not 0 <= seed < EVALUATION_SEED_START:
        raise ConfigError(
            f"seed={seed} is not a training seed: those from {EVALUATION_SEED_START} up are for evaluation only; "
            f"choose one in 0..{EVALUATION_SEED_START - 1}"
        )
