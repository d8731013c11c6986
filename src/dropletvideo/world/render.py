"""Frames of a shot, and on demand depth, exact flow, occlusion, boxes and visible shares."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import cv2
import numpy as np
from numpy.typing import NDArray

from dropletvideo.world.camera_path import Cameras
from dropletvideo.world.plots import Pose
from dropletvideo.world.shading import Painted, Painter, pixel_grid
from dropletvideo.world.shot import Shot
from dropletvideo.world.tracer import FIRST_OBJECT, SKY, cast, points_of
from dropletvideo.world.visibility import Visibility, visibility_of

Plane = NDArray[Any]
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
    painters = [Painter(stage, stage.poses(float(t)), cameras, k) for k, t in enumerate(cameras.times)]
    frames = np.empty((len(painters), height, width, 3), np.uint8)
    depths, surfaces, flows, hidden = [], [], [], []
    for k, painter in enumerate(painters):
        picture = painter.paint()
        frames[k] = _through_lens(picture.frame, shot.lens_blur)
        if depth:
            depths.append(picture.depth.reshape(height, width))
            surfaces.append(picture.surface.reshape(height, width))
        if flow and k + 1 < len(painters):
            moved, lost = _flow(painter, painters[k + 1], picture)
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


def _through_lens(frame: NDArray[np.uint8], blur: float) -> NDArray[np.uint8]:
    """H,W,3 as a lens of that blur (share of the short side) shows it; integer arithmetic, so the same everywhere."""
    deviation = blur * min(frame.shape[:2])
    if deviation < 0.1:  # the neighbour's share would round to nothing
        return frame
    return np.asarray(cv2.GaussianBlur(frame, (0, 0), deviation, borderType=cv2.BORDER_REFLECT_101), np.uint8)


def _stack(planes: list[Plane], height: int, width: int, channels: int) -> Plane:
    shape = (0, height, width, channels) if channels else (0, height, width)
    return np.stack(planes) if planes else np.zeros(shape, np.float32)


def _flow(now: Painter, then: Painter, seen_now: Painted) -> tuple[Plane, Plane]:
    """Where each pixel's point goes, from the scene itself; occlusion by casting a ray to where it went."""
    height, width = now.cameras.height, now.cameras.width
    px, py = pixel_grid(height, width)
    rays = cast(now.cameras, now.frame, px, py)
    x, y, z = points_of(rays, seen_now.depth)
    point = np.stack([x, y, z], axis=-1).astype(np.float64)
    for number, (before, after) in enumerate(zip(now.poses, then.poses, strict=True)):
        if before != after:
            on = np.flatnonzero(seen_now.surface == FIRST_OBJECT + number)
            point[on] = _carried(point[on], before, after)
    sky = seen_now.surface == SKY
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
