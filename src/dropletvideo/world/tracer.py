"""Ray casting of a scene at one time: nearest surface, its depth, and what shading needs there.

Rays are lists (structure of arrays, float32). A ray's direction has length 1 along the optical axis, so that the ray
parameter of a hit is its depth in metres. Objects are tested only against rays inside their projected rectangle.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from dropletvideo.world.camera_path import Cameras
from dropletvideo.world.plots import Pose
from dropletvideo.world.scenery import PROFILE_BINS, Material, Ring, Scene, Walls
from dropletvideo.world.shapes3d import Triple, distance, outline_points, surface
from dropletvideo.world.textures import Atlas

Plane = NDArray[Any]
Indices = NDArray[np.intp]
SKY, GROUND, WALLS, FIRST_RING, FIRST_OBJECT = 0, 1, 2, 3, 6
SKY_DEPTH = np.float32(1000.0)
_EPSILON = np.float32(1e-3)


class Stage:
    """A scene made ready to be traced: tables of materials by surface number, and its atlas."""

    def __init__(self, scene: Scene) -> None:
        self.scene = scene
        blank = scene.ground
        materials: list[Material] = [blank] * FIRST_OBJECT + [thing.material for thing in scene.objects]
        materials[GROUND] = scene.ground
        if scene.walls is not None:
            materials[WALLS] = scene.walls.material
        for number, ring in enumerate(scene.rings):
            materials[FIRST_RING + number] = ring.material
        names = sorted({(material.texture, material.variant) for material in materials} | {("noise", 0)})
        self.atlas = Atlas(names)
        self.cloud_texture = names.index(("noise", 0))
        self.texture = np.array([names.index((m.texture, m.variant)) for m in materials], np.int32)
        self.first = np.array([m.first for m in materials], np.float32)
        self.second = np.array([m.second for m in materials], np.float32)
        self.grain = np.array([m.grain for m in materials], np.float32)
        self.tiles_per_metre = np.array([1.0 / m.tile for m in materials], np.float32)
        self.outlines = [outline_points(thing.shape, thing.size) for thing in scene.objects]

    def poses(self, seconds: float) -> list[Pose]:
        """Poses of all objects at a time of the shot."""
        return [thing.pose(seconds) for thing in self.scene.objects]

    def place(self, number: int, seconds: float) -> tuple[float, float, float]:
        """World position of an object's base at a time."""
        pose = self.scene.objects[number].pose(seconds)
        return pose.x, pose.y, pose.z


@dataclass
class Rays:
    """N rays from one origin: world direction (depth 1), and the pixel each goes through."""

    origin: tuple[float, float, float]
    direction: Triple
    px: Plane
    py: Plane


@dataclass
class Hits:
    """What N rays meet; `depth` is SKY_DEPTH for the sky. Texture coordinates are in tiles."""

    surface: NDArray[np.int32]
    depth: Plane
    part: NDArray[np.int32]
    normal: Plane  # 3,N
    u: Plane
    v: Plane
    squeeze: Plane
    tint: Plane


def cast(cameras: Cameras, frame: int, px: Plane, py: Plane) -> Rays:
    """Rays of a camera through pixel positions."""
    focal = cameras.K[frame, 0, 0]
    x = (px - np.float32(cameras.K[frame, 0, 2])) * np.float32(1.0 / focal)
    y = (py - np.float32(cameras.K[frame, 1, 2])) * np.float32(1.0 / focal)
    rotation = cameras.cam_to_world[frame, :3, :3].astype(np.float32)
    direction = tuple(x * rotation[k, 0] + y * rotation[k, 1] + rotation[k, 2] for k in range(3))
    origin = tuple(float(value) for value in cameras.cam_to_world[frame, :3, 3])
    return Rays(
        origin=(origin[0], origin[1], origin[2]), direction=(direction[0], direction[1], direction[2]), px=px, py=py
    )


def rectangles(
    stage: Stage, poses: list[Pose], cameras: Cameras, frame: int
) -> list[tuple[float, float, float, float] | None]:
    """Per object the projected bounding rectangle x0, y0, x1, y1 in pixels; None when wholly behind the camera.

    An object that reaches behind the camera gets the whole plane.
    """
    found: list[tuple[float, float, float, float] | None] = []
    for pose, outline in zip(poses, stage.outlines, strict=True):
        pixels, depth = cameras.project(to_world(outline, pose), frame)
        if (depth <= 0.05).all():
            found.append(None)
        elif (depth <= 0.05).any():
            found.append((-1e9, -1e9, 1e9, 1e9))
        else:
            (x0, y0), (x1, y1) = pixels.min(axis=0), pixels.max(axis=0)
            found.append((float(x0), float(y0), float(x1), float(y1)))
    return found


def to_world(points: NDArray[np.float64], pose: Pose) -> NDArray[np.float64]:
    """Points N,3 of an object's own frame in the world."""
    cos, sin = np.cos(pose.heading), np.sin(pose.heading)
    x = cos * points[:, 0] - sin * points[:, 1] + pose.x
    y = sin * points[:, 0] + cos * points[:, 1] + pose.y
    return np.stack([x, y, points[:, 2] + pose.z], axis=-1)


