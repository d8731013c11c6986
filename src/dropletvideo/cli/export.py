"""`droplet export`: cut the clips of a selection into files with metadata."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Annotated

import typer


def export(
    dataset: Annotated[Path, typer.Argument(metavar="DATASET", help="data set folder")],
    out: Annotated[Path, typer.Option("--out", "-o", metavar="DIR", help="folder for files and tables")],
    selection: Annotated[str, typer.Option("--selection", metavar="NAME", help="which clips")] = "default",
    format_name: Annotated[
        str, typer.Option("--format", metavar="videofolder|miradata", help="layout of the tables")
    ] = "videofolder",
    short_side: Annotated[int | None, typer.Option("--short-side", min=16, help="resize to this short side")] = None,
    crf: Annotated[int, typer.Option("--crf", min=0, max=51, help="x264 quality, 0 best")] = 18,
    workers: Annotated[int | None, typer.Option("--workers", min=1, help="cutting processes [CPU cores]")] = None,
    as_json: Annotated[bool, typer.Option("--json", help="print what was done as JSON")] = False,
) -> None:
    """Cut the chosen clips into mp4 files, exact to the frame, with a table of their metadata.

    Formats: videofolder is what Hugging Face datasets reads; miradata is the MiraData v1 table.

    Example: droplet export dataset/ --selection fast --out fast/ --format videofolder
    """
    from dropletvideo import runtime
    from dropletvideo.curate.export.write import export as write

    runtime.set_up_logging()
    done = write(dataset, selection, out, format_name=format_name, short_side=short_side, crf=crf, workers=workers)
    if as_json:
        tables = [str(path) for path in done.tables]
        plain = {"chosen": done.chosen, "written": done.written, "failures": list(done.failures), "tables": tables}
        typer.echo(json.dumps(plain, indent=2, ensure_ascii=False))
    else:
        typer.echo(f"{done.written:,} of {done.chosen:,} clips in {out}: {', '.join(str(t) for t in done.tables)}")
        for failure in done.failures:
            typer.echo(f"  {failure['clip_id']}: {failure['reason']}")
    if done.failures:
        typer.echo(f"{len(done.failures)} failed", err=as_json)
        raise typer.Exit(3)
