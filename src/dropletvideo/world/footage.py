"""Rendered files with truth beside them: single-shot clips, and raw footage of several shots joined by edits."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np

from dropletvideo.engine import map_in_order
from dropletvideo.errors import ConfigError
from dropletvideo.media import write_video
from dropletvideo.world.config import WorldConfig
from dropletvideo.world.editing import Cut, FootageConfig, draw_cut
from dropletvideo.world.effects import Frame
from dropletvideo.world.render import render_shot
from dropletvideo.world.shot import Shot, draw_shot
from dropletvideo.world.truth import Take, write_truth

_CHUNK = 16
Advance = Callable[[str], object]


@dataclass(frozen=True, kw_only=True)
class _Job:
    """One file to write; small and picklable, so that workers draw and render by themselves."""

    out: Path
    seed: int
    world: WorldConfig
    footage: FootageConfig | None
    size: tuple[int, int] | None


def write_clips(
    out: str | Path,
    seed: int,
    count: int,
    config: WorldConfig | None = None,
    *,
    size: tuple[int, int] | None = None,
    workers: int = 1,
    advance: Advance | None = None,
) -> list[Path]:
    """Write single-shot clips `clip-SEED.mp4` for `count` seeds from `seed` on, each with its truth files.

    Args:
        out: folder; made if missing.
        config: distribution; `WorldConfig.validation()` if None.
        size: height and width for all; as drawn from the config if None.
        workers: processes; the same bytes come out of any number.
        advance: called with the name of each file as it is finished.

    Returns:
        Paths in the order of the seeds.
    """
    world = config or WorldConfig.validation()
    return _write(
        out,
        [_Job(out=Path(out), seed=seed + k, world=world, footage=None, size=size) for k in range(_many(count))],
        workers,
        advance,
    )


def write_footage(
    out: str | Path,
    seed: int,
    count: int,
    config: FootageConfig | None = None,
    *,
    size: tuple[int, int] | None = None,
    workers: int = 1,
    advance: Advance | None = None,
) -> list[Path]:
    """Write raw footage `raw-SEED.mp4`: files of several shots joined by cuts, fades, dissolves and wipes.

    Arguments as in `write_clips`; `config` defaults to `FootageConfig.validation()`.
    """
    footage = config or FootageConfig.validation()
    return _write(
        out,
        [
            _Job(out=Path(out), seed=seed + k, world=footage.world, footage=footage, size=size)
            for k in range(_many(count))
        ],
        workers,
        advance,
    )


def _many(count: int) -> int:
    if count < 1:
        raise ConfigError(f"count={count}: need at least 1 file")
    return count


def _write(out: str | Path, jobs: list[_Job], workers: int, advance: Advance | None) -> list[Path]:
    Path(out).mkdir(parents=True, exist_ok=True)
    return map_in_order(_run, jobs, workers=workers, label=lambda job: f"seed {job.seed}", advance=advance)


def _run(job: _Job) -> Path:
    return _write_clip(job) if job.footage is None else _write_raw(job, job.footage)


def _sized(shot: Shot, size: tuple[int, int] | None) -> Shot:
    return shot if size is None else replace(shot, height=size[0], width=size[1])


def _write_clip(job: _Job) -> Path:
    shot = _sized(draw_shot(job.seed, job.world), job.size)
    path = job.out / f"clip-{job.seed:07d}.mp4"
    take = Take(shot=shot, start_frame=0, end_frame=shot.num_frames)
    write_truth(path, [take], seed=job.seed)  # before the video, so that no video stands without its truth
    write_video(path, shot_frames(shot), playback_fps=shot.source_fps, crf=shot.crf, metadata=_tag(job, [shot]))
    return path


def shot_frames(shot: Shot) -> Iterator[Frame]:
    """All frames of a shot at its own size, a few at a time."""
    for start in range(0, shot.num_frames, _CHUNK):
        chosen = range(start, min(start + _CHUNK, shot.num_frames))
        yield from render_shot(shot, shot.height, shot.width, frame_indices=chosen).frames


def _write_raw(job: _Job, footage: FootageConfig) -> Path:
    cut = draw_cut(job.seed, footage, size=job.size)
    path = job.out / f"raw-{job.seed:07d}.mp4"
    shots = [take.shot for take in cut.takes]
    write_truth(path, cut.takes, cut.boundaries, cut.titles, seed=job.seed)
    write_video(path, cut_frames(cut), playback_fps=cut.source_fps, crf=cut.crf, metadata=_tag(job, shots))
    return path


def cut_frames(cut: Cut) -> Iterator[Frame]:
    """All frames of raw footage in order, one at a time."""
    render = partial(_still_of, cut)
    for number in range(cut.num_frames):
        yield cut.frame(number, render)


def _still_of(cut: Cut, take: int, seconds: float, scale: float) -> Frame:
    height, width = round(cut.height * scale), round(cut.width * scale)
    frames: Frame = render_shot(cut.takes[take].shot, height, width, times=np.array([seconds])).frames[0]
    return frames


def _tag(job: _Job, shots: Iterable[Shot]) -> dict[str, Any]:
    return {"made_by": "droplet world", "seed": job.seed, "preset": job.world.name, "shots": len(list(shots))}
