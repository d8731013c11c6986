"""Analytic ray intersections of solids that stand on their base: box, sphere, cylinder, cone.

All work in the solid's own frame: origin at the centre of the base, z up, metres. `size` is (half width, half depth,
height) for a box, (radius, radius, height) for the others; a sphere's height is twice its radius.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, Literal, NamedTuple

import numpy as np
from numpy.typing import NDArray

Plane = NDArray[Any]
Triple = tuple[Plane, Plane, Plane]
Size = tuple[float, float, float]
Shape = Literal["box", "sphere", "cylinder", "cone"]
MISS = np.float32(np.inf)


class Surface(NamedTuple):
    """What shading needs at hit points: outward normal, texture place in metres, its squeeze, face number."""

    normal: Triple
    u: Plane
    v: Plane
    squeeze: Plane | float
    part: NDArray[np.int32]


def _positive(near: Plane, far: Plane) -> Plane:
    """The first root in front of the origin (`far` when the origin lies inside)."""
    return np.where(near > 1e-4, near, np.where(far > 1e-4, far, MISS))


def _box(origin: Triple, ray: Triple, size: Size) -> Plane:
    low = (-size[0], -size[1], 0.0)
    near, far = None, None
    for o, d, a, b in zip(origin, ray, low, size, strict=True):
        inverse = 1.0 / np.where(np.abs(d) < 1e-9, np.float32(1e-9), d)
        first, second = (a - o) * inverse, (b - o) * inverse
        enter, leave = np.minimum(first, second), np.maximum(first, second)
        near = enter if near is None else np.maximum(near, enter)
        far = leave if far is None else np.minimum(far, leave)
    assert near is not None
    assert far is not None
    return np.where(near <= far, _positive(near, far), MISS)


def _roots(a: Plane, b: Plane, c: Plane) -> tuple[Plane, Plane]:
    """Roots of `a t^2 + 2 b t + c`, in order; NaN-free: no root gives MISS twice."""
    disc = b * b - a * c
    root = np.sqrt(np.maximum(disc, 0.0))
    safe = np.where(np.abs(a) < 1e-9, np.float32(1e-9), a)
    first, second = (-b - root) / safe, (-b + root) / safe
    none = disc < 0
    low, high = np.minimum(first, second), np.maximum(first, second)
    return np.where(none, MISS, low), np.where(none, MISS, high)


def _sphere(origin: Triple, ray: Triple, size: Size) -> Plane:
    radius = size[0]
    ox, oy, oz = origin[0], origin[1], origin[2] - radius
    dx, dy, dz = ray
    near, far = _roots(
        dx * dx + dy * dy + dz * dz, ox * dx + oy * dy + oz * dz, ox * ox + oy * oy + oz * oz - radius * radius
    )
    return _positive(near, far)


def _cap(origin: Triple, ray: Triple, radius: float, height: float) -> Plane:
    dx, dy, dz = ray
    t = (height - origin[2]) / np.where(np.abs(dz) < 1e-9, np.float32(1e-9), dz)
    x, y = origin[0] + t * dx, origin[1] + t * dy
    return np.where((t > 1e-4) & (x * x + y * y <= radius * radius), t, MISS)


def _between(t: Plane, oz: Plane, dz: Plane, height: float) -> Plane:
    finite = np.where(np.isfinite(t), t, 0.0)
    z = oz + finite * dz
    return np.where((finite > 1e-4) & (z >= 0) & (z <= height), t, MISS)


def _cylinder(origin: Triple, ray: Triple, size: Size) -> Plane:
    radius, _, height = size
    (ox, oy, oz), (dx, dy, dz) = origin, ray
    near, far = _roots(dx * dx + dy * dy, ox * dx + oy * dy, ox * ox + oy * oy - radius * radius)
    side = np.minimum(_between(near, oz, dz, height), _between(far, oz, dz, height))
    caps = np.minimum(_cap(origin, ray, radius, height), _cap(origin, ray, radius, 0.0))
    return np.minimum(side, caps)


def _cone(origin: Triple, ray: Triple, size: Size) -> Plane:
    radius, _, height = size
    (ox, oy, oz), (dx, dy, dz) = origin, ray
    k = (radius / height) ** 2
    rest = height - oz
    near, far = _roots(
        dx * dx + dy * dy - k * dz * dz, ox * dx + oy * dy + k * rest * dz, ox * ox + oy * oy - k * rest * rest
    )
    side = np.minimum(_between(near, oz, dz, height), _between(far, oz, dz, height))
    return np.minimum(side, _cap(origin, ray, radius, 0.0))


_DISTANCES: dict[Shape, Callable[[Triple, Triple, Size], Plane]] = {
    "box": _box,
    "sphere": _sphere,
    "cylinder": _cylinder,
    "cone": _cone,
}


def distance(shape: Shape, origin: Triple, ray: Triple, size: Size) -> Plane:
    """Ray parameter of the first hit in front of the origin, `inf` for a miss."""
    return _DISTANCES[shape](origin, ray, size)


def surface(shape: Shape, point: Triple, size: Size) -> Surface:
    """Normal and texture place of points that lie on the solid."""
    if shape == "box":
        return _box_surface(point, size)
    if shape == "sphere":
        return _sphere_surface(point, size)
    return _round_surface(shape, point, size)


def _box_surface(point: Triple, size: Size) -> Surface:
    x, y, z = point
    half = size[2] / 2
    off = np.stack([np.abs(x) / size[0], np.abs(y) / size[1], np.abs(z - half) / half])
    axis = off.argmax(axis=0)
    signs = np.sign(np.stack([x, y, z - half]))
    normal = np.where(axis == np.arange(3)[:, None], signs, np.float32(0)).astype(np.float32)
    part = (axis * 2 + (np.take_along_axis(signs, axis[None], 0)[0] > 0)).astype(np.int32)
    u = np.where(axis == 0, y, x) + part * np.float32(0.37)
    v = np.where(axis == 2, y, z)
    return Surface((normal[0], normal[1], normal[2]), u, v, 1.0, part)


def _sphere_surface(point: Triple, size: Size) -> Surface:
    radius = size[0]
    nx, ny, nz = point[0] / radius, point[1] / radius, point[2] / radius - 1.0
    flat = np.sqrt(nx * nx + ny * ny)
    u = np.arctan2(ny, nx) * radius
    v = np.arctan2(nz, flat) * radius
    squeeze = 1.0 / np.maximum(flat, 0.08)
    return Surface((nx, ny, nz), u, v, squeeze, np.zeros(nx.shape, np.int32))


def _round_surface(shape: Shape, point: Triple, size: Size) -> Surface:
    x, y, z = point
    radius, _, height = size
    reach = np.maximum(np.sqrt(x * x + y * y), 1e-6)
    slope = radius / height if shape == "cone" else 0.0
    length = np.float32(1.0 / np.sqrt(1.0 + slope * slope))
    limit = 1e-3 * max(height, radius)
    top = (z > height - limit) & (reach < radius - limit) if shape == "cylinder" else np.zeros(z.shape, bool)
    bottom = (z < limit) & (reach < radius - limit)
    cap = top | bottom
    nx = np.where(cap, 0.0, x / reach * length).astype(np.float32)
    ny = np.where(cap, 0.0, y / reach * length).astype(np.float32)
    nz = np.where(top, 1.0, np.where(bottom, -1.0, slope * length)).astype(np.float32)
    u = np.where(cap, x, np.arctan2(y, x) * radius)
    v = np.where(cap, y, z / length)
    squeeze = np.where(cap, 1.0, radius / np.maximum(reach, 0.08 * radius)) if shape == "cone" else 1.0
    return Surface((nx, ny, nz), u, v, squeeze, top.astype(np.int32) + 2 * bottom.astype(np.int32))


def outline_points(shape: Shape, size: Size) -> NDArray[np.float64]:
    """Points on the solid whose projections bound its image, N,3: corners of a box, rings of the round ones."""
    a, b, height = size
    if shape == "box":
        return np.array([(x, y, z) for x in (-a, a) for y in (-b, b) for z in (0.0, height)], np.float64)
    angle = np.linspace(0, 2 * np.pi, 16, endpoint=False)
    ring = np.stack([np.cos(angle), np.sin(angle)], axis=-1)
    if shape == "sphere":
        tilt = np.linspace(-np.pi / 2, np.pi / 2, 9)
        rows = [np.c_[ring * a * np.cos(t), np.full(16, a + a * np.sin(t))] for t in tilt]
        return np.concatenate(rows)
    grown = ring * a / np.cos(np.pi / 16)  # the polygon around the circle, so that the box is never too small
    low = np.c_[grown, np.zeros(16)]
    high = np.array([[0.0, 0.0, height]]) if shape == "cone" else np.c_[grown, np.full(16, height)]
    return np.concatenate([low, high])
