"""A shot: a scene, a camera's course and a plot, drawn from a seed; everything is known at any time."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from functools import cached_property
from typing import Any

import numpy as np
from numpy.typing import NDArray

from dropletvideo.errors import ConfigError
from dropletvideo.moves import MOVES, CameraClass
from dropletvideo.records import CameraMove
from dropletvideo.world.camera_path import CameraPath, Cameras, Floats, PathMove, progress
from dropletvideo.world.choreography import Course, clearance, crossings, draw_course, draw_moves, turntable
from dropletvideo.world.config import WorldConfig
from dropletvideo.world.plots import Motion, MotionKind, draw_motion
from dropletvideo.world.scene import draw_object, draw_scene
from dropletvideo.world.scenery import Scene, SceneObject
from dropletvideo.world.tracer import FIRST_OBJECT, SKY, SKY_DEPTH, Stage, cast, nearest, rectangles
from dropletvideo.world.visibility import Event, appearances

_TRIES = 60
LEAST_SHARE = 0.2
"""A move belongs to a span when it fills at least this share of it."""
_SUBJECT_SHARE = 0.01
"""Least share of the first view that shows the thing which an arc goes round or tracking keeps up with."""
_METRIC = ("truck", "pedestal", "dolly")


@dataclass(frozen=True, kw_only=True)
class Shot:
    """One take without an edit.

    Attributes:
        seed: what it was drawn from.
        scene: with the objects and their motions.
        path: the camera's course in physical units.
        subject: index of the object that the shot is about, or None.
        seconds: length; `num_frames` frames at `source_fps`.
        height, width, crf: size and compression that the draw proposes for a file of this shot.
        lens_blur: deviation of the lens's Gaussian blur as a share of the short side; 0 is a perfect lens.
    """

    seed: int
    scene: Scene
    path: CameraPath
    subject: int | None
    seconds: float
    source_fps: float
    height: int
    width: int
    crf: int
    lens_blur: float = 0.0

    @property
    def num_frames(self) -> int:
        """Frames of the shot at its source rate."""
        return max(1, round(self.seconds * self.source_fps))

    @property
    def last_time(self) -> float:
        """Time of the last frame in seconds."""
        return (self.num_frames - 1) / self.source_fps

    @property
    def delivery_shape(self) -> tuple[int, int]:
        """Height and width that the draw proposes for a file."""
        return self.height, self.width

    @cached_property
    def stage(self) -> Stage:
        """The scene ready to be traced."""
        return Stage(self.scene)

    def cameras(self, height: int, width: int, indices: Sequence[int] | NDArray[np.int64] | None = None) -> Cameras:
        """Cameras of the given frame numbers (all if None) for an image size."""
        numbers = np.arange(self.num_frames) if indices is None else np.asarray(indices)
        return self.cameras_at(height, width, numbers / self.source_fps)

    def cameras_at(self, height: int, width: int, times: Floats) -> Cameras:
        """Cameras at any times in seconds."""
        return self.path.cameras(times, height, width, self.stage.place)

    @cached_property
    def moves(self) -> tuple[CameraMove, ...]:
        """Camera moves in the units of `moves.py`; a shot without any is one `static`."""
        return tuple(
            CameraMove(move=move.move, start=round(move.start, 4), end=round(move.end, 4), amount=self._amount(move))
            for move in self.path.moves
        )

    def _amount(self, move: PathMove) -> float | None:
        axis = move.move.split("_")[0]
        if axis in ("static", "tracking"):
            return None
        if axis not in _METRIC:
            return round(move.amount, 4)
        middle = (move.start + move.end) / 2
        focal = self.path.view_at(middle, self.stage.place).focal
        return round(move.amount * focal / self.median_depth(middle), 4)

    @property
    def metres(self) -> tuple[float | None, ...]:
        """Length in metres of each move of `moves` that travels in a line, else None."""
        return tuple(round(m.amount, 4) if m.move.split("_")[0] in _METRIC else None for m in self.path.moves)

    def moves_within(self, start: float, end: float) -> list[tuple[CameraMove, float | None]]:
        """What the camera does in a span (seconds of the shot), and metres for travel: times cut to the span, amounts
        to the part that happens in it. A move that fills less than a fifth of a span is not part of it.
        """
        end = min(end, self.seconds)
        whole = start <= 0 and end >= min(self.seconds, self.num_frames / self.source_fps) - 1e-6
        found: list[tuple[CameraMove, float | None]] = []
        for path, move, metres in zip(self.path.moves, self.moves, self.metres, strict=True):
            first, last = max(move.start, start), min(move.end, end)
            if not whole and last - first < LEAST_SHARE * (end - start):
                continue
            done = progress(np.array([first, last]), path)
            share = 1.0 if whole or path.move == "shake" else float(done[1] - done[0])
            amount = move.amount
            if amount is not None:
                amount = round(amount**share if path.move.startswith("zoom") else amount * share, 4)
            cut = CameraMove(move=move.move, start=first, end=max(first, last), amount=amount)
            found.append((cut, None if metres is None else round(metres * share, 4)))
        return found

    def probe(self, seconds: float, side: int = 20) -> tuple[NDArray[np.int32], NDArray[np.float32]]:
        """Surface numbers and depths on a coarse grid of the view at one time; nothing is shaded."""
        height, width = self.height, self.width
        rows, columns = (
            (side, round(side * width / height)) if height <= width else (round(side * height / width), side)
        )
        cameras = self.cameras_at(rows, columns, np.array([seconds]))
        y, x = np.mgrid[0:rows, 0:columns].astype(np.float32)
        poses = self.stage.poses(seconds)
        rays = cast(cameras, 0, x.ravel(), y.ravel())
        return nearest(self.stage, poses, rays, rectangles(self.stage, poses, cameras, 0))

    def median_depth(self, seconds: float) -> float:
        """Median depth of what is not sky, in metres."""
        found, depth = self.probe(seconds)
        solid = depth[found != SKY]
        return float(np.median(solid)) if solid.size else float(SKY_DEPTH)

    def depth_ratio(self, seconds: float = 0.0) -> float:
        """95th over 5th percentile of the depth of what is not sky."""
        found, depth = self.probe(seconds)
        solid = depth[found != SKY]
        return float(np.percentile(solid, 95) / np.percentile(solid, 5)) if solid.size else 1.0

    def moving_share(self, seconds: float) -> float:
        """Share of pixels that show a moving object."""
        moving = [FIRST_OBJECT + k for k, thing in enumerate(self.scene.objects) if thing.motion.kind != "still"]
        if not moving:
            return 0.0
        found, _ = self.probe(seconds)
        return float(np.isin(found, moving).mean())

    @cached_property
    def camera_class(self) -> CameraClass:
        """Class of the whole shot, see `class_within`."""
        return self.class_within(0.0, self.seconds)

    def class_within(self, start: float, end: float) -> CameraClass:
        """Class of the move that fills most of a span; among moves at once, of the one that moves the image most."""
        if self.turns_in_place:
            return "C1"
        spans: dict[CameraClass, float] = {}
        for move, _ in self.moves_within(start, end):
            if move.move != "shake":
                name = MOVES[move.move].camera_class
                spans[name] = spans.get(name, 0.0) + (move.end - move.start) * (1 + 0.1 * min(1.0, self._travel(move)))
        return max(spans, key=lambda name: spans[name]) if spans else "C5"

    def _travel(self, move: CameraMove) -> float:
        """Rough motion of the image in short sides."""
        axis, amount = move.move.split("_")[0], abs(move.amount or 0.0)
        focal = self.path.first.focal
        rough = {
            "pan": np.radians(amount) * focal,
            "tilt": np.radians(amount) * focal,
            "roll": np.radians(amount) * 0.35,
            "zoom": abs(np.log(max(amount, 1e-6))) * 0.35,
            "dolly": amount * 0.35,
            "arc": 10.0,
            "tracking": 10.0,
        }
        return float(rough.get(axis, amount))

    @property
    def turns_in_place(self) -> bool:
        """A still camera on one object that turns and fills much of the view."""
        if self.subject is None or any(move.move not in ("static", "shake") for move in self.path.moves):
            return False
        if self.scene.objects[self.subject].motion.kind != "turn":
            return False
        found, _ = self.probe(self.seconds / 2)
        return bool((found == FIRST_OBJECT + self.subject).mean() > 0.12)

    @cached_property
    def events(self) -> tuple[Event, ...]:
        """What the camera reveals and what objects do, in time order."""
        words: dict[MotionKind, str] = {"slide": "slides", "bounce": "bounces", "turn": "turns", "orbit": "orbits"}
        done = [
            Event(event=words[thing.motion.kind], object=thing.name, start=0.0, end=self.seconds)
            for thing in self.scene.objects
            if thing.motion.kind != "still"
        ]
        return tuple(sorted([*appearances(self), *done], key=lambda event: event.start))


def _delivery(rng: np.random.Generator, config: WorldConfig) -> dict[str, Any]:
    low, high = config.short_side
    short = int(round(np.exp(rng.uniform(np.log(low), np.log(high))) / 2) * 2) if high > low else low
    aspect = float(rng.choice(config.aspects))
    long = int(round(short * max(aspect, 1 / aspect) / 2) * 2)
    height, width = (short, long) if aspect >= 1 else (long, short)
    return {
        "height": height,
        "width": width,
        "source_fps": float(rng.choice(config.source_rates)),
        "crf": int(rng.integers(config.crf[0], config.crf[1] + 1)),
        "lens_blur": config.lens_blur,
    }


def _set(scene: Scene, number: int, thing: SceneObject) -> Scene:
    objects = list(scene.objects)
    objects[number] = thing
    return scene.with_objects(tuple(objects))


def _without(scene: Scene, gone: set[int], course: Course) -> tuple[Scene, Course]:
    """The scene less some objects (never the subject), with the course's indices put right."""
    keep = [k for k in range(len(scene.objects)) if k not in gone]
    new = {old: k for k, old in enumerate(keep)}
    moves = tuple(
        replace(move, target=new[move.target]) if move.target is not None else move for move in course.path.moves
    )
    subject = None if course.subject is None else new.get(course.subject)
    return scene.with_objects(tuple(scene.objects[k] for k in keep)), Course(
        path=replace(course.path, moves=moves), subject=subject
    )


