"""Camera motion of one pair of frames from point correspondences: rotation and zoom, then translation if it shows.

Model, in normalised coordinates m = ((u - cx) / f, (v - cy) / f) with x right, y down, z forward: a point at inverse
depth q moves by d = B(m) (pan, tilt, roll, zoom) + q (-tx + x tz, -ty + y tz). Rotation and zoom are composed exactly
(the target points are turned back before each linear step), so large turns are fitted without bias. For a direction
of translation, depth is removed by looking only across the epipolar direction; the direction is searched on a
hemisphere (Heeger and Jepson 1992, "Subspace methods for recovering rigid motion").

Signs are the camera's own: pan > 0 turns right, tilt > 0 turns up, roll > 0 clockwise, zoom > 0 is log(f1 / f0).
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

Array = NDArray[np.float64]

MIN_POINTS = 12
HYPOTHESES = 64


@dataclass(frozen=True)
class Turn:
    """Rotation and zoom between two frames.

    Attributes:
        content: 3,3 rotation that takes directions of the first camera to the second.
        zoom: log of the ratio of focal lengths, second over first.
    """

    content: Array
    zoom: float

    @property
    def angles(self) -> Array:
        """Pan, tilt, roll, log zoom (radians; right, up, clockwise, in)."""
        tilt, pan, roll = -rotation_vector(self.content)
        return np.array([pan, tilt, roll, self.zoom])

    def undo(self, target: Array) -> Array:
        """Where points N,2 of the second frame would lie had the camera only moved, not turned or zoomed."""
        rays = np.column_stack([target * np.exp(-self.zoom), np.ones(len(target))]) @ self.content
        depth = np.maximum(rays[:, 2:], 0.05)
        return np.asarray(rays[:, :2] / depth)

    def turned(self, step: Array) -> Turn:
        """This turn with a small extra one (pan, tilt, roll, zoom) applied before it."""
        pan, tilt, roll, zoom = step
        return Turn(self.content @ rotation(-np.array([tilt, pan, roll])), self.zoom + float(zoom))


CROSS = np.array([[0, 0, 0, 0, 0, -1, 0, 1, 0], [0, 0, 1, 0, 0, 0, -1, 0, 0], [0, -1, 0, 1, 0, 0, 0, 0, 0]], np.float64)
"""3,9 vector to the 3,3 that its cross product is, row after row."""
LEAST_ANGLE = 1e-9
"""Radians below which a rotation is taken as linear in its vector."""


def rotation(vector: Array) -> Array:
    """Rotations ...,3,3 of axes times angles in radians ...,3 (Rodrigues)."""
    angle = np.maximum(np.sqrt((vector * vector).sum(axis=-1)), LEAST_ANGLE)[..., None, None]
    cross = (vector @ CROSS).reshape(*vector.shape, 3)
    return np.asarray(np.eye(3) + np.sin(angle) / angle * cross + (1 - np.cos(angle)) / angle**2 * (cross @ cross))


def rotation_vector(matrix: Array) -> Array:
    """Axes times angles in radians ...,3 of rotations ...,3,3 by less than half a turn."""
    axis = matrix.reshape(*matrix.shape[:-2], 9) @ CROSS.T / 2
    sine = np.maximum(np.sqrt((axis * axis).sum(axis=-1)), LEAST_ANGLE)
    cosine = (matrix[..., 0, 0] + matrix[..., 1, 1] + matrix[..., 2, 2] - 1) / 2
    return np.asarray(axis * (np.arctan2(sine, cosine) / sine)[..., None])


IDENTITY = Turn(np.eye(3), 0.0)


def basis(m: Array) -> Array:
    """N,2,4: displacement of points m N,2 for a unit of pan, tilt, roll, log zoom."""
    x, y = m[:, 0], m[:, 1]
    columns_x = np.stack([-(1 + x * x), x * y, y, x], axis=1)
    columns_y = np.stack([-x * y, 1 + y * y, -x, y], axis=1)
    return np.stack([columns_x, columns_y], axis=1)


def fit_turn(m: Array, target: Array, noise: Array) -> tuple[Turn, Array]:
    """Robust rotation and zoom of the larger part of the points.

    Args:
        m: N,2 normalised places in the first frame, N >= 2.
        target: N,2 the same points in the second.
        noise: N standard deviations of a coordinate, normalised.

    Returns:
        The turn, and N,2 residuals after undoing it (in first-frame coordinates).
    """
    model = basis(m)
    shift = np.median(target - m, axis=0)
    turn = IDENTITY.turned(np.array([-shift[0], shift[1], 0, 0]))
    turn = turn.turned(_best_pair_step(model, turn.undo(target) - m, 3 * noise))
    scale = 8 * noise
    for _ in range(6):
        residual = turn.undo(target) - m
        weight = _kernel((residual**2).sum(axis=1), scale)
        turn = turn.turned(_solve(model, residual, weight))
        scale = np.maximum(scale * 0.6, 2.5 * noise)
    return turn, turn.undo(target) - m


def _kernel(squared: Array, scale: Array) -> Array:
    """Geman-McClure weight of squared residuals."""
    return np.asarray((scale**2 / (scale**2 + squared)) ** 2)


def _solve(model: Array, residual: Array, weight: Array) -> Array:
    rows = model.reshape(-1, 4)
    weights = np.repeat(weight, 2)
    normal = rows.T @ (rows * weights[:, None]) + 1e-9 * np.eye(4)
    return np.asarray(np.linalg.solve(normal, rows.T @ (weights * residual.reshape(-1))))


def _best_pair_step(model: Array, residual: Array, tolerance: Array) -> Array:
    """Best of many two-point solutions by truncated distance: starts the refinement inside the larger part."""
    count = len(model)
    draw = np.random.default_rng(0).integers(0, count, (HYPOTHESES, 2))
    rows = model[draw].reshape(HYPOTHESES, 4, 4)
    ridge = 1e-6 * np.eye(4)
    normal = rows.transpose(0, 2, 1) @ rows + ridge
    right = rows.transpose(0, 2, 1) @ residual[draw].reshape(HYPOTHESES, 4, 1)
    steps = np.concatenate([np.linalg.solve(normal, right)[:, :, 0], np.zeros((1, 4))])
    left = np.abs(residual.reshape(-1) - steps @ model.reshape(-1, 4).T)
    cost = np.minimum(left[:, ::2] + left[:, 1::2], 2 * tolerance).sum(axis=1)
    return np.asarray(steps[cost.argmin()])


def epipolar(m: Array, direction: Array) -> Array:
    """...,N,2: displacement per inverse depth of points m N,2 when the camera moves along `direction` (...,3)."""
    x, y = m[:, 0], m[:, 1]
    tx, ty, tz = (direction[..., axis, None] for axis in range(3))
    return np.stack([-tx + x * tz, -ty + y * tz], axis=-1)


@dataclass(frozen=True)
class Travel:
    """Fit of one pair for each of D directions of translation.

    Attributes:
        turns: D,4 pan, tilt, roll, zoom on top of the turn already undone.
        across: D,N residual across the epipolar direction.
        along: D,N residual along it, in units of displacement (positive: as a static point in front moves).
    """

    turns: Array
    across: Array
    along: Array


def fit_travel(m: Array, residual: Array, directions: Array, noise: Array, start: Array | None = None) -> Travel:
    """Rotation and zoom that leave points moving along the epipolar direction, for each direction D,3.

    Args:
        m: N,2 normalised places.
        residual: N,2 displacements after the turn so far was undone.
        directions: D,3 unit vectors.
        noise: N standard deviations of a coordinate, normalised.
        start: D,4 first values, zero if not given.
    """
    model = basis(m)
    line = epipolar(m, directions)
    line = line / np.maximum(np.linalg.norm(line, axis=-1, keepdims=True), 1e-6)
    normal = np.stack([-line[..., 1], line[..., 0]], axis=-1)
    rows = normal[..., :1] * model[:, 0] + normal[..., 1:] * model[:, 1]
    right = (normal * residual).sum(axis=-1)
    turns = np.zeros((len(directions), 4)) if start is None else start
    scale = 6 * noise
    for _ in range(4):
        weight = _kernel((right - (rows @ turns[..., None])[..., 0]) ** 2, scale)
        left = rows.transpose(0, 2, 1) @ (rows * weight[..., None]) + 1e-7 * len(m) * np.eye(4)
        turns = np.linalg.solve(left, (rows.transpose(0, 2, 1) @ (weight * right)[..., None]))[..., 0]
        scale = np.maximum(scale * 0.6, 2.5 * noise)
    rest = residual - (turns @ model.reshape(-1, 4).T).reshape(len(turns), -1, 2)
    return Travel(turns, (normal * rest).sum(axis=-1), (line * rest).sum(axis=-1))
