"""`droplet curate`: raw videos in, a data set of measured clips and its report out."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Annotated, Any

import typer


def curate(
    sources: Annotated[
        list[str], typer.Argument(metavar="SOURCE...", help="videos, folders, CSV, JSONL or Parquet lists")
    ],
    *,
    out: Annotated[Path, typer.Option("--out", "-o", metavar="DATASET", help="data set folder, new or to go on with")],
    recipe: Annotated[
        str | None,
        typer.Option("--recipe", metavar="NAME|FILE", help="shipped recipe or YAML file [cpu; lists of clips: listed]"),
    ] = None,
    workers: Annotated[int | None, typer.Option("--workers", min=1, help="decoding processes [CPU cores]")] = None,
    engine: Annotated[str, typer.Option("--engine", metavar="local|ray", help="who decodes and measures")] = "local",
    ray_address: Annotated[
        str | None, typer.Option("--ray-address", metavar="HOST:PORT|auto", help="of a Ray cluster [a local one]")
    ] = None,
    change: Annotated[
        list[str] | None, typer.Option("--set", metavar="a.b=c", help="change one value of the recipe")
    ] = None,
    retry_errors: Annotated[bool, typer.Option("--retry-errors", help="try again what failed before")] = False,
    dry_run: Annotated[bool, typer.Option("--dry-run", help="say what would be done and stop")] = False,
    as_json: Annotated[bool, typer.Option("--json", help="print the summary as JSON")] = False,
) -> None:
    r"""Measure raw videos into a data set of clips, and write its report.

    What is measured already is not computed again: give the same command to go on after an interrupt, with more
    sources to add them, or with a changed recipe to recompute just what it changes.

    Examples:

    \b
      droplet curate videos/ --out dataset/ --set segment.max_seconds=20
      droplet curate raw/clips.jsonl --out dataset/      # clips as a list names them
      droplet curate videos/ --out dataset/ --engine ray --ray-address auto
    """
    from dropletvideo import runtime
    from dropletvideo.curate import run
    from dropletvideo.engine import workers_of

    runtime.set_up_logging()
    changes = change or []
    if dry_run:
        _show_plan(run.plan(sources, out, recipe=recipe, changes=changes), as_json)
        return
    who = workers_of(engine, workers, ray_address)
    done = run.curate(sources, out, recipe=recipe, changes=changes, workers=who, retry_errors=retry_errors)
    summary = done.summary
    if as_json:
        typer.echo(json.dumps(done.as_dict(), indent=2))
    else:
        _show_summary(done)
    if summary.failures:
        typer.echo(f'{summary.failures} failed; see: droplet query {out} "select * from errors"', err=as_json)
        raise typer.Exit(3)


def _show_plan(plan: dict[str, Any], as_json: bool) -> None:
    if as_json:
        typer.echo(json.dumps(plan, indent=2))
        return
    new = "a new data set" if plan["is_new"] else "the data set"
    typer.echo(f"{plan['videos']} videos into {new} {plan['dataset']}, {plan['passed_over']} other files passed over")
    typer.echo(
        f"{plan['decodes_per_video']} sequential {'decode' if plan['decodes_per_video'] == 1 else 'decodes'} per video"
    )
    for stage in plan["stages"]:
        gives = ", ".join(stage["columns"]) or "clips"
        gate = f"  only where {stage['gate']}" if stage["gate"] else ""
        skipped = f"  skipped: {stage['lacks']}" if stage["lacks"] else ""
        typer.echo(f"  {stage['stage']}: {gives}{gate}{skipped}")


def _show_summary(done: Any) -> None:
    from rich.console import Console
    from rich.table import Table

    from dropletvideo.curate.missing import fetch_line

    summary = done.summary
    table = Table(show_header=False, box=None, pad_edge=False)
    table.add_column(style="dim")
    table.add_column(justify="right")
    passed = f" ({done.sources.passed_over} other files passed over)" if done.sources.passed_over else ""
    table.add_row("sources", f"{summary.sources:,}{passed}")
    table.add_row("videos in the data set", f"{summary.videos:,} ({summary.cut_videos:,} new)")
    table.add_row("clips", f"{summary.clips:,}")
    for stage, count in summary.measured_clips.items():
        table.add_row(f"  measured by {stage}", f"{count:,}")
    for stage, count in summary.held_clips.items():
        table.add_row(f"  held back from {stage}", f"{count:,}")
    for stage, totals in summary.asked.items():
        tokens = f"{totals['prompt_tokens']:,.0f} + {totals['completion_tokens']:,.0f} tokens"
        cost = f"cost {totals['cost']:.4f}"
        table.add_row(f"  asked for {stage}", f"{totals['requests']:,.0f} requests, {tokens}, {cost}")
    for skipped in summary.skipped:
        table.add_row(f"  skipped: {skipped.stage}", "see below")
    if summary.decoded_videos:
        table.add_row("decodes per video", f"{summary.decodes / summary.decoded_videos:.2f}")
    table.add_row("CPU seconds", f"{sum(summary.cpu_seconds.values()):.1f}")
    table.add_row("wall seconds", f"{summary.total_seconds:.1f}")
    table.add_row("errors", f"{summary.failures:,}")
    Console().print(table)
    for skipped in summary.skipped:
        typer.echo(f"skipped: {skipped.stage}: {skipped.reason}")
    if line := fetch_line(skipped.reason for skipped in summary.skipped):
        typer.echo(f"all that can be fetched: {line}")
    typer.echo(f"report: {done.report}")
