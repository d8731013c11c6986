"""`droplet mirabench`: a prompt set in MiraBench's form, and results by kind of caption."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Any

import typer

app = typer.Typer(
    no_args_is_help=True,
    add_completion=False,
    rich_markup_mode=None,
    help="MiraBench's prompt set, made of your own data, and its results by kind of caption.",
)


@app.command("build")
def build(
    dataset: Annotated[Path, typer.Argument(metavar="DATASET", help="data set with MiraData's captions")],
    out: Annotated[Path, typer.Option(help="folder for requests.jsonl, images and references")] = Path("mirabench"),
    clips: Annotated[int, typer.Option(min=1, help="clips, balanced over human, animal, object, landscape")] = 50,
    seconds: Annotated[float, typer.Option(min=0.1, help="of each clip's beginning, as reference")] = 5.0,
    short_side: Annotated[
        int | None, typer.Option(min=16, help="of images and references [default: as they are]")
    ] = None,
    where: Annotated[str, typer.Option(help="SQL condition over the clips, such as \"split = 'test'\"")] = "true",
    seed: Annotated[int, typer.Option(help="of the order in which clips are taken, and of the requests")] = 0,
    workers: Annotated[int, typer.Option(min=1, help="processes that read and write")] = 1,
) -> None:
    """Write requests for every chosen clip with a short, a dense and a structured caption.

    Example: droplet mirabench build dataset/ --out mirabench/ && droplet generate --batch mirabench/requests.jsonl

    Take clips that the model was not trained on: name them by --where.
    """
    from dropletvideo import runtime
    from dropletvideo.evaluate.mirabench_set import PromptSet, write_prompt_set

    runtime.set_up_logging()
    asked = PromptSet(clips=clips, seconds=seconds, short_side=short_side, where=where, seed=seed)
    with runtime.progress("clips", total=clips) as bar:
        written = write_prompt_set(dataset, out, asked, workers=workers, advance=lambda name: bar.advance(note=name))
    found = ", ".join(f"{count} {subject}" for subject, count in written.subjects.items())
    typer.echo(f"{written.path}: {sum(written.subjects.values())} clips ({found}), three captions each")
    for reason, count in written.left_out.items():
        typer.echo(f"{count} clips left out: {reason}", err=True)
    if sum(written.subjects.values()) < clips:
        typer.echo(f"fewer than the {clips} clips asked for: the data set has no more of them", err=True)


@app.command("table")
def table(
    evaluation: Annotated[Path, typer.Argument(metavar="EVALUATION", help="folder of droplet evaluate")],
    system: Annotated[str, typer.Option(help="model, or a baseline")] = "model",
    as_json: Annotated[bool, typer.Option("--json", help="print the means as JSON")] = False,
) -> None:
    """Print the scores of an evaluation by kind of caption (the paper's section 5.3).

    Example: droplet mirabench table answers/evaluation
    """
    import json

    from dropletvideo.errors import RequestError
    from dropletvideo.evaluate.report_tables import caption_means

    path = evaluation / "summary.json"
    if not path.is_file():
        raise RequestError(f"{path} is not there: score the answers by droplet evaluate MANIFEST --suite mirabench")
    summary = json.loads(path.read_text(encoding="utf-8"))
    if system not in summary["systems"]:
        raise RequestError(f"--system {system} was not scored: one of {', '.join(summary['systems'])}")
    found = caption_means(summary["systems"][system]["tables"])
    if not found:
        raise RequestError(f"{path} has no rows with a caption_kind: make the requests by droplet mirabench build")
    if as_json:
        typer.echo(json.dumps(found, ensure_ascii=False))
    else:
        _print(found, summary["columns"])


def _print(found: dict[str, dict[str, Any]], columns: list[dict[str, Any]]) -> None:
    from rich.console import Console
    from rich.table import Table

    from dropletvideo.evaluate.summary import shown

    kinds = list(found)
    grid = Table("score", *kinds, title="mean [95 % interval] by kind of caption", title_justify="left")
    for column in columns:
        if any(column["name"] in found[kind] for kind in kinds):
            arrow = {"higher": "↑", "lower": "↓"}.get(column["better"], "")
            cells = [shown(found[kind].get(column["name"]), column) for kind in kinds]
            grid.add_row(f"{column['label']} {arrow}".strip(), *cells)
    Console().print(grid)
