"""Score a manifest: baselines, one decode per video, append-only rows, summary.

    summary = evaluate_manifest("out/manifest.jsonl", "out/evaluation", EvaluateConfig(workers=2))

Videos with equal bytes, image and fit are measured once (a frozen picture is the same for every M). A run that was
stopped goes on where it was; `rows.jsonl` never loses a line. A video that cannot be read is a failed row: it has no
score, and is tried again by the next run.
"""

from __future__ import annotations

import json
import time
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path
from typing import Any

from pydantic import BaseModel, ConfigDict, Field

from dropletvideo import __version__, media, runtime
from dropletvideo.engine import map_rows
from dropletvideo.errors import ConfigError, MediaError
from dropletvideo.evaluate import aggregate
from dropletvideo.evaluate.baselines import BaselineKind, Reconstruct, write_baselines
from dropletvideo.evaluate.manifest import ManifestRow, read_manifest, write_manifest
from dropletvideo.evaluate.metric import Metric, judges_of, load_metric, metric_names
from dropletvideo.evaluate.rows import MODEL, Result, RowFile, file_digest, line_of, measure_key
from dropletvideo.evaluate.summary import SCORED_VIDEO_FAILED, SYSTEMS, summarise, versions_of
from dropletvideo.evaluate.weak import weak_points
from dropletvideo.tables.plan import watch_video

OnProgress = Callable[[str], None]


