"""`droplet evaluate`: score generated videos beside baselines."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Any

import typer


def evaluate(
    manifest: Annotated[Path, typer.Argument(help="manifest.jsonl, as `droplet generate --batch` writes it")],
    out: Annotated[
        Path | None, typer.Option(help="folder for the results [default: MANIFEST's folder/evaluation]")
    ] = None,
    baselines: Annotated[
        bool, typer.Option(help="score frozen, Ken-Burns, shuffled and real videos beside the model's")
    ] = True,
    codec: Annotated[
        str | None, typer.Option(help="model folder, or nano: its codec's reconstruction is scored as ceiling")
    ] = None,
    metric: Annotated[list[str] | None, typer.Option(help="only this metric; give it again for more")] = None,
    workers: Annotated[int, typer.Option(min=1, help="processes that measure")] = 1,
    as_json: Annotated[bool, typer.Option("--json", help="print the summary as JSON")] = False,
) -> None:
    """Score the videos of a manifest and write rows.jsonl, summary.json and report.html.

    Example: droplet evaluate out/manifest.jsonl --codec nano --workers 2

    Exit code 3 says that some videos have no score; the summary lists them with the reason.
    """
    from dropletvideo import runtime
    from dropletvideo.evaluate.report import write_report
    from dropletvideo.evaluate.score import EvaluateConfig, evaluate_manifest

    runtime.set_up_logging()
    chosen: dict[str, Any] = {"workers": workers}
    chosen |= {} if baselines else {"baselines": ()}
    chosen |= {"metrics": tuple(metric)} if metric else {}
    config = EvaluateConfig(**chosen)
    folder = out or manifest.parent / "evaluation"
    evaluation = evaluate_manifest(
        manifest, folder, config, reconstruct=_codec(codec) if codec else None, codec_name=codec
    )
    write_report(evaluation, folder / "report.html")
    if as_json:
        import json

        typer.echo(json.dumps(evaluation.summary, ensure_ascii=False, default=str))
    else:
        _print_table(evaluation.summary)
    _say_last_word(evaluation, folder)


def _codec(name: str) -> Any:
    from dropletvideo.evaluate.codec import load_codec

    return load_codec(name)


def _print_table(summary: dict[str, Any]) -> None:
    """Scores of every system with intervals."""
    from rich.console import Console
    from rich.table import Table
    from rich.text import Text

    from dropletvideo.evaluate.summary import shown

    table = Table(title="mean [95 % interval], drawn over groups", title_justify="left")
    table.add_column("score")
    for system in summary["systems"].values():
        table.add_column(system["label"], justify="right")
    for column in summary["columns"]:
        arrow = {"higher": "↑", "lower": "↓"}.get(column["better"], "")
        cells = [shown(system["scores"].get(column["name"]), column) for system in summary["systems"].values()]
        table.add_row(f"{column['label']} {arrow}".strip(), *cells)
    console = Console()
    console.print(table)
    for sentence in summary["weak"]:
        console.print(Text("weak: ", style="yellow").append(sentence, style="default"))


def _say_last_word(evaluation: Any, folder: Path) -> None:
    typer.echo(f"{folder / 'report.html'}", err=True)
    if evaluation.num_failed:
        typer.echo(
            f"{evaluation.num_failed} of {len(evaluation.results)} videos failed, see {folder / 'summary.json'}",
            err=True,
        )
        raise typer.Exit(3)
