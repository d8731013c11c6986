"""Tables of a report that single metrics make: VBench's camera classes, changed pairs, means by kind of caption."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from dropletvideo.evaluate.mirabench_metric import BY_CAPTION
from dropletvideo.evaluate.rows import MODEL
from dropletvideo.evaluate.summary import shown
from dropletvideo.pages.grid import Column
from dropletvideo.pages.page import Page

KINDS = ("short", "dense", "structured")


def caption_means(tables: Mapping[str, Mapping[str, Any]]) -> dict[str, dict[str, Any]]:
    """Estimates by kind of caption and column, out of the tables of all metrics; short, dense and structured first."""
    found: dict[str, dict[str, Any]] = {}
    for each in tables.values():
        for kind, means in each.get(BY_CAPTION, {}).items():
            found.setdefault(kind, {}).update(means)
    order = [kind for kind in KINDS if kind in found] + sorted(found.keys() - set(KINDS))
    return {kind: found[kind] for kind in order}


def add_captions(page: Page, summary: Mapping[str, Any]) -> None:
    """The model's scores by kind of caption (MiraBench's section 5.3); nothing where rows name no kind."""
    found = caption_means(summary["systems"].get(MODEL, {}).get("tables", {}))
    if not found:
        return
    page.section(
        "By kind of caption",
        "The same clips asked by captions of several lengths, as MiraBench's paper compares them in section 5.3.",
    )
    rows = []
    for column in summary["columns"]:
        if any(column["name"] in means for means in found.values()):
            row = {"score": f"{column['label']}{', ' + column['unit'] if column['unit'] else ''}"}
            cells = {kind: shown(means.get(column["name"]), column) for kind, means in found.items()}
            row |= {kind: cell.replace(" ", "\u00a0") for kind, cell in cells.items()}
            rows.append(row | {"flavour": column["flavour"]})
    page.table(rows, ["score", "flavour", *found], caption="Means with 95 % intervals over clips.")


def add_changed_pairs(page: Page, summary: Mapping[str, Any]) -> None:
    """Control over camera and plot in pairs of requests that differ in one of them; nothing without such pairs."""
    rows = []
    for system in summary["systems"].values():
        control = system["tables"].get("causality", {}).get("counterfactual")
        if control:
            row: dict[str, Any] = {"system": system["label"].replace(" ", "\u00a0")}
            for name, each in control.items():
                row |= {f"control over the {name}": each["control"], f"pairs, {name}": each["pairs"]}
            rows.append(row)
    if not rows:
        return
    page.section(
        "Pairs that differ in one thing",
        "Two requests that differ in the camera alone, or in the plot alone: how much of the change between the "
        "answers is the one asked for. 1: all of it; 0: none, or nothing changed.",
    )
    keys = list(dict.fromkeys(key for row in rows for key in row))
    page.table(rows, [Column(key=key, title=key, digits=None if key.startswith("pairs") else 2) for key in keys])


def add_asked_classes(page: Page, summary: Mapping[str, Any]) -> None:
    """VBench's camera column by the move asked; nothing where it did not run."""
    found = {
        system["label"]: system["tables"]["vbench_camera_motion"]
        for system in summary["systems"].values()
        if "vbench_camera_motion" in system["tables"]
    }
    if not found:
        return
    page.section("Camera motion (VBench) by the move asked", "Share of the videos whose asked move was named.")
    moves = sorted({move for table in found.values() for move in table["by_move"]})
    rows = [{"system": label.replace(" ", "\u00a0"), **table["by_move"]} for label, table in found.items()]
    constant = max(table["always_zooming_in_would_have"] for table in found.values())
    page.table(
        rows,
        [Column(key="system"), *(Column(key=move, title=move, digits=2) for move in moves)],
        caption=f"A model that always zooms in would have {constant:.2f} on these requests.",
    )
