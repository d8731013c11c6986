"""Requests that ask for integral spatio-temporal consistency: camera and plot at once, with the truth beside them.

    OUT/requests.jsonl           as `droplet generate --batch` and `droplet evaluate` take it
    OUT/images/NAME.png          first frames
    OUT/references/NAME.mp4      what the scene really gives

Kinds of request, named in `kind` of each line:

    move      one camera move; travel only where there is depth, static only with a thing that slides (else a frozen
              picture would be right)
    sequence  two moves, one after the other
    return    out and back: what leaves the view must come back
    orbit     round a thing by 90, 180 and 360 degrees
    pair      three lines of one scene and first frame: as it is (`changed` null), with another camera move
              (`changed` "camera"), and with nothing that moves (`changed` "plot")

`events` of a line hold only what can be seen in its frames: still things that the camera brings in at a border, and
things that move by themselves by a twentieth of the picture or more, but not slides before a camera that travels
across the view, which look like another depth. A slide across the view also says its `way`, left
or right as a camera at rest sees it, and so does the prompt.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import asdict, dataclass, replace
from functools import partial
from pathlib import Path
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray

from dropletvideo.engine import map_in_order
from dropletvideo.errors import ConfigError
from dropletvideo.files import write_json_lines
from dropletvideo.media import write_image, write_video
from dropletvideo.world.camera_path import PathMove
from dropletvideo.world.captions import caption_of
from dropletvideo.world.choreography import OPPOSITES, Course, clearance
from dropletvideo.world.config import EVALUATION_SEED_START, WorldConfig
from dropletvideo.world.plots import Motion
from dropletvideo.world.render import render_shot
from dropletvideo.world.shot import Shot, draw_shot
from dropletvideo.world.visibility import visibility_of

Kind = Literal["move", "sequence", "return", "orbit", "pair"]
KINDS: tuple[Kind, ...] = ("move", "sequence", "return", "orbit", "pair")
ASKED_MOVES = (
    "pan_left",
    "pan_right",
    "tilt_up",
    "tilt_down",
    "roll_cw",
    "roll_ccw",
    "zoom_in",
    "zoom_out",
    "truck_left",
    "truck_right",
    "pedestal_up",
    "pedestal_down",
    "dolly_in",
    "dolly_out",
    "arc_left",
    "arc_right",
    "tracking",
    "static",
)
ORBITS = (90.0, 180.0, 360.0)
ORBIT_SPEED = 45.0
"""Degrees per second."""
PLAYBACK_RATE = 8.0
MIN_AREA = 0.012
"""Share of the picture that a thing must fill for its events to be asked."""
MIN_OWN = 0.05
"""Own motion in short sides that is asked as an event."""
_MOST_DRAWS = 600
_TRAVEL = ("truck", "pedestal", "dolly", "arc", "tracking")
"""Moves that nobody can tell from turns before a flat wall: they are asked before scenes with depth alone."""


@dataclass(frozen=True, kw_only=True)
class ConsistencySuite:
    """What is asked: `count` requests per kind (per move for `move`, per angle for `orbit`; a pair counts once)."""

    count: int = 8
    kinds: tuple[Kind, ...] = KINDS
    moves: tuple[str, ...] = ASKED_MOVES
    seed: int = EVALUATION_SEED_START
    motion: float = 8.0
    num_frames: int = 29
    height: int = 192
    width: int = 256
    crf: int = 18
    training: bool = False

    @property
    def seconds(self) -> float:
        """Seconds of the scene that a video spans."""
        return self.num_frames / self.motion

    @property
    def num_requests(self) -> int:
        """Lines that the suite will have."""
        per_kind = {"move": len(self.moves), "orbit": len(ORBITS), "pair": 3}
        return self.count * sum(per_kind.get(kind, 1) for kind in self.kinds)

    def world(self) -> WorldConfig:
        """What scenes are drawn: moves at a speed that a viewer can follow, lit and textured, half of them with plot.

        `training` takes speeds and lens of the training world instead, for models that know nothing else.
        """
        base = WorldConfig.training() if self.training else WorldConfig.validation()
        shape = {"aspects": (self.width / self.height,), "short_side": (min(self.height, self.width),) * 2}
        shared = {
            "compositions": {"single": 1.0},
            "jitter_share": 0.0,
            "turntable_share": 0.0,
            "seconds": (self.seconds,) * 2,
        }
        if self.training:
            return base.model_copy(update=shape | shared | {"moving_share": 0.5, "reveal_share": 0.8})
        ranges = {
            "pan": (12.0, 45.0),
            "tilt": (12.0, 35.0),
            "roll": (8.0, 30.0),
            "arc": (15.0, 80.0),
            "truck": (0.5, 2.0),
            "pedestal": (0.35, 1.2),
            "dolly": (0.5, 2.0),
            "zoom": (0.7, 1.5),
        }
        plot = {
            "weak_texture_share": 0.1,
            "flat_share": 0.08,
            "moving_share": 0.6,
            "reveal_share": 0.8,
            "ranges": ranges,
        }
        return base.model_copy(update=shape | shared | plot | {"moving_pixels": (0.0, 0.3)})


@dataclass(frozen=True, kw_only=True)
class Request:
    """One request before it is rendered: a shot, its kind and what identifies it."""

    name: str
    kind: Kind
    shot: Shot
    group: str
    changed: str | None = None


def draw_requests(config: ConsistencySuite) -> list[Request]:
    """All requests, drawn from seeds from `config.seed` up; the same config gives the same requests.

    Raises:
        ConfigError: the world gives no shot of a wanted kind in many draws.
    """
    found: list[Request] = []
    for number, kind in enumerate(config.kinds):
        seeds = iter(range(config.seed + 100_000 * number, config.seed + 100_000 * (number + 1)))
        found += _DRAWS[kind](config, seeds)
    return found


def _draw_moves(config: ConsistencySuite, seeds: Iterator[int]) -> list[Request]:
    requests = []
    for move in config.moves:
        axis = move.split("_")[0]
        world = _only(config.world(), (axis,), "single")
        if move == "static":
            world = world.model_copy(update={"moving_share": 1.0})
        for number in range(config.count):
            shot = _first(config, seeds, world, partial(_is_move, config, move))
            requests.append(Request(name=f"{move}-{number}", kind="move", shot=shot, group=f"{move}-{number}"))
    return requests


def _is_move(config: ConsistencySuite, move: str, shot: Shot) -> bool:
    if [path.move for path in shot.path.moves] != [move]:
        return False
    if move == "static":
        return any("way" in event for event in events_of(shot, config))
    return not (shot.scene.flat and move.partition("_")[0] in _TRAVEL)


def _draw_sequences(config: ConsistencySuite, seeds: Iterator[int]) -> list[Request]:
    world = _only(config.world(), ("pan", "tilt", "truck", "zoom", "dolly"), "sequence")
    shots = [_first(config, seeds, world, lambda shot: len(shot.path.moves) == 2) for _ in range(config.count)]
    return [_request("sequence", number, shot) for number, shot in enumerate(shots)]


def _draw_returns(config: ConsistencySuite, seeds: Iterator[int]) -> list[Request]:
    world = _only(config.world(), ("pan", "tilt", "zoom"), "out_and_back")
    ranges = dict(world.ranges) | {"pan": (25.0, 45.0), "tilt": (18.0, 32.0), "zoom": (1.3, 1.4)}
    world = world.model_copy(update={"ranges": ranges})
    shots = [_first(config, seeds, world, lambda shot: True) for _ in range(config.count)]  # noqa: ARG005
    return [_request("return", number, shot) for number, shot in enumerate(shots)]


def _draw_orbits(config: ConsistencySuite, seeds: Iterator[int]) -> list[Request]:
    requests = []
    for angle in ORBITS:
        wide = replace(config, num_frames=1 + round(angle / ORBIT_SPEED * config.motion))
        world = _only(wide.world(), ("arc",), "single")
        world = world.model_copy(update={"ranges": {**world.ranges, "arc": (angle, angle + 0.01)}, "amounts": "total"})
        for number in range(config.count):
            shot = _first(wide, seeds, world, lambda shot: True)  # noqa: ARG005
            requests.append(_request("orbit", number, shot, f"orbit{angle:.0f}"))
    return requests


def _draw_pairs(config: ConsistencySuite, seeds: Iterator[int]) -> list[Request]:
    world = _only(config.world(), ("pan", "tilt", "truck"), "single").model_copy(update={"moving_share": 1.0})
    requests: list[Request] = []
    for number in range(config.count):
        shot = _first(config, seeds, world, lambda shot: _can_be_changed(config, shot))
        base = _request("pair", number, shot)
        requests += [
            base,
            replace(base, name=f"{base.name}-camera", shot=_turned_round(shot), changed="camera"),
            replace(base, name=f"{base.name}-plot", shot=_without_plot(shot), changed="plot"),
        ]
    return requests


_DRAWS: dict[Kind, Callable[[ConsistencySuite, Iterator[int]], list[Request]]] = {
    "move": _draw_moves,
    "sequence": _draw_sequences,
    "return": _draw_returns,
    "orbit": _draw_orbits,
    "pair": _draw_pairs,
}


def _can_be_changed(config: ConsistencySuite, shot: Shot) -> bool:
    """Whether a thing plainly moves by itself under either camera, and the other camera runs into nothing."""
    other = _turned_round(shot)
    inside, hit = clearance(other.scene, Course(path=other.path, subject=other.subject))
    return inside and not hit and all(_moves_itself(events_of(each, config)) for each in (shot, other))


def _moves_itself(events: Sequence[dict[str, Any]]) -> bool:
    return any(event["event"] != "appears" for event in events)


def _turned_round(shot: Shot) -> Shot:
    """The same first view and plot under a camera that goes the other way."""
    moves = tuple(replace(move, move=_other_way(move)) for move in shot.path.moves)
    return replace(shot, path=replace(shot.path, moves=moves))


def _other_way(move: PathMove) -> str:
    axis, _, way = move.move.partition("_")
    return f"{axis}_{OPPOSITES[way]}"


def _without_plot(shot: Shot) -> Shot:
    """The same first view and camera in a scene in which nothing moves."""
    still = tuple(replace(thing, motion=Motion()) for thing in shot.scene.objects)
    return replace(shot, scene=shot.scene.with_objects(still))


def _request(kind: Kind, number: int, shot: Shot, name: str = "") -> Request:
    return Request(name=f"{name or kind}-{number}", kind=kind, shot=shot, group=f"{name or kind}-{number}")


def _only(world: WorldConfig, axes: Sequence[str], composition: str) -> WorldConfig:
    weights = {axis: world.move_weights.get(axis, 0.5) if axis in axes else 0.0 for axis in world.move_weights}
    for axis in axes:
        weights[axis] = 1.0
    return world.model_copy(update={"move_weights": weights, "compositions": {composition: 1.0}})


def _first(config: ConsistencySuite, seeds: Iterator[int], world: WorldConfig, wanted: Callable[[Shot], bool]) -> Shot:
    for _ in range(_MOST_DRAWS):
        try:
            shot = draw_shot(next(seeds), world)
        except ConfigError:
            continue  # no clear course for this seed
        shot = replace(shot, height=config.height, width=config.width)
        if wanted(shot):
            return shot
    raise ConfigError(f"no shot of the kind wanted in {_MOST_DRAWS} draws of world {world.name!r}: widen its ranges")


def events_of(shot: Shot, config: ConsistencySuite) -> list[dict[str, Any]]:
    """What can be seen to happen in the shot's first `config.seconds`, in seconds of the shot."""
    times = np.arange(config.num_frames) / config.motion
    cameras = shot.cameras_at(config.height, config.width, times)
    seen = visibility_of(shot, cameras)
    size = np.array([config.width, config.height])
    cut = np.clip(np.nan_to_num(seen.boxes), 0, [*size, *size])
    area = (cut[..., 2] - cut[..., 0]) * (cut[..., 3] - cut[..., 1]) / (size[0] * size[1])
    large = (area * (seen.share > 0)).max(axis=0) >= MIN_AREA
    names = [thing.name for thing in shot.scene.objects]
    events = []
    for event in shot.events:
        k = names.index(event.object)
        row = {key: value for key, value in asdict(event).items() if value is not None}
        if not large[k] or event.start > times[-1] - 0.25:
            continue
        if event.event == "appears":
            if event.border != "inside" and shot.scene.objects[k].motion.kind == "still":
                events.append(row | {"end": round(min(event.end, float(times[-1])), 3)})
            continue
        steady = (seen.share[:, k] > 0.3) & (area[:, k] >= MIN_AREA / 2)
        own = _own_motion(shot, k, config, times)
        if event.event == "slides" and _goes_along(shot):
            continue
        if steady.mean() >= 0.6 and np.abs(own).max() >= MIN_OWN:
            way = (
                {"way": "right" if own[0] > 0 else "left"} if event.event == "slides" and abs(own[0]) >= MIN_OWN else {}
            )
            events.append(row | way | {"end": round(min(event.end, float(times[-1])), 3)})
    return events


