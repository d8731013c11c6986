"""Measure what a model's M does: the same scenes and noise at levels of M, motion measured by the flow judge.

    OUT/requests.jsonl   what is asked; scenes of the renderer (never trained on) or the user's own
    OUT/videos/          the answers; a run that was stopped goes on
    OUT/calibration.json, OUT/calibration.html

The curve is stored in the model folder's `droplet.json`, bound to the weights by their digest.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from dropletvideo import runtime
from dropletvideo.errors import MediaError, RequestError, WeightsError
from dropletvideo.files import write_json_lines, write_text
from dropletvideo.generate.asked import read_requests
from dropletvideo.generate.batch import generate_batch
from dropletvideo.generate.opened import Setup
from dropletvideo.generate.provenance import model_digest, model_folder
from dropletvideo.media import write_image
from dropletvideo.model.folder import DEFAULTS_FILE, load_defaults
from dropletvideo.model.motion_curve import LEAST_SCENES, MEASURED_WITH, MotionCalibration, fit_calibration
from dropletvideo.perception.consistent_flow import ConsistentFlow
from dropletvideo.tables.plan import measure_video
from dropletvideo.world.captions import caption_of
from dropletvideo.world.config import WorldConfig
from dropletvideo.world.render import render_shot
from dropletvideo.world.shot import draw_shot
from dropletvideo.world.suite import SuiteConfig, suite_seeds

MOVES = ("pan_left", "zoom_in", "truck_right", "tilt_up", "pan_right", "zoom_out", "truck_left", "tilt_down")
UNIT = "frame diagonals per second"
CHECK_SPEEDS = (0.0, 0.25, 0.5, 0.75, 1.0)
_LEVELS = 6
_SEED = 1_000_000


@dataclass(frozen=True, kw_only=True)
class CalibrationPlan:
    """How a model is calibrated.

    Attributes:
        scenes: rendered scenes; unused with `requests`.
        requests: the user's own scenes, a JSONL file of requests; their own M is passed over.
        motions: levels of M; empty takes six over the trained range, even in log M.
        settings: what differs from the model's defaults, such as `num_inference_steps`.
        batch_size: most videos in one call.
    """

    scenes: int = 8
    requests: Path | None = None
    motions: tuple[float, ...] = ()
    settings: tuple[tuple[str, Any], ...] = ()
    batch_size: int = 16


def calibrate(setup: Setup, out: Path, plan: CalibrationPlan) -> MotionCalibration:
    """Make, measure and fit; the model folder is not touched, see `store`.

    Raises:
        RequestError: too few scenes, levels outside the trained range, or a range that is not known.
        WeightsError: the model is missing or damaged.
    """
    defaults = load_defaults(model_folder(setup.model))
    motions = levels_of(plan.motions, defaults.motion_range)
    scenes = _scenes(plan, out, defaults.height, defaults.width)
    settings = {name: getattr(defaults, name) for name in MEASURED_WITH} | dict(plan.settings)
    measured = measure_levels(setup, scenes, motions, out, plan.batch_size, settings)
    return fit_calibration(
        motions,
        measured,
        unit=UNIT,
        judge=f"{ConsistentFlow.name}@{ConsistentFlow.version}",
        model_digest=model_digest(setup.model),
        settings=settings,
    )


def check_speeds(
    setup: Setup, calibration: MotionCalibration, out: Path, plan: CalibrationPlan
) -> list[dict[str, float]]:
    """Motion that `CHECK_SPEEDS` reach on the same scenes: rows of `speed, motion, expected, measured, low, high`."""
    defaults = load_defaults(model_folder(setup.model))
    scenes = _scenes(plan, out, defaults.height, defaults.width)
    motions = sorted(calibration.motion_at(speed) for speed in CHECK_SPEEDS)
    found = measure_levels(setup, scenes, motions, out / "check", plan.batch_size, calibration.settings)
    reached = fit_calibration(motions, found, unit=UNIT, judge=calibration.judge, model_digest=calibration.model_digest)
    slowest, fastest = calibration.curve[-1], calibration.curve[0]
    rows = []
    for place, speed in enumerate(sorted(CHECK_SPEEDS, reverse=True)):
        rows.append(
            {
                "speed": speed,
                "motion": round(motions[place], 4),
                "expected": round(slowest + speed * (fastest - slowest), 6),
                "measured": reached.measured[place],
                "low": reached.low[place],
                "high": reached.high[place],
            }
        )
    return rows[::-1]


def store(model: str, calibration: MotionCalibration) -> Path:
    """Write a calibration into the model folder's `droplet.json`; gives that file.

    Raises:
        WeightsError: the folder may not be written.
    """
    folder = model_folder(model)
    path = folder / DEFAULTS_FILE
    defaults = load_defaults(folder).model_copy(update={"motion_calibration": calibration})
    try:
        write_text(path, defaults.model_dump_json(indent=2) + "\n")
    except OSError as error:
        raise WeightsError(
            f"{path}: cannot be written ({error.strerror}); copy the model folder to a place of your own and "
            "calibrate it there"
        ) from error
    return path


def levels_of(motions: Sequence[float], trained: tuple[float, float] | None) -> tuple[float, ...]:
    """Levels of M to measure, rising; those given, or six over the trained range, even in log M.

    Raises:
        RequestError: fewer than two levels, or one outside the trained range.
    """
    if not motions:
        if trained is None:
            raise RequestError(
                "the trained range of M of this model is not known: give levels with --motion, once for each, or "
                f"write motion_range into its {DEFAULTS_FILE}"
            )
        return tuple(float(f"{value:.3g}") for value in np.geomspace(*trained, _LEVELS))
    levels = tuple(sorted({float(value) for value in motions}))
    outside = [value for value in levels if trained and not trained[0] <= value <= trained[1]]
    if outside and trained:
        raise RequestError(
            f"motion={outside[0]:g} lies outside the trained range {trained[0]:g} to {trained[1]:g}: a calibration "
            "measures what the model was trained for"
        )
    if len(levels) < 2 or levels[0] <= 0:
        raise RequestError(f"levels of M {levels}: give two or more, above 0")
    return levels


def measure_levels(
    setup: Setup,
    scenes: Sequence[dict[str, Any]],
    motions: Sequence[float],
    out: Path,
    batch_size: int,
    settings: Mapping[str, Any],
) -> NDArray[np.float64]:
    """Measured motion (scene, level) of every scene at every M with equal noise; NaN where a video failed."""
    rows = [
        {**scene, "id": f"{scene['id']}-M{motion:g}", "motion": motion, "group": scene["id"]}
        for scene in scenes
        for motion in motions
    ]
    out.mkdir(parents=True, exist_ok=True)
    requests = out / "requests.jsonl"
    write_json_lines(requests, rows)
    videos = out / "videos"
    generate_batch(requests, videos, setup=setup, batch_size=batch_size, **settings)
    measured = []
    with runtime.progress("measuring motion", total=len(rows)) as bar:
        for row in rows:
            measured.append(_motion_of(videos / f"{row['id']}.mp4"))
            bar.advance()
    return np.array(measured, np.float64).reshape(len(scenes), len(motions))


def _motion_of(path: Path) -> float:
    try:
        (row,) = measure_video(path, [ConsistentFlow()])
    except MediaError:
        return float("nan")
    value = row["motion_score_consistent"]
    return float("nan") if value is None else float(value)


def _scenes(plan: CalibrationPlan, out: Path, height: int, width: int) -> list[dict[str, Any]]:
    """One request per scene, without M."""
    if plan.requests is None:
        return _rendered_scenes(plan.scenes, out / "images", height, width)
    rows, _ = read_requests(plan.requests, {})
    scenes: dict[tuple[Any, ...], dict[str, Any]] = {}
    for row in rows:
        content = row.model_dump(exclude_none=True, exclude={"motion", "speed", "group"}, mode="json")
        for name in row.files():
            content[name] = str((plan.requests.parent / content[name]).resolve())
        scenes.setdefault((row.prompt, row.image), content)  # a suite asks each scene at several M
    return list(scenes.values())


def _rendered_scenes(count: int, folder: Path, height: int, width: int) -> list[dict[str, Any]]:
    """First frames and captions of rendered shots with one moving camera each, of seeds that training never sees."""
    if count < LEAST_SCENES:
        raise RequestError(f"scenes={count}: intervals need {LEAST_SCENES} or more")
    folder.mkdir(parents=True, exist_ok=True)
    config = SuiteConfig(images=count, seed=_SEED, moves=MOVES)
    scenes = []
    with runtime.progress("rendering scenes", total=count) as bar:
        for seed in suite_seeds(config):
            shot = draw_shot(seed, WorldConfig.preset(config.world))
            path = folder / f"{seed}.png"
            write_image(path, render_shot(shot, height, width, frame_indices=[0]).frames[0])
            prompt = caption_of(shot)["short"]
            scenes.append({"id": f"scene{seed}", "prompt": prompt, "image": str(path.resolve()), "seed": seed})
            bar.advance()
    return scenes
