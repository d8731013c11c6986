"""`droplet query`: SQL over a data set's views."""

from __future__ import annotations

import json
import sys
from pathlib import Path
from typing import Annotated, Any

import typer

SHOWN_ROWS = 200
PIPE_WIDTH = 400  # output into a file or pipe is not folded to a screen


def query(
    dataset: Annotated[Path, typer.Argument(metavar="DATASET", help="data set folder")],
    sql: Annotated[str, typer.Argument(metavar="SQL", help="a statement over videos, clips, boundaries and errors")],
    as_json: Annotated[bool, typer.Option("--json", help="print all rows as a JSON list")] = False,
) -> None:
    """Ask a data set in SQL (DuckDB) over the views videos, clips, boundaries and errors.

    Example: droplet query dataset/ "select camera_class, count(*) from clips group by all order by all"
    """
    import duckdb

    from dropletvideo.errors import CatalogError, ConfigError
    from dropletvideo.tables import views

    try:
        rows = views.query(dataset, sql)
    except CatalogError as error:
        if isinstance(error.__cause__, duckdb.Error):  # the statement is wrong, not the data set
            raise ConfigError(str(error)) from error
        raise
    if as_json:
        typer.echo(json.dumps(rows, indent=2, ensure_ascii=False, default=_plain))
        return
    _show(rows)


def _plain(value: Any) -> Any:
    return value.tolist() if hasattr(value, "tolist") else str(value)


def _show(rows: list[dict[str, Any]]) -> None:
    from rich.console import Console
    from rich.table import Table

    if not rows:
        typer.echo("no rows")
        return
    console = Console() if sys.stdout.isatty() else Console(width=PIPE_WIDTH)
    table = Table()
    for name, value in rows[0].items():
        is_number = isinstance(value, int | float) and not isinstance(value, bool)
        table.add_column(name, justify="right" if is_number else "left", overflow="fold")
    for row in rows[:SHOWN_ROWS]:
        table.add_row(*(_text(value) for value in row.values()))
    console.print(table)
    if len(rows) > SHOWN_ROWS:
        typer.echo(f"{len(rows) - SHOWN_ROWS:,} more rows; --json prints them all")


def _text(value: Any) -> str:
    if value is None:
        return ""
    if isinstance(value, float):
        return f"{value:.6g}"
    return ", ".join(map(_text, value)) if isinstance(value, list) else str(value)
