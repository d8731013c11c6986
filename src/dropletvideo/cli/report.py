"""`droplet report`: the data set's report as one HTML file."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer


def report(
    dataset: Annotated[Path, typer.Argument(metavar="DATASET", help="data set folder")],
    selection: Annotated[
        str | None, typer.Option("--selection", metavar="NAME", help="whose funnel and limits are shown [default]")
    ] = None,
    out: Annotated[Path | None, typer.Option("--out", "-o", metavar="FILE", help="[DATASET/report.html]")] = None,
) -> None:
    """Write one self-contained HTML file: funnel, histograms, classes, pictures of clips, speed, errors.

    Example: droplet report dataset/ --selection fast --out fast.html
    """
    from dropletvideo import runtime
    from dropletvideo.curate.report import write_report
    from dropletvideo.pages.axes import format_bytes

    runtime.set_up_logging()
    target = out or dataset / "report.html"
    size = write_report(dataset, target, selection)
    typer.echo(f"report: {target} ({format_bytes(size)})")
