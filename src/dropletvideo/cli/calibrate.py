"""`droplet calibrate`: what a model's M does, measured, so that --speed can mean something."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Annotated, Any

import typer


def calibrate(  # noqa: PLR0917 - the options of the verb
    out: Annotated[Path, typer.Option("--out", "-o", metavar="DIR", help="requests, videos and the page go there")],
    model: Annotated[str, typer.Option("--model", metavar="DIR|nano", help="model folder")] = "nano",
    scenes: Annotated[int, typer.Option("--scenes", min=3, help="rendered scenes to measure on")] = 8,
    requests: Annotated[
        Path | None, typer.Option("--requests", metavar="FILE.jsonl", help="your own scenes instead: image, prompt")
    ] = None,
    motion: Annotated[
        list[float] | None, typer.Option("--motion", metavar="M", help="a level; once for each [6 over the range]")
    ] = None,
    num_inference_steps: Annotated[
        int | None, typer.Option("--num-inference-steps", "--steps", help="sampling steps")
    ] = None,
    check: Annotated[bool, typer.Option("--check", help="make and measure videos at five speeds too")] = False,
    dry_run: Annotated[bool, typer.Option("--dry-run", help="say what would be made and stop")] = False,
    store: Annotated[bool, typer.Option("--store/--no-store", help="write into the model's droplet.json")] = True,
    batch_size: Annotated[int, typer.Option("--batch-size", min=1, help="videos at once")] = 16,
    device: Annotated[str, typer.Option("--device", metavar="auto|cpu|cuda|cuda:N|mps", help="where")] = "auto",
    dtype: Annotated[
        str, typer.Option("--dtype", metavar="auto|float32|bfloat16|float16", help="number type")
    ] = "auto",
    as_json: Annotated[bool, typer.Option("--json", help="print the calibration as JSON")] = False,
) -> None:
    """Measure motion over M on generated videos and store the curve in the model folder; --speed needs it.

    Example: droplet calibrate --model nano --out calibration/ --check
    """
    from dropletvideo import runtime
    from dropletvideo.cli.libraries import quiet_libraries
    from dropletvideo.files import write_text
    from dropletvideo.generate import calibration as calibrating
    from dropletvideo.generate.calibration_page import write_page
    from dropletvideo.generate.opened import Setup

    runtime.set_up_logging()
    quiet_libraries()
    runtime.stop_on_terminate()
    settings = (("num_inference_steps", num_inference_steps),) if num_inference_steps else ()
    plan = calibrating.CalibrationPlan(
        scenes=scenes, requests=requests, motions=tuple(motion or ()), settings=settings, batch_size=batch_size
    )
    if dry_run:
        _say_plan(model, plan, check)
        return
    setup = Setup(model=model, device=device, dtype=dtype)
    found = calibrating.calibrate(setup, out, plan)
    speeds = calibrating.check_speeds(setup, found, out, plan) if check and found.follows else []
    write_text(
        out / "calibration.json", json.dumps({**found.model_dump(mode="json"), "check": speeds}, indent=2) + "\n"
    )
    page = write_page(out / "calibration.html", model, found, out / "videos", speeds)
    stored = calibrating.store(model, found) if store else None
    if as_json:
        typer.echo(json.dumps({**found.model_dump(mode="json"), "check": speeds}, indent=2))
    else:
        _print(found, speeds)
        typer.echo(f"{page}" + (f"  stored in {stored}" if stored else "  not stored"))


def _say_plan(model: str, plan: Any, check: bool) -> None:
    from dropletvideo.generate.calibration import CHECK_SPEEDS, levels_of
    from dropletvideo.generate.provenance import model_folder
    from dropletvideo.model.folder import load_defaults

    levels = levels_of(plan.motions, load_defaults(model_folder(model)).motion_range)
    per_scene = len(levels) + (len(CHECK_SPEEDS) if check else 0)
    scenes = f"the scenes of {plan.requests}" if plan.requests else f"{plan.scenes} rendered scenes"
    typer.echo(f"{per_scene} videos of each of {scenes}, M = {', '.join(f'{level:g}' for level in levels)}")


def _print(found: Any, speeds: list[dict[str, float]]) -> None:
    from rich.console import Console
    from rich.table import Table

    from dropletvideo.generate.calibration_page import sentence

    table = Table("M", f"motion ({found.unit})", "95 % interval", "curve")
    for level in zip(found.motions, found.measured, found.low, found.high, found.curve, strict=True):
        motion, measured, low, high, curve = level
        table.add_row(f"{motion:g}", f"{measured:.4f}", f"{low:.4f} to {high:.4f}", f"{curve:.4f}")
    Console().print(table)
    typer.echo(f"{sentence(found)} Trend: p = {found.trend_p:.2g}; {found.falling_pairs:.0%} of steps fall.")
    for low, high in found.flat:
        typer.echo(f"flat: M {low:g} to {high:g} moves alike as far as can be measured")
    for row in speeds:
        typer.echo(
            f"speed {row['speed']:g}: M {row['motion']:g}, expected {row['expected']:.4f}, "
            f"measured {row['measured']:.4f} ({row['low']:.4f} to {row['high']:.4f})"
        )
