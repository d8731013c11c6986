"""`droplet evaluate`: score generated videos beside baselines; `import` and `validate` are verbs below it."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Annotated, Any

import typer

from dropletvideo.cli.first_verb import FirstVerbGroup

app = typer.Typer(
    cls=FirstVerbGroup,
    add_completion=False,
    rich_markup_mode=None,
    help="Score generated videos beside baselines.\n\nExample: droplet evaluate out/manifest.jsonl --codec nano",
)


@app.command("score")
def evaluate(  # noqa: PLR0917 - one option each
    manifest: Annotated[Path, typer.Argument(help="manifest.jsonl, as `droplet generate --batch` writes it")],
    out: Annotated[
        Path | None, typer.Option(help="folder for the results [default: MANIFEST's folder/evaluation]")
    ] = None,
    suite: Annotated[
        str, typer.Option(help="metrics to take: truth, vbench-i2v, istp, mirabench, survey, or all")
    ] = "truth",
    metric: Annotated[
        list[str] | None, typer.Option("--metric", "--metrics", help="these metrics instead: a,b or given again")
    ] = None,
    flavour: Annotated[
        list[str] | None,
        typer.Option(help="only columns of this flavour and what they need: compat, fixed, paper or own; a,b or again"),
    ] = None,
    weights: Annotated[
        Path | None, typer.Option(help="folder of pretrained files [default: DROPLET_WEIGHTS, or the cache]")
    ] = None,
    profile: Annotated[
        str, typer.Option(help="paper: as published; permissive: no weights that forbid commercial use")
    ] = "paper",
    baselines: Annotated[
        bool, typer.Option(help="score frozen, Ken-Burns, shuffled, reversed and real videos beside the model's")
    ] = True,
    codec: Annotated[
        str | None, typer.Option(help="model folder, or nano: its codec's reconstruction is scored as ceiling")
    ] = None,
    workers: Annotated[int, typer.Option(min=1, help="processes that measure")] = 1,
    engine: Annotated[str, typer.Option(help="local, or ray for a cluster that shares the folders")] = "local",
    ray_address: Annotated[str | None, typer.Option(help="with --engine ray: auto, or HOST:PORT")] = None,
    dry_run: Annotated[bool, typer.Option("--dry-run", help="say what would be measured, and do nothing")] = False,
    as_json: Annotated[bool, typer.Option("--json", help="print the summary as JSON")] = False,
) -> None:
    """Score the videos of a manifest and write rows.jsonl, summary.json and report.html.

    Example: droplet evaluate out/manifest.jsonl --codec nano --workers 2

    Other verbs: droplet evaluate import vbench | mirabench (a folder or a list becomes a manifest), droplet evaluate
    validate (the metrics themselves against rendered truth).

    Exit code 3 says that some videos have no score; the summary lists them with the reason.
    """
    from dropletvideo import runtime
    from dropletvideo.evaluate.dry_run import what_would_run
    from dropletvideo.evaluate.exported import write_vbench
    from dropletvideo.evaluate.report import write_report
    from dropletvideo.evaluate.score import evaluate_manifest

    runtime.set_up_logging()
    _point_to(weights)
    chosen: dict[str, Any] = {"suite": suite, "profile": profile, "workers": workers, "engine": engine}
    chosen |= {"ray_address": ray_address}
    chosen |= {} if baselines else {"baselines": ()}
    chosen |= {"metrics": _names(metric)} if metric else {}
    chosen |= {"flavours": _names(flavour)} if flavour else {}
    config = _config(chosen)
    folder = out or manifest.parent / "evaluation"
    if dry_run:
        _print_plan(what_would_run(manifest, folder, config), as_json=as_json)
        return
    evaluation = evaluate_manifest(
        manifest, folder, config, reconstruct=_codec(codec) if codec else None, codec_name=codec
    )
    write_vbench(evaluation, folder / "vbench")
    write_report(evaluation, folder / "report.html")
    if as_json:
        import json

        typer.echo(json.dumps(evaluation.summary, ensure_ascii=False, default=str))
    else:
        _print_table(evaluation.summary)
    _say_last_word(evaluation, folder)


@app.command("validate")
def validate_metrics(
    out: Annotated[Path, typer.Option(help="folder for videos, validation.json, validation.html and validation.md")],
    metric: Annotated[
        list[str] | None, typer.Option("--metric", "--metrics", help="only these: a,b or given again")
    ] = None,
    count: Annotated[int, typer.Option(min=1, help="rendered clips for each camera move")] = 3,
    levels: Annotated[int, typer.Option(min=2, help="sizes of each fault beside none")] = 4,
    seed: Annotated[int, typer.Option(help="first scene seed")] = 1_100_000,
    workers: Annotated[int, typer.Option(min=1, help="processes that render and measure")] = 1,
    row: Annotated[Path | None, typer.Option(help="append what was found to this JSONL file, as one line")] = None,
    as_json: Annotated[bool, typer.Option("--json", help="print all claims as JSON")] = False,
) -> None:
    """Hold the metrics against rendered truth with injected faults: do they react where they must, and only there?

    Example: droplet evaluate validate --out validation --workers 2

    A run that was stopped goes on in the same folder. Exit code 3 says that some claims do not hold.
    """
    import json

    from dropletvideo import runtime
    from dropletvideo.evaluate.faulty_videos import ValidationConfig
    from dropletvideo.evaluate.score import EvaluateConfig
    from dropletvideo.evaluate.validation import row_of, validate
    from dropletvideo.evaluate.validation_page import markdown, write_validation
    from dropletvideo.files import JsonLines

    runtime.set_up_logging()
    names = _names(metric) if metric else None
    config = ValidationConfig(count=count, levels=levels, seed=seed, metrics=names)
    found = validate(out, config, EvaluateConfig(metrics=names, workers=workers))
    write_validation(found, out / "validation.html")
    (out / "validation.md").write_text(markdown(found), encoding="utf-8")
    if row:
        command = " ".join(["droplet", *sys.argv[1:]])
        JsonLines(row).append({"command": command, "machine": runtime.machine(), **row_of(found)})
    broken = [claim for claim in found["claims"] if not claim["holds"]]
    if as_json:
        typer.echo(json.dumps(found, default=str))
    else:
        typer.echo(f"{len(found['claims']) - len(broken)} of {len(found['claims'])} claims hold")
        for claim in broken:
            sure = "" if claim["is_sure"] else f" (not sure: {claim['sure']:.0%} of draws of {claim['clips']} clips)"
            typer.echo(f"does not hold: {claim['column']} {claim['wanted']} under {claim['fault']}{sure}")
    typer.echo(str(out / "validation.html"), err=True)
    if broken:
        raise typer.Exit(3)


importers = typer.Typer(no_args_is_help=True, help="Make a manifest of a published benchmark's files.")
app.add_typer(importers, name="import")


@importers.command("vbench")
def import_vbench(
    folder: Annotated[Path, typer.Argument(help="videos named PROMPT-0.mp4 to PROMPT-4.mp4")],
    info: Annotated[Path, typer.Option(help="the list vbench2_i2v_full_info.json (or vbench_i2v_full_info.json)")],
    images: Annotated[
        Path | None, typer.Option(help="folder of the list's images, cropped to the videos' ratio")
    ] = None,
    prompts: Annotated[
        Path | None, typer.Option(help="JSON of the list's prompt to the dense prompt used in its place (istp)")
    ] = None,
    samples: Annotated[int, typer.Option(min=1, help="videos for each prompt")] = 5,
    out: Annotated[Path | None, typer.Option(help="manifest to write [default: FOLDER/manifest.jsonl]")] = None,
) -> None:
    """Read a VBench-I2V folder; a video that is not there becomes a row that fails and is counted.

    Example: droplet evaluate import vbench answers/ --info vbench2_i2v_full_info.json --images crop/16-9
    """
    from dropletvideo.evaluate.importers import VBenchSource, vbench_rows

    source = VBenchSource(folder=folder, info=info, images=images, prompts=prompts, samples=samples)
    rows = vbench_rows(source)
    _write(rows, out or folder / "manifest.jsonl")
    if prompts is not None and (plain := sum(row.prompt_original is None for row in rows)):
        typer.echo(f"{plain} rows keep the list's prompt, since {prompts} has no dense one for it", err=True)


@importers.command("mirabench")
def import_mirabench(
    table: Annotated[Path, typer.Argument(help="CSV with video_idx or index, video_path and the captions")],
    videos: Annotated[Path | None, typer.Option(help="folder of the videos [default: the CSV's folder]")] = None,
    caption: Annotated[str, typer.Option(help="which caption is the prompt: short, dense or structured")] = "dense",
    out: Annotated[Path | None, typer.Option(help="manifest to write [default: beside the CSV]")] = None,
) -> None:
    """Read a MiraBench CSV.

    Example: droplet evaluate import mirabench meta.csv --videos answers/ --out manifest.jsonl
    """
    from dropletvideo.evaluate.importers import mirabench_rows

    rows = mirabench_rows(table, videos=videos or table.parent, caption=caption)
    _write(rows, out or table.with_suffix(".manifest.jsonl"))


def _write(rows: list[Any], path: Path) -> None:
    from dropletvideo.evaluate.manifest import write_manifest

    write_manifest(path, rows)
    missing = sum(not row.video.is_file() for row in rows)
    typer.echo(str(path))
    typer.echo(f"{len(rows)} rows, {missing} of their videos are not there", err=True)


def _point_to(weights: Path | None) -> None:
    """Set the folder of pretrained files for this process and its workers."""
    import os

    from dropletvideo.errors import ConfigError
    from dropletvideo.weights import FOLDER_VARIABLE

    if weights is None:
        return
    if not weights.is_dir():
        raise ConfigError(f"--weights {weights} is no folder: name one with the files of `droplet weights list`")
    os.environ[FOLDER_VARIABLE] = str(weights.resolve())


def _names(given: list[str]) -> tuple[str, ...]:
    return tuple(name.strip() for each in given for name in each.split(",") if name.strip())


def _config(chosen: dict[str, Any]) -> Any:
    from pydantic import ValidationError

    from dropletvideo.errors import ConfigError
    from dropletvideo.evaluate.score import EvaluateConfig

    try:
        return EvaluateConfig(**chosen)
    except ValidationError as error:
        first = error.errors()[0]
        raise ConfigError(f"--{first['loc'][0]} {first.get('input')!r}: {first['msg']}") from error


def _codec(name: str) -> Any:
    from dropletvideo.evaluate.codec import load_codec

    return load_codec(name)


def _print_plan(plan: dict[str, Any], *, as_json: bool) -> None:
    import json

    if as_json:
        typer.echo(json.dumps(plan, ensure_ascii=False))
        return
    typer.echo(
        f"{plan['rows']} rows, {plan['videos_missing']} videos missing, {plan['to_measure']} videos to measure, "
        f"{plan['known']} known already; baselines come on top: {', '.join(plan['baselines']) or 'none'}"
    )
    typer.echo(f"metrics: {', '.join(plan['metrics']) or 'none'}")
    for each in plan["absent"]:
        typer.echo(f"absent: {each['metric']}: {each['reason']}")


def _print_table(summary: dict[str, Any]) -> None:
    """Scores and totals of every system, the model's with intervals, then what is absent and what is weak."""
    from rich.console import Console
    from rich.table import Table
    from rich.text import Text

    from dropletvideo.evaluate.summary import shown, total_columns

    table = Table(title="mean [95 % interval], drawn over groups", title_justify="left")
    table.add_column("score")
    systems = [system for system in summary["systems"].values() if system["scores"]]
    for system in systems:
        table.add_column(system["label"], justify="right")
    for column in summary["columns"]:
        arrow = {"higher": "↑", "lower": "↓"}.get(column["better"], "")
        cells = [shown(system["scores"].get(column["name"]), column) for system in systems]
        cells[1:] = [cell.split(" ")[0] for cell in cells[1:]]  # all intervals are in the report
        table.add_row(f"{column['label']} {arrow}".strip(), *cells)
    for column in total_columns(summary):
        cells = [shown(system["totals"][column["suite"]].get(column["name"]), column) for system in systems]
        cells[1:] = [cell.split(" ")[0] for cell in cells[1:]]
        table.add_row(f"{column['label']} ↑", *cells)
    console = Console()
    console.print(table)
    for absent in summary["absent"]:
        console.print(
            Text("absent: ", style="yellow").append(f"{absent['title']}: {absent['reason']}", style="default")
        )
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
