"""`droplet train-classifier`: clips with known camera classes in, the network of the stage `camera_class_swin` out."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Annotated, Any

import typer


def train_classifier(  # noqa: PLR0917 - the options of the verb
    out: Annotated[Path, typer.Option("--out", "-o", help="folder of the run and its network")] = Path(
        "runs/camera-classifier"
    ),
    size: Annotated[str, typer.Option("--size", help="toy (a CPU will do) or tiny (Video Swin-T, 28 M)")] = "toy",
    labels: Annotated[Path | None, typer.Option("--labels", help="label file; shots of the world if left out")] = None,
    videos: Annotated[
        Path | None, typer.Option("--videos", metavar="DIR", help="folder of the labelled files [that of the labels]")
    ] = None,
    start: Annotated[
        str, typer.Option("--start", help="random, kinetics (weights swin3d-t-kinetics), or torchvision's file")
    ] = "random",
    shots: Annotated[int, typer.Option("--shots", min=6, help="shots of the world to learn from")] = 1200,
    first_seed: Annotated[int, typer.Option("--first-seed", help="their first seed; below 1,000,000")] = 0,
    held_out: Annotated[int, typer.Option("--held-out", min=0, help="shots of the world to evaluate on")] = 120,
    held_out_seed: Annotated[
        int, typer.Option("--held-out-seed", help="their first seed; 1,000,000 or above")
    ] = 1_000_000,
    steps: Annotated[int, typer.Option("--steps", min=1)] = 600,
    batch_size: Annotated[int, typer.Option("--batch-size", min=1)] = 16,
    learning_rate: Annotated[
        float | None, typer.Option("--learning-rate", help="1.5e-3, or 1e-4 from Kinetics")
    ] = None,
    change: Annotated[
        list[str] | None, typer.Option("--set", metavar="a.b=c", help="change any other setting of the run")
    ] = None,
    seed: Annotated[int, typer.Option("--seed", help="of weights and batches")] = 0,
    workers: Annotated[int, typer.Option("--workers", min=1, help="processes that read the clips")] = 1,
    device: Annotated[str, typer.Option("--device", help="auto, cpu, cuda, cuda:N or mps")] = "auto",
    fresh: Annotated[bool, typer.Option("--fresh/--resume", help="start over, or go on")] = False,
    as_json: Annotated[bool, typer.Option("--json", help="print the result as JSON")] = False,
) -> None:
    """Train a camera classifier (C1 to C6); interrupt it and give the same command to go on.

    Prints accuracy and confusion on clips held out, beside what answering the commonest class would reach.

    Example: droplet train-classifier --out runs/classes

    Example: droplet train-classifier --size tiny --start kinetics --labels labels.json --videos clips/
    """
    from dropletvideo import runtime
    from dropletvideo.train import classifier
    from dropletvideo.train.recipe import parse, with_settings

    runtime.set_up_logging()
    path = _start_path(start)
    content: dict[str, Any] = {
        "size": size,
        "labels": str(labels) if labels is not None else None,
        "videos": str(videos) if videos is not None else None,
        "start": path,
        "shots": shots,
        "first_seed": first_seed,
        "held_out_shots": held_out,
        "held_out_seed": held_out_seed,
        "steps": steps,
        "batch_size": batch_size,
        "seed": seed,
        "optim": {**classifier.OPTIM, "learning_rate": learning_rate or (1.5e-3 if path == "random" else 1e-4)},
    }
    config = parse(with_settings(content, change or []), classifier.ClassifierConfig)
    result = classifier.run(config, out, fresh=fresh, workers=workers, device=device)
    if as_json:
        typer.echo(json.dumps(result.as_dict(), indent=1))
    else:
        _show(result)
    if result.status == "stopped":
        typer.echo(f"stopped at step {result.steps}; the same command goes on from here", err=True)
        raise typer.Exit(1)
    if result.failures:
        name, reason = next(iter(result.failures.items()))
        typer.echo(f"{len(result.failures)} clips could not be read, the first: {name}: {reason}", err=True)
        raise typer.Exit(3)


def _start_path(start: str) -> str:
    from dropletvideo.weights import weights_path

    return str(weights_path("swin3d-t-kinetics")) if start == "kinetics" else start


def _show(result: Any) -> None:
    typer.echo(f"{result.out}: {result.status} after {result.steps} steps in {result.seconds:.0f} s of training")
    if result.evaluation is not None:
        from dropletvideo.cli.score_table import show_score

        show_score(result.evaluation)
        typer.echo(f"use it: stages: camera_class_swin: {{weights: {result.out}}}")