def _add_motion(rng: np.random.Generator, config: WorldConfig, scene: Scene, course: Course) -> Scene:
    """Set objects in motion: the target of a tracking camera always, others by chance."""
    for move in course.path.moves:
        if move.target is not None:
            sign = float(rng.choice([-1.0, 1.0]))
            speed = float(rng.uniform(1.0, 2.4)) / course.path.seconds
            motion = Motion(kind="slide", velocity=(sign * speed, 0.0))
            scene = _set(scene, move.target, replace(scene.objects[move.target], motion=motion))
    if rng.random() >= config.moving_share:
        return scene
    pivots = {move.pivot for move in course.path.moves}
    free = [
        k
        for k, thing in enumerate(scene.objects)
        if thing.motion.kind == "still" and (thing.x, thing.y) not in pivots and thing.y > 1
    ]
    near = sorted(free, key=lambda k: float(np.hypot(scene.objects[k].x, scene.objects[k].y)) * rng.uniform(0.5, 1.5))
    for k in near[: int(rng.integers(1, 4))]:
        thing = scene.objects[k]
        kinds: list[MotionKind] = (
            ["slide", "bounce", "turn", "orbit"] if thing.shape != "box" else ["slide", "turn", "orbit"]
        )
        scene = _set(
            scene,
            int(k),
            replace(thing, motion=draw_motion(rng, kinds[int(rng.integers(len(kinds)))], thing.x, thing.y)),
        )
    return scene


