"""Tables of a report's suites: columns in the published order, one table for each flavour, and the totals."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from dropletvideo.evaluate.rows import MODEL
from dropletvideo.evaluate.summary import SYSTEM_LABELS, shown, total_columns
from dropletvideo.pages.grid import Column
from dropletvideo.pages.page import Page, Tile

MOST_ACROSS, LONGEST_ACROSS = 10, 6
"""Columns, and letters of a heading, that stand side by side; else columns stand one below another."""
_SHORT = {"real": "real", "frozen": "frozen", "ken_burns": "zoom", "shuffled": "shuffled", "reversed": "reversed"}


def short_label(system: str) -> str:
    """What a system is called where many stand side by side."""
    return _SHORT.get(system, SYSTEM_LABELS[system])


def scored_systems(summary: Mapping[str, Any]) -> dict[str, Any]:
    """The systems that have a score at all: no column of dashes for a baseline that could not be made."""
    return {name: found for name, found in summary["systems"].items() if found["scores"] or name == MODEL}


def add_suites(page: Page, summary: Mapping[str, Any]) -> None:
    """The tables of each suite, its totals with intervals, and what is without a value."""
    columns = {column["name"]: column for column in summary["columns"]}
    for name, suite in summary["suites"].items():
        totals = [column for column in total_columns(summary) if column["suite"] == name]
        if not totals and len(summary["suites"]) == 1 and not suite["absent"]:
            continue  # its table would repeat the one of all scores
        page.section(suite["title"], suite["about"])
        flavours: dict[str, list[Mapping[str, Any]]] = {}
        for each in suite["columns"]:
            if each in columns:
                flavours.setdefault(columns[each]["flavour"], []).append(columns[each])
        for flavour, own in flavours.items():
            if len(flavours) > 1:
                page.heading(flavour.capitalize())
            _add_columns(page, own, summary)
        if totals:
            _add_totals(page, name, totals, summary)
        if suite["absent"]:
            so = ", and so no part of any total" if totals else ""
            page.note(f"Without a value{so}: {', '.join(suite['absent'])}.", "warning")


def _add_columns(page: Page, columns: Sequence[Mapping[str, Any]], summary: Mapping[str, Any]) -> None:
    """Systems below one another as published tables have them, or, of many or long columns, the other way round."""
    titles = [_official(column, summary["columns"]) for column in columns]
    cells = {
        name: [shown(found["scores"].get(column["name"]), column).split(" ")[0] for column in columns]
        for name, found in scored_systems(summary).items()
    }
    if len(columns) <= MOST_ACROSS and max(map(len, titles)) <= LONGEST_ACROSS:
        across = [
            {"system": short_label(name)} | dict(zip(titles, values, strict=True)) for name, values in cells.items()
        ]
        page.table(across, ["system", *(Column(key=title, title=title) for title in titles)])
        return
    rows = [
        {"score": title} | {name: values[number] for name, values in cells.items()}
        for number, title in enumerate(titles)
    ]
    page.table(rows, ["score", *(Column(key=name, title=short_label(name)) for name in cells)])


def _official(column: Mapping[str, Any], columns: Sequence[Mapping[str, Any]]) -> str:
    """The published name of a column, or of the one that it is another flavour of; else its label."""
    stem = str(column["name"]).rsplit("_", 1)[0]
    names = [each["official"] for each in columns if each["name"] in (column["name"], stem) and each.get("official")]
    return str(names[0] if names else column["label"])


def _add_totals(page: Page, suite: str, totals: Sequence[Mapping[str, Any]], summary: Mapping[str, Any]) -> None:
    page.heading("Totals")
    systems = scored_systems(summary)
    rows = []
    for each in totals:
        cells = {name: shown(found["totals"].get(suite, {}).get(each["name"]), each) for name, found in systems.items()}
        short = {name: text if name == MODEL else text.split(" ")[0] for name, text in cells.items()}
        rows.append({"total": each["label"]} | short)
    page.table(
        rows,
        ["total", *(Column(key=name, title=short_label(name)) for name in systems)],
        caption="The model with its 95 % interval, which draws the images or prompts of all columns together.",
    )


def total_tiles(summary: Mapping[str, Any]) -> list[Tile]:
    """The model's published total of each suite beside that of a frozen picture."""
    tiles = []
    for name, suite in summary["suites"].items():
        own, frozen = (
            summary["systems"].get(system, {}).get("totals", {}).get(name, {}).get("total")
            for system in (MODEL, "frozen")
        )
        if own and own["value"] is not None:
            note = f"a frozen picture has {frozen['value']:.2f}" if frozen and frozen["value"] is not None else ""
            tiles.append(Tile(label=f"{suite['title']}, total", value=f"{own['value']:.2f}", note=note))
    return tiles
