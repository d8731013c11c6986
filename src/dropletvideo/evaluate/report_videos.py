"""Best and worst videos of a report, as players and film strips, and one request beside its baselines."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from dropletvideo import media
from dropletvideo.errors import DropletError
from dropletvideo.evaluate.metric import ScoredRow
from dropletvideo.evaluate.rows import MODEL, Result, scored_row
from dropletvideo.evaluate.score import Evaluation
from dropletvideo.evaluate.summary import SYSTEM_LABELS
from dropletvideo.pages.page import Page
from dropletvideo.pages.pictures import Player

SHOWN_VIDEOS = 4
MAX_PLAYER_BYTES = 3_000_000
PLAYED = ("first_frame_psnr", "compensated_flicker", "camera_f1")
"""Columns whose best and worst videos play; of the others they are strips, which keeps the page small."""
STRIP_SIDE, STRIP_FRAMES = 96, 8


def add_videos(page: Page, evaluation: Evaluation) -> None:
    """Best and worst videos of the model by each score, and the baselines of one request as strips."""
    scored = [
        scored_row(result, evaluation.metrics)
        for result in evaluation.results
        if result.system == MODEL and result.error is None
    ]
    columns = [each for each in evaluation.summary["columns"] if each["better"] != "neither" and each["of"] == "video"]
    ranked = {column["name"]: _ranked(scored, column) for column in columns}
    told = [column for column in columns if _differ(ranked[column["name"]], column)]
    if told:
        page.section("Best and worst videos", "Of the model, by every score in which its videos differ.")
    for column in sorted(told, key=lambda column: column["name"] not in PLAYED):
        if column["name"] in PLAYED:
            _add_players(page, ranked[column["name"]], column)
        else:
            _add_ends(page, ranked[column["name"]], column)
    _add_strips(page, evaluation.results)


def _differ(ranked: Sequence[ScoredRow], column: Mapping[str, Any]) -> bool:
    name = column["name"]
    return len(ranked) > 1 and ranked[0].scores[name] != ranked[-1].scores[name]


def _add_players(page: Page, ranked: Sequence[ScoredRow], column: Mapping[str, Any]) -> None:
    """A video as good as the best is not among the worst, nor the other way round."""
    count, (best, *_, worst) = min(SHOWN_VIDEOS, len(ranked) // 2), (each.scores[column["name"]] for each in ranked)
    ends = {
        "best": [each for each in ranked[:count] if each.scores[column["name"]] != worst],
        "worst": [each for each in ranked[::-1][:count] if each.scores[column["name"]] != best],
    }
    for name, rows in ends.items():
        page.heading(f"{name.capitalize()} by {column['label']}")
        page.videos(_players(rows, column))


def _add_ends(page: Page, ranked: Sequence[ScoredRow], column: Mapping[str, Any]) -> None:
    """The best and the worst video as strips behind a heading."""
    strips = {}
    for name, each in (("best", ranked[0]), ("worst", ranked[-1])):
        frames = _strip(each)
        if frames is not None:
            strips[f"{name}, {each.scores[column['name']]:.{column['decimals']}f}: {each.row.id[:60]}"] = frames
    with page.fold(f"Best and worst by {column['label']}"):
        page.strips(strips)


def _strip(each: ScoredRow | Result) -> NDArray[np.uint8] | None:
    """A few frames from the first to the last, without holding the video; None where it is gone since."""
    count = int(each.measures.get("num_frames") or 1)
    numbers = sorted({round(number) for number in np.linspace(0, count - 1, min(STRIP_FRAMES, count))})
    side = min(STRIP_SIDE, *(int(each.measures.get(name) or STRIP_SIDE) for name in ("height", "width")))
    try:
        return media.read_frames(each.row.video, numbers, short_side=side)
    except (DropletError, OSError):
        return None


def _ranked(scored: Sequence[ScoredRow], column: Mapping[str, Any]) -> list[ScoredRow]:
    """Rows that have this score, best first."""
    sign = -1.0 if column["better"] == "higher" else 1.0
    keyed = [(value, each) for each in scored if (value := each.scores.get(column["name"])) is not None]
    return [each for _, each in sorted(keyed, key=lambda pair: (sign * pair[0], pair[1].row.id))]


def _players(rows: Sequence[ScoredRow], column: Mapping[str, Any]) -> list[Player]:
    """A player for each video; a few frames of one that is large, or no mp4, play in its place."""
    players = []
    for each in rows:
        file = each.row.video
        plays = file.suffix == ".mp4" and file.is_file() and file.stat().st_size <= MAX_PLAYER_BYTES
        video = file if plays else _strip(each)
        if video is not None:
            note = _note(each, column) + ("" if plays else f" · {STRIP_FRAMES} frames of it")
            players.append(Player(video=video, caption=each.row.id, note=note, playback_fps=4.0))
    return players


def _note(each: ScoredRow, column: Mapping[str, Any]) -> str:
    parts = [f"{each.scores[column['name']]:.{column['decimals']}f} {column['unit']}".strip()]
    if each.row.motion is not None:
        parts.append(f"M={each.row.motion:g}")
    if each.row.moves:
        measured = each.measures.get("camera_moves")
        found = "" if measured is None else f", measured {', '.join(measured) or 'none'}"
        parts.append(f"asked {', '.join(each.row.moves)}{found}")
    return " · ".join(parts)


def _add_strips(page: Page, results: Sequence[Result]) -> None:
    """The first scored video and its baselines as strips, so that a reader sees what the baselines are."""
    first = next((result.row.id for result in results if result.system == MODEL and result.error is None), None)
    own = [result for result in results if result.row.id == first and result.error is None]
    strips = {SYSTEM_LABELS[each.system]: frames for each in own if (frames := _strip(each)) is not None}
    if strips:
        page.section("One request and its baselines", f"`{first}`, time from left to right.")
        page.strips(strips)
