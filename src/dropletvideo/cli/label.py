"""`droplet label`: camera classes given by people: files, a page to label on, converters, scores."""

from __future__ import annotations

import json
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

if TYPE_CHECKING:
    from dropletvideo.data.labels import Label
    from dropletvideo.pages.label_page import Place

app = typer.Typer(
    add_completion=False,
    no_args_is_help=True,
    rich_markup_mode=None,
    help="Camera classes C1 to C6 given by people, in one JSON file.\n\n"
    "Example: droplet label new dataset/ --count 200 --out labels.json && droplet label page labels.json",
)
LabelFile = Annotated[Path, typer.Argument(metavar="LABELS", help="label file")]
Videos = Annotated[Path | None, typer.Option("--videos", metavar="DIR", help="folder of the files [that of LABELS]")]
Format = Annotated[str, typer.Option("--format", help="fiftyone or label-studio")]


@app.command()
def new(
    sources: Annotated[list[Path], typer.Argument(metavar="SOURCE...", help="a dataset, or videos and folders")],
    out: Annotated[Path, typer.Option("--out", "-o")] = Path("labels.json"),
    where: Annotated[str, typer.Option("--where", help="of a dataset: SQL condition over its clips")] = "true",
    count: Annotated[int | None, typer.Option("--count", min=1, help="so many, of a dataset at random")] = None,
    truth: Annotated[bool, typer.Option("--truth", help="fill in the classes of rendered footage")] = False,
) -> None:
    """Make a label file; labels that stand in OUT already are kept.

    Example: droplet label new dataset/ --where "camera_confidence < 0.5" --count 200

    Example: droplet label new videos/ --out videos/labels.json
    """
    from dropletvideo.curate import labelling
    from dropletvideo.data import labels as forms

    folder = out.resolve().parent
    if len(sources) == 1 and (sources[0] / "dataset.json").is_file():
        made = labelling.labels_of_dataset(sources[0], where, count, folder)
    else:
        made = labelling.labels_of_files(sources, count, folder, truth=truth)
    if out.is_file():
        made = forms.merged(made, forms.read_labels(out))
    forms.write_labels(out, made)
    typer.echo(f"{out}: {len(made.clips)} clips, {len(made.given())} labelled; label them: droplet label page {out}")


@app.command()
def page(
    labels: LabelFile,
    out: Annotated[Path | None, typer.Option("--out", "-o", help="LABELS with .html if left out")] = None,
    videos: Videos = None,
) -> None:
    """Write an HTML page to label on: open it in a browser, press 1 to 6, save the JSON over LABELS.

    Example: droplet label page labels.json
    """
    import os
    from urllib.parse import quote

    from dropletvideo.data import labels as forms
    from dropletvideo.moves import CAMERA_CLASSES
    from dropletvideo.pages.label_page import label_page

    found, target = forms.read_labels(labels), out or labels.with_suffix(".html")
    places: dict[str, Place] = {}
    for key, label in found.clips.items():
        path = forms.video_of(key, label, videos or labels.parent)
        start, end = _seconds(path, label)
        address = quote(os.path.relpath(path.resolve(), target.resolve().parent))
        places[key] = {"src": address, "start": start, "end": end}
    content = found.model_dump(mode="json", exclude={"clips"})
    content["clips"] = {key: forms.label_fields(label) for key, label in found.clips.items()}
    target.write_text(label_page(content, places, CAMERA_CLASSES, labels.name), encoding="utf-8")
    typer.echo(f"{target}: open it in a browser; it saves {labels.name}")