def to_object(point: Triple, pose: Pose) -> Triple:
    """World points in an object's own frame."""
    cos, sin = np.float32(np.cos(pose.heading)), np.float32(np.sin(pose.heading))
    x, y = point[0] - np.float32(pose.x), point[1] - np.float32(pose.y)
    return cos * x + sin * y, cos * y - sin * x, point[2] - np.float32(pose.z)


def turn(vector: Triple, heading: float) -> Triple:
    """Directions turned about the vertical by `heading` radians."""
    cos, sin = np.float32(np.cos(heading)), np.float32(np.sin(heading))
    return cos * vector[0] - sin * vector[1], sin * vector[0] + cos * vector[1], vector[2]


def nearest(
    stage: Stage, poses: list[Pose], rays: Rays, boxes: list[tuple[float, float, float, float] | None]
) -> tuple[NDArray[np.int32], Plane]:
    """Surface number and depth of the first hit of every ray."""
    depth = np.full(rays.px.size, SKY_DEPTH, np.float32)
    found = np.full(rays.px.size, SKY, np.int32)
    _ground(rays, depth, found)
    scene = stage.scene
    if scene.walls is not None:
        _walls(scene.walls, rays, depth, found)
    for number, ring in enumerate(scene.rings):
        _ring(ring, FIRST_RING + number, rays, depth, found)
    for number, (thing, pose, box) in enumerate(zip(scene.objects, poses, boxes, strict=True)):
        if box is None:
            continue
        x0, y0, x1, y1 = box
        inside = np.flatnonzero((rays.px >= x0 - 1) & (rays.px <= x1 + 1) & (rays.py >= y0 - 1) & (rays.py <= y1 + 1))
        if inside.size:
            start = to_object(constant(rays.origin), pose)
            way = turn(tuple(d[inside] for d in rays.direction), -pose.heading)  # type: ignore[arg-type]
            t = distance(thing.shape, start, way, thing.size)
            nearer = t < depth[inside]
            depth[inside[nearer]] = t[nearer]
            found[inside[nearer]] = FIRST_OBJECT + number
    return found, depth


def constant(point: tuple[float, float, float]) -> Triple:
    """One point as a triple that broadcasts over rays."""
    x, y, z = np.array(point, np.float32)[:, None]
    return x, y, z


def _ground(rays: Rays, depth: Plane, found: NDArray[np.int32]) -> None:
    dz = rays.direction[2]
    t = -np.float32(rays.origin[2]) / np.minimum(dz, np.float32(-1e-6))
    hit = (dz < -1e-6) & (t < 400.0)
    np.copyto(depth, t, where=hit)
    found[hit] = GROUND


def _walls(walls: Walls, rays: Rays, depth: Plane, found: NDArray[np.int32]) -> None:
    ox, oy, oz = (np.float32(value) for value in rays.origin)
    dx, dy, dz = rays.direction
    x = np.where(dx > 0, np.float32(walls.x[1]), np.float32(walls.x[0]))
    y = np.where(dy > 0, np.float32(walls.y[1]), np.float32(walls.y[0]))
    tx = (x - ox) / np.where(np.abs(dx) < 1e-7, np.float32(1e-7), dx)
    ty = (y - oy) / np.where(np.abs(dy) < 1e-7, np.float32(1e-7), dy)
    t = np.minimum(np.abs(tx), np.abs(ty))
    hit = (t < depth) & (oz + t * dz <= walls.height)
    np.copyto(depth, t, where=hit)
    found[hit] = WALLS


def _ring(ring: Ring, number: int, rays: Rays, depth: Plane, found: NDArray[np.int32]) -> None:
    open_rays = np.flatnonzero(depth > ring.radius * 0.3)
    if not open_rays.size:
        return
    dx, dy, dz = (d[open_rays] for d in rays.direction)
    ox, oy = np.float32(rays.origin[0] - ring.centre[0]), np.float32(rays.origin[1] - ring.centre[1])
    a = dx * dx + dy * dy
    b = ox * dx + oy * dy
    c = ox * ox + oy * oy - np.float32(ring.radius**2)
    t = (-b + np.sqrt(np.maximum(b * b - a * c, 0))) / np.maximum(a, np.float32(1e-9))
    z = np.float32(rays.origin[2]) + t * dz
    maybe = np.flatnonzero((t < depth[open_rays]) & (z <= ring.profile.max()))
    at = _bins(ox + t[maybe] * dx[maybe], oy + t[maybe] * dy[maybe])
    hit = maybe[z[maybe] <= ring.profile[at]]
    depth[open_rays[hit]] = t[hit]
    found[open_rays[hit]] = number


def _bins(x: Plane, y: Plane) -> NDArray[np.int32]:
    share = np.arctan2(y, x) * np.float32(1 / (2 * np.pi)) + np.float32(0.5)
    return (share * PROFILE_BINS).astype(np.int32) % PROFILE_BINS