def _goes_along(shot: Shot) -> bool:
    """Whether the camera travels across the view: what slides across it then cannot be told from what is nearer or
    farther (a followed subject looks like something at infinity)."""
    return any(move.move.partition("_")[0] in ("truck", "arc", "tracking") for move in shot.path.moves)


def _own_motion(shot: Shot, number: int, config: ConsistencySuite, times: NDArray[np.float64]) -> NDArray[np.float64]:
    """(across, up, round) in short sides: motion of a thing in the span as the first camera sees it; the last is how
    far its front turns."""
    thing = shot.scene.objects[number]
    camera = shot.cameras_at(config.height, config.width, times[:1])
    poses = [thing.pose(float(t)) for t in times]
    points = np.array([[pose.x, pose.y, pose.z + thing.size[2] / 2] for pose in poses])
    pixels, depth = camera.project(points, 0)
    if (depth < 0.3).any():
        return np.zeros(3)
    side = min(config.height, config.width)
    across = (pixels[-1, 0] - pixels[0, 0]) / side
    path = np.abs(np.diff(pixels, axis=0)).sum(axis=0) / side
    turned = np.abs(np.diff([pose.heading for pose in poses])).sum()
    front = min(turned, 1.0) * thing.radius * camera.K[0, 0, 0] / depth[0] / side
    return np.array([across, max(path), front])


