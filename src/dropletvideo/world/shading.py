"""Colours of rays: filtered texture, sun and shadow, sky light with contact shade, haze, clouds; and edges made clean.

Colour is filtered by mip level inside a surface; only pixels at an edge between surfaces (or at a shadow's edge) get
nine more rays. So frames are clean at little over one ray per pixel, and motion does not shimmer.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from functools import lru_cache
from typing import Any

import numpy as np
from numpy.typing import NDArray

from dropletvideo.world.camera_path import Cameras
from dropletvideo.world.plots import Pose
from dropletvideo.world.shapes3d import Triple
from dropletvideo.world.textures import TILE
from dropletvideo.world.tracer import (
    GROUND,
    SKY,
    Hits,
    Rays,
    Stage,
    cast,
    detail,
    in_shadow,
    nearest,
    points_of,
    rectangles,
)

Plane = NDArray[Any]
_SUBSAMPLES = np.array([(x, y) for y in (-1, 0, 1) for x in (-1, 0, 1)], np.float32) / 3
_BAND = 16384  # rays shaded at a time: their arrays stay in the processor's cache, and memory stays flat in image size


@dataclass
class Painted:
    """A painted picture: `frame` H,W,3 uint8; `depth` and `surface` H*W of the pixels' middles."""

    frame: NDArray[np.uint8]
    depth: Plane
    surface: NDArray[np.int32]


@lru_cache(maxsize=8)
def pixel_grid(height: int, width: int) -> tuple[Plane, Plane]:
    """Column and row of every pixel, H*W each."""
    y, x = np.mgrid[0:height, 0:width].astype(np.float32)
    return x.ravel(), y.ravel()


@dataclass
class Painter:
    """One moment of a stage seen by one camera."""

    stage: Stage
    poses: list[Pose]
    cameras: Cameras
    frame: int
    boxes: list[tuple[float, float, float, float] | None] = field(default_factory=list)

    def __post_init__(self) -> None:
        self.boxes = rectangles(self.stage, self.poses, self.cameras, self.frame)

    def trace(self, px: Plane, py: Plane) -> tuple[Rays, NDArray[np.int32], Plane]:
        """Rays through pixel positions, and the surface and depth that each meets first."""
        rays = cast(self.cameras, self.frame, px, py)
        found, depth = nearest(self.stage, self.poses, rays, self.boxes)
        return rays, found, depth

    def paint(self) -> Painted:
        """The whole picture, with clean edges."""
        height, width = self.cameras.height, self.cameras.width
        px, py = pixel_grid(height, width)
        colour = np.empty((px.size, 3), np.float32)
        depth, surface, key = np.empty(px.size, np.float32), np.empty(px.size, np.int32), np.empty(px.size, np.int32)
        for band in _bands(px.size):
            colour[band], hits, shade = self._colours(px[band], py[band], share=1.0)
            depth[band], surface[band] = hits.depth, hits.surface
            key[band] = (hits.surface * 8 + hits.part) * 2 + shade
        edges = _edges(key.reshape(height, width))
        fine_x = (px[edges][:, None] + _SUBSAMPLES[:, 0]).ravel()
        fine_y = (py[edges][:, None] + _SUBSAMPLES[:, 1]).ravel()
        fine = np.empty((fine_x.size, 3), np.float32)
        for band in _bands(fine_x.size):
            fine[band], _, _ = self._colours(fine_x[band], fine_y[band], share=0.75)
        colour[edges] = fine.reshape(edges.size, len(_SUBSAMPLES), 3).mean(axis=1)
        frame = np.rint(np.clip(colour, 0, 1) * 255).astype(np.uint8)
        return Painted(frame=frame.reshape(height, width, 3), depth=depth, surface=surface)

    def _colours(self, px: Plane, py: Plane, *, share: float) -> tuple[Plane, Hits, NDArray[np.bool_]]:
        """Colours N,3 in 0..1 of rays that stand for `share` of a pixel's width, the hits, and the shadow mask."""
        rays, found, depth = self.trace(px, py)
        hits = detail(self.stage, self.poses, rays, found, depth)
        shade = np.zeros(depth.size, bool)
        point = points_of(rays, depth)
        light = np.array(self.stage.scene.light, np.float32)
        facing = light[0] * hits.normal[0] + light[1] * hits.normal[1] + light[2] * hits.normal[2]
        lit = np.flatnonzero((found != SKY) & (facing > 0) & (depth < 60))
        shade[lit] = in_shadow(self.stage, self.poses, (point[0][lit], point[1][lit], point[2][lit]), found[lit])
        footprint = depth * np.float32(share / self.cameras.K[self.frame, 0, 0])
        base = _albedo(self.stage, rays, hits, footprint)
        colour = _illuminate(self.stage, self.poses, base, hits, point, np.where(shade, 0, np.maximum(facing, 0)))
        return _shoulder(_air(self.stage, rays, hits, colour)), hits, shade


