"""`report.html`: scores beside baselines and ceiling, motion against M, camera, captions, best and worst videos."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from dropletvideo.evaluate.report_suites import add_suites, scored_systems, short_label, total_tiles
from dropletvideo.evaluate.report_tables import add_asked_classes, add_captions, add_changed_pairs
from dropletvideo.evaluate.report_videos import add_videos
from dropletvideo.evaluate.rows import MODEL, scores_of
from dropletvideo.evaluate.score import Evaluation
from dropletvideo.evaluate.summary import shown
from dropletvideo.pages.charts import Axes, Point
from dropletvideo.pages.grid import Column, Interval
from dropletvideo.pages.page import NoteStyle, Page, Tile

ARROWS = {"higher": " ↑", "lower": " ↓", "neither": ""}
FLAVOURS = (
    "Flavours: compat, the published tool's number with its faults; fixed, without the fault; paper, as the paper "
    "writes it; own, of this project."
)
LONGEST_LINE = 26


def write_report(evaluation: Evaluation, path: Path | str, *, title: str = "Evaluation") -> int:
    """Write the report; returns its size in bytes."""
    page = Page(title, str(evaluation.summary["protocol"]["manifest"]))
    add_scores(page, evaluation)
    add_suites(page, evaluation.summary)
    add_absent(page, evaluation.summary)
    add_motion(page, evaluation.summary)
    add_camera(page, evaluation.summary)
    add_asked_classes(page, evaluation.summary)
    add_changed_pairs(page, evaluation.summary)
    add_captions(page, evaluation.summary)
    add_videos(page, evaluation)
    _add_rows(page, evaluation)
    _add_protocol(page, evaluation.summary)
    return page.save(path)


def add_scores(page: Page, evaluation: Evaluation) -> None:
    """Key figures, weak points, and the table of all systems."""
    summary = evaluation.summary
    model = summary["systems"].get(MODEL, {})
    page.lead(
        f"{model.get('scored', 0)} of {model.get('rows', 0)} videos scored, "
        f"from {summary['protocol']['groups']} independent images or prompts."
    )
    page.tiles(_tiles(summary))
    page.section("What is weak")
    if summary["weak"]:
        for sentence in summary["weak"]:
            page.note(sentence, "warning")
    else:
        page.note("None of the automatic checks found a weak point; they are few.", "info")
    add_score_table(page, summary)
    _add_failures(page, summary)


def add_score_table(page: Page, summary: Mapping[str, Any]) -> None:
    """The table of all scores and systems, and what each metric says."""
    flavours = {column.get("flavour", "own") for column in summary["columns"]}
    said = "" if flavours <= {"own"} else f" {FLAVOURS}"
    page.section("Scores beside baselines", f"Means; ↑ higher is better, ↓ lower is better.{said}")
    systems = scored_systems(summary)
    short, full = [], []
    for column in summary["columns"]:
        unit = f", {column['unit']}" if column["unit"] else ""
        label = {
            "score": _one_line(f"{column['label']}{unit}{ARROWS[column['better']]}"),
            "flavour": column.get("flavour", "own"),
        }
        shown_by = {name: _unbroken(found["scores"].get(column["name"]), column) for name, found in systems.items()}
        full.append(label | shown_by)
        short.append(label | {n: text if n == MODEL else text.split("\u00a0")[0] for n, text in shown_by.items()})
    headings = [Column(key="score"), *([Column(key="flavour")] if said else [])]
    brief = [Column(key=name, title=short_label(name)) for name in systems]
    page.table(
        short,
        [*headings, *brief],
        caption="The model with its 95 % bootstrap interval, drawn over images or prompts.",
    )
    with page.fold("The same with all intervals"):
        page.table(full, [*headings, *(Column(key=name, title=found["label"]) for name, found in systems.items())])
    with page.fold("What each metric says, and what it does not"):
        page.items([f"**{metric['title']}.** {metric['about']}" for metric in summary["metrics"].values()])


def add_motion(page: Page, summary: Mapping[str, Any]) -> None:
    """Measured motion against the M asked, for every system that has it; nothing with fewer than two M."""
    found = {
        system["label"]: system["tables"]["motion"]["consistent"]
        for system in summary["systems"].values()
        if "motion" in system["tables"]
    }
    if not found:
        return
    page.section(
        "Motion against M",
        "M is frames per second of source time: low M asks for fast motion. Points are means over images of the "
        "motion in forward-backward consistent flow, whiskers their 95 % intervals.",
    )
    series = {label: _points(response) for label, response in found.items()}
    page.scatter(
        {label: points for label, points in series.items() if points},
        axes=Axes(x_label="M asked", y_label="motion, diagonals/s", log_x=True, zero_y=True),
        is_joined=True,
    )
    rows = [_response_row(label, response) for label, response in found.items()]
    page.table(
        rows,
        [Column(key=key, title=key, digits=2) for key in rows[0]],
        caption="Ratio: mean motion at the lowest M over that at the highest. Per image: rank correlation with M "
        "(-1 is perfect), and whether motion falls at every step.",
    )
    levels = [_level_row(label, response) for label, response in found.items()]
    page.table(levels, [Column(key=key, title=key, digits=3) for key in levels[0]], caption="Mean motion at each M.")


def add_camera(page: Page, summary: Mapping[str, Any]) -> None:
    """Moves asked against measured: per system, per move and M, and the model's confusion; nothing without asks."""
    found = {s["label"]: s["tables"]["camera"] for s in summary["systems"].values() if "camera" in s["tables"]}
    if not found:
        return
    page.section(
        "Camera moves asked against measured",
        "F1 over sets of moves, order of the moves where several are asked, relative error of the amounts of those "
        "that were found. Above: above the best constant answer, which has 0, as a perfect camera has 1. Told: share "
        "of what moves that the judge could name. Found: videos asking one move in which that move was measured.",
    )
    rows = [_camera_row(label, table) for label, table in found.items()]
    headings = [key for key in rows[0] if any(row[key] is not None for row in rows)]
    page.table(rows, [Column(key=key, title=key, digits=2) for key in headings], caption=_constant(found))
    model = summary["systems"].get(MODEL, {}).get("tables", {}).get("camera")
    if model is None or not model["single_move"]["by_move"]:
        return
    page.heading("Found, by move and M")
    rows = [_move_row(move, cells) for move, cells in model["single_move"]["by_move"].items()]
    page.table(rows, [Column(key=key, title=key, digits=None if key == "videos" else 2) for key in rows[0]])
    page.heading("What was measured where one move was asked")
    measured = sorted({name for cells in model["confusion"].values() for name in cells})
    page.table(
        [{"asked": move, **{name: cells.get(name) for name in measured}} for move, cells in model["confusion"].items()],
        [Column(key="asked"), *[Column(key=name, title=name, digits=2, heat="high") for name in measured]],
        caption="Share of the videos; a row may sum to more than 1, since several moves can be measured in one video.",
    )


