"""Clips of known truth with faults of growing size, as videos and a manifest: what the metrics are validated on.

Kinds of clip:

    move      one camera move in a scene in which nothing moves (but for `tracking`, which needs a thing that does):
              what a score says here, it says of the camera; faults are put into those of `fault_moves`
    return    out and back in a scene in which nothing moves, with a thing that leaves the view and comes back: where
              identities are swapped, beside all other faults
    event     two moves, with a thing that moves by itself and one that the camera brings in: what `plot`, `causality`
              and the order of moves are about

A clip is rendered in one go by one worker and noted in `clips/NAME.json` when all its videos are there; a run that was
stopped goes on with those that are not.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterator, Mapping
from dataclasses import asdict, dataclass, replace
from itertools import chain
from pathlib import Path
from typing import Any

import numpy as np

from dropletvideo import runtime
from dropletvideo.engine import map_in_order
from dropletvideo.errors import ConfigError
from dropletvideo.evaluate.expected import EXPECTED
from dropletvideo.evaluate.faults import FRAME_FAULTS, Clip, Frames
from dropletvideo.evaluate.metrics.plot import OWN_MOTION
from dropletvideo.evaluate.score import EvaluateConfig
from dropletvideo.files import write_json, write_json_lines
from dropletvideo.media import write_image, write_video
from dropletvideo.world.consistency_suite import (
    ASKED_MOVES,
    ConsistencySuite,
    Kind,
    Request,
    draw_requests,
    events_of,
    request_row,
)
from dropletvideo.world.inconsistency import drifted, swapped, warped
from dropletvideo.world.plots import Motion
from dropletvideo.world.render import render_shot
from dropletvideo.world.shot import Shot
from dropletvideo.world.visibility import visibility_of

VERSION = 4
"""Raised when the same settings would give other videos."""
REFERENCE_CRF, CLEAN_CRF, HARMLESS_CRF, WORST_CRF = 0, 12, 18, 42
NONE, AGAIN = "none", "again"
TRAVEL = ("truck", "pedestal", "dolly", "arc")
SCENE_FAULTS = {"warp": (warped, 8.0), "depth_drift": (drifted, 8.0), "identity_swap": (swapped, 1.0)}
"""Faults that are rendered, and their largest size."""
MOST_RATE = 3.0
MOST_DRAWS = {"return": 16, "event": 40}
"""Clips that are drawn for each that is used."""
SEQUENCE_SEEDS = {"move": 0, "return": 50_000, "event": 70_000}
"""Where the seeds of a kind begin, above the first seed."""


@dataclass(frozen=True, kw_only=True)
class ValidationConfig:
    """What is rendered: `count` clips for each camera move, faults on those of `fault_moves`, at `levels` sizes.

    Seeds from 1,100,000 up are for reports; what is tuned is tuned on others.
    """

    count: int = 3
    moves: tuple[str, ...] = ASKED_MOVES
    fault_moves: tuple[str, ...] = ("pan_left", "truck_right", "dolly_in", "zoom_in")
    faults: tuple[str, ...] = tuple(EXPECTED)
    levels: int = 4
    returns: int = 5
    events: int = 5
    seed: int = 1_100_000
    height: int = 160
    width: int = 208
    num_frames: int = 25
    metrics: tuple[str, ...] | None = None

    def suite(self, kind: str, count: int) -> ConsistencySuite:
        """The requests of one kind."""
        drawn: Kind = "sequence" if kind == "event" else "return" if kind == "return" else "move"
        return ConsistencySuite(
            count=count * MOST_DRAWS.get(kind, 1),
            kinds=(drawn,),
            moves=self.moves,
            seed=self.seed + SEQUENCE_SEEDS[kind],
            height=self.height,
            width=self.width,
            num_frames=self.num_frames,
        )


@dataclass(frozen=True)
class _Job:
    """One request with all its faulty videos; `key` changes with everything that changes them."""

    out: Path
    request: Request
    config: ConsistencySuite
    kind: str
    faults: tuple[str, ...]
    levels: int
    key: str


def write_faulty_videos(out: Path, config: ValidationConfig, evaluate: EvaluateConfig) -> Path:
    """All videos and `manifest.jsonl`, whose path is returned; clips that are there are not rendered again.

    Raises:
        ConfigError: the world gives no clip of a wanted kind.
    """
    for name in ("videos", "clips"):
        (out / name).mkdir(parents=True, exist_ok=True)
    jobs = list(_jobs(out, config))
    how = evaluate.pool()
    with runtime.progress("rendering faults", total=len(jobs)) as bar:
        made = map_in_order(
            _write_one, jobs, **how, label=lambda job: job.request.name, advance=lambda _: bar.advance()
        )
    path = out / "manifest.jsonl"
    write_json_lines(path, chain.from_iterable(made))
    return path


def _jobs(out: Path, config: ValidationConfig) -> Iterator[_Job]:
    for kind, count in (("move", config.count), ("return", config.returns), ("event", config.events)):
        suite = config.suite(kind, count)
        if suite.count == 0:
            continue
        requests = draw_requests(suite)
        if kind != "move":
            fits = _swappable if kind == "return" else _eventful
            requests = [each for each in requests if fits(each.shot, suite)][:count]
            if len(requests) < count:
                raise ConfigError(
                    f"{len(requests)} of {count} clips of kind {kind!r} in {suite.count} draws from seed {suite.seed}: "
                    "ask for fewer, or take another seed"
                )
        for request in requests:
            moving = kind == "event" or request.shot.path.moves[0].move == "tracking"
            drawn = request if moving else _without_plot(request)
            faults = _faults_of(drawn, kind, config)
            settings = [
                VERSION,
                asdict(replace(suite, count=1)),
                request.name,
                drawn.shot.seed,
                faults,
                config.levels,
                kind,
            ]
            key = hashlib.blake2b(json.dumps(settings).encode(), digest_size=12).hexdigest()
            yield _Job(out, replace(drawn, name=f"{kind}-{request.name}"), suite, kind, faults, config.levels, key)


def _faults_of(request: Request, kind: str, config: ValidationConfig) -> tuple[str, ...]:
    """Which faults are put into a clip: depth drift where the camera travels, swaps where it comes back."""
    moves = [move.move for move in request.shot.path.moves]
    if kind == "move" and moves[0] not in config.fault_moves:
        return ()
    travels = any(move.split("_")[0] in TRAVEL for move in moves)
    fits = {"identity_swap": kind == "return", "depth_drift": travels}
    return tuple(fault for fault in config.faults if fits.get(fault, True))


def _write_one(job: _Job) -> list[dict[str, Any]]:
    """The videos of one request and their manifest lines; those of an earlier run where they are all there."""
    name = job.request.name
    note = job.out / f"clips/{name}.json"
    known = json.loads(note.read_text(encoding="utf-8")) if note.is_file() else {"key": None, "rows": []}
    if known["key"] == job.key and all((job.out / row["video"]).is_file() for row in known["rows"]):
        return list(known["rows"])
    rows = _render(job)
    write_json(note, {"key": job.key, "rows": rows})
    return rows


def _render(job: _Job) -> list[dict[str, Any]]:
    shot, suite, name = job.request.shot, job.config, job.request.name
    clip = Clip(frames=_rendered(shot, suite, 1.0), seed=shot.seed)
    write_image(job.out / f"videos/{name}.png", clip.frames[0])
    base = {**request_row(job.request, suite), "kind": job.kind, "group": name, "image": f"videos/{name}.png"}
    base |= {"move": shot.path.moves[0].move, "reference_video": f"videos/{name}-reference.mp4"}
    write_video(job.out / base["reference_video"], clip.frames, playback_fps=8.0, crf=REFERENCE_CRF)
    rows = [_video(job, base, NONE, 0.0, clip.frames, CLEAN_CRF)]
    if job.faults:
        rows.append(_video(job, base, AGAIN, 1.0, clip.frames, HARMLESS_CRF))
    for fault in job.faults:
        for step in range(1, job.levels + 1):
            level = step / job.levels
            frames, rate, crf = _faulty(job, clip, fault, level)
            rows.append(_video(job, base, fault, level, frames, crf, rate))
    return rows


def _faulty(job: _Job, clip: Clip, fault: str, level: float) -> tuple[Frames, float, int]:
    """Frames, playback rate over the clean one's, and crf."""
    if fault == "compression":
        return clip.frames, 1.0, round(CLEAN_CRF + level * (WORST_CRF - CLEAN_CRF))
    if fault == "frame_rate":
        rate = 1.0 + level * (MOST_RATE - 1.0)
        return _rendered(job.request.shot, job.config, rate), rate, CLEAN_CRF
    if fault in SCENE_FAULTS:
        put, largest = SCENE_FAULTS[fault]
        suite = job.config
        times = np.arange(suite.num_frames) / suite.motion
        return put(job.request.shot, times, suite.height, suite.width, level * largest), 1.0, CLEAN_CRF
    return FRAME_FAULTS[fault](clip, level), 1.0, CLEAN_CRF