def _bands(count: int) -> Iterator[slice]:
    """Equal spans of at most `_BAND`."""
    parts = -(-count // _BAND)
    for part in range(parts):
        yield slice(part * count // parts, (part + 1) * count // parts)


def _edges(key: NDArray[np.int32]) -> NDArray[np.intp]:
    """Flat numbers of the pixels whose key differs from a neighbour's."""
    differs = np.zeros(key.shape, bool)
    across, down = key[:, 1:] != key[:, :-1], key[1:] != key[:-1]
    differs[:, 1:] |= across
    differs[:, :-1] |= across
    differs[1:] |= down
    differs[:-1] |= down
    return np.flatnonzero(differs)


def _albedo(stage: Stage, rays: Rays, hits: Hits, footprint: Plane) -> Plane:
    dx, dy, dz = rays.direction
    length = np.sqrt(dx * dx + dy * dy + dz * dz)
    cosine = np.abs(hits.normal[0] * dx + hits.normal[1] * dy + hits.normal[2] * dz) / length
    density = stage.tiles_per_metre[hits.surface] * hits.squeeze
    texels = footprint * density * np.float32(TILE) * np.maximum(cosine, 0.04) ** np.float32(-0.7)
    level = np.log2(np.maximum(texels, 1e-6)) - np.float32(0.55)
    mixed = stage.atlas.sample(stage.texture[hits.surface], hits.u, hits.v, level)
    first, second = stage.first[hits.surface], stage.second[hits.surface]
    tone = (1 + stage.grain[hits.surface] * (mixed[:, 1] - 0.5) * 2) * hits.tint
    return (first + (second - first) * mixed[:, :1]) * tone[:, None]


def _illuminate(stage: Stage, poses: list[Pose], base: Plane, hits: Hits, point: Triple, sun: Plane) -> Plane:
    """Lambert sun, sky light from above, a little bounce from below, and contact shade under objects."""
    mood = stage.scene.mood
    up = 0.5 + 0.5 * hits.normal[2]
    open_sky = (0.72 + 0.36 * up) * _contact(stage, poses, hits, point)
    bright = open_sky[:, None] * np.array(mood.ambient, np.float32) + sun[:, None] * np.array(mood.sun, np.float32)
    return np.asarray(base * bright)


def _contact(stage: Stage, poses: list[Pose], hits: Hits, point: Triple) -> Plane:
    shade = np.ones(hits.depth.size, np.float32)
    ground = np.flatnonzero((hits.surface == GROUND) & (hits.depth < 25))
    x, y = point[0][ground], point[1][ground]
    for thing, pose in zip(stage.scene.objects, poses, strict=True):
        radius = np.float32(thing.radius if thing.shape != "sphere" else 0.75 * thing.radius)
        dx, dy = x - np.float32(pose.x), y - np.float32(pose.y)
        near = (dx * dx + dy * dy) / (radius * radius)
        close = np.flatnonzero(near < 6)
        dark = 0.5 * np.exp(-0.9 * near[close] ** 1.2) * np.float32(np.exp(-2.5 * pose.z / radius))
        shade[ground[close]] *= 1 - dark
    return shade


def _air(stage: Stage, rays: Rays, hits: Hits, colour: Plane) -> Plane:
    """Haze with distance, and the sky with its clouds."""
    mood = stage.scene.mood
    horizon = np.array(mood.horizon, np.float32)
    haze = (1 - np.exp(-hits.depth * np.float32(1 / 120)))[:, None]
    colour = colour + (horizon - colour) * haze
    sky = np.flatnonzero(hits.surface == SKY)
    if sky.size:
        dx, dy, dz = (d[sky] for d in rays.direction)
        rise = dz / np.sqrt(dx * dx + dy * dy + dz * dz)
        share = np.clip(rise, 0, 1) ** np.float32(0.55)
        blue = horizon + (np.array(mood.zenith, np.float32) - horizon) * share[:, None]
        far = 1.0 / np.maximum(rise + 0.12, 0.05)
        level = np.log2(far * far * np.float32(TILE * 0.12 * 1.3) / np.float32(200.0))
        texture = np.full(sky.size, stage.cloud_texture, np.int32)
        scale = far / np.sqrt(dx * dx + dy * dy + dz * dz) * np.float32(0.12)
        cloud = stage.atlas.sample(texture, dx * scale, dy * scale, level)[:, 0]
        cover = np.clip((cloud - 0.48) * 3.0, 0, 1) * np.clip(rise * 4, 0, 1) * np.float32(stage.scene.clouds)
        colour[sky] = blue + (np.array(mood.cloud, np.float32) - blue) * cover[:, None]
    return colour


def _shoulder(colour: Plane, knee: float = 0.8) -> Plane:
    """Bright tones pressed softly below 1, so that snow in the sun keeps its texture."""
    flat = colour.ravel()
    hot = np.flatnonzero(flat > knee)
    room = np.float32(1 - knee)
    flat[hot] = knee + room * (1 - np.exp((knee - flat[hot]) / room))
    return flat.reshape(colour.shape)
