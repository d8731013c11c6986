"""Requests with known answers: first frames, prompts, asked moves and, for each M, what the scene really gives.

    OUT/requests.jsonl           one line per image and M, as `droplet generate --batch` takes it
    OUT/images/NAME.png          first frames of scenes never trained on
    OUT/references/NAME-M.mp4    the true continuation at that M

Every row names one camera move, so that what was asked can be compared with what is measured.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from itertools import chain
from pathlib import Path
from typing import Any

import numpy as np

from dropletvideo.engine import map_in_order
from dropletvideo.errors import ConfigError
from dropletvideo.files import write_json_lines
from dropletvideo.media import write_image, write_video
from dropletvideo.world.captions import caption_of
from dropletvideo.world.config import EVALUATION_SEED_START, WorldConfig
from dropletvideo.world.render import render_shot
from dropletvideo.world.shot import Shot, draw_shot

SINGLE_MOVES = (
    "pan_left",
    "zoom_in",
    "truck_right",
    "static",
    "tilt_up",
    "pan_right",
    "zoom_out",
    "truck_left",
    "tilt_down",
)
"""Moves asked in turn, in an order in which a short suite holds every kind."""

PLAYBACK_RATE = 8.0
_MOST_DRAWS_PER_IMAGE = 400


@dataclass(frozen=True, kw_only=True)
class SuiteConfig:
    """What a suite asks: `images` scenes from seed `seed` up, each at every M of `motions`."""

    images: int = 16
    seed: int = EVALUATION_SEED_START
    motions: tuple[float, ...] = (4.0, 8.0, 16.0, 32.0)
    num_frames: int = 17
    height: int = 64
    width: int = 64
    moves: tuple[str, ...] = SINGLE_MOVES
    world: str = "training"


@dataclass(frozen=True)
class _Job:
    out: Path
    seed: int
    config: SuiteConfig


def write_suite(
    out: str | Path, config: SuiteConfig, *, workers: int = 1, advance: Callable[[str], None] | None = None
) -> Path:
    """Write images, references and `requests.jsonl`; gives the path of the latter, which is written last.

    Raises:
        ConfigError: the seed is one that training may see, or the world never draws an asked move.
    """
    if config.seed < EVALUATION_SEED_START:
        raise ConfigError(f"seed={config.seed} may have been trained on: a suite takes {EVALUATION_SEED_START} or more")
    folder = Path(out)
    for name in ("images", "references"):
        (folder / name).mkdir(parents=True, exist_ok=True)
    jobs = [_Job(folder, seed, config) for seed in suite_seeds(config)]
    found = map_in_order(_run, jobs, workers=workers, label=lambda job: f"seed {job.seed}", advance=advance)
    path = folder / "requests.jsonl"
    write_json_lines(path, chain.from_iterable(found))
    return path


def suite_seeds(config: SuiteConfig) -> list[int]:
    """Seeds of shots with a single move each, the asked moves in turn."""
    world = WorldConfig.preset(config.world)
    found: list[int] = []
    waiting: dict[str, list[int]] = {move: [] for move in config.moves}
    draws = _draws(config.seed, world)
    for number in range(config.images):
        wanted = config.moves[number % len(config.moves)]
        for _ in range(_MOST_DRAWS_PER_IMAGE):
            if waiting[wanted]:
                break
            seed, move = next(draws)
            if move in waiting:
                waiting[move].append(seed)
        else:
            raise ConfigError(
                f"world preset {config.world!r} gave no shot with {wanted} alone: leave it out of `moves`"
            )
        found.append(waiting[wanted].pop(0))
    return found


def _draws(seed: int, world: WorldConfig) -> Iterator[tuple[int, str]]:
    """Seeds from `seed` up with the only move of each shot ("" for a shot with more than one)."""
    while True:
        shot = draw_shot(seed, world)
        yield seed, shot.moves[0].move if len(shot.moves) == 1 else ""
        seed += 1


def _run(job: _Job) -> list[dict[str, Any]]:
    config = job.config
    shot = draw_shot(job.seed, WorldConfig.preset(config.world))
    name = f"{job.seed}-{shot.moves[0].move}"
    image = f"images/{name}.png"
    write_image(job.out / image, render_shot(shot, config.height, config.width, frame_indices=[0]).frames[0])
    rows = []
    for motion in config.motions:
        reference = f"references/{name}-M{motion:g}.mp4"
        indices = indices_at(shot, motion, config.num_frames)
        frames = render_shot(shot, config.height, config.width, frame_indices=indices).frames
        write_video(job.out / reference, frames, playback_fps=PLAYBACK_RATE, crf=10)
        rows.append(
            {
                "id": f"{name}-M{motion:g}",
                "prompt": caption_of(shot)["short"],
                "image": image,
                "motion": motion,
                "camera": [_asked(shot, indices, config.num_frames)],
                "reference_video": reference,
                "group": name,
                "seed": job.seed,
            }
        )
    return rows


def indices_at(shot: Shot, motion: float, num_frames: int) -> list[int]:
    """Frame numbers of the shot's first `num_frames / motion` seconds.

    Raises:
        ConfigError: the shot is too short, or its rate too low, for this M.
    """
    if motion > shot.source_fps or num_frames / motion > shot.seconds + 1e-6:
        raise ConfigError(
            f"M={motion:g} takes {num_frames / motion:.2f} s at up to {shot.source_fps:g} Hz; the shot of seed "
            f"{shot.seed} has {shot.seconds:.2f} s at {shot.source_fps:g} Hz"
        )
    return [int(k) for k in np.floor(np.arange(num_frames) * shot.source_fps / motion)]


def _asked(shot: Shot, indices: Sequence[int], num_frames: int) -> dict[str, Any]:
    """The shot's move as asked of a file at the playback rate; `amount` is the part of it that this M spans."""
    move = shot.moves[0]
    asked: dict[str, Any] = {"move": move.move, "start": 0.0, "end": num_frames / PLAYBACK_RATE}
    if move.amount is not None and move.end > move.start:
        share = (indices[-1] - indices[0]) / shot.source_fps / (move.end - move.start)
        is_ratio = move.move.startswith("zoom")
        asked["amount"] = round(move.amount**share if is_ratio else move.amount * share, 4)
    return asked
