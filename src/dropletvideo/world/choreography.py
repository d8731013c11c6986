"""Draws a camera's course through a scene: which moves, how far, from where."""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np

from dropletvideo.world.camera_path import CameraPath, PathMove, View
from dropletvideo.world.config import WorldConfig
from dropletvideo.world.plots import Motion
from dropletvideo.world.scenery import Scene

_WAYS: dict[str, tuple[str, str]] = {
    "pan": ("left", "right"),
    "tilt": ("up", "down"),
    "roll": ("cw", "ccw"),
    "truck": ("left", "right"),
    "pedestal": ("up", "down"),
    "dolly": ("in", "out"),
    "zoom": ("in", "out"),
    "arc": ("left", "right"),
}
_PAIRS: tuple[tuple[str, str], ...] = (
    ("pan", "tilt"),
    ("pan", "zoom"),
    ("tilt", "zoom"),
    ("truck", "pan"),
    ("truck", "pedestal"),
    ("truck", "zoom"),
    ("dolly", "pan"),
    ("dolly", "zoom"),
    ("pedestal", "tilt"),
    ("arc", "pedestal"),
    ("arc", "zoom"),
)
_MOST_ZOOM_BACK = 1.42  # so that a ratio and its inverse both lie in 0.7 to 1.5
_LEAST_ZOOM = 0.05  # a ratio nearer to 1 is no zoom that anyone could see
OPPOSITES = {
    "left": "right", "right": "left", "up": "down", "down": "up", "cw": "ccw", "ccw": "cw", "in": "out", "out": "in",
}  # fmt: skip


@dataclass(frozen=True, kw_only=True)
class Course:
    """A camera path and the object it is about (an index, or None)."""

    path: CameraPath
    subject: int | None


def subject_of(scene: Scene) -> int | None:
    """The object nearest to the middle of the opening view: small bearing first, then near."""
    ahead = [
        (abs(np.degrees(np.arctan2(thing.x, thing.y))) / 20 + np.hypot(thing.x, thing.y) / 6, k)
        for k, thing in enumerate(scene.objects)
        if thing.y > 1.5
    ]
    return min(ahead)[1] if ahead else None


def _axis(rng: np.random.Generator, config: WorldConfig, allowed: set[str]) -> str:
    names = [name for name in config.move_weights if name in allowed and config.move_weights[name] > 0]
    weights = np.array([config.move_weights[name] for name in names])
    return str(rng.choice(names, p=weights / weights.sum()))


def _draw_move(rng: np.random.Generator, config: WorldConfig, axis: str, start: float, end: float) -> PathMove:
    """One move of an axis over a span, with the amount that the config's range gives."""
    if axis in ("static", "tracking"):
        return PathMove(move=axis, start=start, end=end)
    low, high = config.ranges[axis]
    per_second = config.amounts == "per_second"
    way = str(rng.choice(_WAYS[axis]))
    if axis == "zoom":
        ratio = 1.0
        while abs(ratio - 1) < _LEAST_ZOOM:
            ratio = float(np.exp(rng.uniform(np.log(low), np.log(high))))
        if per_second:
            ratio = ratio ** (end - start) if way == "in" else ratio ** (start - end)
        way = "in" if ratio >= 1 else "out"
        return PathMove(move=f"zoom_{way}", start=start, end=end, amount=ratio)
    wide = axis == "arc" and not per_second
    amount = float(np.exp(rng.uniform(np.log(low), np.log(high))) if wide else rng.uniform(low, high))
    return PathMove(move=f"{axis}_{way}", start=start, end=end, amount=amount * (end - start) if per_second else amount)


def _opposite(move: PathMove, start: float, end: float) -> PathMove:
    axis, _, way = move.move.partition("_")
    amount = 1.0 / move.amount if axis == "zoom" else move.amount  # back to where it began
    return replace(move, move=f"{axis}_{OPPOSITES[way]}", start=start, end=end, amount=amount)


