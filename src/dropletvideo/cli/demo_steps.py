"""The steps of the demo, each one call of the library; every step goes on where an earlier run of it stopped."""

from __future__ import annotations

import json
import sys
import time
from collections.abc import Callable, Iterator
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

from dropletvideo import runtime
from dropletvideo.errors import ConfigError

MOTIONS = (4.0, 8.0, 16.0, 32.0)
DATASET, REQUESTS, MODEL, GENERATED, SCORES = "dataset", "requests", "model", "generated", "scores"
TRAINABLE = "camera_class is distinct from 'C6' and duration_seconds >= 1.2"


@dataclass(frozen=True, kw_only=True)
class Plan:
    """How much of everything. Minutes of training are the clock's, so that the whole fits the promise."""

    name: str
    files: int
    footage_side: int
    train_minutes: float
    windows_per_clip: int
    images: int
    codec_steps: int
    codec_shots: int
    text_steps: int


FULL = Plan(
    name="full",
    files=60,
    footage_side=64,
    train_minutes=5.0,
    windows_per_clip=14,
    images=9,
    codec_steps=600,
    codec_shots=256,
    text_steps=800,
)
QUICK = Plan(
    name="quick",
    files=10,
    footage_side=64,
    train_minutes=1.3,
    windows_per_clip=14,
    images=3,
    codec_steps=120,
    codec_shots=64,
    text_steps=200,
)


@dataclass
class Record:
    """What the demo did: by step the seconds it took and what it gave."""

    plan: Plan
    out: Path
    videos: Path | None
    train_all: bool
    workers: int
    steps: dict[str, dict[str, Any]] = field(default_factory=dict)

    @property
    def failures(self) -> int:
        """Rows of any step that failed."""
        return sum(int(step.get("failures", 0)) for step in self.steps.values())

    @property
    def seconds(self) -> float:
        """Wall time of all steps; of one that was interrupted, that of the call which finished it."""
        return float(sum(step["seconds"] for step in self.steps.values()))

    def as_dict(self) -> dict[str, Any]:
        """Plain dictionary for JSON."""
        return {
            "plan": asdict(self.plan),
            "out": str(self.out),
            "videos": str(self.videos) if self.videos else None,
            "train_all": self.train_all,
            "workers": self.workers,
            "seconds": round(self.seconds, 1),
            "steps": self.steps,
        }


def run_demo(plan: Plan, out: Path, *, videos: Path | None, train_all: bool, workers: int) -> Record:
    """All steps in order; gives the record that the report is made from, which also lies in OUT/demo.json.

    Raises:
        ConfigError: OUT holds the demo of another plan or of other videos.
    """
    record = Record(plan=plan, out=out, videos=videos, train_all=train_all, workers=workers)
    _claim(record)
    steps: list[tuple[str, Callable[[Record], dict[str, Any]]]] = [
        ("footage", make_footage),
        ("curate", curate_footage),
        ("requests", make_requests),
        ("encoders", choose_encoders),
        ("train", train_model),
        ("generate", generate_videos),
        ("evaluate", evaluate_videos),
        ("compare", compare_with_shipped),
    ]
    known = _finished_steps(out)
    for number, (name, step) in enumerate(steps, start=1):
        title = f"[{number}/{len(steps)}] {name}"
        if name in known:
            sys.stderr.write(f"{title}: done before\n")
            record.steps[name] = known[name]
            continue
        sys.stderr.write(f"{title}\n")
        started = time.perf_counter()
        facts = step(record)
        record.steps[name] = {"seconds": round(time.perf_counter() - started, 2), **facts}
        _note(record)
    return record


def make_footage(record: Record) -> dict[str, Any]:
    """Render raw footage of several shots a file, or take the given folder as it is."""
    if record.videos is not None:
        return {"source": str(record.videos)}
    from dropletvideo.world.editing import FootageConfig
    from dropletvideo.world.footage import write_footage
    from dropletvideo.world.truth import read_truth

    plan, folder = record.plan, record.out / "footage"
    size = (plan.footage_side, plan.footage_side)
    seeds = [seed for seed in range(plan.files) if not _is_written(folder, seed)]
    with runtime.progress("rendering", total=plan.files) as bar:
        bar.advance(plan.files - len(seeds))
        for run in _runs_of(seeds):
            write_footage(
                folder,
                run[0],
                len(run),
                FootageConfig.training(),
                size=size,
                workers=record.workers,
                advance=lambda _path: bar.advance(),
            )
    truths = [read_truth(path) for path in sorted(folder.glob("*.mp4"))]
    frames = sum(truth["frames"] for truth in truths)
    seconds = sum(truth["frames"] / truth["fps"] for truth in truths)
    return {"source": str(folder), "files": len(truths), "frames": frames, "video_seconds": round(seconds, 1)}


def curate_footage(record: Record) -> dict[str, Any]:
    """Cut the footage into clips and measure them."""
    from dropletvideo.curate.run import curate

    summary = curate([record.steps["footage"]["source"]], record.out / DATASET, workers=record.workers).summary
    return summary.as_dict()


def make_requests(record: Record) -> dict[str, Any]:
    """First frames that training never sees, with what is asked of them."""
    folder = record.out / REQUESTS
    path = folder / "requests.jsonl"
    if not path.is_file():
        if record.videos is None:
            from dropletvideo.world.suite import SuiteConfig, write_suite

            with runtime.progress("asking", total=record.plan.images) as bar:
                config = SuiteConfig(images=record.plan.images, motions=MOTIONS)
                write_suite(folder, config, workers=record.workers, advance=lambda _: bar.advance())
        else:
            from dropletvideo.cli.demo_real import write_real_requests

            write_real_requests(record.out / DATASET, folder, images=record.plan.images, motions=MOTIONS)
    rows = [json.loads(line) for line in path.read_text().splitlines()]
    return {"requests": len(rows), "images": len({row["image"] for row in rows})}


