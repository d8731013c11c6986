"""`droplet select`: choose clips by their measured columns and see at once why the others drop."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Annotated, Any

import typer


def select(
    dataset: Annotated[Path, typer.Argument(metavar="DATASET", help="data set folder")],
    where: Annotated[
        list[str] | None, typer.Option("--where", metavar="EXPRESSION", help="condition over clips; may be repeated")
    ] = None,
    name: Annotated[str, typer.Option("--name", help="name under which it is kept")] = "default",
    order_by: Annotated[str | None, typer.Option("--order-by", help="order of the kept clips")] = None,
    quota: Annotated[
        list[str] | None,
        typer.Option("--quota", metavar="COLUMN[=VALUE]:MOST", help="at most so many (20) or such a share (5%)"),
    ] = None,
    limit: Annotated[int | None, typer.Option("--limit", min=0, help="keep no more than this")] = None,
    file: Annotated[Path | None, typer.Option("--file", help="begin with a selection in a YAML file")] = None,
    as_json: Annotated[bool, typer.Option("--json", help="print the funnel as JSON")] = False,
) -> None:
    """Keep a selection of clips in the data set and show its funnel. Nothing is measured again.

    Without any condition the selection of that name is shown as it is kept.

    Example: droplet select dataset/ --where "motion_score > 0.02" --quota camera_class=C5:5% --name fast
    """
    from dropletvideo.curate.recipe import checked
    from dropletvideo.curate.selection import Selection, apply
    from dropletvideo.curate.store import load_selection, read_selection, store_selection
    from dropletvideo.tables.views import open_views

    given: dict[str, Any] = {"where": where, "order_by": order_by, "limit": limit}
    given = {key: value for key, value in given.items() if value is not None}
    if quota:
        given["quotas"] = [_quota(text) for text in quota]
    with open_views(dataset) as connection:
        if file is None and not given:
            chosen = load_selection(dataset, name)
        else:
            begun = read_selection(file).model_dump() if file is not None else {}
            chosen = checked(Selection, {**begun, **given}, "")
        funnel = apply(connection, chosen)
    if file is not None or given:
        store_selection(dataset, name, chosen)
    if as_json:
        steps = [{**step.__dict__, "after": step.after} for step in funnel.steps]
        plain = {"name": name, "total": funnel.total, "kept": funnel.kept, "steps": steps}
        typer.echo(json.dumps({**plain, "clip_ids": list(funnel.clip_ids)}, indent=2, ensure_ascii=False))
        return
    _show(name, funnel)


def _quota(text: str) -> dict[str, Any]:
    from dropletvideo.errors import ConfigError

    group, colon, most = text.rpartition(":")
    by, equals, value = group.partition("=")
    try:
        limit = {"share": float(most[:-1]) / 100} if most.endswith("%") else {"count": int(most)}
    except ValueError:
        colon = ""
    if not colon or not by:
        raise ConfigError(f"--quota {text!r} is not valid: write COLUMN:20, COLUMN=VALUE:20 or COLUMN=VALUE:5%")
    return {"by": by.strip(), "value": value.strip() if equals else None, **limit}


def _show(name: str, funnel: Any) -> None:
    from rich.console import Console
    from rich.table import Table

    table = Table()
    for title in ("step", "left", "dropped here", "would drop alone"):
        table.add_column(title, justify="left" if title == "step" else "right", overflow="fold")
    table.add_row("all clips", f"{funnel.total:,}", "", "")
    for step in funnel.steps:
        table.add_row(step.condition, f"{step.after:,}", f"{step.dropped:,}", f"{step.alone:,}")
    Console().print(table)
    share = f" ({funnel.kept / funnel.total:.0%})" if funnel.total else ""
    typer.echo(f"{name} keeps {funnel.kept:,} of {funnel.total:,} clips{share}")