def _place_revealed(rng: np.random.Generator, scene: Scene, course: Course) -> Scene:
    """Put an object where the last view looks and the first does not."""
    last = course.path.view_at(course.path.seconds, Stage(scene).place)
    half = np.degrees(np.arctan(0.5 / last.focal))
    turned = last.heading - course.path.first.heading
    shift = np.hypot(last.x - course.path.first.x, last.y - course.path.first.y)
    if abs(turned) < 8 and shift < 0.4:
        return scene
    bearing = np.radians(last.heading + np.sign(turned) * rng.uniform(-0.2, 0.5) * half)
    reach = rng.uniform(2.8, 5.0)
    x, y = float(last.x + reach * np.sin(bearing)), float(last.y + reach * np.cos(bearing))
    if any(np.hypot(x - o.x, y - o.y) < 1.5 for o in scene.objects):
        return scene
    if scene.walls is not None and not (
        scene.walls.x[0] + 1 < x < scene.walls.x[1] - 1 and scene.walls.y[0] + 1 < y < scene.walls.y[1] - 1
    ):
        return scene
    thing = draw_object(rng, x, y, {o.colour for o in scene.objects}, weak=scene.weak)
    return scene.with_objects((*scene.objects, thing))


def _clear(scene: Scene, course: Course) -> tuple[Scene, Course] | None:
    """Scene and course without collisions, or None when the course itself is impossible."""
    inside, hit = clearance(scene, course)
    if not inside or course.subject in hit:
        return None
    return _without(scene, hit | crossings(scene, course), course)


