"""Score a manifest: baselines, one decode per video, append-only rows, summary.

    evaluation = evaluate_manifest("out/manifest.jsonl", "out/evaluation", EvaluateConfig(workers=2))

A suite names metrics; those whose weights or packages are not here, or do not fit the licence profile, are absent: they
are listed with the reason and never replaced. Videos with equal bytes and equal asks are measured once (a frozen
picture is the same for every M). A run that was stopped goes on where it was; `rows.jsonl` never loses a line. A video
that cannot be read is a failed row: it has no score, and is tried again by the next run.
"""

from __future__ import annotations

import time
from collections import Counter
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path
from typing import Any, Literal

from pydantic import BaseModel, ConfigDict, Field

from dropletvideo import __version__, runtime
from dropletvideo.engine import map_rows, workers_of
from dropletvideo.errors import ConfigError
from dropletvideo.evaluate import aggregate
from dropletvideo.evaluate.baselines import BaselineKind, Reconstruct, write_baselines
from dropletvideo.evaluate.manifest import ManifestRow, read_manifest, write_manifest
from dropletvideo.evaluate.measuring import NOT_FINITE, Keys, Measured, Task, file_digest, measure_row, reason_of
from dropletvideo.evaluate.metric import Flavour, Metric, Profile, judges_of, load_metric, metric_names
from dropletvideo.evaluate.rows import MODEL, Result, RowFile, line_of
from dropletvideo.evaluate.suite import Suite, load_suite, metrics_of, suite_names, with_columns
from dropletvideo.evaluate.summary import SCORED_VIDEO_FAILED, SYSTEMS, Absent, summarise, versions_of
from dropletvideo.evaluate.weak import weak_points
from dropletvideo.files import write_json
from dropletvideo.tables.gpus import LEARNED_SHARE
from dropletvideo.tables.lock import locked

OnProgress = Callable[[str], None]


class EvaluateConfig(BaseModel):
    """How a manifest is scored.

    Attributes:
        suite: whose metrics are taken; `all` for every metric there is.
        metrics: files of `evaluate/metrics/` in place of the suite's.
        flavours: only columns of these, with the judges that they need; None for all.
        profile: `permissive` leaves out what needs weights that forbid commercial use; `paper` does not.
        baselines: made and scored beside the model; `codec` only where a codec is handed in.
        timeout_seconds: longest silence of one video before its process is killed; None with one worker measures in
            this process.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    suite: str = "truth"
    metrics: tuple[str, ...] | None = None
    flavours: tuple[Flavour, ...] | None = None
    profile: Profile = "paper"
    baselines: tuple[BaselineKind, ...] = ("frozen", "ken_burns", "shuffled", "reversed", "real")
    engine: Literal["local", "ray"] = "local"
    ray_address: str | None = None
    workers: int = Field(default=1, ge=1)
    timeout_seconds: float | None = Field(default=300.0, gt=0)

    def pool(self) -> dict[str, Any]:
        """Arguments of `map_rows`."""
        workers = workers_of(self.engine, self.workers, self.ray_address)
        return {"workers": workers, "timeout_seconds": self.timeout_seconds}

    def load_metrics(self) -> list[Metric]:
        """The metrics by name, or the suite's, whether they can run here or not.

        Raises:
            ConfigError: a name that is no file of `evaluate/metrics/`, or an unknown suite.
        """
        if self.metrics is None:
            if self.suite != "all":
                load_suite(self.suite)
            return self._of_flavours(metrics_of(self.suite))
        known = metric_names()
        for name in self.metrics:
            if name not in known:
                raise ConfigError(f"metric {name!r} is unknown: one of {', '.join(known)}")
        return self._of_flavours([load_metric(name) for name in self.metrics])

    def _of_flavours(self, metrics: list[Metric]) -> list[Metric]:
        if self.flavours is None:
            return metrics
        kept = [metric.only(self.flavours) for metric in metrics]
        if not any(kept):
            has = sorted({column.flavour or metric.flavour for metric in metrics for column in metric.columns})
            raise ConfigError(f"no column is {' or '.join(self.flavours)}: these metrics have {', '.join(has)}")
        return [metric for metric in kept if metric is not None]

    def suites_shown(self, metrics: Sequence[Metric]) -> list[Suite]:
        """The suites whose tables are shown, with the columns that `metrics` could give where flavours are chosen."""
        suites = [load_suite(name) for name in self.suites()]
        if self.flavours is None:
            return suites
        return [with_columns(suite, {column.name for each in metrics for column in each.columns}) for suite in suites]

    def suites(self) -> list[str]:
        """The suites whose tables are shown."""
        return suite_names() if self.suite == "all" else [self.suite]


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
        out: folder for rows, summary, features and baseline videos.
        config: which metrics and baselines; the truth suite and the model-free baselines by default.
        reconstruct: a codec's there and back, for the `codec` baseline; None leaves it out.
        codec_name: what to call that codec in the protocol record.

    Raises:
        RequestError: the manifest is not valid.
        ConfigError: a metric or suite is unknown.
        CatalogLocked: another run is writing into `out`.
    """
    config, started = config or EvaluateConfig(), time.perf_counter()
    manifest, out = Path(manifest), Path(out).resolve()  # a worker on another machine has another working folder
    metrics, absent = present_metrics(config)
    rows = read_manifest(manifest)
    with locked(out):
        made, not_made = _make_baselines(rows, out / "baselines", config, reconstruct)
        wanted = [(MODEL, row) for row in rows] + made
        results, counts = _measure_all(wanted, metrics, absent, config, out)
        protocol = _protocol(manifest, rows, config, metrics, results) | {
            "codec": codec_name if reconstruct is not None else None,
            **counts,
            "wall_seconds": round(time.perf_counter() - started, 2),
        }
        suites = config.suites_shown(config.load_metrics())
        found = summarise(results, metrics, not_made=not_made, absent=absent, suites=suites, folder=out)
        summary = {"protocol": protocol, **found}
        summary["weak"] = weak_points(summary)
        write_json(out / "summary.json", summary, indent=1, default=str)
        runtime.write_run(
            out,
            recipe={"manifest": str(manifest), **config.model_dump()},
            seeds={"bootstrap": aggregate.SEED},
            wall_seconds=protocol["wall_seconds"],
        )
    return Evaluation(out=out, metrics=metrics, results=results, summary=summary)


