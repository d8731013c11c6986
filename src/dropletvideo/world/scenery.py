"""What a scene is made of: materials, solids, walls, rings; frozen records without behaviour of their own.

World axes: x right, y ahead, z up, metres; the ground is z = 0 and a shot's camera starts near the origin.
"""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from typing import Literal

import numpy as np
from numpy.typing import NDArray

from dropletvideo.world import palette
from dropletvideo.world.palette import Colour, Mood
from dropletvideo.world.plots import Motion, Pose, pose_at
from dropletvideo.world.shapes3d import Shape, Size

RingKind = Literal["hills", "skyline", "hedges"]
BackdropKind = Literal["walls", "hills", "skyline", "hedges"]
PROFILE_BINS = 2048


@dataclass(frozen=True, kw_only=True)
class Material:
    """Two colours mixed by a texture; `tile` is the length of one texture tile in metres."""

    texture: str
    variant: int
    tile: float
    first: Colour
    second: Colour
    grain: float = 0.3

    @property
    def mean(self) -> Colour:
        """The colour seen from far away."""
        return palette.blend(self.first, self.second, 0.5)


@dataclass(frozen=True, kw_only=True)
class SceneObject:
    """A solid on the ground. `size` as in `shapes3d`; `x, y, heading` are its pose at time 0."""

    name: str
    noun: str
    colour: str
    shape: Shape
    size: Size
    x: float
    y: float
    heading: float
    material: Material
    motion: Motion = field(default_factory=Motion)

    def pose(self, seconds: float) -> Pose:
        """Pose at a time of the shot."""
        return pose_at(self.x, self.y, self.heading, self.motion, seconds)

    @property
    def radius(self) -> float:
        """Radius of the upright cylinder around the solid."""
        return float(np.hypot(self.size[0], self.size[1])) if self.shape == "box" else self.size[0]


@dataclass(frozen=True, kw_only=True)
class Ring:
    """A round backdrop: an upright cylinder about `centre` whose height depends on the direction."""

    radius: float
    centre: tuple[float, float]
    profile: NDArray[np.float32] = field(repr=False)
    tint: NDArray[np.float32] = field(repr=False)
    material: Material


@dataclass(frozen=True, kw_only=True)
class Walls:
    """Four walls around the scene: x and y limits and height in metres."""

    x: tuple[float, float]
    y: tuple[float, float]
    height: float
    material: Material


@dataclass(frozen=True, kw_only=True)
class Scene:
    """All that is in front of the camera."""

    seed: int
    mood: Mood
    light: tuple[float, float, float]
    clouds: float
    ground: Material
    ground_name: str
    backdrop: BackdropKind
    backdrop_name: str
    walls: Walls | None
    rings: tuple[Ring, ...]
    objects: tuple[SceneObject, ...]
    flat: bool
    weak: bool

    def with_objects(self, objects: tuple[SceneObject, ...]) -> Scene:
        """The same place with other objects."""
        return replace(self, objects=objects)