def points_of(rays: Rays, depth: Plane, chosen: Indices | slice = slice(None)) -> Triple:
    """World points at the given depths along the chosen rays."""
    x, y, z = (np.float32(o) + depth[chosen] * d[chosen] for o, d in zip(rays.origin, rays.direction, strict=True))
    return x, y, z


def detail(stage: Stage, poses: list[Pose], rays: Rays, found: NDArray[np.int32], depth: Plane) -> Hits:
    """Normals and texture places of the hits."""
    count = depth.size
    hits = Hits(
        surface=found,
        depth=depth,
        part=np.zeros(count, np.int32),
        normal=np.zeros((3, count), np.float32),
        u=np.zeros(count, np.float32),
        v=np.zeros(count, np.float32),
        squeeze=np.ones(count, np.float32),
        tint=np.ones(count, np.float32),
    )
    ground = np.flatnonzero(found == GROUND)
    x, y, _ = points_of(rays, depth, ground)
    scale = stage.tiles_per_metre
    hits.normal[2, ground] = 1.0
    hits.u[ground], hits.v[ground] = x * scale[GROUND], y * scale[GROUND]
    if stage.scene.walls is not None:
        _detail_walls(stage, stage.scene.walls, rays, hits)
    for number, ring in enumerate(stage.scene.rings):
        _detail_ring(stage, ring, FIRST_RING + number, rays, hits)
    for number, pose in enumerate(poses):
        _detail_object(stage, number, pose, rays, hits)
    return hits


def _detail_walls(stage: Stage, walls: Walls, rays: Rays, hits: Hits) -> None:
    chosen = np.flatnonzero(hits.surface == WALLS)
    x, y, z = points_of(rays, hits.depth, chosen)
    off = np.stack([x - walls.x[0], walls.x[1] - x, y - walls.y[0], walls.y[1] - y])
    side = off.argmin(axis=0)
    normals = np.array([[1, 0, 0], [-1, 0, 0], [0, 1, 0], [0, -1, 0]], np.float32)
    hits.normal[:, chosen] = normals[side].T
    hits.part[chosen] = side
    along = np.where(side < 2, y, x)
    hits.u[chosen] = along * stage.tiles_per_metre[WALLS] + side * np.float32(0.5)
    hits.v[chosen] = -z * stage.tiles_per_metre[WALLS]


def _detail_ring(stage: Stage, ring: Ring, number: int, rays: Rays, hits: Hits) -> None:
    chosen = np.flatnonzero(hits.surface == number)
    x, y, z = points_of(rays, hits.depth, chosen)
    x, y = x - np.float32(ring.centre[0]), y - np.float32(ring.centre[1])
    hits.normal[0, chosen], hits.normal[1, chosen] = -x / np.float32(ring.radius), -y / np.float32(ring.radius)
    hits.u[chosen] = np.arctan2(y, x) * np.float32(ring.radius) * stage.tiles_per_metre[number]
    hits.v[chosen] = -z * stage.tiles_per_metre[number]
    bins = _bins(x, y)
    hits.tint[chosen] = ring.tint[bins]


def _detail_object(stage: Stage, number: int, pose: Pose, rays: Rays, hits: Hits) -> None:
    chosen = np.flatnonzero(hits.surface == FIRST_OBJECT + number)
    if not chosen.size:
        return
    thing = stage.scene.objects[number]
    skin = surface(thing.shape, to_object(points_of(rays, hits.depth, chosen), pose), thing.size)
    for axis, value in enumerate(turn(skin.normal, pose.heading)):
        hits.normal[axis, chosen] = value
    scale = stage.tiles_per_metre[FIRST_OBJECT + number]
    hits.u[chosen], hits.v[chosen] = skin.u * scale, -skin.v * scale
    hits.squeeze[chosen] = skin.squeeze
    hits.part[chosen] = skin.part


def in_shadow(stage: Stage, poses: list[Pose], point: Triple, owner: NDArray[np.int32]) -> NDArray[np.bool_]:
    """True where an object other than the owner stands between a point and the sun."""
    light = stage.scene.light
    shade = np.zeros(owner.size, bool)
    for number, (thing, pose) in enumerate(zip(stage.scene.objects, poses, strict=True)):
        reach = float(np.hypot(thing.radius, thing.size[2] / 2)) if thing.shape != "sphere" else thing.size[0]
        wx, wy, wz = (
            np.float32(c) - p for c, p in zip((pose.x, pose.y, pose.z + thing.size[2] / 2), point, strict=True)
        )
        along = wx * np.float32(light[0]) + wy * np.float32(light[1]) + wz * np.float32(light[2])
        off = wx * wx + wy * wy + wz * wz - along * along
        maybe = np.flatnonzero((off < reach * reach) & (along > -reach) & (owner != FIRST_OBJECT + number) & ~shade)
        if not maybe.size:
            continue
        start = to_object((point[0][maybe], point[1][maybe], point[2][maybe]), pose)
        start = (start[0], start[1], start[2] + _EPSILON)
        way = turn(constant(light), -pose.heading)
        shade[maybe[np.isfinite(distance(thing.shape, start, way, thing.size))]] = True
    return shade
