"""`droplet export`: cut the clips of a selection into files with metadata."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Annotated

import typer


def export(  # noqa: PLR0917 - the options of the verb
    dataset: Annotated[Path, typer.Argument(metavar="DATASET", help="data set folder")],
    out: Annotated[str, typer.Option("--out", "-o", metavar="DIR|URL", help="folder, or address such as s3://...")],
    selection: Annotated[str, typer.Option("--selection", metavar="NAME", help="which clips")] = "default",
    format_name: Annotated[
        str,
        typer.Option("--format", metavar="NAME", help="videofolder, webdataset, miradata or dropletvideo"),
    ] = "videofolder",
    short_side: Annotated[int | None, typer.Option("--short-side", min=16, help="resize to this short side")] = None,
    crf: Annotated[int, typer.Option("--crf", min=0, max=51, help="x264 quality, 0 best")] = 18,
    copy: Annotated[
        bool, typer.Option("--copy/--no-copy", help="copy packets where that gives the very frames")
    ] = True,
    workers: Annotated[int | None, typer.Option("--workers", min=1, help="cutting processes [CPU cores]")] = None,
    as_json: Annotated[bool, typer.Option("--json", help="print what was done as JSON")] = False,
) -> None:
    r"""Cut the chosen clips into mp4 files, exact to the frame, with tables and a dataset card.

    Formats: videofolder is what Hugging Face datasets reads; webdataset packs tar shards by picture shape; miradata is
    the MiraData v1 table; dropletvideo the table, JSON and file names of that release.

    Examples:

    \b
      droplet export dataset/ --selection fast --out fast/ --format videofolder
      droplet export dataset/ --out s3://bucket/shards --format webdataset --short-side 512
    """
    from dropletvideo import runtime
    from dropletvideo.curate.export.cut import CutSettings
    from dropletvideo.curate.export.write import export as write

    runtime.set_up_logging()
    settings = CutSettings(crf=crf, short_side=short_side, copy=copy)
    done = write(dataset, selection, out, format_name=format_name, settings=settings, workers=workers)
    if as_json:
        tables = [str(path) for path in done.tables]
        counts = {"chosen": done.chosen, "written": done.written, "copied": done.copied}
        typer.echo(
            json.dumps({**counts, "failures": list(done.failures), "tables": tables}, indent=2, ensure_ascii=False)
        )
    else:
        how = f"{done.copied:,} copied, {done.written - done.copied:,} coded anew"
        typer.echo(f"{done.written:,} of {done.chosen:,} clips in {out} ({how}): {', '.join(map(str, done.tables))}")
        for failure in done.failures:
            typer.echo(f"  {failure['clip_id']}: {failure['reason']}")
    if done.failures:
        typer.echo(f"{len(done.failures)} failed", err=as_json)
        raise typer.Exit(3)
