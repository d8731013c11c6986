"""`droplet weights`: pretrained files by name; what lies here and where, and the one way to download them."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Annotated

import typer

app = typer.Typer(
    add_completion=False,
    no_args_is_help=True,
    rich_markup_mode=None,
    help="Pretrained files by name. Nothing is ever downloaded but by `droplet weights fetch`.\n\n"
    "Example: droplet weights list",
)
Folder = Annotated[
    Path | None, typer.Option("--folder", help="weights folder [DROPLET_WEIGHTS, else ~/.cache/dropletvideo/weights]")
]


@app.command("list")
def list_weights(
    folder: Folder = None,
    as_json: Annotated[bool, typer.Option("--json", help="print a list of objects")] = False,
) -> None:
    """List all pretrained files: whether they are here, licence, source, and what reads them.

    Example: droplet weights list --json
    """
    from dropletvideo import weights

    rows = []
    for entry in weights.WEIGHTS.values():
        path = weights.place_of(entry, folder)
        rows.append(
            {
                "name": entry.name,
                "is_there": weights.is_there(entry, path),
                "licence": entry.licence,
                "allows_commercial_use": entry.is_free,
                "source": entry.source,
                "sha256": entry.sha256,
                "path": str(path),
                "used_by": list(entry.used_by),
                "note": entry.note,
            }
        )
    if as_json:
        typer.echo(json.dumps(rows, indent=1))
        return
    typer.echo(f"looked for in {weights.weights_folder() if folder is None else folder}")
    for row in rows:
        mark = "here   " if row["is_there"] else "missing"
        typer.echo(f"{mark}  {row['name']:<20} {row['licence']}")
        typer.echo(f"         for {', '.join(_readers(row))}; {row['source']}")


def _readers(row: dict[str, object]) -> list[str]:
    """What reads the weights of a row."""
    used_by = row["used_by"]
    assert isinstance(used_by, list)
    return used_by or ["nothing yet"]


@app.command()
def path(name: Annotated[str, typer.Argument(help="one of droplet weights list")], folder: Folder = None) -> None:
    """Print where a pretrained file lies; exit code 1 with the way to get it where it does not.

    Example: droplet weights path dover
    """
    from dropletvideo import weights

    typer.echo(weights.weights_path(name, folder=folder))


@app.command()
def fetch(
    names: Annotated[list[str], typer.Argument(metavar="NAME...", help="one or more of droplet weights list")],
    folder: Folder = None,
    url: Annotated[
        str | None, typer.Option("--url", help="a mirror, for one name; the digest is still checked")
    ] = None,
    accept_licence: Annotated[
        bool, typer.Option("--accept-licence", help="needed for licences that forbid commercial use")
    ] = False,
) -> None:
    """Download pretrained files to their place, saying from where and under which licence.

    Example: droplet weights fetch clip-vit-l-14 laion-aesthetic-v2
    """
    from dropletvideo import weights
    from dropletvideo.errors import ConfigError

    entries = [weights.named(name) for name in names]
    if url is not None and len(entries) != 1:
        raise ConfigError(f"--url belongs to one name, {len(entries)} were given: fetch them one by one")
    for entry in entries:
        if not entry.is_free and not accept_licence:
            raise ConfigError(
                f"weights {entry.name!r} are under the {entry.licence}: read it at {entry.source}, then give "
                "--accept-licence"
            )
    for entry in entries:
        place = weights.place_of(entry, folder)
        if weights.is_there(entry, place):
            typer.echo(f"{entry.name}: here already, {weights.fetch(entry.name, folder=folder)}")
            continue
        if url or entry.url:
            typer.echo(f"{entry.name}: from {url or entry.url} to {place}, licence {entry.licence}")
        done = weights.fetch(entry.name, folder=folder, url=url)
        typer.echo(
            f"{entry.name}: {done} (sha256 {weights.sha256_of(done)})" if done.is_file() else f"{entry.name}: {done}"
        )
