"""The published page of the validation: every claim with its curve, and scores without a fault by camera move."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

from dropletvideo.evaluate.aggregate import CONFIDENCE, NUM_RESAMPLES
from dropletvideo.evaluate.claims import LEAST_SPEARMAN, SURE, SURE_CLIPS
from dropletvideo.evaluate.expected import EVENT_COLUMNS, EXPECTED, GROUPS, REASONS, UNCLAIMED, columns_of_truth
from dropletvideo.pages.charts import Axes
from dropletvideo.pages.grid import Column, Interval
from dropletvideo.pages.page import Page, Tile

ARROWS = {"rises": "↑", "falls": "↓", "stays": "→"}
UNSURE, BROKEN = "~", "✗"
MOST_SERIES = 6
SHORT = {"depth_drift": "drift", "identity_swap": "swap", "compression": "coding", "frame_rate": "rate"}
Claim = Mapping[str, Any]


def write_validation(found: Mapping[str, Any], path: Path | str) -> int:
    """Write the HTML page; returns its size in bytes."""
    claims = found["claims"]
    held, sure = [claim for claim in claims if claim["holds"]], [claim for claim in claims if claim["is_sure"]]
    clips = found["clips_with_faults"]
    page = Page("Validation of the metrics", f"{found['videos']} rendered videos, seeds from {found['seed']}")
    page.lead(f"{len(held)} of {len(claims)} claims hold. A metric is held against faults that were put in on purpose.")
    page.tiles(
        [
            *[Tile(label=wanted, value=_count(claims, wanted)) for wanted in ARROWS],
            Tile(label="verdicts that are sure", value=f"{len(sure)} of {len(claims)}"),
            Tile(
                label="clips with faults",
                value=sum(clips.values()),
                note=f"{clips['move']} of one camera move, {clips['event']} with events, {clips['return']} that return",
            ),
        ]
    )
    _add_matrix(page, found)
    _add_broken(page, claims)
    _add_curves(page, found)
    _add_zero(page, found["zero"])
    page.section("All claims")
    page.table([_claim_row(claim) for claim in claims])
    return page.save(path)


def markdown(found: Mapping[str, Any]) -> str:
    """The matrix as a Markdown table with its reasons, for the guide."""
    faults = _faults(found["claims"])
    lines = ["| score | " + " | ".join(faults) + " |", "|---|" + "---|" * len(faults)]
    for column, cells in _matrix(found["claims"]).items():
        lines.append(f"| `{column}` | " + " | ".join(cells.get(fault, "") for fault in faults) + " |")
    return "\n".join([*lines, "", *[f"- {letter}: {reason}" for letter, reason in REASONS.items()]]) + "\n"


def _count(claims: Sequence[Claim], wanted: str) -> str:
    own = [claim for claim in claims if claim["wanted"] == wanted]
    return f"{sum(claim['holds'] for claim in own)} of {len(own)}"


def _faults(claims: Sequence[Claim]) -> list[str]:
    return [fault for fault in EXPECTED if any(claim["fault"] == fault for claim in claims)]


def mark_of(claim: Claim) -> str:
    """The arrow that was wanted; `✗` behind it where it did not come, `~` where clips drawn anew may say otherwise."""
    return ARROWS[claim["wanted"]] + ("" if claim["holds"] else BROKEN) + ("" if claim["is_sure"] else UNSURE)


def _matrix(claims: Sequence[Claim]) -> dict[str, dict[str, str]]:
    """Column to fault to a mark, or to the letter of the reason why nothing is claimed."""
    marks = {(claim["column"], claim["fault"]): mark_of(claim) for claim in claims}
    told = {claim["column"] for claim in claims}
    return {
        column: {
            fault: marks.get((column, fault)) or UNCLAIMED.get(column, {}).get(fault, "") for fault in _faults(claims)
        }
        for column in columns_of_truth()
        if column in told
    }


def _add_matrix(page: Page, found: Mapping[str, Any]) -> None:
    page.section(
        "What each score does under each fault",
        f"↑ rises and ↓ falls with the size of the fault (rank correlation {LEAST_SPEARMAN} or better of the mean over "
        f"clips), → keeps to its noise floor; {BROKEN} where it does not. {UNSURE}: not sure, that is, clips drawn "
        f"anew ({NUM_RESAMPLES} times) give the same verdict in less than {SURE:.0%} of the draws, or there are fewer "
        f"than {SURE_CLIPS} clips. A letter: nothing is claimed, for the reason below. "
        f"{', '.join(EVENT_COLUMNS)} are told on the clips with events, all others on those in which nothing moves.",
    )
    faults = _faults(found["claims"])
    matrix = _matrix(found["claims"])
    for title, (first, last) in GROUPS.items():
        order = list(columns_of_truth())
        part = order[order.index(first) : order.index(last) + 1]
        rows = [{"score": column, **matrix[column]} for column in part if column in matrix]
        if rows:
            page.heading(title)
            page.table(rows, [Column(key="score"), *[Column(key=each, title=SHORT.get(each, each)) for each in faults]])
    page.items(
        [f"**{SHORT.get(fault, fault)}**: {EXPECTED[fault].title}, up to {EXPECTED[fault].unit}" for fault in faults]
    )
    page.heading("Why nothing is claimed")
    page.items([f"**{letter}**: {reason}" for letter, reason in REASONS.items()])


def _add_broken(page: Page, claims: Sequence[Claim]) -> None:
    page.section("What does not hold, and what is not sure")
    weak = [claim for claim in claims if not claim["holds"] or not claim["is_sure"]]
    page.table([_claim_row(claim) for claim in sorted(weak, key=lambda claim: (claim["holds"], claim["column"]))])


def _add_curves(page: Page, found: Mapping[str, Any]) -> None:
    """Scores that must react, as the share of their largest change."""
    page.section(
        "Curves", "Change of each score that must react, over the level of the fault; 1 is its largest change."
    )
    with page.columns():
        for fault in _faults(found["claims"]):
            series = dict(_reacting(claim for claim in found["claims"] if claim["fault"] == fault))
            for start in range(0, len(series), MOST_SERIES):
                part = dict(list(series.items())[start : start + MOST_SERIES])
                page.line(part, title=EXPECTED[fault].title, axes=Axes(x_label=f"level (1: {EXPECTED[fault].unit})"))


def _reacting(claims: Iterator[Claim]) -> Iterator[tuple[str, tuple[list[float], list[float]]]]:
    for claim in claims:
        if claim["wanted"] != "stays" and claim["change"]:
            levels = [point["level"] for point in claim["curve"]]
            first = claim["curve"][0]["mean"]
            yield claim["column"], (levels, [(point["mean"] - first) / claim["change"] for point in claim["curve"]])


def _add_zero(page: Page, zero: Sequence[Mapping[str, Any]]) -> None:
    page.section(
        "Without any fault, by camera move",
        "The score must not depend on what the camera does: mean over clips [lowest, highest]. A clip is outside where "
        "it lies off the median over moves by more than half of what the faults that make the score worse change at "
        "their largest (the median of them); a score without such a fault may not lie off at all.",
    )
    moves = list(dict.fromkeys(move for each in zero for move in each["by_move"]))
    rows = [
        {"move": move}
        | {
            each["column"]: Interval(each["by_move"][move], each["lowest"][move], each["highest"][move])
            for each in zero
            if move in each["by_move"]
        }
        for move in moves
    ]
    page.table(rows, [Column(key="move"), *[Column(key=each["column"], digits=2) for each in zero]])
    page.heading("Clips outside")
    page.table([_outside(each) for each in zero])


def _outside(each: Mapping[str, Any]) -> dict[str, Any]:
    return {
        "score": each["column"],
        "median": each["median"],
        "may lie off by": each["limit"],
        "clips": each["clips"],
        "clips outside": sum(each["clips_outside"].values()),
        "moves": ", ".join(f"{move} ({count})" for move, count in each["clips_outside"].items()) or "none",
        "moves whose mean is outside": ", ".join(each["outside"]) or "none",
    }


def _claim_row(claim: Claim) -> dict[str, Any]:
    return {
        "fault": claim["fault"],
        "score": claim["column"],
        "wanted": claim["wanted"],
        "holds": claim["holds"],
        "sure": claim["sure"],
        "clips": claim["clips"],
        "rank correlation": claim["spearman"],
        f"largest change [{CONFIDENCE:.0%}]": Interval(claim["change"], claim["change_low"], claim["change_high"]),
        "noise floor": claim["floor"],
        "keeps to it up to level": claim["keeps_to"],
        "means by level": [round(point["mean"], 4) for point in claim["curve"]],
    }