def draw_shot(seed: int, config: WorldConfig | None = None, *, take: int = 0) -> Shot:
    """A shot from a seed; the same seed, take and config give the same shot everywhere. Takes of a seed differ.

    Raises:
        ConfigError: the config allows no course that keeps clear of things.
    """
    config = config or WorldConfig.training()
    for attempt in range(_TRIES):
        shot = _attempt(seed, config, take, attempt)
        if shot is not None and _acceptable(shot, config):
            return shot
    raise ConfigError(f"seed={seed}: no clear camera course in {_TRIES} tries; widen `objects` or narrow `ranges`")


def _attempt(seed: int, config: WorldConfig, take: int, attempt: int) -> Shot | None:
    """One try. The intent (moves, length, file) outlives twelve tries and a place three, so that what is hard to fit,
    such as a wide arc, is still drawn as often as the config says."""
    intent = np.random.default_rng([seed, take, attempt // 12, 3])
    rng = np.random.default_rng([seed, take, attempt, 2])
    seconds = round(float(intent.uniform(*config.seconds)), 2)
    delivery = _delivery(intent, config)
    moves = draw_moves(intent, config, seconds)
    near = True if config.near_travel and any(move.move.startswith(_METRIC) for move in moves) else None
    scene = draw_scene(np.random.default_rng([seed, take, attempt // 3, 1]), config, near=near)
    course = draw_course(rng, config, scene, moves, seconds)
    if course is None:
        return None
    if moves[0].move == "static" and course.subject is not None and rng.random() < config.turntable_share:
        scene, course = turntable(rng, scene, course)
    scene = _add_motion(rng, config, scene, course)
    if not scene.flat and rng.random() < config.reveal_share:
        scene = _place_revealed(rng, scene, course)
    cleared = _clear(scene, course)
    if cleared is None:
        return None
    scene, course = cleared
    scene = replace(scene, seed=seed)
    return Shot(seed=seed, scene=scene, path=course.path, subject=course.subject, seconds=seconds, **delivery)


def _acceptable(shot: Shot, config: WorldConfig) -> bool:
    """Moving objects within bounds, no view filled by one near object, and what an arc goes round in sight."""
    for seconds in (0.0, shot.seconds / 2, shot.last_time):
        if shot.moving_share(seconds) > config.moving_pixels[1]:
            return False
        if shot.median_depth(seconds) < 1.2 and not shot.turns_in_place:
            return False
    if shot.subject is not None and any(move.move.startswith(("arc", "tracking")) for move in shot.path.moves):
        return bool((shot.probe(0.0)[0] == FIRST_OBJECT + shot.subject).mean() > _SUBJECT_SHARE)
    return True