def add_absent(page: Page, summary: Mapping[str, Any]) -> None:
    """Metrics that were asked for and did not run, with the reason; and scores that single videos do not have."""
    if summary["absent"]:
        page.section("Absent metrics", "They were asked for and cannot run here; nothing stands in their place.")
        rows = [{**each, "gives": ", ".join(each["columns"])} for each in summary["absent"]]
        page.table(rows, ["metric", "gives", "reason"])
    lacking: dict[tuple[str, str, int], list[str]] = {}
    for system in summary["systems"].values():
        for each in (*system["missing"], *system["not_scored"]):
            place = (system["label"], each["reason"], each["count"])
            lacking.setdefault(place, []).append(each.get("column") or each["metric"])
    if lacking:
        page.section("Scores that videos do not have", "They are left out of the means and never count as zero.")
        lines = [
            {"system": _unbroken_text(label), "what": ", ".join(names), "reason": reason, "videos": count}
            for (label, reason, count), names in lacking.items()
        ]
        page.table(lines, ["system", "what", "reason", "videos"])


def _unbroken_text(text: str) -> str:
    """A label that stays on one line of its cell."""
    return text.replace(" ", "\u00a0")


def _one_line(label: str) -> str:
    """A label of the first column; a long one may break, so that the table stays narrow."""
    return _unbroken_text(label) if len(label) <= LONGEST_LINE else label


def _unbroken(estimate: Mapping[str, Any] | None, column: Mapping[str, Any]) -> str:
    return _unbroken_text(shown(estimate, column))


def _tiles(summary: Mapping[str, Any]) -> list[Tile]:
    """PSNR, ratio, camera and failures of the model."""
    model = summary["systems"].get(MODEL, {})
    tiles = []
    psnr, ceiling = (
        summary["systems"].get(system, {}).get("scores", {}).get("first_frame_psnr") for system in (MODEL, "codec")
    )
    if psnr and psnr["value"] is not None:
        note = f"codec ceiling {ceiling['value']:.1f} dB" if ceiling and ceiling["value"] is not None else ""
        tiles.append(Tile(label="first frame", value=f"{psnr['value']:.1f} dB", note=note))
    response = model.get("tables", {}).get("motion", {}).get("consistent")
    if response and response["ratio"]["value"] is not None:
        ratio = response["ratio"]
        note = "" if ratio["low"] is None else f"95 % {ratio['low']:.2f} to {ratio['high']:.2f}"
        label = f"motion, M={response['low_motion']:g} over M={response['high_motion']:g}"
        style: NoteStyle = "good" if ratio["low"] is not None and ratio["low"] > 1 else "warning"
        tiles.append(Tile(label=label, value=f"{ratio['value']:.2f}×", note=note, style=style))
    camera = model.get("tables", {}).get("camera")
    if camera and camera["single_move"]["found"]["value"] is not None:
        found = camera["single_move"]["found"]
        tiles.append(Tile(label="single moves found", value=f"{found['value']:.0%}", note=f"{found['count']} videos"))
    tiles += total_tiles(summary)
    failed = sum(system["failed"] for system in summary["systems"].values())
    tiles.append(Tile(label="videos without a score", value=failed, style="warning" if failed else "good"))
    return tiles