class EvaluateConfig(BaseModel):
    """How a manifest is scored.

    `timeout_seconds` is the longest silence of one video before its process is killed; None with one worker measures
    in this process. `codec` among the baselines is made only where a codec is handed in.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    metrics: tuple[str, ...] = Field(default_factory=lambda: tuple(metric_names()))
    baselines: tuple[BaselineKind, ...] = ("frozen", "ken_burns", "shuffled", "real")
    workers: int = Field(default=1, ge=1)
    timeout_seconds: float | None = Field(default=300.0, gt=0)

    def pool(self) -> dict[str, Any]:
        """Arguments of `map_rows`."""
        return {"workers": self.workers, "timeout_seconds": self.timeout_seconds}

    def load_metrics(self) -> list[Metric]:
        """The metrics by name.

        Raises:
            ConfigError: a name that is no file of `evaluate/metrics/`.
        """
        known = metric_names()
        for name in self.metrics:
            if name not in known:
                raise ConfigError(f"metric {name!r} is unknown: one of {', '.join(known)}")
        return [load_metric(name) for name in self.metrics]


@dataclass(frozen=True, kw_only=True)
class Evaluation:
    """What `evaluate_manifest` found; `summary` is what `summary.json` holds."""

    out: Path
    metrics: list[Metric]
    results: list[Result]
    summary: dict[str, Any]

    @property
    def num_failed(self) -> int:
        """Videos, of the model or of baselines, that have no score, or not all of them."""
        return sum(result.error is not None or bool(result.judge_errors) for result in self.results)


@dataclass(frozen=True)
class _Task:
    """One video to measure; travels to a worker process."""

    row: ManifestRow
    metrics: tuple[str, ...]


def evaluate_manifest(
    manifest: Path | str,
    out: Path | str,
    config: EvaluateConfig | None = None,
    *,
    reconstruct: Reconstruct | None = None,
    codec_name: str | None = None,
) -> Evaluation:
    """Score every video of a manifest beside its baselines; writes `rows.jsonl` and `summary.json` into `out`.

    Args:
        manifest: JSONL as `evaluate.manifest` describes.
        out: folder for rows, summary and baseline videos.
        config: which metrics and baselines; all metrics and the model-free baselines by default.
        reconstruct: a codec's there and back, for the `codec` baseline; None leaves it out.
        codec_name: what to call that codec in the protocol record.

    Raises:
        RequestError: the manifest is not valid.
        ConfigError: a metric is unknown.
    """
    config, started = config or EvaluateConfig(), time.perf_counter()
    manifest, out = Path(manifest), Path(out)
    metrics = config.load_metrics()
    rows = read_manifest(manifest)
    made, not_made = _make_baselines(rows, out / "baselines", config, reconstruct)
    wanted = [(MODEL, row) for row in rows] + made
    results = _measure_all(wanted, metrics, config, RowFile(out / "rows.jsonl"))
    protocol = _protocol(manifest, rows, config, metrics) | {
        "codec": codec_name if reconstruct is not None else None,
        "wall_seconds": round(time.perf_counter() - started, 2),
    }
    summary = {"protocol": protocol, **summarise(results, metrics, not_made=not_made)}
    summary["weak"] = weak_points(summary)
    _write_json(out / "summary.json", summary)
    runtime.write_run(
        out,
        recipe={"manifest": str(manifest), **config.model_dump()},
        seeds={"bootstrap": aggregate.SEED},
        wall_seconds=protocol["wall_seconds"],
    )
    return Evaluation(out=out, metrics=metrics, results=results, summary=summary)


def measure_row(task: _Task) -> tuple[dict[str, Any], dict[str, str]]:
    """Judge columns of one video and, by judge, what ended it; one decode for all judges."""
    row, judges = task.row, judges_of([load_metric(name) for name in task.metrics])
    asked = {"image_frame": media.read_image(row.image) if row.image else None, "fit": row.fit}
    watched = watch_video(row.video, judges, spans=[(0, None)], rows=[asked], tolerate=(Exception,))
    if watched.num_frames == 0:
        raise MediaError(row.video, "has no frame that can be decoded")
    measures: dict[str, Any] = {"num_frames": watched.num_frames}
    errors: dict[str, str] = {}
    for name, columns in (*watched.video.items(), *watched.outcomes[0].items()):
        if isinstance(columns, Exception):
            errors[name] = _reason(columns)
        else:
            measures.update(columns)
    return measures, errors


def _make_baselines(
    rows: Sequence[ManifestRow], folder: Path, config: EvaluateConfig, reconstruct: Reconstruct | None
) -> tuple[list[tuple[str, ManifestRow]], list[tuple[str, str]]]:
    """(system, row) of every baseline made, by system, and (system, reason) of those that could not be made."""
    plain = [kind for kind in config.baselines if kind != "codec"]
    passes: list[tuple[Sequence[BaselineKind], Reconstruct | None]] = [(plain, None)] if plain else []
    passes += [(["codec"], reconstruct)] if reconstruct is not None else []
    by_kind: dict[str, list[ManifestRow]] = {}
    not_made: list[tuple[str, str]] = []
    for kinds, codec in passes:
        for outcome in _written(rows, folder, kinds, codec, config):
            if isinstance(outcome, Exception):
                not_made.extend((kind, SCORED_VIDEO_FAILED) for kind in kinds)
                continue
            made, reasons = outcome
            not_made.extend(reasons.items())
            for kind, row in made.items():
                by_kind.setdefault(kind, []).append(row)
    for system, made_rows in by_kind.items():
        write_manifest(folder / system / "manifest.jsonl", made_rows)
    return [(system, row) for system in SYSTEMS for row in by_kind.get(system, [])], not_made


def _written(
    rows: Sequence[ManifestRow],
    folder: Path,
    kinds: Sequence[BaselineKind],
    codec: Reconstruct | None,
    config: EvaluateConfig,
) -> list[Any]:
    """What `write_baselines` gave for each row, in order, or the exception that ended it; a codec stays here."""
    write = partial(write_baselines, folder=folder, kinds=kinds, reconstruct=codec)
    how = {"workers": 1, "timeout_seconds": None} if codec is not None else config.pool()
    outcomes: dict[str, Any] = {}
    with runtime.progress(f"baselines: {', '.join(kinds)}", total=len(rows)) as bar:
        for row, outcome in map_rows(write, rows, **how):
            outcomes[row.id] = outcome
            bar.advance()
    return [outcomes[row.id] for row in rows]


@dataclass
class _Plan:
    """What must be decoded, what is known, and what cannot be read; filled before the first decode."""

    known: dict[str, dict[str, Any]]
    keys: list[str | None] = field(default_factory=list)
    tasks: dict[str, _Task] = field(default_factory=dict)
    errors: dict[str, str] = field(default_factory=dict)
    judge_errors: dict[str, dict[str, str]] = field(default_factory=dict)
    unreadable: dict[int, str] = field(default_factory=dict)


def _measure_all(
    wanted: Sequence[tuple[str, ManifestRow]], metrics: Sequence[Metric], config: EvaluateConfig, file: RowFile
) -> list[Result]:
    """A result per wanted video, in order; each is written to the file as soon as its measures are there."""
    plan = _plan(wanted, metrics, config, file)
    waiting: dict[str, list[int]] = {}
    for number, key in enumerate(plan.keys):
        if key in plan.tasks:
            waiting.setdefault(key, []).append(number)
        else:
            file.append(line_of(_result(number, wanted, plan), metrics))
    with runtime.progress("measuring", total=len(plan.tasks)) as bar:
        for key, outcome in _measured(plan.tasks, config):
            if isinstance(outcome, Exception):
                plan.errors[key] = _reason(outcome)
            else:
                plan.known[key], plan.judge_errors[key] = outcome
            for number in waiting[key]:
                file.append(line_of(_result(number, wanted, plan), metrics))
            bar.advance()
    return [_result(number, wanted, plan) for number in range(len(wanted))]


def _plan(
    wanted: Sequence[tuple[str, ManifestRow]], metrics: Sequence[Metric], config: EvaluateConfig, file: RowFile
) -> _Plan:
    plan = _Plan(known=file.known_measures())
    for number, (_, row) in enumerate(wanted):
        try:
            key = measure_key(row, metrics)
        except OSError as error:
            plan.unreadable[number] = f"{error.filename or row.video}: {error.strerror or error}"
            plan.keys.append(None)
            continue
        plan.keys.append(key)
        if key not in plan.known:
            plan.tasks.setdefault(key, _Task(row=row, metrics=config.metrics))
    return plan


def _measured(tasks: dict[str, _Task], config: EvaluateConfig) -> Iterable[tuple[str, Any]]:
    """(key, measures or exception) of each task as it finishes; processes that can be killed when there are several."""
    keys = {id(task): key for key, task in tasks.items()}
    found = map_rows(
        measure_row,
        tasks.values(),
        **config.pool(),
        tolerate=(Exception,),
        label=lambda task: str(task.row.video),
    )
    return ((keys[id(task)], outcome) for task, outcome in found)


def _result(number: int, wanted: Sequence[tuple[str, ManifestRow]], plan: _Plan) -> Result:
    system, row = wanted[number]
    key = plan.keys[number]
    if key is None:
        return Result(system=system, row=row, error=plan.unreadable[number])
    if key in plan.errors:
        return Result(system=system, row=row, measure_key=key, error=plan.errors[key])
    errors = plan.judge_errors.get(key, {})
    return Result(system=system, row=row, measure_key=key, measures=plan.known[key], judge_errors=errors)


def _protocol(
    manifest: Path, rows: Sequence[ManifestRow], config: EvaluateConfig, metrics: Sequence[Metric]
) -> dict[str, Any]:
    """Everything that is needed to repeat the figures."""
    return {
        "manifest": str(manifest),
        "manifest_blake2b": file_digest(manifest),
        "rows": len(rows),
        "groups": len({row.cluster for row in rows}),
        "motions": sorted({row.motion for row in rows if row.motion is not None}),
        **versions_of(metrics),
        "baselines": list(config.baselines),
        "bootstrap": {
            "resamples": aggregate.NUM_RESAMPLES,
            "confidence": aggregate.CONFIDENCE,
            "seed": aggregate.SEED,
            "drawn": "groups (else images, else prompts)",
        },
        "version": __version__,
        "machine": runtime.machine(),
    }


def _reason(error: Exception) -> str:
    return str(error) or type(error).__name__


def _write_json(path: Path, content: Any) -> None:
    """Write under a temporary name and rename."""
    path.parent.mkdir(parents=True, exist_ok=True)
    scratch = path.with_suffix(".tmp")
    scratch.write_text(json.dumps(content, indent=1, ensure_ascii=False, default=str) + "\n", encoding="utf-8")
    scratch.replace(path)
