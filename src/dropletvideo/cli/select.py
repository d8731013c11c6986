"""`droplet select`: choose clips by their measured columns and see at once why the others drop."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Annotated, Any

import typer


def select(
    dataset: Annotated[Path, typer.Argument(metavar="DATASET", help="data set folder")],
    *,
    where: Annotated[
        list[str] | None, typer.Option("--where", metavar="EXPRESSION", help="one more condition; may be repeated")
    ] = None,
    selection: Annotated[
        str | None, typer.Option("--selection", metavar="NAME", help="begin with the data set's own or a shipped one")
    ] = None,
    file: Annotated[Path | None, typer.Option("--file", help="begin with a selection in a YAML file")] = None,
    change: Annotated[
        list[str] | None,
        typer.Option("--change", metavar="EXPRESSION", help="in place of the condition over the same column"),
    ] = None,
    name: Annotated[
        str | None, typer.Option("--name", help="name under which it is kept [default, if begun from nothing]")
    ] = None,
    order_by: Annotated[str | None, typer.Option("--order-by", help="order of the kept clips")] = None,
    quota: Annotated[
        list[str] | None,
        typer.Option("--quota", metavar="COLUMN[=VALUE]:MOST", help="at most so many (20) or such a share (5%)"),
    ] = None,
    limit: Annotated[int | None, typer.Option("--limit", min=0, help="keep no more than this")] = None,
    clip: Annotated[
        str | None, typer.Option("--why", metavar="CLIP", help="why a clip is kept or dropped: id, FILE or FILE:FRAME")
    ] = None,
    listed: Annotated[bool, typer.Option("--list", help="list the selections there are")] = False,
    as_json: Annotated[bool, typer.Option("--json", help="print the funnel as JSON")] = False,
) -> None:
    r"""Choose clips by their measures and show at once what drops where. Nothing is measured again.

    A selection begun from nothing is kept, as `default` or under --name; one begun with --selection, --file or --change
    only under --name. Without any condition the selection of that name is shown.

    Examples:

    \b
      droplet select dataset/ --where "motion_score > 0.02" --quota camera_class=C5:5% --name fast
      droplet select dataset/ --selection miradata-tier3 --change "flow_2fps_px >= 2"
      droplet select dataset/ --selection miradata-tier3 --why trailer.mp4:300
    """
    from dropletvideo.curate.selection import apply
    from dropletvideo.curate.store import load_selection, read_selection, store_selection
    from dropletvideo.curate.why import why
    from dropletvideo.tables.views import open_views

    if listed:
        _list(dataset)
        return
    given: dict[str, Any] = {"order_by": order_by, "limit": limit, "quotas": [_quota(text) for text in quota or ()]}
    given = {key: value for key, value in given.items() if value not in (None, [])}
    shown = name or selection or (file.stem if file else "default")
    is_new = bool(given or where) and not (selection or file or change)
    begun = None
    if not is_new:
        begun = read_selection(file) if file else load_selection(dataset, selection or shown)
    with open_views(dataset) as connection:
        chosen = _chosen(connection, begun, {**given, "where": where or []}, change or [])
        before = None if begun in (None, chosen) else apply(connection, begun, with_ids=False).kept
        funnel = apply(connection, chosen, with_ids=as_json)
        told = why(connection, chosen, funnel, clip) if clip else []
    is_kept = is_new or (name is not None and bool(selection or file or chosen != begun))
    if is_kept:
        store_selection(dataset, shown, chosen)
    if as_json:
        _print_json(shown, funnel, told)
    elif told:
        _explain(shown, told)
    else:
        _show(shown, funnel, before)
        if begun is not None and chosen != begun and not is_kept:
            typer.echo("not kept: --name NAME keeps it")


def _chosen(connection: Any, begun: Any, given: dict[str, Any], change: list[str]) -> Any:
    """The selection asked for: conditions are added to the one begun with, all else takes its place."""
    from dropletvideo.curate.change import changed
    from dropletvideo.curate.recipe import checked
    from dropletvideo.curate.selection import Selection

    if begun is None:
        return checked(Selection, given, "")
    if change:
        begun = changed(connection, begun, change)
    return checked(Selection, {**begun.model_dump(), **given, "where": [*begun.where, *given["where"]]}, "")


def _list(dataset: Path) -> None:
    from dropletvideo.curate.shipped import shipped_selections
    from dropletvideo.curate.store import load_selection, selection_names

    own = selection_names(dataset)
    for name in [*own, *(name for name in shipped_selections() if name not in own)]:
        kind = "" if name in own else " (shipped)"
        typer.echo(f"{name}{kind}: {load_selection(dataset, name).description}")


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


def _print_json(name: str, funnel: Any, told: list[Any]) -> None:
    steps = [{**step.__dict__, "after": step.after} for step in funnel.steps]
    plain = {"name": name, "total": funnel.total, "kept": funnel.kept, "steps": steps}
    if told:
        plain["why"] = [{**one.__dict__, "looks": [look.__dict__ for look in one.looks]} for one in told]
    typer.echo(json.dumps({**plain, "clip_ids": list(funnel.clip_ids)}, indent=2, ensure_ascii=False))


def _show(name: str, funnel: Any, before: int | None) -> None:
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
    was = "" if before is None else f"; before the change {before:,}"
    typer.echo(f"{name} keeps {funnel.kept:,} of {funnel.total:,} clips{share}{was}")


def _explain(name: str, told: list[Any]) -> None:
    from rich.console import Console
    from rich.table import Table

    for one in told:
        verdict = f"dropped by step {one.step} of {name}: {one.reason}" if one.step else f"kept by {name}"
        typer.echo(f"{one.clip_id} ({one.video_path}, frames {one.start_frame} to {one.end_frame}): {verdict}")
        table = Table()
        for title in ("", "step", "this clip", ""):
            table.add_column(title, overflow="fold")
        for number, look in enumerate(one.looks, 1):
            table.add_row(str(number), look.condition, look.values, look.verdict)
        Console().print(table)
