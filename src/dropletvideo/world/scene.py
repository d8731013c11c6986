"""Draws scenes from a seed: ground, backdrop, sky, light and objects.

World axes: x right, y ahead, z up, metres; the ground is z = 0 and a shot's camera starts near the origin.
"""

from __future__ import annotations

from dataclasses import replace

import numpy as np
from numpy.typing import NDArray

from dropletvideo.world import palette
from dropletvideo.world.config import EVALUATION_SEED_START, WorldConfig, check_training_seed
from dropletvideo.world.palette import Stuff
from dropletvideo.world.scenery import (
    PROFILE_BINS,
    BackdropKind,
    Material,
    Ring,
    RingKind,
    Scene,
    SceneObject,
    Walls,
)
from dropletvideo.world.shapes3d import Shape, Size
from dropletvideo.world.textures import CELLS_PER_TILE, VARIANTS

__all__ = ["EVALUATION_SEED_START", "Scene", "SceneObject", "WorldConfig", "check_training_seed", "draw_scene"]


def _material(rng: np.random.Generator, stuff: Stuff, *, weak: bool, span: float = 0.0) -> Material:
    texture = str(rng.choice(stuff.patterns))
    cells = CELLS_PER_TILE.get(texture, 6.0)
    tile = float(rng.uniform(*stuff.element)) * cells
    if span:  # whole tiles around a ring or a wall, so that the texture closes
        tile = span / max(1, round(span / tile))
    first, second = palette.jitter(rng, stuff.first), palette.jitter(rng, stuff.second)
    if weak:
        mean = palette.blend(first, second, 0.5)
        first, second = palette.blend(mean, first, 0.12), palette.blend(mean, second, 0.12)
    return Material(
        texture=texture,
        variant=int(rng.integers(VARIANTS)),
        tile=tile,
        first=first,
        second=second,
        grain=0.06 if weak else stuff.grain,
    )


def _hill_profile(rng: np.random.Generator, low: float, high: float) -> NDArray[np.float32]:
    angle = np.linspace(0, 2 * np.pi, PROFILE_BINS, endpoint=False)
    wave = sum(rng.normal() / k**0.9 * np.sin(k * angle + rng.uniform(0, 6.28)) for k in range(2, 18))
    scaled = (wave - np.min(wave)) / np.ptp(wave)
    return np.asarray(low + (high - low) * scaled, np.float32)


def _skyline_profile(
    rng: np.random.Generator, low: float, high: float
) -> tuple[NDArray[np.float32], NDArray[np.float32]]:
    """Heights and tints of buildings side by side, 24 to 96 bins wide each."""
    height, tint = np.empty(PROFILE_BINS, np.float32), np.empty(PROFILE_BINS, np.float32)
    at = 0
    while at < PROFILE_BINS:
        width = int(rng.integers(24, 96))
        height[at : at + width] = rng.uniform(low, high)
        tint[at : at + width] = rng.uniform(0.72, 1.15)
        at += width
    return height, tint


def _ring(rng: np.random.Generator, kind: RingKind, radius: float, rise: float, weak: bool) -> tuple[Ring, str]:
    stuffs = {"skyline": palette.SKYLINES, "hills": palette.HILLS, "hedges": palette.HEDGES}[kind]
    stuff = stuffs[int(rng.integers(len(stuffs)))]
    tint = np.ones(PROFILE_BINS, np.float32)
    if kind == "skyline":
        profile, tint = _skyline_profile(rng, 0.35 * rise, rise)
    else:
        profile = _hill_profile(rng, (0.7 if kind == "hedges" else 0.3) * rise, rise)
    material = _material(rng, stuff, weak=weak, span=2 * np.pi * radius)
    ring = Ring(
        radius=radius, centre=(0.0, 0.0 if kind == "hedges" else 2.0), profile=profile, tint=tint, material=material
    )
    return ring, stuff.name


