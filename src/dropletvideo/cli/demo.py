"""`droplet demo`: raw footage to dataset, model, videos and scores, in one report."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer


def demo(
    out: Annotated[Path, typer.Option(help="folder for everything; run again to go on where it stopped")] = Path(
        "demo"
    ),
    videos: Annotated[Path | None, typer.Option(help="a folder of real videos instead of rendered footage")] = None,
    quick: Annotated[
        bool, typer.Option("--quick", help="about three minutes instead of twelve; weaker videos")
    ] = False,
    train_all: Annotated[
        bool, typer.Option("--train-all", help="train codec and text encoder too, not only the transformer")
    ] = False,
    workers: Annotated[int | None, typer.Option(min=1, help="processes [default: the CPU cores]")] = None,
    as_json: Annotated[bool, typer.Option("--json", help="print what each step gave and cost")] = False,
) -> None:
    """Render raw footage, curate it, train a nano model on it, generate for M = 4, 8, 16, 32, score, report.

    Example: droplet demo --quick --out demo/

    Example: droplet demo --videos ~/Videos --out mydemo/

    Needs no GPU and no download. The report is OUT/report.html.
    """
    from dropletvideo import runtime
    from dropletvideo.cli.demo_report import write_demo_report
    from dropletvideo.cli.demo_steps import FULL, QUICK, run_demo
    from dropletvideo.cli.libraries import quiet_libraries

    runtime.set_up_logging()
    quiet_libraries()
    plan = QUICK if quick else FULL
    record = run_demo(plan, out, videos=videos, train_all=train_all, workers=workers or runtime.usable_cpus())
    write_demo_report(record, out / "report.html")
    if as_json:
        import json

        typer.echo(json.dumps(record.as_dict(), indent=1, ensure_ascii=False, default=str))
    typer.echo(f"{out / 'report.html'}", err=not as_json)
    if record.failures:
        typer.echo(f"{record.failures} rows failed, see the report", err=True)
        raise typer.Exit(3)