def _add_failures(page: Page, summary: Mapping[str, Any]) -> None:
    failures = [
        {"system": system["label"], **failure}
        for system in summary["systems"].values()
        for failure in (*system["failures"], *system["judge_failures"])
    ]
    if failures:
        page.heading("Videos without a score, or without all of them")
        page.table(failures, ["system", "id", "judge", "reason"])


def _points(response: Mapping[str, Any]) -> list[Point]:
    return [
        Point(x=level["motion"], y=level["value"], low=level["low"], high=level["high"], label=f"M={level['motion']:g}")
        for level in response["levels"]
        if level["value"] is not None
    ]


def _response_row(label: str, response: Mapping[str, Any]) -> dict[str, Any]:
    return {
        "system": _unbroken_text(label),
        f"ratio {response['low_motion']:g} / {response['high_motion']:g}": _cell(response["ratio"]),
        "rank correlation": _cell(response["spearman"]),
        "falls at every step": _cell(response["falling_share"]),
    }


def _level_row(label: str, response: Mapping[str, Any]) -> dict[str, Any]:
    row: dict[str, Any] = {"system": _unbroken_text(label)}
    return row | {f"M={level['motion']:g}": _cell(level) for level in response["levels"]}


def _camera_row(label: str, table: Mapping[str, Any]) -> dict[str, Any]:
    order, amount = table.get("order") or {}, table.get("amount") or {}
    return {
        "system": _unbroken_text(label),
        "F1": table["f1"],
        "F1 above": table["f1_chance_corrected"],
        "order": order.get("order"),
        "order above": order.get("corrected"),
        "amount error": amount.get("error"),
        "amount above": amount.get("corrected"),
        "told": table.get("coverage"),
        "found": _cell(table["single_move"]["found"]),
    }


def _constant(found: Mapping[str, Mapping[str, Any]]) -> str:
    """What the best constant answers are; they follow from what was asked."""
    table = next(iter(found.values()))
    policy, order, amount = table["best_constant_policy"], table.get("order") or {}, table.get("amount") or {}
    said = [f"Best constant answer: {' + '.join(policy['moves'])}, F1 {policy['f1']:.2f}."]
    if order.get("constant") is not None:
        said.append(f"Of the order: {', '.join(order['constant_sequence'])}, {order['constant']:.2f}.")
    if amount.get("constant_error") is not None:
        said.append(f"Of the amounts: the median that is asked of each move, error {amount['constant_error']:.2f}.")
    return " ".join(said)


def _move_row(move: str, cells: Mapping[str, Any]) -> dict[str, Any]:
    row = {"asked": move, "videos": cells["all"]["count"], "found": cells["all"]["value"]}
    return row | {f"M={each['motion']:g}": each["value"] for each in cells["by_motion"]}


def _cell(estimate: Mapping[str, Any]) -> Interval | float | None:
    if estimate["value"] is None or estimate["low"] is None:
        value: float | None = estimate["value"]
        return value
    return Interval(estimate["value"], estimate["low"], estimate["high"])


def _add_rows(page: Page, evaluation: Evaluation) -> None:
    columns = evaluation.summary["columns"]
    rows = []
    for result in evaluation.results:
        if result.system == MODEL:
            scores = scores_of(result, evaluation.metrics).values if result.error is None else {}
            moves = None if result.row.moves is None else list(result.row.moves)
            measured = result.measures.get("camera_moves")
            rows.append(
                {"id": result.row.id, "M": result.row.motion, "asked": moves, "measured": measured, **scores}
                | ({"error": result.error} if result.error else {})
            )
    page.section("All videos")
    with page.fold(f"{len(rows)} videos"):
        named = [Column(key=each["name"], title=each["label"], digits=each["decimals"]) for each in columns]
        error = [Column(key="error")] if any("error" in row for row in rows) else []
        page.table(rows, [*(Column(key=key, title=key) for key in ("id", "M", "asked", "measured")), *named, *error])


def _add_protocol(page: Page, summary: Mapping[str, Any]) -> None:
    page.section("Protocol", "What is needed to take these figures again.")
    page.table(
        [{"what": key.replace("_", " "), "value": _flat(value)} for key, value in summary["protocol"].items()],
        ["what", "value"],
    )
    missing = [
        {"baseline": system["label"], **reason}
        for system in summary["systems"].values()
        for reason in system["not_made"]
    ]
    if missing:
        page.heading("Baselines that could not be made")
        page.table(missing)


def _flat(value: Any) -> str:
    if isinstance(value, Mapping):
        return ", ".join(f"{key} {_flat(item)}" for key, item in value.items())
    if isinstance(value, list | tuple):
        return ", ".join(_flat(item) for item in value) or "–"
    return str(value) if value not in (None, "") else "–"
