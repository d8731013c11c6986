"""`droplet rate`: people rank the videos of several runs, blind; `droplet rate read` evaluates their answers."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Any

import typer

from dropletvideo.cli.first_verb import FirstVerbGroup

app = typer.Typer(cls=FirstVerbGroup, add_completion=False, rich_markup_mode=None, help="Blind ranking by people.")


@app.command("page")
def page(
    runs: Annotated[
        list[str], typer.Argument(help="2 to 8 folders of `droplet evaluate`; FOLDER:frozen is a baseline")
    ],
    out: Annotated[Path, typer.Option(help="folder for rate.html and key.json")] = Path("rating"),
    count: Annotated[int, typer.Option(min=1, help="requests shown, drawn at random")] = 20,
    seed: Annotated[int, typer.Option(help="draws requests and orders")] = 20250306,
) -> None:
    """Write one offline page on which people rank the answers to the same requests.

    Example: droplet rate a/evaluation b/evaluation b/evaluation:real --out rating

    Send rate.html to the raters, keep key.json. Then: droplet rate read rating/answers-*.json
    """
    from dropletvideo.evaluate.compare import read_scored
    from dropletvideo.evaluate.manifest import read_manifest
    from dropletvideo.evaluate.rate import RateConfig, write_rating

    opened = [read_scored(run) for run in runs]
    rows = read_manifest(opened[0].summary["protocol"]["manifest"])
    prompts = {row.id: {"prompt": row.prompt, "image": row.image} for row in rows}
    path = write_rating(opened, prompts, out, RateConfig(count=count, seed=seed))
    typer.echo(str(path))
    typer.echo(f"{path.stat().st_size / 1e6:.1f} MB; send it to the raters and keep {out / 'key.json'}", err=True)


@app.command("read")
def read(
    answers: Annotated[list[Path], typer.Argument(help="answers-*.json, one per rater")],
    key: Annotated[Path | None, typer.Option(help="key.json of the page [default: beside the first answers]")] = None,
    as_json: Annotated[bool, typer.Option("--json", help="print everything as JSON")] = False,
) -> None:
    """Mean ranks, agreement between raters, and Kendall's tau with every metric.

    Example: droplet rate read rating/answers-ab.json rating/answers-cd.json
    """
    import json

    from dropletvideo.evaluate.rate_read import read_ratings

    found = read_ratings(answers, key)
    if as_json:
        typer.echo(json.dumps(found, ensure_ascii=False))
    else:
        _print(found)


def _print(found: dict[str, Any]) -> None:
    from rich.console import Console

    console = Console()
    people = f"{len(found['raters'])} raters, {found['requests']} requests"
    console.print(_table(f"Mean rank, 1 is best ({people})", "run", found["mean_ranks"].items()))
    console.print(_table("Agreement of raters, Kendall's tau", "", [("all pairs of raters", found["agreement"])]))
    lines = [
        (line["label"] + (" (more)" if line["better"] == "neither" else ""), _values_only(line))
        for line in found["tau"]
    ]
    console.print(_table("Kendall's tau of each metric with people", "metric", lines))


def _values_only(line: dict[str, Any]) -> dict[str, Any]:
    """A line without intervals, which `--json` has: many metrics on one screen."""
    return {key: value | {"low": None} if isinstance(value, dict) else value for key, value in line.items()}


def _table(title: str, first: str, lines: Any) -> Any:
    from rich.table import Table

    from dropletvideo.evaluate.rate import CRITERIA
    from dropletvideo.evaluate.summary import shown

    table = Table(title=title, title_justify="left")
    table.add_column(first)
    for label in CRITERIA.values():
        table.add_column(label, justify="right")
    for name, cells in lines:
        table.add_row(name, *(shown(cells[criterion], {"decimals": 2}) for criterion in CRITERIA))
    return table
