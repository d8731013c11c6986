"""`droplet train`: a recipe in, a model folder out."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Annotated, Any

import typer


def train(
    recipe: Annotated[str, typer.Argument(metavar="RECIPE", help="shipped recipe (nano, nano-demo, …) or YAML file")],
    out: Annotated[Path | None, typer.Option("--out", "-o", help="folder of the run; runs/RECIPE if left out")] = None,
    data: Annotated[
        Path | None, typer.Option("--data", metavar="DATASET", help="train on the clips of a dataset")
    ] = None,
    change: Annotated[
        list[str] | None, typer.Option("--set", metavar="a.b=c", help="change one value of the recipe")
    ] = None,
    fresh: Annotated[
        bool, typer.Option("--fresh/--resume", help="start over, or go on from the last checkpoint")
    ] = False,
    dry_run: Annotated[
        bool, typer.Option("--dry-run", help="check the recipe, say what it would do, and stop")
    ] = False,
    as_json: Annotated[bool, typer.Option("--json", help="print the result as JSON")] = False,
) -> None:
    """Train by a recipe; interrupt it and give the same command to go on.

    On a CPU with the same number of threads the result is then the same to the bit.

    OUT becomes a model folder for droplet generate, with run.json, log.jsonl, samples/ and checkpoints/.

    Example: droplet train nano --out runs/nano --set loop.max_steps=4000

    Example: droplet train nano-demo --data dataset/ --set loop.max_minutes=3
    """
    from dropletvideo import runtime
    from dropletvideo.cli.libraries import quiet_libraries
    from dropletvideo.train import recipe as recipes

    runtime.set_up_logging()
    content = recipes.with_settings(recipes.read_recipe(recipe), change or [])
    if data is not None:
        content = recipes.with_settings(content, [f"data.dataset={json.dumps(str(data))}"])
    kind = str(content["kind"])
    config = recipes.parse(content, recipes.config_class(kind))
    target = out or Path("runs") / Path(recipe).stem
    if dry_run:
        _show_plan(config, target, as_json)
        return
    quiet_libraries()
    result = _run(kind, config, target, fresh)
    _show_result(result, as_json)
    if result.status == "stopped":
        typer.echo(f"stopped at step {result.steps}; the same command goes on from here", err=True)
        raise typer.Exit(1)
    failed = len(result.cache.failures) if kind == "transformer" else 0
    if failed:
        typer.echo(f"{failed} clips could not be read; see cache.failures in {target / 'run.json'}", err=True)
        raise typer.Exit(3)


def _run(kind: str, config: Any, target: Path, fresh: bool) -> Any:
    from importlib import import_module

    from dropletvideo.train.recipe import KINDS

    run = import_module(KINDS[kind]).run
    if kind != "transformer":
        return run(config, target, fresh=fresh)
    from functools import partial

    from dropletvideo.generate.preview import write_previews

    previews = config.previews
    sample = partial(write_previews, motions=previews.motions, num_inference_steps=previews.steps)
    return run(config, target, fresh=fresh, sample=sample)


def _show_plan(config: Any, target: Path, as_json: bool) -> None:
    import yaml

    plain = {"out": str(target), "recipe": config.model_dump(mode="json")}
    typer.echo(json.dumps(plain, indent=2) if as_json else yaml.safe_dump(plain, sort_keys=False))


def _show_result(result: Any, as_json: bool) -> None:
    facts = {key: value for key, value in vars(result).items() if key != "cache"}
    if hasattr(result, "cache"):
        facts["cache"] = result.cache.as_dict()
    if as_json:
        typer.echo(json.dumps(facts, indent=2, default=str))
        return
    typer.echo(f"{result.out}: {result.status} after {result.steps} steps in {result.seconds:.0f} s of training")
    for name in ("loss", "held_out_loss"):
        if facts.get(name) is not None:
            typer.echo(f"  {name.replace('_', ' ')} {facts[name]:.4f}")
