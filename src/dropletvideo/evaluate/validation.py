"""The metrics themselves, held against rendered truth: faults of growing size, and no fault under every camera move.

Clips are rendered from evaluation seeds, faults are put in, and everything is scored like any manifest. A claim of
`expected.py` holds when the mean over clips follows the level with a rank correlation of 0.95 or better, or when it
keeps to the noise floor of the score: the largest of twice what a harmless second coding changes, a tenth of what the
score's own faults change at their largest, and a fiftieth of the score itself.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np

from dropletvideo import runtime
from dropletvideo.engine import map_rows
from dropletvideo.evaluate.expected import EXPECTED, INVARIANT
from dropletvideo.evaluate.faults import FRAME_FAULTS, Clip, Frames
from dropletvideo.evaluate.motion_response import spearman
from dropletvideo.evaluate.score import EvaluateConfig, evaluate_manifest
from dropletvideo.files import write_json, write_text
from dropletvideo.media import write_image, write_video
from dropletvideo.world.consistency_suite import ASKED_MOVES, ConsistencySuite, Request, draw_requests, request_row
from dropletvideo.world.inconsistency import drifted, swapped, warped
from dropletvideo.world.plots import Motion
from dropletvideo.world.render import render_shot
from dropletvideo.world.shot import Shot
from dropletvideo.world.visibility import visibility_of

CLEAN_CRF, HARMLESS_CRF, WORST_CRF = 12, 18, 42
NONE, AGAIN = "none", "again"
LEAST_SPEARMAN = 0.95
LEAST_FLOOR = 0.02
TRAVEL = ("truck", "pedestal", "dolly", "arc")
SCENE_FAULTS = {"warp": (warped, 8.0), "depth_drift": (drifted, 8.0), "identity_swap": (swapped, 1.0)}
"""Faults that are rendered, and their largest size."""
MOST_RATE = 3.0
MOST_RETURNS = 8
"""Clips out and back that are drawn for each that is used: something must leave the view and come back."""


@dataclass(frozen=True, kw_only=True)
class ValidationConfig:
    """What is rendered: `count` clips for each camera move, faults on those of `fault_moves`, at `levels` sizes.

    Seeds from 1,100,000 up are for reports; what is tuned is tuned on others.
    """

    count: int = 1
    moves: tuple[str, ...] = ASKED_MOVES
    fault_moves: tuple[str, ...] = ("pan_left", "truck_right", "dolly_in", "zoom_in")
    faults: tuple[str, ...] = tuple(EXPECTED)
    levels: int = 4
    returns: int = 3
    seed: int = 1_100_000
    height: int = 160
    width: int = 208
    num_frames: int = 25
    metrics: tuple[str, ...] | None = None

    def suite(self, kind: str) -> ConsistencySuite:
        """The requests of one kind."""
        count = self.returns * MOST_RETURNS if kind == "return" else self.count
        return ConsistencySuite(
            count=count,
            kinds=(kind,),  # type: ignore[arg-type]
            moves=self.moves,
            seed=self.seed + (50_000 if kind == "return" else 0),
            height=self.height,
            width=self.width,
            num_frames=self.num_frames,
        )


@dataclass(frozen=True)
class _Job:
    """One request with all its faulty videos."""

    out: Path
    request: Request
    config: ConsistencySuite
    faults: tuple[str, ...]
    levels: int


def validate(out: Path | str, config: ValidationConfig, evaluate: EvaluateConfig | None = None) -> dict[str, Any]:
    """Render, score and judge; writes `manifest.jsonl`, `evaluation/` and `validation.json` into `out`.

    Raises:
        ConfigError: the world gives no clip of a wanted kind.
    """
    out = Path(out)
    evaluate = evaluate or EvaluateConfig(metrics=config.metrics)
    evaluate = evaluate.model_copy(update={"baselines": ()})
    manifest = _write_videos(out, config, evaluate)
    evaluation = evaluate_manifest(manifest, out / "evaluation", evaluate)
    rows = [
        {**result.row.extra, "group": result.row.cluster, "scores": line["scores"]}
        for result in evaluation.results
        if result.error is None
        for line in (_scores(result, evaluation.metrics),)
    ]
    found = judge_scores(rows) | {
        "columns": {column["name"]: column for column in evaluation.summary["columns"]},
        "videos": len(rows),
        "failed": evaluation.num_failed,
        "seed": config.seed,
        "levels": config.levels,
        "protocol": evaluation.summary["protocol"],
    }
    write_json(out / "validation.json", found, indent=1, default=str)
    return found


def judge_scores(rows: Sequence[Mapping[str, Any]]) -> dict[str, Any]:
    """Claims and zero-fault values from scored videos.

    Args:
        rows: `fault`, `level` (0 to 1), `move`, `group` (the clip) and `scores` of each video; those without a fault
            have the fault `none`, their harmless second coding `again`.
    """
    told = {name for row in rows for name, value in row["scores"].items() if value is not None}
    curves = {
        (fault, column): _curve(rows, fault, column)
        for fault, expected in EXPECTED.items()
        if any(row["fault"] == fault for row in rows)
        for column in (*expected.rises, *expected.falls, *expected.stays)
        if column in told
    }
    floors = {column: _floor(rows, column, curves) for _, column in curves}
    claims = [_claim(fault, column, curve, floors[column]) for (fault, column), curve in curves.items() if curve]
    return {"claims": claims, "zero": [_zero(rows, column, curves) for column in INVARIANT if column in told]}


def _scores(result: Any, metrics: Sequence[Any]) -> dict[str, Any]:
    from dropletvideo.evaluate.rows import scores_of

    return {"scores": scores_of(result, metrics).values}


def _curve(rows: Sequence[Mapping[str, Any]], fault: str, column: str) -> dict[float, float]:
    """Level to the mean over the clips that have the score at every level; level 0 is the clip without a fault."""
    by_clip: dict[str, dict[float, float]] = {}
    levels = {0.0} | {row["level"] for row in rows if row["fault"] == fault}
    for row in rows:
        value = row["scores"].get(column)
        if value is not None and row["fault"] in (fault, NONE):
            by_clip.setdefault(row["group"], {})[0.0 if row["fault"] == NONE else row["level"]] = value
    whole = [curve for curve in by_clip.values() if set(curve) == levels]
    return {level: float(np.mean([curve[level] for curve in whole])) for level in sorted(levels)} if whole else {}


def _floor(
    rows: Sequence[Mapping[str, Any]], column: str, curves: Mapping[tuple[str, str], Mapping[float, float]]
) -> float:
    again = _curve(rows, AGAIN, column)
    harmless = 2.0 * abs(again[max(again)] - again[0.0]) if len(again) > 1 else 0.0
    reactions = [
        abs(curve[max(curve)] - curve[0.0])
        for (fault, name), curve in curves.items()
        if name == column and curve and column not in EXPECTED[fault].stays
    ]
    return max(harmless, 0.1 * max(reactions, default=0.0), LEAST_FLOOR * abs(again.get(0.0, 0.0)))


def _claim(fault: str, column: str, curve: Mapping[float, float], floor: float) -> dict[str, Any]:
    expected = EXPECTED[fault]
    wanted = "stays" if column in expected.stays else "rises" if column in expected.rises else "falls"
    change = max((value - curve[0.0] for value in curve.values()), key=abs)
    rank = spearman(curve)
    held = (
        abs(change) <= floor + 1e-9
        if wanted == "stays"
        else rank is not None and rank * (1 if wanted == "rises" else -1) >= LEAST_SPEARMAN
    )
    return {
        "fault": fault,
        "column": column,
        "wanted": wanted,
        "curve": [{"level": level, "mean": value} for level, value in curve.items()],
        "spearman": rank,
        "change": change,
        "floor": floor,
        "holds": bool(held),
    }


def _zero(
    rows: Sequence[Mapping[str, Any]], column: str, curves: Mapping[tuple[str, str], Mapping[float, float]]
) -> dict[str, Any]:
    """A score without any fault, by camera move, against what its weakest own fault changes at its largest."""
    by_move: dict[str, list[float]] = {}
    for row in rows:
        if row["fault"] == NONE and row["kind"] == "move" and row["scores"].get(column) is not None:
            by_move.setdefault(row["move"], []).append(row["scores"][column])
    means = {move: float(np.mean(values)) for move, values in by_move.items()}
    middle = float(np.median(list(means.values()))) if means else 0.0
    reactions = [
        abs(curve[max(curve)] - curve[0.0])
        for (fault, name), curve in curves.items()
        if name == column and curve and column not in EXPECTED[fault].stays
    ]
    limit = 0.5 * min(reactions) if reactions else None
    away = {move: value for move, value in means.items() if limit is not None and abs(value - middle) > limit}
    return {"column": column, "by_move": means, "median": middle, "limit": limit, "outside": sorted(away)}


def _write_videos(out: Path, config: ValidationConfig, evaluate: EvaluateConfig) -> Path:
    """All videos and `manifest.jsonl`, whose path is returned."""
    (out / "videos").mkdir(parents=True, exist_ok=True)
    jobs = list(_jobs(out, config))
    rows: dict[str, list[dict[str, Any]]] = {}
    with runtime.progress("rendering faults", total=len(jobs)) as bar:
        for job, made in map_rows(_write_one, jobs, **evaluate.pool(), label=lambda job: job.request.name):
            if isinstance(made, Exception):
                raise made
            rows[job.request.name] = made
            bar.advance()
    lines = [json.dumps(row, ensure_ascii=False) for job in jobs for row in rows[job.request.name]]
    path = out / "manifest.jsonl"
    write_text(path, "\n".join(lines) + "\n")
    return path


def _jobs(out: Path, config: ValidationConfig) -> Iterator[_Job]:
    for kind in ("move", "return"):
        suite = config.suite(kind)
        if suite.count == 0:
            continue
        requests = draw_requests(suite)
        if kind == "return":
            requests = [each for each in requests if _swappable(each.shot, suite)][: config.returns]
        for request in map(_without_plot, requests):
            yield _Job(out, request, suite, _faults_of(request, config), config.levels)


def _faults_of(request: Request, config: ValidationConfig) -> tuple[str, ...]:
    """Which faults are put into a clip: depth drift where the camera travels, swaps where it comes back."""
    if request.kind == "return":
        return tuple(fault for fault in config.faults if fault == "identity_swap")
    move = request.shot.path.moves[0].move
    if move not in config.fault_moves:
        return ()
    travels = move.split("_")[0] in TRAVEL
    return tuple(fault for fault in config.faults if fault != "identity_swap" and (fault != "depth_drift" or travels))


def _write_one(job: _Job) -> list[dict[str, Any]]:
    """The videos of one request and their manifest lines."""
    shot, suite = job.request.shot, job.config
    clip = Clip(frames=_rendered(shot, suite, 1.0), seed=shot.seed)
    name = job.request.name
    write_image(job.out / f"videos/{name}.png", clip.frames[0])
    base = {**request_row(job.request, suite), "move": shot.path.moves[0].move, "image": f"videos/{name}.png"}
    base["reference_video"] = f"videos/{name}-{NONE}-0.mp4"
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
    """The same camera in a scene in which nothing moves: what a score says here, it says of the camera."""
    still = tuple(replace(thing, motion=Motion()) for thing in request.shot.scene.objects)
    return replace(request, shot=replace(request.shot, scene=request.shot.scene.with_objects(still)))


def _swappable(shot: Shot, suite: ConsistencySuite) -> list[int]:
    """Things that can be seen at first and at last, and not when the camera turns round."""
    times = np.arange(suite.num_frames) / suite.motion
    seen = visibility_of(shot, shot.cameras_at(suite.height, suite.width, times))
    size = np.array([suite.width, suite.height] * 2)
    cut = np.clip(np.nan_to_num(seen.boxes), 0, size)
    area = (cut[..., 2] - cut[..., 0]) * (cut[..., 3] - cut[..., 1]) / (suite.width * suite.height)
    there = (seen.share > 0.3) & (area > 0.01)
    away = (seen.share[suite.num_frames // 2] < 0.05) | (area[suite.num_frames // 2] < 0.001)
    return [int(k) for k in np.flatnonzero(there[0] & there[-1] & away)]


def _video(
    job: _Job, base: Mapping[str, Any], fault: str, level: float, frames: Frames, crf: int, rate: float = 1.0
) -> dict[str, Any]:
    """Write one video, unless it is there; its manifest line."""
    name = f"{job.request.name}-{fault}-{round(level * 100)}"
    path = job.out / f"videos/{name}.mp4"
    if not path.is_file():
        write_video(path, frames, playback_fps=8.0 * rate, crf=crf)
    line = {**base, "id": name, "video": f"videos/{name}.mp4", "fault": fault, "level": level}
    if rate != 1.0:  # the reference has other frames
        line |= {"motion": float(base["motion"]) * rate, "reference_video": None}
    return line