def write_consistency_suite(
    out: str | Path, config: ConsistencySuite, *, workers: int = 1, advance: Callable[[str], None] | None = None
) -> Path:
    """Write images, references and `requests.jsonl`; gives the path of the latter, which is written last.

    Raises:
        ConfigError: the seed is one that training may see, or a kind of request cannot be drawn.
    """
    if config.seed < EVALUATION_SEED_START:
        raise ConfigError(f"seed={config.seed} may have been trained on: a suite takes {EVALUATION_SEED_START} or more")
    folder = Path(out)
    for name in ("images", "references"):
        (folder / name).mkdir(parents=True, exist_ok=True)
    jobs = [_Job(folder, request, config) for request in draw_requests(config)]
    rows = map_in_order(_write, jobs, workers=workers, label=lambda job: job.request.name, advance=advance)
    path = folder / "requests.jsonl"
    write_json_lines(path, rows)
    return path


@dataclass(frozen=True)
class _Job:
    out: Path
    request: Request
    config: ConsistencySuite


def _write(job: _Job) -> dict[str, Any]:
    request, config = job.request, spanning(job.config, job.request)
    image, reference = f"images/{request.name}.png", f"references/{request.name}.mp4"
    times = np.arange(config.num_frames) / config.motion
    frames = render_shot(request.shot, config.height, config.width, times=times).frames
    write_image(job.out / image, frames[0])
    write_video(job.out / reference, frames, playback_fps=PLAYBACK_RATE, crf=config.crf)
    return request_row(request, config) | {"image": image, "reference_video": reference}


