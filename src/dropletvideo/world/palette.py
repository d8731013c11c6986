"""Named colours, skies and grounds that go well together."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

Colour = tuple[float, float, float]

OBJECT_COLOURS: dict[str, Colour] = {
    "red": (0.83, 0.18, 0.16),
    "orange": (0.93, 0.52, 0.14),
    "yellow": (0.95, 0.80, 0.22),
    "green": (0.24, 0.60, 0.28),
    "teal": (0.10, 0.58, 0.58),
    "blue": (0.18, 0.38, 0.78),
    "purple": (0.51, 0.28, 0.68),
    "pink": (0.92, 0.48, 0.62),
    "white": (0.92, 0.91, 0.88),
    "black": (0.17, 0.17, 0.20),
    "brown": (0.48, 0.31, 0.19),
}


@dataclass(frozen=True, kw_only=True)
class Mood:
    """Light and air of a scene: sky from horizon to zenith, sun, ambient, and the words a caption uses."""

    name: str
    zenith: Colour
    horizon: Colour
    cloud: Colour
    sun: Colour
    ambient: Colour
    elevation: tuple[float, float]
    words: str


MOODS: tuple[Mood, ...] = (
    Mood(
        name="clear noon",
        zenith=(0.27, 0.50, 0.83),
        horizon=(0.76, 0.87, 0.95),
        cloud=(0.98, 0.98, 0.99),
        sun=(0.66, 0.63, 0.56),
        ambient=(0.46, 0.49, 0.54),
        elevation=(45, 65),
        words="bright and calm",
    ),
    Mood(
        name="golden evening",
        zenith=(0.42, 0.50, 0.74),
        horizon=(0.98, 0.80, 0.58),
        cloud=(1.0, 0.88, 0.76),
        sun=(0.76, 0.57, 0.36),
        ambient=(0.47, 0.44, 0.47),
        elevation=(24, 36),
        words="warm and peaceful",
    ),
    Mood(
        name="overcast day",
        zenith=(0.62, 0.67, 0.73),
        horizon=(0.84, 0.86, 0.88),
        cloud=(0.93, 0.94, 0.95),
        sun=(0.36, 0.36, 0.36),
        ambient=(0.68, 0.69, 0.71),
        elevation=(50, 70),
        words="quiet and soft",
    ),
    Mood(
        name="pink dawn",
        zenith=(0.46, 0.52, 0.80),
        horizon=(0.97, 0.78, 0.78),
        cloud=(0.99, 0.90, 0.91),
        sun=(0.74, 0.58, 0.52),
        ambient=(0.53, 0.52, 0.59),
        elevation=(26, 40),
        words="tender and dreamy",
    ),
    Mood(
        name="blue dusk",
        zenith=(0.13, 0.19, 0.42),
        horizon=(0.52, 0.52, 0.70),
        cloud=(0.45, 0.45, 0.62),
        sun=(0.40, 0.42, 0.54),
        ambient=(0.40, 0.44, 0.57),
        elevation=(30, 45),
        words="still and mysterious",
    ),
)


@dataclass(frozen=True, kw_only=True)
class Stuff:
    """A material by name: two colours, patterns that suit it, and the size of a pattern element in metres."""

    name: str
    first: Colour
    second: Colour
    patterns: tuple[str, ...]
    element: tuple[float, float]
    grain: float = 0.3


GROUNDS: tuple[Stuff, ...] = (
    Stuff(
        name="a grassy field",
        first=(0.18, 0.34, 0.12),
        second=(0.58, 0.68, 0.32),
        patterns=("grass",),
        element=(1.0, 1.5),
    ),
    Stuff(
        name="sandy ground",
        first=(0.72, 0.60, 0.42),
        second=(0.90, 0.80, 0.62),
        patterns=("noise", "patches"),
        element=(1.0, 1.5),
    ),
    Stuff(
        name="grey paving",
        first=(0.36, 0.37, 0.40),
        second=(0.68, 0.68, 0.68),
        patterns=("tiles", "bricks"),
        element=(0.6, 0.9),
    ),
    Stuff(
        name="a wooden floor",
        first=(0.36, 0.22, 0.13),
        second=(0.76, 0.55, 0.34),
        patterns=("planks",),
        element=(0.35, 0.5),
    ),
    Stuff(
        name="a checkered floor",
        first=(0.25, 0.27, 0.33),
        second=(0.84, 0.82, 0.77),
        patterns=("checks",),
        element=(0.6, 0.9),
    ),
    Stuff(
        name="red brick ground",
        first=(0.44, 0.30, 0.26),
        second=(0.76, 0.48, 0.38),
        patterns=("bricks",),
        element=(0.4, 0.6),
    ),
    Stuff(
        name="a terrazzo floor",
        first=(0.83, 0.80, 0.75),
        second=(0.46, 0.42, 0.44),
        patterns=("speckle",),
        element=(0.8, 1.2),
    ),
    Stuff(
        name="snowy ground",
        first=(0.66, 0.72, 0.82),
        second=(0.92, 0.93, 0.95),
        patterns=("noise", "patches"),
        element=(1.0, 1.6),
    ),
)

WALLS: tuple[Stuff, ...] = (
    Stuff(
        name="brick walls",
        first=(0.52, 0.42, 0.37),
        second=(0.74, 0.40, 0.31),
        patterns=("bricks",),
        element=(0.55, 0.8),
    ),
    Stuff(
        name="stone walls",
        first=(0.34, 0.33, 0.33),
        second=(0.72, 0.68, 0.62),
        patterns=("tiles", "bricks"),
        element=(0.8, 1.3),
    ),
    Stuff(
        name="painted walls",
        first=(0.28, 0.46, 0.52),
        second=(0.86, 0.82, 0.70),
        patterns=("patches", "waves", "diagonals"),
        element=(0.9, 1.4),
    ),
    Stuff(
        name="striped walls",
        first=(0.86, 0.80, 0.68),
        second=(0.62, 0.30, 0.28),
        patterns=("stripes",),
        element=(0.5, 0.8),
    ),
    Stuff(
        name="wooden walls",
        first=(0.34, 0.21, 0.13),
        second=(0.72, 0.52, 0.33),
        patterns=("planks",),
        element=(0.5, 0.8),
    ),
    Stuff(
        name="tiled walls",
        first=(0.80, 0.84, 0.84),
        second=(0.28, 0.50, 0.58),
        patterns=("tiles", "dots", "checks"),
        element=(0.7, 1.1),
    ),
    Stuff(
        name="marble walls",
        first=(0.42, 0.40, 0.44),
        second=(0.88, 0.86, 0.84),
        patterns=("marble",),
        element=(1.0, 1.5),
    ),
)

HILLS: tuple[Stuff, ...] = (
    Stuff(
        name="green hills",
        first=(0.17, 0.30, 0.17),
        second=(0.48, 0.58, 0.30),
        patterns=("grass", "noise"),
        element=(2.2, 3.2),
    ),
    Stuff(
        name="autumn hills",
        first=(0.44, 0.22, 0.13),
        second=(0.84, 0.58, 0.26),
        patterns=("grass", "noise"),
        element=(2.0, 3.0),
    ),
    Stuff(
        name="rocky cliffs",
        first=(0.34, 0.29, 0.27),
        second=(0.70, 0.62, 0.55),
        patterns=("marble", "noise"),
        element=(1.4, 2.2),
    ),
    Stuff(
        name="desert dunes",
        first=(0.66, 0.48, 0.30),
        second=(0.90, 0.74, 0.50),
        patterns=("waves", "noise"),
        element=(1.4, 2.2),
    ),
)

HEDGES: tuple[Stuff, ...] = (
    Stuff(
        name="green hedges",
        first=(0.10, 0.24, 0.12),
        second=(0.46, 0.62, 0.28),
        patterns=("grass", "noise"),
        element=(1.0, 1.5),
    ),
    Stuff(
        name="flowering bushes",
        first=(0.20, 0.38, 0.20),
        second=(0.92, 0.56, 0.66),
        patterns=("speckle",),
        element=(1.1, 1.6),
    ),
    Stuff(
        name="a rock face",
        first=(0.32, 0.28, 0.26),
        second=(0.72, 0.64, 0.56),
        patterns=("marble", "noise"),
        element=(0.9, 1.3),
    ),
    Stuff(
        name="a wooden fence",
        first=(0.34, 0.21, 0.13),
        second=(0.74, 0.54, 0.35),
        patterns=("stripes",),
        element=(0.3, 0.45),
    ),
)

SKYLINES: tuple[Stuff, ...] = (
    Stuff(
        name="a city skyline",
        first=(0.44, 0.42, 0.44),
        second=(0.86, 0.80, 0.62),
        patterns=("windows",),
        element=(1.0, 1.4),
        grain=0.1,
    ),
    Stuff(
        name="a row of coloured houses",
        first=(0.72, 0.44, 0.34),
        second=(0.94, 0.88, 0.72),
        patterns=("windows", "bricks"),
        element=(1.0, 1.4),
        grain=0.2,
    ),
)


def jitter(rng: np.random.Generator, colour: Colour, amount: float = 0.04) -> Colour:
    """A colour near `colour`, still inside 0..1."""
    moved = np.clip(np.asarray(colour) + rng.uniform(-amount, amount, 3), 0.02, 0.98)
    return (float(moved[0]), float(moved[1]), float(moved[2]))


def blend(first: Colour, second: Colour, share: float) -> Colour:
    """`first` moved towards `second` by `share` (0..1)."""
    mixed = [a + (b - a) * share for a, b in zip(first, second, strict=True)]
    return (mixed[0], mixed[1], mixed[2])
