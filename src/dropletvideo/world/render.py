"""Frames of a shot: shading, anti-aliased edges, and on demand depth, exact flow and occlusion.

Colour is filtered by mip level inside a surface; only pixels at an edge between surfaces (or at a shadow's edge) get
nine more rays. So frames are clean at one ray per pixel, and motion does not shimmer.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from functools import lru_cache
from typing import Any

import numpy as np
from numpy.typing import NDArray

from dropletvideo.world.camera_path import Cameras
from dropletvideo.world.plots import Pose
from dropletvideo.world.shapes3d import Triple
from dropletvideo.world.shot import Shot
from dropletvideo.world.textures import TILE
from dropletvideo.world.tracer import (
    FIRST_OBJECT,
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
from dropletvideo.world.visibility import Visibility, visibility_of

Plane = NDArray[Any]
_SUBSAMPLES = np.array([(x, y) for y in (-1, 0, 1) for x in (-1, 0, 1)], np.float32) / 3
_OCCLUSION_TOLERANCE = 0.02


@dataclass(frozen=True)
class RenderedShot:
    """Frames of a shot and what is known about them.

    Attributes:
        frames: F,H,W,3 uint8 RGB.
        indices: F int64, frame numbers in the shot.
        cameras: K, cam_to_world and times of these frames.
        depth: F,H,W float32 metres along the optical axis (1000 for the sky), or None if not asked for.
        surface: F,H,W int32, number of the surface seen (objects from `FIRST_OBJECT`), or None.
        flow: F-1,H,W,2 float32, pixels (x right, y down) from rendered frame k to rendered frame k+1, or None.
        occluded: F-1,H,W bool, True where that pixel's point is hidden or outside in frame k+1, or None.
        boxes: F,O,4 float32 x0,y0,x1,y1 of each object's whole outline (not cut at the border; NaN if behind), or None.
        visibility: F,O float32, share of each object's outline that is seen, or None.
    """

    frames: NDArray[np.uint8]
    indices: NDArray[np.int64]
    cameras: Cameras
    depth: Plane | None = None
    surface: NDArray[np.int32] | None = None
    flow: Plane | None = None
    occluded: NDArray[np.bool_] | None = None
    boxes: Plane | None = None
    visibility: Plane | None = None


@lru_cache(maxsize=8)
def _pixel_grid(height: int, width: int) -> tuple[Plane, Plane]:
    y, x = np.mgrid[0:height, 0:width].astype(np.float32)
    return x.ravel(), y.ravel()


@dataclass
class _Painter:
    """One moment of a stage seen by one camera."""

    stage: Stage
    poses: list[Pose]
    cameras: Cameras
    frame: int
    boxes: list[tuple[float, float, float, float] | None] = field(default_factory=list)

    def __post_init__(self) -> None:
        self.boxes = rectangles(self.stage, self.poses, self.cameras, self.frame)

    def trace(self, px: Plane, py: Plane) -> tuple[Rays, NDArray[np.int32], Plane]:
        rays = cast(self.cameras, self.frame, px, py)
        found, depth = nearest(self.stage, self.poses, rays, self.boxes)
        return rays, found, depth

    def colours(self, px: Plane, py: Plane, *, share: float = 1.0) -> tuple[Plane, Hits, NDArray[np.bool_]]:
        """Colours N,3 in 0..1 of rays that stand for `share` of a pixel's width, the hits, and the shadow mask."""
        rays, found, depth = self.trace(px, py)
        hits = detail(self.stage, self.poses, rays, found, depth)
        shade = np.zeros(depth.size, bool)
        point = points_of(rays, depth)
        light = np.array(self.stage.scene.light, np.float32)
        facing = light @ hits.normal
        lit = np.flatnonzero((found != SKY) & (facing > 0) & (depth < 60))
        shade[lit] = in_shadow(self.stage, self.poses, (point[0][lit], point[1][lit], point[2][lit]), found[lit])
        footprint = depth * np.float32(share / self.cameras.K[self.frame, 0, 0])
        base = _albedo(self.stage, rays, hits, footprint)
        colour = _illuminate(self.stage, self.poses, base, hits, point, np.where(shade, 0, np.maximum(facing, 0)))
        colour = _air(self.stage, rays, hits, colour)
        return _shoulder(colour), hits, shade


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


def _edges(hits: Hits, shade: NDArray[np.bool_], height: int, width: int) -> NDArray[np.intp]:
    """Pixels that differ from a neighbour in surface, face or shadow."""
    key = (hits.surface * 8 + hits.part) * 2 + shade
    plane = key.reshape(height, width)
    differs = np.zeros((height, width), bool)
    across = plane[:, 1:] != plane[:, :-1]
    down = plane[1:] != plane[:-1]
    differs[:, 1:] |= across
    differs[:, :-1] |= across
    differs[1:] |= down
    differs[:-1] |= down
    return np.flatnonzero(differs)