def draw_moves(rng: np.random.Generator, config: WorldConfig, seconds: float) -> list[PathMove]:
    """Moves in time order, without pivot and target."""
    allowed = set(config.move_weights)
    kinds = list(config.compositions)
    weights = np.array([config.compositions[kind] for kind in kinds])
    kind = str(rng.choice(kinds, p=weights / weights.sum()))
    if kind == "single":
        return [_draw_move(rng, config, _axis(rng, config, allowed), 0.0, seconds)]
    moving = allowed - {"static", "tracking"}
    if kind == "pair":
        pairs = [pair for pair in _PAIRS if set(pair) <= moving]
        first, second = pairs[int(rng.integers(len(pairs)))]
        return _pair(_draw_move(rng, config, first, 0.0, seconds), _draw_move(rng, config, second, 0.0, seconds))
    middle = round(seconds * float(rng.uniform(0.35, 0.65)), 2)
    if kind == "out_and_back":
        out = _draw_move(rng, config, _axis(rng, config, moving - {"arc"}), 0.0, middle)
        if out.move == "zoom_in":
            out = replace(out, amount=min(out.amount, _MOST_ZOOM_BACK))
        return [out, _opposite(out, middle, seconds)]
    one = _axis(rng, config, moving)
    two = _axis(rng, config, moving - {one} - ({"pan", "truck"} if one == "arc" else set()))
    return [_draw_move(rng, config, one, 0.0, middle), _draw_move(rng, config, two, middle, seconds)]


def _pair(first: PathMove, second: PathMove) -> list[PathMove]:
    """Two moves at once; a dolly with a zoom always goes against it, and an arc is kept below half a turn."""
    if first.move.startswith("dolly") and second.move.startswith("zoom"):
        ratio = min(max(second.amount, 1 / second.amount), _MOST_ZOOM_BACK)
        way = "out" if first.move == "dolly_in" else "in"
        second = replace(second, move=f"zoom_{way}", amount=1 / ratio if way == "out" else ratio)
    if first.move.startswith("arc"):
        first = replace(first, amount=min(first.amount, 180.0))
    return [first, second]


def _net(moves: list[PathMove], plus: str, minus: str) -> float:
    """Extent of a motion about its start: the middle between its least and greatest value."""
    values = [0.0]
    for move in moves:
        sign = (move.move == plus) - (move.move == minus)
        values.append(values[-1] + sign * move.amount)
    return (min(values) + max(values)) / 2


def first_view(rng: np.random.Generator, config: WorldConfig, moves: list[PathMove], *, flat: bool) -> View:
    """A start from which the whole course stays centred on what is in front."""
    base_pitch = float(rng.uniform(-2, 2)) if flat else float(rng.uniform(-11, -5))
    tilt = _net(moves, "tilt_up", "tilt_down")
    height = float(rng.uniform(*config.camera_height)) - _net(moves, "pedestal_up", "pedestal_down")
    zoom = [1.0]
    for move in moves:
        zoom.append(zoom[-1] * (move.amount if move.move.startswith("zoom") else 1.0))
    focal = float(rng.uniform(*config.focal)) / float(np.sqrt(min(zoom) * max(zoom)))
    return View(
        x=-_net(moves, "truck_right", "truck_left") + float(rng.uniform(-0.3, 0.3)),
        y=-_net(moves, "dolly_in", "dolly_out"),
        z=max(0.5, height),
        heading=-_net(moves, "pan_right", "pan_left") + float(rng.uniform(-4, 4)),
        pitch=base_pitch - tilt,
        roll=-_net(moves, "roll_cw", "roll_ccw"),
        focal=focal,
    )


def draw_course(
    rng: np.random.Generator, config: WorldConfig, scene: Scene, moves: list[PathMove], seconds: float
) -> Course | None:
    """A camera course for a scene with the given moves; None where a move needs an object and there is none.

    May pass through things: the caller checks `clearance`.
    """
    subject = subject_of(scene)
    if subject is None and any(move.move.startswith(("arc", "tracking")) for move in moves):
        return None
    view = first_view(rng, config, moves, flat=scene.flat)
    if subject is not None and any(move.move.startswith(("arc", "tracking")) for move in moves):
        thing = scene.objects[subject]
        heading = float(np.degrees(np.arctan2(thing.x - view.x, thing.y - view.y)))
        view = replace(view, heading=heading - _net(moves, "pan_right", "pan_left"))
        moves = [
            replace(move, pivot=(thing.x, thing.y)) if move.move.startswith("arc") else replace(move, target=subject)
            if move.move == "tracking" else move
            for move in moves
        ]  # fmt: skip
    if config.ease_share and rng.random() < config.ease_share:
        ease = float(rng.uniform(0.05, 0.2))
        moves = [replace(move, ease=ease) for move in moves]
    if rng.random() < config.jitter_share:
        moves.append(PathMove(move="shake", start=0.0, end=seconds, amount=float(rng.uniform(*config.jitter_degrees))))
    path = CameraPath(first=view, moves=tuple(moves), seconds=seconds, shake_seed=int(rng.integers(1 << 30)))
    return Course(path=path, subject=subject)