def _rendered(shot: Shot, suite: ConsistencySuite, rate: float) -> Frames:
    count = 1 + round((suite.num_frames - 1) * rate)
    times = np.arange(count) / (suite.motion * rate)
    return render_shot(shot, suite.height, suite.width, times=times).frames


def _without_plot(request: Request) -> Request:
    """The same camera in a scene in which nothing moves."""
    still = tuple(replace(thing, motion=Motion()) for thing in request.shot.scene.objects)
    return replace(request, shot=replace(request.shot, scene=request.shot.scene.with_objects(still)))


def _swappable(shot: Shot, suite: ConsistencySuite) -> bool:
    """Whether a thing can be seen at first and at last, and not when the camera turns round."""
    times = np.arange(suite.num_frames) / suite.motion
    seen = visibility_of(shot, shot.cameras_at(suite.height, suite.width, times))
    size = np.array([suite.width, suite.height] * 2)
    cut = np.clip(np.nan_to_num(seen.boxes), 0, size)
    area = (cut[..., 2] - cut[..., 0]) * (cut[..., 3] - cut[..., 1]) / (suite.width * suite.height)
    there = (seen.share > 0.3) & (area > 0.01)
    away = (seen.share[suite.num_frames // 2] < 0.05) | (area[suite.num_frames // 2] < 0.001)
    return bool(np.any(there[0] & there[-1] & away))


def _eventful(shot: Shot, suite: ConsistencySuite) -> bool:
    """Whether a thing moves by itself and the camera brings one in, both to be seen."""
    events = {event["event"] for event in events_of(shot, suite)}
    return "appears" in events and bool(events & set(OWN_MOTION))


def _video(
    job: _Job, base: Mapping[str, Any], fault: str, level: float, frames: Frames, crf: int, rate: float = 1.0
) -> dict[str, Any]:
    """Write one video; its manifest line."""
    name = f"{job.request.name}-{fault}-{round(level * 100)}"
    write_video(job.out / f"videos/{name}.mp4", frames, playback_fps=8.0 * rate, crf=crf)
    line = {**base, "id": name, "video": f"videos/{name}.mp4", "fault": fault, "level": level}
    if rate != 1.0:  # the reference has other frames
        line |= {"motion": float(base["motion"]) * rate, "reference_video": None}
    return line
