"""`droplet compare`: two evaluations side by side."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Any

import typer


def compare(
    first: Annotated[str, typer.Argument(help="folder that `droplet evaluate` wrote; FOLDER:frozen for a baseline")],
    second: Annotated[str, typer.Argument(help="another one, with answers to the same requests")],
    out: Annotated[Path | None, typer.Option(help="HTML page to write [default: SECOND/comparison.html]")] = None,
    as_json: Annotated[bool, typer.Option("--json", help="print the comparison as JSON")] = False,
) -> None:
    """Compare the same requests answered by two models: paired differences with intervals.

    Example: droplet compare a/evaluation b/evaluation --out a-against-b.html
    """
    import json

    from dropletvideo.evaluate.compare import compare as compare_runs
    from dropletvideo.evaluate.compare import read_scored
    from dropletvideo.evaluate.compare_page import write_comparison

    sides = read_scored(first), read_scored(second)
    found = compare_runs(*sides)
    path = out or sides[1].folder / "comparison.html"
    write_comparison(found, *sides, path)
    if as_json:
        typer.echo(json.dumps(found, ensure_ascii=False))
    else:
        _print(found)
    typer.echo(str(path), err=True)


def _print(found: dict[str, Any]) -> None:
    from rich.console import Console
    from rich.table import Table
    from rich.text import Text

    from dropletvideo.evaluate.compare_page import difference_text
    from dropletvideo.evaluate.summary import shown

    names = {side: found[side]["name"] for side in ("first", "second")}
    table = Table(title=f"{found['common']} videos paired by id; difference: second - first", title_justify="left")
    table.add_column("score")
    for heading in (*names.values(), "difference", "better"):
        table.add_column(heading, justify="right")
    for line in found["columns"]:
        cells = (shown(line["first"], line), shown(line["second"], line), difference_text(line))
        table.add_row(line["label"], *cells, names.get(line["verdict"], line["verdict"]))
    console = Console()
    console.print(table)
    for warning in found["warnings"]:
        console.print(Text(warning, style="yellow"))
