"""Rendered shots with one fault of a chosen size: what measuring functions of consistency must react to, and how much.

Each function renders a shot at given times and gives frames F,H,W,3; size 0 is the shot as it is.

    warped     the picture swims: a smooth displacement that changes with time, `size` pixels (rms, at short side 256)
    drifted    depths drift: things at different depths slide against each other, `size` pixels at most
    swapped    what went out of view comes back as something else: colours of all things and of the ground turn by
               `size` (0 to 1) of the way to those of other things while they are out of view
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace

import cv2
import numpy as np
from numpy.typing import NDArray

from dropletvideo.world.palette import blend
from dropletvideo.world.render import RenderedShot, render_shot
from dropletvideo.world.scenery import Material, Scene, SceneObject
from dropletvideo.world.shot import Shot

Frames = NDArray[np.uint8]
Times = NDArray[np.float64]
BLOBS = 5
"""Waves of a displacement across the picture, roughly."""
CHANGE_RATE = 1.5
"""Independent displacements per second, between which the picture swims smoothly."""
BANDS = 5.0
"""Turns of the drift's sign per unit of log depth, in radians."""


def warped(shot: Shot, times: Times, height: int, width: int, size: float) -> Frames:
    """See the module text."""
    frames = render_shot(shot, height, width, times=times).frames
    fields = _swimming(len(frames), times, height, width, shot.seed)
    scale = size * min(height, width) / 256
    return np.stack([_displaced(frame, scale * field) for frame, field in zip(frames, fields, strict=True)])


def drifted(shot: Shot, times: Times, height: int, width: int, size: float) -> Frames:
    """See the module text; the drift grows and turns back once a second, so that no other camera explains it."""
    rendered: RenderedShot = render_shot(shot, height, width, times=times, depth=True)
    assert rendered.depth is not None
    scale = size * min(height, width) / 256
    frames = []
    for frame, depth, seconds in zip(rendered.frames, rendered.depth, times, strict=True):
        amount = np.sin(BANDS * np.log(depth)) * np.sin(2 * np.pi * seconds)
        field = np.zeros((height, width, 2), np.float32)
        field[..., 0] = cv2.GaussianBlur(amount.astype(np.float32), (0, 0), 1.5)
        frames.append(_displaced(frame, scale * field))
    return np.stack(frames)


def swapped(shot: Shot, times: Times, height: int, width: int, size: float) -> Frames:
    """See the module text. The other scene is shown from the middle of the shot on, so the shot should look away then:
    what is in view at that moment would change before the eyes.
    """
    other = replace(shot, scene=_other_scene(shot, size))
    half = int(np.searchsorted(times, (times[0] + times[-1]) / 2))
    first = render_shot(shot, height, width, times=times[:half]).frames
    return np.concatenate([first, render_shot(other, height, width, times=times[half:]).frames])


def _other_scene(shot: Shot, size: float) -> Scene:
    things = shot.scene.objects
    if not things:
        return shot.scene
    next_one = (*things[1:], things[0])
    changed = tuple(_blended(thing, other.material, size) for thing, other in zip(things, next_one, strict=True))
    return shot.scene.with_objects(changed)


def _blended(thing: SceneObject, other: Material, size: float) -> SceneObject:
    own = thing.material
    material = replace(own, first=blend(own.first, other.second, size), second=blend(own.second, other.first, size))
    return replace(thing, material=material)


def _swimming(count: int, times: Times, height: int, width: int, seed: int) -> Iterator[NDArray[np.float32]]:
    """`count` displacement fields H,W,2 with unit root mean square."""
    rng = np.random.default_rng([seed, 77])
    knots = int(np.ceil((times[-1] - times[0]) * CHANGE_RATE)) + 2
    coarse = rng.normal(size=(knots, BLOBS, BLOBS, 2)).astype(np.float32)
    for k in range(count):
        at = (times[k] - times[0]) * CHANGE_RATE
        low = int(at)
        part = (1 - np.cos(np.pi * (at - low))) / 2
        mixed = (1 - part) * coarse[low] + part * coarse[low + 1]
        field = cv2.resize(mixed, (width, height), interpolation=cv2.INTER_CUBIC)
        yield np.asarray(field / max(float(np.sqrt((field**2).sum(axis=-1).mean())), 1e-6), np.float32)


def _displaced(frame: Frames, field: NDArray[np.float32]) -> Frames:
    height, width = frame.shape[:2]
    y, x = np.mgrid[0:height, 0:width].astype(np.float32)
    moved = cv2.remap(frame, x + field[..., 0], y + field[..., 1], cv2.INTER_LINEAR, borderMode=cv2.BORDER_REFLECT_101)
    return np.asarray(moved, np.uint8)
