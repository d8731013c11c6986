"""`droplet compact`: write a dataset's clips as one wide table, so that queries over many parts stay quick."""

from __future__ import annotations

import json
import time
from pathlib import Path
from typing import Annotated

import typer


def compact(
    dataset: Annotated[Path, typer.Argument(metavar="DATASET", help="data set folder")],
    as_json: Annotated[bool, typer.Option("--json", help="print the result as JSON")] = False,
) -> None:
    """Join clips and columns into one Parquet file that queries and selections read while nothing has changed.

    Nothing is lost: the parts stay, and after the next curation the file is passed over until this is run again.

    Example: droplet compact dataset/
    """
    from dropletvideo import runtime
    from dropletvideo.tables import views

    started = time.perf_counter()
    with runtime.progress("joining columns", total=1) as bar:
        path = views.compact(dataset)
        bar.advance()
    with views.open_views(dataset) as connection:
        (rows,) = connection.execute("SELECT count(*) FROM clips").fetchone() or (0,)
    size = path.stat().st_size
    facts = {"path": str(path), "rows": rows, "bytes": size}
    if as_json:
        typer.echo(json.dumps({**facts, "seconds": round(time.perf_counter() - started, 3)}))
    else:
        typer.echo(f"{path}: {rows} clips, {size / 1e6:.1f} MB")