def present_metrics(config: EvaluateConfig) -> tuple[list[Metric], list[Absent]]:
    """The metrics that can run here, and those that cannot with the reason."""
    metrics = config.load_metrics()
    lacks = [metric.lacks(config.profile) for metric in metrics]
    present = [metric for metric, reason in zip(metrics, lacks, strict=True) if not reason]
    return present, [Absent(metric=m, reason=reason) for m, reason in zip(metrics, lacks, strict=True) if reason]


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
class Plan:
    """What must be decoded, what is known, and what cannot be read; filled before the first decode.

    Attributes:
        known: columns by key of a judge. keys: of each wanted video, key by judge; None where it cannot be read.
        tasks: by the keys that they will find. errors: of tasks that failed as a whole, by the same.
        judge_errors: by key.
    """

    known: dict[str, dict[str, Any]]
    keys: list[dict[str, str] | None] = field(default_factory=list)
    task_of: list[tuple[str, ...] | None] = field(default_factory=list)
    tasks: dict[tuple[str, ...], Task] = field(default_factory=dict)
    errors: dict[tuple[str, ...], str] = field(default_factory=dict)
    judge_errors: dict[str, str] = field(default_factory=dict)
    unreadable: dict[int, str] = field(default_factory=dict)


def make_plan(wanted: Sequence[tuple[str, ManifestRow]], metrics: Sequence[Metric], out: Path, file: RowFile) -> Plan:
    """Which videos must be decoded for which judges; what `file` knows already is not among them."""
    plan, keys_of = Plan(known=file.known(judges_of(metrics))), Keys(metrics)
    for number, (_, row) in enumerate(wanted):
        asked = [metric for metric in metrics if metric.asked_of(row) and not metric.not_scored(row)]
        try:
            keys = keys_of.of_row(row, judges_of(asked))
        except OSError as error:
            plan.unreadable[number] = f"{error.filename or row.video}: {error.strerror or error}"
            plan.keys.append(None)
            plan.task_of.append(None)
            continue
        plan.keys.append(keys)
        new = {judge: key for judge, key in keys.items() if key not in plan.known}
        name = tuple(sorted(new.values()))
        plan.task_of.append(name if new else None)
        if new:
            plan.tasks.setdefault(
                name, Task(row=row, judges=new, metrics=tuple(metric.name for metric in asked), out=out)
            )
    return plan