def choose_encoders(record: Record) -> dict[str, Any]:
    """The shipped codec and text encoder, or new ones with `--train-all`."""
    if not record.train_all:
        return {"encoders": "nano", "trained": False}
    from dropletvideo.cli.demo_encoders import train_encoders

    plan = record.plan
    steps = {"codec": plan.codec_steps, "text": plan.text_steps}
    folder = train_encoders(steps, plan.codec_shots, record.out / "encoders")
    return {"encoders": str(folder), "trained": True}


def train_model(record: Record) -> dict[str, Any]:
    """Train a transformer from nothing on the clips of the dataset."""
    from dropletvideo.generate.preview import write_previews
    from dropletvideo.train.recipe import parse, read_recipe, with_settings
    from dropletvideo.train.transformer import Config, run

    plan = record.plan
    settings = [
        f"encoders={record.steps['encoders']['encoders']}",
        f"data.dataset={record.out / DATASET}",
        f"loop.max_minutes={plan.train_minutes}",
        f"windows.windows_per_clip={plan.windows_per_clip}",
        f"cache.workers={record.workers}",
    ]
    content = with_settings(read_recipe("nano-demo"), settings)
    content["data"]["where"] = _training_rule(record)
    result = run(parse(content, Config), record.out / MODEL, sample=write_previews)
    return {
        "steps": result.steps,
        "training_seconds": round(result.seconds, 1),
        "loss": result.loss,
        "held_out_loss": result.held_out_loss,
        "windows": result.cache.windows,
        "skipped": dict(result.cache.skipped),
        "failures": len(result.cache.failures),
    }


def generate_videos(record: Record) -> dict[str, Any]:
    """Answer the requests."""
    from dropletvideo.generate.batch import generate_batch

    summary = generate_batch(record.out / REQUESTS / "requests.jsonl", record.out / GENERATED, model=record.out / MODEL)
    return {"videos": summary.done, "failures": summary.failed}


def evaluate_videos(record: Record) -> dict[str, Any]:
    """Score the answers beside baselines and the codec's ceiling."""
    from dropletvideo.cli.demo_shipped import METRICS
    from dropletvideo.evaluate.codec import load_codec
    from dropletvideo.evaluate.report import write_report
    from dropletvideo.evaluate.score import EvaluateConfig, evaluate_manifest

    encoders = record.steps["encoders"]["encoders"]
    evaluation = evaluate_manifest(
        record.out / GENERATED / "manifest.jsonl",
        record.out / SCORES,
        EvaluateConfig(metrics=METRICS, baselines=("frozen", "ken_burns", "shuffled", "real"), workers=record.workers),
        reconstruct=load_codec(encoders),
        codec_name=encoders,
    )
    write_report(evaluation, record.out / SCORES / "report.html")
    return {"scored": len(evaluation.results), "failures": evaluation.num_failed}


def compare_with_shipped(record: Record) -> dict[str, Any]:
    """Let the shipped nano answer the same requests."""
    from dropletvideo.cli.demo_shipped import answer_with_shipped

    return answer_with_shipped(record.out, record.out / REQUESTS / "requests.jsonl", workers=record.workers)


def _training_rule(record: Record) -> str:
    """SQL condition of the clips to train on: whole and long enough, and no source of a request's image."""
    if record.videos is None:
        return TRAINABLE
    from dropletvideo.cli.demo_real import held_out_clips

    ids = ", ".join(f"'{clip_id}'" for clip_id in held_out_clips(record.out / REQUESTS))
    return f"{TRAINABLE} and clip_id not in ({ids})"


def _claim(record: Record) -> None:
    """Refuse a folder with a demo of another plan, whose parts would be mixed with ours."""
    record.out.mkdir(parents=True, exist_ok=True)
    path = record.out / "demo-plan.json"
    mine = {
        "plan": asdict(record.plan),
        "videos": str(record.videos.resolve()) if record.videos else None,
        "train_all": record.train_all,
    }
    if path.is_file() and json.loads(path.read_text()) != json.loads(json.dumps(mine)):
        raise ConfigError(f"{record.out} holds a demo with other options: give another --out, or remove that folder")
    path.write_text(json.dumps(mine))


def _finished_steps(out: Path) -> dict[str, dict[str, Any]]:
    """Records of the steps that earlier calls finished; an interrupted step is not among them and goes on."""
    path = out / "demo.json"
    return dict(json.loads(path.read_text())["steps"]) if path.is_file() else {}


def _note(record: Record) -> None:
    """Write what was done so far, whole or not at all."""
    part = record.out / ".demo.json"
    part.write_text(json.dumps(record.as_dict(), indent=1, default=str))
    part.replace(record.out / "demo.json")


def _is_written(folder: Path, seed: int) -> bool:
    """Truth files are written last, so a file with them is whole."""
    return (folder / f"raw-{seed:07d}.truth.npz").is_file()


def _runs_of(seeds: list[int]) -> Iterator[list[int]]:
    """Consecutive seeds together."""
    run: list[int] = []
    for seed in seeds:
        if run and seed != run[-1] + 1:
            yield run
            run = []
        run.append(seed)
    if run:
        yield run
