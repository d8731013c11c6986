"""`droplet measure`: all weight-free measurements of video files."""

from __future__ import annotations

import math
from typing import Annotated, Any

import typer

SHOWN = ("duration_seconds", "source_fps", "width", "height", "camera_class", "camera_moves", "motion_score")


def measure(
    videos: Annotated[list[str], typer.Argument(help="video files; each is taken as one span")],
    workers: Annotated[int, typer.Option(min=1, help="processes that measure")] = 1,
    timeout: Annotated[float, typer.Option(min=1, help="seconds of silence after which a decoder is killed")] = 300.0,
    as_json: Annotated[bool, typer.Option("--json", help="print a list of objects with every column")] = False,
) -> None:
    """Measure cuts, motion, camera, look and flicker of video files, without any weights.

    Example: droplet measure holiday.mp4 clips/*.mp4 --json

    A file with an edit boundary inside is camera class C6, since it is taken as one span. A file that fails gives its
    path and the error, and exit code 3.
    """
    from dropletvideo import runtime
    from dropletvideo.evaluate.measure import measure_files

    runtime.set_up_logging()
    found: dict[str, dict[str, Any]] = {}
    with runtime.progress("measuring", total=len(videos)) as bar:
        for path, row in measure_files(list(dict.fromkeys(videos)), workers=workers, timeout_seconds=timeout):
            found[path] = row
            bar.advance(note=path)
    rows = [found[path] for path in dict.fromkeys(videos)]
    if as_json:
        import json

        typer.echo(json.dumps([_plain(row) for row in rows], indent=1, ensure_ascii=False))
    else:
        _print_table(rows)
    failed = sum("error" in row for row in rows)
    if failed:
        typer.echo(f"{failed} of {len(rows)} files failed", err=True)
        raise typer.Exit(3)


def _plain(value: Any) -> Any:
    """NumPy numbers as Python ones; a number that could not be told as null."""
    if isinstance(value, dict):
        return {key: _plain(item) for key, item in value.items()}
    if isinstance(value, list | tuple):
        return [_plain(item) for item in value]
    if hasattr(value, "tolist"):
        return _plain(value.tolist())
    return None if isinstance(value, float) and not math.isfinite(value) else value


def _print_table(rows: list[dict[str, Any]]) -> None:
    from rich.console import Console
    from rich.table import Table
    from rich.text import Text

    table = Table("file", *(name.replace("_", " ") for name in SHOWN))
    for row in rows:
        if "error" in row:
            table.add_row(Text(row["path"]), Text(row["error"], style="red"))
        else:
            table.add_row(Text(row["path"]), *(_shown(row.get(name)) for name in SHOWN))
    Console().print(table)


def _shown(value: Any) -> str:
    if value is None:
        return "–"
    if isinstance(value, list | tuple):
        return ", ".join(map(str, value)) or "–"
    return f"{value:.4g}" if isinstance(value, float) else str(value)