def _measure_all(
    wanted: Sequence[tuple[str, ManifestRow]],
    metrics: Sequence[Metric],
    absent: Sequence[Absent],
    config: EvaluateConfig,
    out: Path,
) -> tuple[list[Result], dict[str, int]]:
    """A result per wanted video, in order, each written as soon as its measures are there; and what was decoded."""
    file, left_out = RowFile(out / "rows.jsonl"), [each.metric.name for each in absent]
    plan = make_plan(wanted, metrics, out, file)
    waiting: dict[tuple[str, ...], list[int]] = {}
    for number, name in enumerate(plan.task_of):
        if name is not None:
            waiting.setdefault(name, []).append(number)
        else:
            file.append(line_of(_result(number, wanted, plan), metrics, left_out))
    counts: Counter[str] = Counter(videos_measured=len(plan.tasks), decodes=0, seeks=0)
    with runtime.progress("measuring", total=len(plan.tasks)) as bar:
        gpus = LEARNED_SHARE if any(metric.weights for metric in metrics) else 0.0
        for name, outcome in _measured(plan.tasks, config, gpus):
            _take(plan, name, outcome, counts)
            for number in waiting[name]:
                file.append(line_of(_result(number, wanted, plan), metrics, left_out))
            bar.advance()
    return [_result(number, wanted, plan) for number in range(len(wanted))], dict(counts)


def _take(plan: Plan, name: tuple[str, ...], outcome: Measured | Exception, counts: Counter[str]) -> None:
    if isinstance(outcome, Exception):
        plan.errors[name] = reason_of(outcome)
        return
    counts.update(decodes=outcome.decodes, seeks=outcome.reads)
    keys = plan.tasks[name].judges
    for judge, columns in outcome.columns.items():
        if judge in keys:
            plan.known[keys[judge]] = columns
    plan.judge_errors |= {keys[judge]: reason for judge, reason in outcome.errors.items()}


def _measured(
    tasks: dict[tuple[str, ...], Task], config: EvaluateConfig, num_gpus: float
) -> Iterable[tuple[tuple[str, ...], Any]]:
    """(name, measures or exception) of each task as it finishes; several workers are processes that can be killed."""
    names = {id(task): name for name, task in tasks.items()}
    found = map_rows(
        measure_row,
        tasks.values(),
        **config.pool(),
        tolerate=(Exception,),
        label=lambda task: str(task.row.video),
        num_gpus=num_gpus,
    )
    return ((names[id(task)], outcome) for task, outcome in found)


def _result(number: int, wanted: Sequence[tuple[str, ManifestRow]], plan: Plan) -> Result:
    system, row = wanted[number]
    keys, task = plan.keys[number], plan.task_of[number]
    if keys is None:
        return Result(system=system, row=row, error=plan.unreadable[number])
    if task in plan.errors:
        return Result(system=system, row=row, error=plan.errors[task])
    measures: dict[str, Any] = {}
    not_finite: list[str] = []
    for key in keys.values():
        columns = dict(plan.known.get(key) or {})
        not_finite += columns.pop(NOT_FINITE, [])
        measures |= columns
    if not_finite:
        measures[NOT_FINITE] = not_finite
    answered = {judge: key for judge, key in keys.items() if key in plan.known}
    errors = {judge: plan.judge_errors[key] for judge, key in keys.items() if key in plan.judge_errors}
    return Result(system=system, row=row, keys=answered, measures=measures, judge_errors=errors)


def _protocol(
    manifest: Path,
    rows: Sequence[ManifestRow],
    config: EvaluateConfig,
    metrics: Sequence[Metric],
    results: Sequence[Result],
) -> dict[str, Any]:
    """Everything that is needed to repeat the figures."""
    own = [result.measures for result in results if result.system == MODEL and result.error is None]
    return {
        "manifest": str(manifest),
        "manifest_blake2b": file_digest(manifest),
        "suite": config.suite if config.metrics is None else None,
        "flavours": list(config.flavours or ()) or "all",
        "profile": config.profile,
        "rows": len(rows),
        "groups": len({row.cluster for row in rows}),
        "motions": sorted({row.motion for row in rows if row.motion is not None}),
        "sizes": dict(Counter(f"{each.get('width')}x{each.get('height')}" for each in own)),
        "lengths": dict(Counter(f"{each.get('num_frames')} frames" for each in own)),
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