def spanning(config: ConsistencySuite, request: Request) -> ConsistencySuite:
    """The config with as many frames as the request's shot lasts (orbits are longer than the rest)."""
    if request.kind != "orbit":
        return config
    return replace(config, num_frames=1 + round(request.shot.seconds * config.motion))


def request_row(request: Request, config: ConsistencySuite) -> dict[str, Any]:
    """The line of a request, without its files; seconds are those of a file at the playback rate."""
    shot, scale = request.shot, config.motion / PLAYBACK_RATE
    last = (config.num_frames - 1) / config.motion
    camera = []
    for move, _ in shot.moves_within(0.0, config.num_frames / config.motion):
        asked = {"move": move.move, "start": round(move.start * scale, 3), "end": round(min(move.end, last) * scale, 3)}
        camera.append(asked | ({} if move.amount is None else {"amount": move.amount}))
    events = [
        event | {"start": round(event["start"] * scale, 3), "end": round(event["end"] * scale, 3)}
        for event in events_of(shot, config)
    ]
    return {
        "id": request.name,
        "prompt": _prompt(shot, events),
        "motion": config.motion,
        "camera": camera,
        "events": events,
        "group": request.group,
        "seed": shot.seed,
        "kind": request.kind,
        "changed": request.changed,
        "flat": shot.scene.flat,
    }


def _prompt(shot: Shot, events: Sequence[dict[str, Any]]) -> str:
    told = caption_of(shot)["short"]
    for event in events:
        if "way" in event:
            told += f" The {event['object']} moves to the {event['way']}."
    return told
