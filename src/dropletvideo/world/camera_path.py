"""Camera paths: state over time in closed form, with exact intrinsics and extrinsics at any time.

Camera axes are OpenCV's: x right, y down, z ahead; integer pixel coordinates are pixel centres, so the principal
point of a W x H image is ((W - 1) / 2, (H - 1) / 2). Directions are those of `moves.py`: the camera's own.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float64]


@dataclass(frozen=True, kw_only=True)
class PathMove:
    """A move in physical units.

    Attributes:
        move: name of `moves.MOVES`.
        start, end: seconds from the shot's start.
        amount: degrees (pan, tilt, roll, arc; rms of a shake), metres (truck, pedestal, dolly), focal ratio (zoom).
        ease: share of the span in which speed rises, and again in which it falls; 0 is constant speed.
        pivot: world x, y round which an arc goes.
        target: index of the object that a tracking camera keeps up with.
    """

    move: str
    start: float
    end: float
    amount: float = 0.0
    ease: float = 0.0
    pivot: tuple[float, float] | None = None
    target: int | None = None


@dataclass(frozen=True, kw_only=True)
class View:
    """Pinhole state: position in metres, angles in degrees, focal length over the short side.

    `heading` is clockwise from world +y seen from above, `pitch` upwards, `roll` clockwise as the camera sees.
    """

    x: float = 0.0
    y: float = 0.0
    z: float = 1.5
    heading: float = 0.0
    pitch: float = 0.0
    roll: float = 0.0
    focal: float = 1.0


@dataclass(frozen=True)
class Cameras:
    """F cameras: `K` F,3,3 in pixels; `cam_to_world` F,4,4 in metres; `times` F seconds; image size in pixels."""

    K: Floats
    cam_to_world: Floats
    times: Floats
    height: int
    width: int

    def project(self, points: Floats, frame: int) -> tuple[Floats, Floats]:
        """Pixel positions N,2 and depths N of world points N,3 in frame number `frame` of these cameras."""
        pose = self.cam_to_world[frame]
        local = (points - pose[:3, 3]) @ pose[:3, :3]
        depth = local[:, 2]
        pixels = local @ self.K[frame].T
        return pixels[:, :2] / np.where(np.abs(depth) < 1e-9, 1e-9, depth)[:, None], depth


@dataclass
class _State:
    """Arrays over time while a path is summed up."""

    position: Floats  # F,3
    heading: Floats
    pitch: Floats
    roll: Floats
    focal: Floats


@dataclass(frozen=True, kw_only=True)
class CameraPath:
    """A first view and the moves that follow; moves that overlap in time add up."""

    first: View
    moves: tuple[PathMove, ...]
    seconds: float
    shake_seed: int = 0

    def cameras(
        self,
        times: Floats,
        height: int,
        width: int,
        place: Callable[[int, float], tuple[float, float, float]] | None = None,
    ) -> Cameras:
        """Cameras at `times` (seconds from the shot's start) for an image of the given size.

        `place(object, seconds)` gives the position of a tracked object; needed only by `tracking`.
        """
        times = np.asarray(times, np.float64)
        state = self._states(times, place)
        shaken = np.zeros((3, times.size))
        for number, move in enumerate(self.moves):
            if move.move == "shake":
                shaken += _shake(times, move, self.shake_seed + number)
        rotation = _rotations(state.heading + shaken[0], state.pitch + shaken[1], state.roll + shaken[2])
        pose = np.tile(np.eye(4), (times.size, 1, 1))
        pose[:, :3, :3] = rotation
        pose[:, :3, 3] = state.position
        K = np.zeros((times.size, 3, 3))
        K[:, 0, 0] = K[:, 1, 1] = state.focal * min(height, width)
        K[:, 0, 2], K[:, 1, 2], K[:, 2, 2] = (width - 1) / 2, (height - 1) / 2, 1.0
        return Cameras(K=K, cam_to_world=pose, times=times, height=height, width=width)

    def view_at(self, seconds: float, place: Callable[[int, float], tuple[float, float, float]] | None = None) -> View:
        """The state at one time, without shake."""
        state = self._states(np.array([seconds]), place)
        x, y, z = (float(value) for value in state.position[0])
        return View(
            x=x,
            y=y,
            z=z,
            heading=float(state.heading[0]),
            pitch=float(state.pitch[0]),
            roll=float(state.roll[0]),
            focal=float(state.focal[0]),
        )

    def _states(self, times: Floats, place: Callable[[int, float], tuple[float, float, float]] | None) -> _State:
        first = self.first
        count = times.size
        state = _State(
            position=np.tile(np.array([first.x, first.y, first.z]), (count, 1)),
            heading=np.full(count, first.heading),
            pitch=np.full(count, first.pitch),
            roll=np.full(count, first.roll),
            focal=np.full(count, first.focal),
        )
        heading = first.heading
        for start in sorted({move.start for move in self.moves if move.move != "shake"}):
            together = [move for move in self.moves if move.start == start and move.move != "shake"]
            for move in together:
                _apply(state, move, times, heading, place)
            heading += sum(_turn_of(move) for move in together)
        return state


def progress(times: Floats, move: PathMove) -> Floats:
    """Share of a move done at each time, 0..1: constant speed between two ramps of `ease` of the span each."""
    u = np.clip((times - move.start) / max(move.end - move.start, 1e-9), 0.0, 1.0)
    e = move.ease
    if e <= 0:
        return np.asarray(u)
    top = 1.0 / (1.0 - e)
    rise = top * u * u / (2 * e)
    fall = 1.0 - top * (1 - u) ** 2 / (2 * e)
    return np.where(u < e, rise, np.where(u > 1 - e, fall, top * (u - e / 2)))


_HEADING = {"pan_right": 1.0, "pan_left": -1.0, "arc_left": 1.0, "arc_right": -1.0}


def _turn_of(move: PathMove) -> float:
    return _HEADING.get(move.move, 0.0) * move.amount


def _apply(
    state: _State,
    move: PathMove,
    times: Floats,
    heading: float,
    place: Callable[[int, float], tuple[float, float, float]] | None,
) -> None:
    """Add one move to the state; `heading` is the camera's when the move starts and fixes what left and ahead mean."""
    done = progress(times, move)
    axis, _, way = move.move.partition("_")
    h = np.radians(heading)
    if axis == "pan":
        state.heading += _HEADING[move.move] * move.amount * done
    elif axis == "tilt":
        state.pitch += (1 if way == "up" else -1) * move.amount * done
    elif axis == "roll":
        state.roll += (1 if way == "cw" else -1) * move.amount * done
    elif axis == "zoom":
        state.focal *= move.amount**done
    elif axis == "truck":
        sign = 1 if way == "right" else -1
        state.position += sign * move.amount * done[:, None] * np.array([np.cos(h), -np.sin(h), 0.0])
    elif axis == "pedestal":
        state.position[:, 2] += (1 if way == "up" else -1) * move.amount * done
    elif axis == "dolly":
        sign = 1 if way == "in" else -1
        state.position += sign * move.amount * done[:, None] * np.array([np.sin(h), np.cos(h), 0.0])
    elif axis == "arc":
        _apply_arc(state, move, done)
    elif axis == "tracking":
        _apply_tracking(state, move, times, place)


def _apply_arc(state: _State, move: PathMove, done: Floats) -> None:
    """Travel round the pivot while turning by the same angle; to the left is clockwise seen from above."""
    assert move.pivot is not None, "an arc needs a pivot"
    degrees = _HEADING[move.move] * move.amount * done
    state.heading += degrees
    cos, sin = np.cos(np.radians(degrees)), np.sin(np.radians(degrees))
    dx, dy = state.position[:, 0] - move.pivot[0], state.position[:, 1] - move.pivot[1]
    state.position[:, 0] = move.pivot[0] + cos * dx + sin * dy
    state.position[:, 1] = move.pivot[1] - sin * dx + cos * dy


def _apply_tracking(
    state: _State,
    move: PathMove,
    times: Floats,
    place: Callable[[int, float], tuple[float, float, float]] | None,
) -> None:
    assert move.target is not None, "tracking needs a target"
    assert place is not None, "tracking needs the target's place over time"
    begin = np.array(place(move.target, move.start))
    for k, seconds in enumerate(np.clip(times, move.start, move.end)):
        shift = np.array(place(move.target, float(seconds))) - begin
        state.position[k, :2] += shift[:2]


def _shake(times: Floats, move: PathMove, seed: int) -> Floats:
    """Hand-held jitter of heading, pitch and roll in degrees, 3,F; each axis has rms `amount` (roll half of it)."""
    rng = np.random.default_rng([seed, 911])
    out = np.zeros((3, times.size))
    for axis in range(3):
        frequency = rng.uniform(0.8, 5.0, 6)
        weight = rng.uniform(0.5, 1.0, 6) / frequency**0.7
        weight *= move.amount * (0.5 if axis == 2 else 1.0) / np.sqrt(0.5 * (weight**2).sum())
        phase = rng.uniform(0, 2 * np.pi, 6)
        out[axis] = (weight[:, None] * np.sin(2 * np.pi * frequency[:, None] * times + phase[:, None])).sum(axis=0)
    return np.where((times >= move.start) & (times <= move.end), out, 0.0)


def _rotations(heading: Floats, pitch: Floats, roll: Floats) -> Floats:
    """Camera-to-world rotations F,3,3; the columns are the camera's right, down and ahead in the world."""
    h, p, r = np.radians(heading), np.radians(pitch), np.radians(roll)
    zero = np.zeros_like(h)
    ahead = np.stack([np.sin(h) * np.cos(p), np.cos(h) * np.cos(p), np.sin(p)], axis=-1)
    right = np.stack([np.cos(h), -np.sin(h), zero], axis=-1)
    down = np.cross(ahead, right)
    turned = np.cos(r)[:, None] * right + np.sin(r)[:, None] * down
    fallen = -np.sin(r)[:, None] * right + np.cos(r)[:, None] * down
    return np.stack([turned, fallen, ahead], axis=-1)