def _paint(painter: _Painter) -> tuple[NDArray[np.uint8], Hits]:
    height, width = painter.cameras.height, painter.cameras.width
    px, py = _pixel_grid(height, width)
    colour, hits, shade = painter.colours(px, py)
    edges = _edges(hits, shade, height, width)
    if edges.size:
        offsets = len(_SUBSAMPLES)
        fine_x = (px[edges][:, None] + _SUBSAMPLES[:, 0]).ravel()
        fine_y = (py[edges][:, None] + _SUBSAMPLES[:, 1]).ravel()
        fine, _, _ = painter.colours(fine_x, fine_y, share=0.75)
        colour[edges] = np.clip(fine, 0, 1).reshape(-1, offsets, 3).mean(axis=1)
    frame = np.rint(np.clip(colour, 0, 1) * 255).astype(np.uint8)
    return frame.reshape(height, width, 3), hits


def render_shot(
    shot: Shot,
    height: int,
    width: int,
    *,
    frame_indices: Sequence[int] | None = None,
    times: NDArray[np.float64] | None = None,
    depth: bool = False,
    flow: bool = False,
    boxes: bool = False,
) -> RenderedShot:
    """Render a shot, or only some of its frames; what is not asked for costs nothing.

    Args:
        shot: from `draw_shot`.
        height, width: size in pixels.
        frame_indices: frame numbers of the shot to render (all if None).
        times: seconds from the shot's start to render instead of frames (they need not fall on frames).
        depth: also give depth and surface numbers.
        flow: also give the exact flow and occlusion between each rendered frame and the next rendered one.
        boxes: also give object boxes and visible shares.
    """
    indices = np.arange(shot.num_frames) if frame_indices is None else np.asarray(frame_indices, np.int64)
    stage = shot.stage
    cameras = shot.cameras(height, width, indices) if times is None else shot.cameras_at(height, width, times)
    if times is not None:
        indices = np.rint(np.asarray(times) * shot.source_fps)
    painters = [_Painter(stage, stage.poses(float(t)), cameras, k) for k, t in enumerate(cameras.times)]
    frames = np.empty((len(painters), height, width, 3), np.uint8)
    depths, surfaces, flows, hidden = [], [], [], []
    for k, painter in enumerate(painters):
        frames[k], hits = _paint(painter)
        if depth:
            depths.append(hits.depth.reshape(height, width))
            surfaces.append(hits.surface.reshape(height, width))
        if flow and k + 1 < len(painters):
            moved, lost = _flow(painter, painters[k + 1], hits)
            flows.append(moved)
            hidden.append(lost)
    seen: Visibility | None = visibility_of(shot, cameras) if boxes else None
    return RenderedShot(
        frames=frames,
        indices=indices.astype(np.int64),
        cameras=cameras,
        depth=np.stack(depths) if depth else None,
        surface=np.stack(surfaces) if depth else None,
        flow=_stack(flows, height, width, 2) if flow else None,
        occluded=_stack(hidden, height, width, 0).astype(bool) if flow else None,
        boxes=seen.boxes if seen else None,
        visibility=seen.share if seen else None,
    )


def _stack(planes: list[Plane], height: int, width: int, channels: int) -> Plane:
    shape = (0, height, width, channels) if channels else (0, height, width)
    return np.stack(planes) if planes else np.zeros(shape, np.float32)


def _flow(now: _Painter, then: _Painter, hits: Hits) -> tuple[Plane, Plane]:
    """Where each pixel's point goes, from the scene itself; occlusion by casting a ray to where it went."""
    height, width = now.cameras.height, now.cameras.width
    px, py = _pixel_grid(height, width)
    rays = cast(now.cameras, now.frame, px, py)
    x, y, z = points_of(rays, hits.depth)
    point = np.stack([x, y, z], axis=-1).astype(np.float64)
    for number, (before, after) in enumerate(zip(now.poses, then.poses, strict=True)):
        if before != after:
            on = np.flatnonzero(hits.surface == FIRST_OBJECT + number)
            point[on] = _carried(point[on], before, after)
    sky = hits.surface == SKY
    direction = np.stack([d[sky] for d in rays.direction], axis=-1).astype(np.float64)
    point[sky] = then.cameras.cam_to_world[then.frame, :3, 3] + direction
    pixels, depth = then.cameras.project(point, then.frame)
    inside = (depth > 0.05) & (np.abs(pixels - [(width - 1) / 2, (height - 1) / 2]) <= [width / 2, height / 2]).all(
        axis=1
    )
    lost = ~inside
    there = np.flatnonzero(inside)
    _, found, seen = then.trace(pixels[there, 0].astype(np.float32), pixels[there, 1].astype(np.float32))
    hidden = np.where(sky[there], found != SKY, seen < depth[there] * (1 - _OCCLUSION_TOLERANCE))
    lost[there] |= hidden
    flow = (pixels - np.stack([px, py], axis=-1)).astype(np.float32)
    return flow.reshape(height, width, 2), lost.reshape(height, width).astype(np.float32)


def _carried(points: NDArray[np.float64], before: Pose, after: Pose) -> NDArray[np.float64]:
    """World points that move with an object from one pose to another."""
    turned = after.heading - before.heading
    cos, sin = np.cos(turned), np.sin(turned)
    x, y = points[:, 0] - before.x, points[:, 1] - before.y
    return np.stack(
        [after.x + cos * x - sin * y, after.y + sin * x + cos * y, points[:, 2] - before.z + after.z], axis=-1
    )