@app.command("export")
def export_labels(
    labels: LabelFile,
    form: Format,
    out: Annotated[Path, typer.Option("--out", "-o", help="fiftyone: a folder; label-studio: a JSON file")],
    videos: Videos = None,
    prefix: Annotated[str, typer.Option("--prefix", help="label-studio: put before each path")] = "",
) -> None:
    """Write labels as FiftyOne or Label Studio reads them.

    Example: droplet label export labels.json --format fiftyone --out fiftyone/
    """
    from dropletvideo.data import label_forms
    from dropletvideo.data import labels as forms

    _check_format(form)
    found = forms.read_labels(labels)
    folder = videos or labels.parent
    paths = {key: str(forms.video_of(key, label, folder).resolve()) for key, label in found.clips.items()}
    if form == "fiftyone":
        files = label_forms.to_fiftyone(found, paths, lambda key: forms.frames_in(paths[key]))
        for name, content in files.items():
            _write_json(out / name, content)
        typer.echo(f"{out}: fiftyone.types.FiftyOneTemporalDetectionDataset, {len(found.given())} labelled clips")
        return
    if not prefix:
        paths = {key: label.video or key for key, label in found.clips.items()}
    _write_json(out, label_forms.to_label_studio(found, paths, prefix))
    settings = out.with_suffix(".xml")
    settings.write_text(label_forms.label_studio_config(), encoding="utf-8")
    typer.echo(f"{out}: {len(found.clips)} tasks; labelling interface for the project's settings: {settings}")


@app.command("import")
def import_labels(
    source: Annotated[Path, typer.Argument(metavar="FILE", help="fiftyone: folder or labels.json; label-studio: JSON")],
    form: Format,
    out: Annotated[Path, typer.Option("--out", "-o", help="labels that stand in it are kept")] = Path("labels.json"),
) -> None:
    """Read labels that FiftyOne or Label Studio wrote into a label file.

    Example: droplet label import project-1.json --format label-studio --out labels.json
    """
    from dropletvideo import media
    from dropletvideo.data import label_forms
    from dropletvideo.data import labels as forms

    _check_format(form)
    if form == "fiftyone":
        file = source / "labels.json" if source.is_dir() else source
        names = file.with_name("data.json")
        content, files = _read_json(file), _read_json(names) if names.is_file() else {}
        read = label_forms.from_fiftyone(content, files, lambda path: media.probe(path).source_fps)
    else:
        read = label_forms.from_label_studio(_read_json(source))
    before = forms.read_labels(out) if out.is_file() else None
    made = forms.merged(before, read) if before else read
    forms.write_labels(out, made)
    typer.echo(f"{out}: {len(read.given())} labelled clips read, {len(made.given())} of {len(made.clips)} in all")


@app.command()
def score(
    dataset: Annotated[Path, typer.Argument(metavar="DATASET")],
    labels: LabelFile,
    columns: Annotated[
        list[str] | None, typer.Option("--column", help="camera_class by default; camera_class_learned")
    ] = None,
    as_json: Annotated[bool, typer.Option("--json", help="print the scores as JSON")] = False,
) -> None:
    """Score a dataset's camera classes against labels: accuracy, majority class, confusion.

    Example: droplet label score dataset/ labels.json --column camera_class --column camera_class_learned
    """
    from dropletvideo.cli.score_table import show_score
    from dropletvideo.curate.labelling import score_dataset
    from dropletvideo.data.labels import read_labels

    read = read_labels(labels)
    scores = {column: score_dataset(dataset, read, column) for column in columns or ["camera_class"]}
    if as_json:
        typer.echo(json.dumps({column: found.as_dict() for column, found in scores.items()}, indent=1))
    else:
        for column, found in scores.items():
            show_score(found.score, column)
    left = next(iter(scores.values())).unmatched
    if left:
        typer.echo(f"{len(left)} labels have no clip in {dataset}, the first: {left[0]}", err=True)


def _seconds(path: Path, label: Label) -> tuple[float, float | None]:
    """Start and end of a label's span on the file's clock."""
    from dropletvideo import media

    if label.span is None:
        return 0.0, None
    rate = media.probe(path).source_fps
    return round(label.span[0] / rate, 3), round(label.span[1] / rate, 3)


def _check_format(form: str) -> None:
    from dropletvideo.data.label_forms import FORMATS
    from dropletvideo.errors import ConfigError

    if form not in FORMATS:
        raise ConfigError(f"format={form!r} is unknown: one of {', '.join(FORMATS)}")


def _read_json(path: Path) -> Any:
    from dropletvideo.errors import ConfigError

    try:
        return json.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError) as error:
        raise ConfigError(f"{path} cannot be read ({error}): give the file that the tool exported") from error


def _write_json(path: Path, content: Any) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(json.dumps(content, indent=1, ensure_ascii=False) + "\n", encoding="utf-8")
