"""Truth files: what is known about a rendered video, as `NAME.truth.json` and `NAME.truth.npz` beside it."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray

from dropletvideo.files import write_text
from dropletvideo.moves import CameraClass
from dropletvideo.records import BoundaryKind
from dropletvideo.world.captions import caption_of
from dropletvideo.world.shot import Shot
from dropletvideo.world.visibility import Event, visibility_of


@dataclass(frozen=True, kw_only=True)
class TrueBoundary:
    """An edit boundary, with the meaning of `records.Boundary`."""

    frame: int
    end_frame: int
    kind: BoundaryKind


@dataclass(frozen=True, kw_only=True)
class Title:
    """Letters over frames `start` to `end` (exclusive) of the file."""

    text: str
    place: Literal["bottom", "top", "middle"]
    start: int
    end: int


@dataclass(frozen=True, kw_only=True)
class Take:
    """A shot's place in a file: frames `start_frame` to `end_frame` (exclusive), blended frames of its start included.

    `effects` lists {effect, start, end} in seconds from the shot's start; with one inside, the class is C6.
    `frame_times` are the shot's own times (seconds) of its frames in the file, when they are not one after the other.
    """

    shot: Shot
    start_frame: int
    end_frame: int
    effects: tuple[dict[str, Any], ...] = ()
    frame_times: tuple[float, ...] | None = field(default=None, repr=False)

    @property
    def camera_class(self) -> CameraClass:
        """C6 when an effect is inside, else the shot's class."""
        return "C6" if self.effects else self.shot.class_within(0.0, self.last_second)

    def times(self) -> NDArray[np.float64]:
        """The shot's own time of every frame of this take."""
        if self.frame_times is not None:
            return np.array(self.frame_times)
        return np.arange(self.end_frame - self.start_frame) / self.shot.source_fps

    def time_of(self, offset: int) -> float:
        """The shot's own time of a frame counted from the take's first; the shot goes on after its end."""
        if self.frame_times is None:
            return offset / self.shot.source_fps
        return self.frame_times[min(offset, len(self.frame_times) - 1)]

    @property
    def last_second(self) -> float:
        """The shot's own time at which the take ends."""
        count = self.end_frame - self.start_frame
        return self.time_of(count) if self.frame_times is None else 2 * self.time_of(count) - self.time_of(count - 2)

    def in_file(self, seconds: float) -> float:
        """Seconds of the shot's own clock as seconds of the file from the take's start, inside the take."""
        length = (self.end_frame - self.start_frame) / self.shot.source_fps
        if self.frame_times is not None:
            clock = np.arange(len(self.frame_times)) / self.shot.source_fps
            seconds = float(np.interp(seconds, self.frame_times, clock))
        return round(min(seconds, length), 4)


def shot_truth(take: Take) -> dict[str, Any]:
    """The JSON-able truth of one take."""
    shot = take.shot
    moves = []
    for move, metres in shot.moves_within(0.0, take.last_second):
        row = move.as_dict() | {"start": take.in_file(move.start), "end": take.in_file(move.end)}
        if metres is not None:
            row["metres"] = metres
        moves.append(row)
    return {
        "start_frame": take.start_frame,
        "end_frame": take.end_frame,
        "camera_class": take.camera_class,
        "moves": moves,
        "caption": caption_of(shot, (0.0, take.last_second)),
        "events": [_event(take, event) for event in shot.events if event.start < take.last_second],
        "effects": list(take.effects),
        "objects": [thing.name for thing in shot.scene.objects],
        "seed": shot.seed,
        "flat": shot.scene.flat,
        "weak_texture": shot.scene.weak,
    }


def _event(take: Take, event: Event) -> dict[str, Any]:
    row = {key: value for key, value in asdict(event).items() if value is not None}
    return row | {"start": take.in_file(event.start), "end": take.in_file(event.end)}


def write_truth(
    video: Path,
    takes: Sequence[Take],
    boundaries: Sequence[TrueBoundary] = (),
    titles: Sequence[Title] = (),
    *,
    seed: int,
) -> None:
    """Write both truth files beside `video`; each appears whole or not at all.

    The .npz holds `K` F,3,3 and `cam_to_world` F,4,4 per frame of the file (during a blend: of the take that the frame
    is counted to), `shot` F (number of the take), `boxes_S` F_S,O,4 and `visibility_S` F_S,O per take S.
    """
    height, width = takes[0].shot.delivery_shape
    truth = {
        "fps": takes[0].shot.source_fps,
        "frames": takes[-1].end_frame,
        "height": height,
        "width": width,
        "seed": seed,
        "boundaries": [asdict(boundary) for boundary in boundaries],
        "titles": [asdict(title) for title in titles],
        "shots": [shot_truth(take) for take in takes],
    }
    arrays: dict[str, Any] = {}
    matrices, poses, numbers = [], [], []
    for number, take in enumerate(takes):
        cameras = take.shot.cameras_at(height, width, take.times())
        seen = visibility_of(take.shot, cameras)
        matrices.append(cameras.K)
        poses.append(cameras.cam_to_world)
        numbers.append(np.full(len(cameras.times), number))
        arrays[f"boxes_{number}"], arrays[f"visibility_{number}"] = seen.boxes, seen.share
    arrays |= {"K": np.concatenate(matrices), "cam_to_world": np.concatenate(poses), "shot": np.concatenate(numbers)}
    write_text(truth_path(video, "json"), json.dumps(truth, indent=1))
    part = truth_path(video, "npz").with_suffix(".part.npz")
    np.savez_compressed(part, **arrays)
    part.replace(truth_path(video, "npz"))


def truth_path(video: Path, kind: str) -> Path:
    """`NAME.truth.json` or `NAME.truth.npz` of a video `NAME.mp4`."""
    return video.with_name(f"{video.stem}.truth.{kind}")


def read_truth(video: Path) -> dict[str, Any]:
    """The JSON truth of a rendered video."""
    loaded: dict[str, Any] = json.loads(truth_path(video, "json").read_text())
    return loaded
