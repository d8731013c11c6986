"""Two evaluations side by side: per score the mean of the differences of pairs, with its interval.

Videos are paired by id, so that what a prompt or an image makes hard cancels out; intervals draw groups, as everywhere.
A difference whose interval holds 0 is told as undecided. A score of a set (a distance of distributions) has no pairs:
both values are shown and no verdict.
"""

from __future__ import annotations

import json
from collections.abc import Hashable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from dropletvideo.errors import RequestError
from dropletvideo.evaluate.aggregate import mean_estimate
from dropletvideo.evaluate.rows import MODEL, read_lines
from dropletvideo.evaluate.summary import SYSTEMS


@dataclass(frozen=True, kw_only=True)
class Scored:
    """The rows of one system of an evaluation folder, by id, and its summary."""

    name: str
    folder: Path
    system: str
    lines: Mapping[str, Mapping[str, Any]]
    summary: Mapping[str, Any]

    def estimate(self, column: str) -> Mapping[str, Any] | None:
        """The system's own estimate of a column."""
        found: Mapping[str, Any] | None = self.summary["systems"].get(self.system, {}).get("scores", {}).get(column)
        return found


def read_scored(where: str | Path) -> Scored:
    """An evaluation folder, or `FOLDER:SYSTEM` for one of its baselines (`out:frozen`).

    Raises:
        RequestError: the folder holds no evaluation, or no such system.
    """
    text, _, system = str(where).rpartition(":")
    if system not in SYSTEMS or not text:
        text, system = str(where), MODEL
    folder = Path(text)
    named = folder.parent / folder.name.rpartition(":")[0]
    if not folder.is_dir() and ":" in folder.name and (named / "summary.json").is_file():
        raise RequestError(f"{folder.name.rpartition(':')[2]!r} is no system: one of {', '.join(SYSTEMS)}")
    if not (folder / "summary.json").is_file() or not (folder / "rows.jsonl").is_file():
        raise RequestError(f"{folder} holds no evaluation (summary.json, rows.jsonl): run `droplet evaluate` first")
    summary = json.loads((folder / "summary.json").read_text(encoding="utf-8"))
    lines = {line["id"]: line for line in read_lines(folder / "rows.jsonl") if line["system"] == system}
    if not lines:
        raise RequestError(f"{folder} has no system {system!r}: one of {', '.join(summary['systems'])}")
    name = folder.resolve().name if folder.name not in ("evaluation", "scores") else folder.resolve().parent.name
    return Scored(
        name=name + (f" ({system})" if system != MODEL else ""),
        folder=folder,
        system=system,
        lines=lines,
        summary=summary,
    )


def compare(first: Scored, second: Scored) -> dict[str, Any]:
    """Both runs' means and the paired difference second - first, per column that both have.

    Raises:
        RequestError: the runs have no video id in common.
    """
    common = [name for name in first.lines if name in second.lines]
    if not common:
        raise RequestError(
            f"{first.folder} and {second.folder} have no id in common: score answers to the same requests"
        )
    columns = [column for column in first.summary["columns"] if second.estimate(column["name"]) is not None]
    return {
        "first": _side(first),
        "second": _side(second),
        "common": len(common),
        "only_first": len(first.lines) - len(common),
        "only_second": len(second.lines) - len(common),
        "warnings": _warnings(first, second),
        "columns": [_line(column, first, second, common) for column in columns],
    }


def pairs_of(first: Scored, second: Scored, column: str, common: Sequence[str]) -> dict[str, float]:
    """Difference second - first of each video that has the score in both."""
    found = {}
    for name in common:
        values = [(side.lines[name].get("scores") or {}).get(column) for side in (first, second)]
        if values[0] is not None and values[1] is not None:
            found[name] = values[1] - values[0]
    return found


def _side(scored: Scored) -> dict[str, Any]:
    return {"name": scored.name, "folder": str(scored.folder), "system": scored.system}


def _line(column: Mapping[str, Any], first: Scored, second: Scored, common: Sequence[str]) -> dict[str, Any]:
    """One row of the table."""
    differences = pairs_of(first, second, column["name"], common)
    clusters: list[Hashable] = [first.lines[name]["group"] for name in differences]
    estimate = mean_estimate(list(differences.values()), clusters).as_dict()
    keep = ("name", "label", "unit", "better", "decimals", "metric", "flavour")
    return {
        **{key: column[key] for key in keep if key in column},
        "first": first.estimate(column["name"]),
        "second": second.estimate(column["name"]),
        "difference": estimate,
        "verdict": _verdict(estimate, column["better"]),
    }


def _verdict(estimate: Mapping[str, Any], better: str) -> str:
    """`first`, `second`, `undecided`, `equal`, or `differs` where no end is better."""
    if estimate["low"] is None:
        return "undecided"
    if estimate["low"] == estimate["high"] == 0:
        return "equal"
    if estimate["low"] <= 0 <= estimate["high"]:
        return "undecided"
    if better == "neither":
        return "differs"
    return "second" if (estimate["low"] > 0) == (better == "higher") else "first"


def _warnings(first: Scored, second: Scored) -> list[str]:
    """What makes the figures incomparable."""
    found = []
    one, two = (side.summary["protocol"] for side in (first, second))
    for key, what in (("metrics", "versions of metrics"), ("judges", "versions of judges"), ("profile", "profiles")):
        ours, theirs = one.get(key), two.get(key)
        if isinstance(ours, dict) and isinstance(theirs, dict):
            differing = sorted(name for name in ours.keys() & theirs.keys() if ours[name] != theirs[name])
            if differing:
                found.append(f"The runs have other {what}: {', '.join(differing)}. Evaluate both anew.")
        elif ours != theirs:
            found.append(f"The runs have other {what}: {ours} and {theirs}.")
    for key, what in (("sizes", "size"), ("lengths", "length")):
        if one.get(key) != two.get(key):
            found.append(f"Their videos differ in {what}, which some scores depend on.")
    return found