def turntable(rng: np.random.Generator, scene: Scene, course: Course) -> tuple[Scene, Course]:
    """The subject turning in place, close to a still camera that looks at it."""
    assert course.subject is not None, "a turntable needs a subject"
    thing = scene.objects[course.subject]
    view = course.path.first
    reach = thing.radius + max(thing.size[2], 2 * thing.radius) * view.focal / float(rng.uniform(0.5, 0.68))
    bearing = np.arctan2(thing.x, thing.y)
    x, y = thing.x - reach * np.sin(bearing), thing.y - reach * np.cos(bearing)
    height = max(0.6, thing.size[2] * float(rng.uniform(0.8, 1.3)))
    pitch = np.degrees(np.arctan2(thing.size[2] / 2 - height, reach))
    first = replace(view, x=float(x), y=float(y), z=height, heading=float(np.degrees(bearing)), pitch=float(pitch))
    objects = list(scene.objects)
    turn = float(rng.choice([-1.0, 1.0]) * rng.uniform(30, 80))
    objects[course.subject] = replace(thing, motion=Motion(kind="turn", turn=turn))
    return scene.with_objects(tuple(objects)), replace(course, path=replace(course.path, first=first))


def clearance(scene: Scene, course: Course, *, margin: float = 0.5, samples: int = 25) -> tuple[bool, set[int]]:
    """Whether the camera stays inside the backdrop and above the ground, and which objects it would come too near."""
    times = np.linspace(0, course.path.seconds, samples)

    def place(number: int, seconds: float) -> tuple[float, float, float]:
        pose = scene.objects[number].pose(seconds)
        return pose.x, pose.y, pose.z

    spots = course.path.cameras(times, 64, 64, place).cam_to_world[:, :3, 3]
    inside = bool((spots[:, 2] > 0.35).all() and (spots[:, 2] < 4.0).all())
    if scene.walls is not None:
        walls = scene.walls
        inside &= bool((spots[:, 0] > walls.x[0] + 0.9).all() and (spots[:, 0] < walls.x[1] - 0.9).all())
        inside &= bool((spots[:, 1] > walls.y[0] + 0.9).all() and (spots[:, 1] < walls.y[1] - 0.9).all())
        inside &= bool((spots[:, 2] < walls.height - 0.5).all())
    for ring in scene.rings:
        off = np.hypot(spots[:, 0] - ring.centre[0], spots[:, 1] - ring.centre[1])
        inside &= bool((off < 0.75 * ring.radius).all())
    hit = set()
    for number, thing in enumerate(scene.objects):
        for seconds, spot in zip(times, spots, strict=True):
            pose = thing.pose(float(seconds))
            if np.hypot(spot[0] - pose.x, spot[1] - pose.y) < thing.radius + margin:
                hit.add(number)
                break
    return inside, hit


def crossings(scene: Scene, course: Course, *, samples: int = 13) -> set[int]:
    """Objects in the way of a moving one, and moving ones that would leave the place; never the subject."""
    times = np.linspace(0, course.path.seconds, samples)
    spots = np.array([[(pose.x, pose.y) for pose in map(thing.pose, times)] for thing in scene.objects])
    drop: set[int] = set()
    for number, thing in enumerate(scene.objects):
        if thing.motion.kind in ("still", "turn", "bounce"):
            continue
        if not _inside(scene, spots[number], thing.radius):
            drop.add(number)
            continue
        for other, second in enumerate(scene.objects):
            near = thing.radius + second.radius + 0.05
            if other != number and (np.hypot(*(spots[number] - spots[other]).T) < near).any():
                drop.add(number if other == course.subject else other)
    return {number for number in drop if number != course.subject}


def _inside(scene: Scene, spots: np.ndarray[tuple[int, ...], np.dtype[np.float64]], radius: float) -> bool:
    if scene.walls is not None:
        (x0, x1), (y0, y1) = scene.walls.x, scene.walls.y
        low, high = np.array([x0, y0]) + radius, np.array([x1, y1]) - radius
        return bool((spots > low).all() and (spots < high).all())
    ring = scene.rings[0]
    return bool((np.hypot(*(spots - ring.centre).T) < ring.radius - radius - 0.3).all())
