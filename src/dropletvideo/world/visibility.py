"""Where each object is in the image and how much of it is seen, frame by frame; no frame needs to be rendered."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Literal

import numpy as np
from numpy.typing import NDArray

from dropletvideo.world.camera_path import Cameras
from dropletvideo.world.plots import Pose
from dropletvideo.world.scenery import SceneObject
from dropletvideo.world.shapes3d import distance
from dropletvideo.world.tracer import FIRST_OBJECT, Rays, cast, constant, nearest, rectangles, to_object, turn

if TYPE_CHECKING:
    from dropletvideo.world.shot import Shot

Plane = NDArray[Any]
Border = Literal["left", "right", "top", "bottom", "inside"]
_GRID = 9
SEEN = 0.15
"""An object counts as seen from this share of its outline on."""


@dataclass(frozen=True)
class Visibility:
    """`boxes` F,O,4: x0,y0,x1,y1 in pixels of the whole outline, also outside the image (NaN when behind the camera);
    `share` F,O in 0..1: part of the outline that is inside the image and not hidden by something nearer."""

    boxes: Plane
    share: Plane


def visibility_of(shot: Shot, cameras: Cameras) -> Visibility:
    """Boxes and visible shares of every object in the given cameras; a 9x9 grid of rays per object."""
    stage = shot.stage
    count = len(stage.scene.objects)
    boxes = np.full((len(cameras.times), count, 4), np.nan, np.float32)
    share = np.zeros((len(cameras.times), count), np.float32)
    for frame, seconds in enumerate(cameras.times):
        poses = stage.poses(float(seconds))
        limits = rectangles(stage, poses, cameras, frame)
        wanted = [k for k, box in enumerate(limits) if box is not None and box[0] > -1e8]
        for k in wanted:
            boxes[frame, k] = limits[k]
        inside = [k for k in wanted if _touches(boxes[frame, k], cameras)]
        if not inside:
            continue
        px, py = _grids(boxes[frame, inside])
        rays = cast(cameras, frame, px, py)
        found, _ = nearest(stage, poses, rays, limits)
        visible = (px >= -0.5) & (px <= cameras.width - 0.5) & (py >= -0.5) & (py <= cameras.height - 0.5)
        for number, k in enumerate(inside):
            part = slice(number * _GRID**2, (number + 1) * _GRID**2)
            own = _silhouette(stage.scene.objects[k], poses[k], rays, part)
            share[frame, k] = (own & visible[part] & (found[part] == FIRST_OBJECT + k)).sum() / max(1, own.sum())
    return Visibility(boxes=boxes, share=share)


def _touches(box: Plane, cameras: Cameras) -> bool:
    return bool(box[0] < cameras.width and box[2] > 0 and box[1] < cameras.height and box[3] > 0)


def _grids(boxes: Plane) -> tuple[Plane, Plane]:
    place = (np.arange(_GRID, dtype=np.float32) + 0.5) / _GRID
    gx, gy = np.meshgrid(place, place)
    x = boxes[:, :1] + gx.ravel() * (boxes[:, 2:3] - boxes[:, :1])
    y = boxes[:, 1:2] + gy.ravel() * (boxes[:, 3:4] - boxes[:, 1:2])
    return x.ravel().astype(np.float32), y.ravel().astype(np.float32)


def _silhouette(thing: SceneObject, pose: Pose, rays: Rays, part: slice) -> NDArray[np.bool_]:
    dx, dy, dz = rays.direction
    way = turn((dx[part], dy[part], dz[part]), -pose.heading)
    return np.isfinite(distance(thing.shape, to_object(constant(rays.origin), pose), way, thing.size))


@dataclass(frozen=True, kw_only=True)
class Event:
    """Something that happens: `appears` (with the border it enters at) or `slides|bounces|turns|orbits`; seconds."""

    event: str
    object: str
    start: float
    end: float
    border: Border | None = None
    cause: Literal["camera", "object"] | None = None


def appearances(shot: Shot, rate: float = 8.0) -> list[Event]:
    """Objects unseen in the first frame that are seen later, with the moment (to 10 ms) and the border of entry."""
    times = np.linspace(0.0, shot.last_time, max(2, int(shot.last_time * rate) + 1))
    side = 64
    height, width = shot.delivery_shape
    scale = side / min(height, width)
    size = (round(height * scale), round(width * scale))
    share = visibility_of(shot, shot.cameras_at(*size, times)).share
    events = []
    for k, thing in enumerate(shot.scene.objects):
        seen = share[:, k] >= SEEN
        if seen[0] or not seen.any():
            continue
        first = int(seen.argmax())
        start = _refine(shot, size, k, float(times[first - 1]), float(times[first]))
        full = share[:, k] >= 0.9 * share[:, k].max()
        end = max(start, float(times[int(full.argmax())]))
        cause: Literal["camera", "object"] = "object" if thing.motion.velocity != (0.0, 0.0) else "camera"
        border = _border(shot, size, k, start)
        events.append(
            Event(
                event="appears", object=thing.name, start=round(start, 3), end=round(end, 3), border=border, cause=cause
            )
        )
    return sorted(events, key=lambda event: event.start)


def _refine(shot: Shot, size: tuple[int, int], number: int, low: float, high: float) -> float:
    """Bisect the moment at which the object is first seen."""
    while high - low > 0.01:
        middle = (low + high) / 2
        share = visibility_of(shot, shot.cameras_at(*size, np.array([middle]))).share[0, number]
        low, high = (low, middle) if share >= SEEN else (middle, high)
    return high


def _border(shot: Shot, size: tuple[int, int], number: int, seconds: float) -> Border:
    """The border that the object's box overlaps most when it is first seen; `inside` when it comes from behind."""
    height, width = size
    x0, y0, x1, y1 = visibility_of(shot, shot.cameras_at(height, width, np.array([seconds]))).boxes[0, number]
    outside: dict[Border, float] = {
        "left": float(-x0),
        "right": float(x1 - width),
        "top": float(-y0),
        "bottom": float(y1 - height),
    }
    border = max(outside, key=lambda name: outside[name])
    return border if outside[border] > 0.5 else "inside"