def _draw_walls(rng: np.random.Generator, *, weak: bool, deep: bool, flat: bool) -> tuple[Walls, str]:
    stuff = palette.WALLS[int(rng.integers(len(palette.WALLS)))]
    half = float(rng.uniform(9, 13) if deep else rng.uniform(5.0, 6.5))
    ahead = float(rng.uniform(2.0, 2.6)) if flat else (half + 2.0 if deep else float(rng.uniform(5.0, 6.5)))
    height = float(rng.uniform(9, 11)) if flat else float(rng.uniform(0.42, 0.62)) * half + 1.2
    material = _material(rng, stuff, weak=weak)
    if flat:  # a mural at two metres: elements must be small to be seen as texture
        material = replace(material, tile=material.tile * 0.45)
    return Walls(x=(-half, half), y=(ahead - 2 * half, ahead), height=height, material=material), stuff.name


_NOUNS: dict[Shape, tuple[str, ...]] = {
    "box": ("box", "crate", "block"),
    "sphere": ("ball", "sphere"),
    "cylinder": ("cylinder", "drum", "pillar"),
    "cone": ("cone",),
}
_OBJECT_PATTERNS = ("checks", "stripes", "diagonals", "dots", "tiles", "waves", "noise", "marble", "patches", "planks")
_PATTERN_WORDS = {
    "checks": "checkered",
    "stripes": "striped",
    "diagonals": "striped",
    "dots": "dotted",
    "tiles": "tiled",
    "waves": "wavy",
    "planks": "wooden",
    "marble": "marbled",
    "patches": "patchy",
}


def draw_object(rng: np.random.Generator, x: float, y: float, taken: set[str], *, weak: bool = False) -> SceneObject:
    """A solid with a colour that no other object of the scene has (while colours last)."""
    free = [name for name in palette.OBJECT_COLOURS if name not in taken] or list(palette.OBJECT_COLOURS)
    colour = str(rng.choice(free))
    shape: Shape = ("box", "sphere", "cylinder", "cone")[int(rng.choice(4, p=[0.34, 0.3, 0.22, 0.14]))]
    texture = str(rng.choice(_OBJECT_PATTERNS))
    base = palette.jitter(rng, palette.OBJECT_COLOURS[colour], 0.03)
    contrast = (1.0, 0.98, 0.92) if sum(base) / 3 < 0.62 else (0.2, 0.2, 0.24)
    share = rng.uniform(0.16, 0.3) if colour in ("white", "black") else rng.uniform(0.3, 0.55)
    other = palette.blend(base, contrast, float(share))
    radius = float(rng.uniform(0.28, 0.62))
    size = _object_size(rng, shape, radius)
    tile = 2 * np.pi * radius / (1 if shape == "sphere" else rng.integers(1, 3)) if shape != "box" else 2.4 * radius
    first, second = (palette.blend(base, other, 0.1), base) if weak else (other, base)
    adjective = "" if weak else _PATTERN_WORDS.get(texture, "")
    noun = str(rng.choice(_NOUNS[shape]))
    return SceneObject(
        name=" ".join(word for word in (colour, adjective, noun) if word),
        noun=noun,
        colour=colour,
        shape=shape,
        size=size,
        x=x,
        y=y,
        heading=float(rng.uniform(0, np.pi / 2)),
        material=Material(
            texture=texture,
            variant=int(rng.integers(VARIANTS)),
            tile=float(tile),
            first=first,
            second=second,
            grain=0.2,
        ),
    )


def _object_size(rng: np.random.Generator, shape: Shape, radius: float) -> Size:
    if shape == "sphere":
        return (radius, radius, 2 * radius)
    if shape == "box":
        return (radius, radius * float(rng.uniform(0.7, 1.1)), radius * float(rng.uniform(1.2, 2.6)))
    tall = float(rng.uniform(2.0, 3.4) if shape == "cone" else rng.uniform(1.2, 3.2))
    return (radius, radius, radius * tall)


