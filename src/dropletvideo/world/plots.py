"""How objects move: slide, bounce, turn, orbit; a pose is a closed function of time, so flow is exact."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

import numpy as np

MotionKind = Literal["still", "slide", "bounce", "turn", "orbit"]


@dataclass(frozen=True, kw_only=True)
class Motion:
    """Motion of an object.

    Attributes:
        kind: see MotionKind.
        velocity: metres per second along world x and y (slide; a bouncing object may drift too).
        height: top of a bounce in metres.
        period: seconds per bounce.
        turn: degrees per second about the vertical, positive counter-clockwise from above (turn, orbit).
        pivot: world x, y of the centre of an orbit.
    """

    kind: MotionKind = "still"
    velocity: tuple[float, float] = (0.0, 0.0)
    height: float = 0.0
    period: float = 1.0
    turn: float = 0.0
    pivot: tuple[float, float] = (0.0, 0.0)


@dataclass(frozen=True, kw_only=True)
class Pose:
    """Place of the centre of an object's base in world metres, and its heading in radians about the vertical."""

    x: float
    y: float
    z: float
    heading: float


def pose_at(x: float, y: float, heading: float, motion: Motion, seconds: float) -> Pose:
    """Pose of an object that starts on the ground at (x, y)."""
    turned = heading + np.radians(motion.turn) * seconds
    if motion.kind == "orbit":
        angle = np.radians(motion.turn) * seconds
        dx, dy = x - motion.pivot[0], y - motion.pivot[1]
        cos, sin = np.cos(angle), np.sin(angle)
        return Pose(
            x=float(motion.pivot[0] + cos * dx - sin * dy),
            y=float(motion.pivot[1] + sin * dx + cos * dy),
            z=0.0,
            heading=float(turned),
        )
    z = 0.0
    if motion.kind == "bounce":
        phase = (seconds / motion.period) % 1.0
        z = 4.0 * motion.height * phase * (1.0 - phase)
    return Pose(
        x=float(x + motion.velocity[0] * seconds), y=float(y + motion.velocity[1] * seconds), z=z, heading=float(turned)
    )


def draw_motion(rng: np.random.Generator, kind: MotionKind, x: float, y: float) -> Motion:
    """Speeds at which a person walks or a ball bounces."""
    sign = float(rng.choice([-1.0, 1.0]))
    if kind == "slide":
        angle = rng.uniform(-0.35, 0.35)
        speed = sign * rng.uniform(0.25, 0.6)
        return Motion(kind=kind, velocity=(float(speed * np.cos(angle)), float(speed * np.sin(angle))))
    if kind == "bounce":
        height = float(rng.uniform(0.35, 0.9))
        return Motion(
            kind=kind, height=height, period=float(2.0 * np.sqrt(2.0 * height / 9.81) * rng.uniform(1.0, 1.6))
        )
    if kind == "turn":
        return Motion(kind=kind, turn=sign * float(rng.uniform(25, 80)))
    if kind == "orbit":
        angle, radius = rng.uniform(0, 2 * np.pi), rng.uniform(0.5, 0.9)
        pivot = (float(x + radius * np.cos(angle)), float(y + radius * np.sin(angle)))
        return Motion(kind=kind, turn=sign * float(rng.uniform(35, 70)), pivot=pivot)
    return Motion()
