"""The published page of the validation: every claim with its curve, and scores without a fault by camera move."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from dropletvideo.evaluate.expected import EXPECTED
from dropletvideo.pages.charts import Axes
from dropletvideo.pages.grid import Column
from dropletvideo.pages.page import Page, Tile

ARROWS = {"rises": "↑", "falls": "↓", "stays": "→"}


def write_validation(found: Mapping[str, Any], path: Path | str) -> int:
    """Write the HTML page; returns its size in bytes."""
    claims, zero = found["claims"], found["zero"]
    held = sum(claim["holds"] for claim in claims)
    page = Page("Validation of the metrics", f"{found['videos']} rendered videos, seeds from {found['seed']}")
    page.lead(f"{held} of {len(claims)} claims hold. A metric is held against faults that were put in on purpose.")
    page.tiles([Tile(label=wanted, value=_count(claims, wanted)) for wanted in ARROWS])
    _add_matrix(page, found)
    _add_curves(page, found)
    page.section("Without any fault, by camera move", "The score must not depend on what the camera does.")
    page.table(_zero_rows(zero))
    page.section("All claims")
    page.table([_claim_row(claim) for claim in claims])
    return page.save(path)


def markdown(found: Mapping[str, Any]) -> str:
    """The matrix as a Markdown table, for the guide."""
    faults = _faults(found["claims"])
    lines = ["| score | " + " | ".join(faults) + " |", "|---|" + "---|" * len(faults)]
    for column, cells in _matrix(found["claims"]).items():
        lines.append(f"| `{column}` | " + " | ".join(cells.get(fault, "") for fault in faults) + " |")
    return "\n".join(lines) + "\n"


def _count(claims: Sequence[Mapping[str, Any]], wanted: str) -> str:
    own = [claim for claim in claims if claim["wanted"] == wanted]
    return f"{sum(claim['holds'] for claim in own)} of {len(own)}"


def _faults(claims: Sequence[Mapping[str, Any]]) -> list[str]:
    return [fault for fault in EXPECTED if any(claim["fault"] == fault for claim in claims)]


def _matrix(claims: Sequence[Mapping[str, Any]]) -> dict[str, dict[str, str]]:
    """Column to fault to a mark: the arrow that was wanted, `✗` behind it where it did not come."""
    matrix: dict[str, dict[str, str]] = {}
    for claim in claims:
        mark = ARROWS[claim["wanted"]] + ("" if claim["holds"] else " ✗")
        matrix.setdefault(claim["column"], {})[claim["fault"]] = mark
    return matrix


def _add_matrix(page: Page, found: Mapping[str, Any]) -> None:
    page.section(
        "What each score does under each fault",
        "↑ rises and ↓ falls with the size of the fault (rank correlation 0.95 or better of the mean over clips), "
        "→ keeps to its noise floor; ✗ where it does not. No mark: nothing is claimed.",
    )
    faults = _faults(found["claims"])
    rows = [{"score": column, **cells} for column, cells in _matrix(found["claims"]).items()]
    page.table(rows, [Column(key="score"), *[Column(key=fault, title=fault.replace("_", " ")) for fault in faults]])
    page.items(
        [f"**{fault.replace('_', ' ')}**: {EXPECTED[fault].title}, up to {EXPECTED[fault].unit}" for fault in faults]
    )


def _add_curves(page: Page, found: Mapping[str, Any]) -> None:
    """Scores that must react, as the share of their largest change."""
    page.section(
        "Curves", "Change of each score that must react, over the level of the fault; 1 is its largest change."
    )
    with page.columns():
        for fault in _faults(found["claims"]):
            series = {}
            for claim in found["claims"]:
                if claim["fault"] == fault and claim["wanted"] != "stays" and claim["change"]:
                    levels = [point["level"] for point in claim["curve"]]
                    first = claim["curve"][0]["mean"]
                    series[claim["column"]] = (
                        levels,
                        [(point["mean"] - first) / claim["change"] for point in claim["curve"]],
                    )
            if series:
                page.line(series, title=EXPECTED[fault].title, axes=Axes(x_label=f"level (1: {EXPECTED[fault].unit})"))


def _zero_rows(zero: Sequence[Mapping[str, Any]]) -> list[dict[str, Any]]:
    return [
        {
            "score": each["column"],
            "may lie off the median by": each["limit"],
            "outside": ", ".join(each["outside"]) or "none",
            **each["by_move"],
        }
        for each in zero
    ]


def _claim_row(claim: Mapping[str, Any]) -> dict[str, Any]:
    return {
        "fault": claim["fault"],
        "score": claim["column"],
        "wanted": claim["wanted"],
        "holds": claim["holds"],
        "rank correlation": claim["spearman"],
        "largest change": claim["change"],
        "noise floor": claim["floor"],
        "means by level": [round(point["mean"], 4) for point in claim["curve"]],
    }