def place_objects(
    rng: np.random.Generator, config: WorldConfig, limit: float, *, weak: bool
) -> tuple[SceneObject, ...]:
    """Objects in front of the camera (most) and all around it (some), apart from each other."""
    count = int(rng.integers(config.objects[0], config.objects[1] + 1))
    placed: list[SceneObject] = []
    for number in range(count + 3):
        for _ in range(30):
            bearing = rng.uniform(-28, 28) if number < max(2, count // 2) else rng.uniform(-180, 180)
            reach = rng.uniform(config.object_distance[0] + 0.6 * (number == 0), config.object_distance[1])
            x, y = float(reach * np.sin(np.radians(bearing))), float(reach * np.cos(np.radians(bearing)))
            if abs(x) < limit and abs(y) < limit and all(np.hypot(x - o.x, y - o.y) > 1.5 for o in placed):
                placed.append(draw_object(rng, x, y, {o.colour for o in placed}, weak=weak))
                break
    return tuple(placed)


def _draw_backdrop(
    rng: np.random.Generator, *, weak: bool, deep: bool, flat: bool
) -> tuple[BackdropKind, str, Walls | None, tuple[Ring, ...]]:
    """A mural (flat), something near (walls or hedges), or something far (large walls, hills, a skyline)."""
    kind: BackdropKind = "walls"
    if not flat and rng.random() < (0.6 if deep else 0.35):
        kind = ("skyline" if rng.random() < 0.4 else "hills") if deep else "hedges"
    far, _ = _ring(rng, "hills", 60.0, float(rng.uniform(14, 22)), weak)
    if kind == "walls":
        walls, name = _draw_walls(rng, weak=weak, deep=deep, flat=flat)
        return kind, name, walls, (far,)
    radius, rise = (
        (rng.uniform(13, 18), rng.uniform(5.0, 8.0)) if deep else (rng.uniform(7.2, 8.6), rng.uniform(2.8, 4.2))
    )
    near, name = _ring(rng, kind, float(radius), float(rise), weak)
    return kind, name, None, (near, far)


def _draw_light(rng: np.random.Generator, elevation: tuple[float, float]) -> tuple[float, float, float]:
    """Direction to the sun: mostly behind the camera and to a side, so that what is seen is lit and shadows show."""
    azimuth = np.radians(rng.uniform(-150, 150) if rng.random() < 0.2 else rng.choice([-1, 1]) * rng.uniform(95, 165))
    height = np.radians(rng.uniform(*elevation))
    return (
        float(np.sin(azimuth) * np.cos(height)),
        float(np.cos(azimuth) * np.cos(height)),
        float(np.sin(height)),
    )


def draw_scene(
    seed: int | np.random.Generator, config: WorldConfig | None = None, *, near: bool | None = None
) -> Scene:
    """A scene from a seed (or a generator that goes on from where it is).

    The same seed and config give the same scene on every machine. `near` fixes whether the backdrop is near (depths
    within about 1:4); by the config's `deep_share` if None.
    """
    config = config or WorldConfig.training()
    rng = seed if isinstance(seed, np.random.Generator) else np.random.default_rng([seed, 1])
    mood = palette.MOODS[int(rng.choice(len(palette.MOODS), p=[0.32, 0.2, 0.2, 0.16, 0.12]))]
    flat = bool(rng.random() < config.flat_share)
    weak = bool(rng.random() < config.weak_texture_share)
    deep = bool(rng.random() < config.deep_share) and not flat
    stuff = palette.GROUNDS[int(rng.integers(len(palette.GROUNDS)))]
    ground = _material(rng, stuff, weak=weak)
    kind, name, walls, rings = _draw_backdrop(rng, weak=weak, deep=deep if near is None else not near, flat=flat)
    light = _draw_light(rng, mood.elevation)
    limit = rings[0].radius - 1.5 if walls is None else min(abs(walls.x[0]), abs(walls.y[1])) - 1.2
    objects = () if flat else place_objects(rng, config, limit, weak=weak)
    return Scene(
        seed=seed if isinstance(seed, int) else -1,
        mood=mood,
        light=light,
        clouds=float(rng.uniform(0.4, 1.0)),
        ground=ground,
        ground_name=stuff.name,
        backdrop=kind,
        backdrop_name=name,
        walls=walls,
        rings=rings,
        objects=objects,
        flat=flat,
        weak=weak,
    )
