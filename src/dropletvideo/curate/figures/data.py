"""What a report shows, read from the data set once."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import yaml

from dropletvideo.curate.conditions import Connection
from dropletvideo.curate.selection import Funnel, apply
from dropletvideo.curate.store import load_selection, read_runs, selection_names

DEFAULT_SELECTION = "default"
MAX_CLIPS = 50_000
Clip = dict[str, Any]


@dataclass(frozen=True, kw_only=True)
class Chosen:
    """What one selection of the data set keeps."""

    name: str
    description: str
    kept: int
    seconds: float
    not_applied: int


@dataclass(kw_only=True)
class ReportData:
    """All that a report shows, read from the data set.

    Attributes:
        name: of the data set.
        videos, clips, boundaries, errors: rows of the views; of very many clips a random sample.
        num_clips, clip_seconds: number and length of all clips.
        skipped: stages that the last run left out, and why.
        runs: what `runs.jsonl` says of the runs that made the data set.
        recipe: text of the recipe.
        selection: name, and what it did; None shows the data set alone.
        reasons: drop step and reason by clip id, of the clips shown.
        chosen: every selection of the data set.
    """

    name: str
    videos: list[dict[str, Any]]
    clips: list[Clip]
    boundaries: list[dict[str, Any]]
    errors: list[dict[str, Any]]
    num_clips: int
    clip_seconds: float
    skipped: list[dict[str, Any]] = field(default_factory=list)
    runs: list[dict[str, Any]] = field(default_factory=list)
    recipe: str = ""
    selection: tuple[str, Funnel] | None = None
    reasons: dict[str, tuple[int, str]] = field(default_factory=dict)
    chosen: list[Chosen] = field(default_factory=list)

    def total(self, name: str) -> float:
        """A count of all runs together."""
        return float(sum(run.get(name) or 0 for run in self.runs))

    @property
    def kept_clips(self) -> list[Clip]:
        """Those of `clips` that the selection keeps; all of them without one."""
        return [clip for clip in self.clips if clip["clip_id"] not in self.reasons]

    def parts(self) -> list[tuple[str, Sequence[Clip], int, float]]:
        """The whole and, with a selection, what it keeps: label, clips to take means of, their number and seconds."""
        whole: list[tuple[str, Sequence[Clip], int, float]] = [
            (f"{self.name}, all clips", self.clips, self.num_clips, self.clip_seconds)
        ]
        if self.selection is None:
            return whole
        name, funnel = self.selection
        seconds = next((one.seconds for one in self.chosen if one.name == name), 0.0)
        return [*whole, (f"{self.name}, selection {name}", self.kept_clips, funnel.kept, seconds)]

    def has(self, column: str) -> bool:
        """Whether some clip has a value there."""
        return any(clip.get(column) is not None for clip in self.clips)


def read_data(root: Path, selection: str | None = None) -> ReportData:
    """Read all that the report shows.

    Args:
        root: the data set.
        selection: whose funnel is shown; by default the one named `default`, else the first there is.

    Raises:
        CatalogError: no data set there.
        ConfigError: no selection of that name, or one that does not fit the clips.
    """
    from dropletvideo.tables.views import open_views

    names = selection_names(root)
    name = selection or (DEFAULT_SELECTION if DEFAULT_SELECTION in names else next(iter(names), None))
    with open_views(root) as connection:
        (count, seconds) = connection.execute(
            "SELECT count(*), coalesce(sum(duration_seconds), 0) FROM clips"
        ).fetchone()
        sample = f" USING SAMPLE reservoir({MAX_CLIPS} ROWS) REPEATABLE (1)" if count > MAX_CLIPS else ""
        clips = _rows(connection, f"SELECT * FROM (SELECT * FROM clips{sample}) ORDER BY video_path, start_frame")
        chosen = [_chosen(connection, root, other) for other in names if other != name]
        shown, reasons = None, {}
        if name is not None:
            chosen.append(_chosen(connection, root, name))
            shown = (name, apply(connection, load_selection(root, name)))
            reasons = _reasons(connection, clips)
        return ReportData(
            num_clips=count,
            clip_seconds=seconds,
            name=root.resolve().name,
            videos=_rows(connection, "SELECT * FROM videos"),
            clips=clips,
            boundaries=_rows(connection, "SELECT * FROM boundaries"),
            errors=_rows(connection, "SELECT * FROM errors ORDER BY stage, video_path"),
            skipped=_rows(connection, "SELECT stage, reason, columns FROM skipped"),
            runs=read_runs(root),
            recipe=_recipe_text(root),
            selection=shown,
            reasons=reasons,
            chosen=sorted(chosen, key=lambda one: one.name),
        )


def _chosen(connection: Connection, root: Path, name: str) -> Chosen:
    selection = load_selection(root, name)
    funnel = apply(connection, selection, with_ids=False)
    (seconds,) = connection.execute(
        "SELECT coalesce(sum(duration_seconds), 0) FROM clips SEMI JOIN (SELECT clip_id FROM kept WHERE step = 0) "
        "USING (clip_id)"
    ).fetchone()
    return Chosen(
        name=name,
        description=selection.description,
        kept=funnel.kept,
        seconds=seconds,
        not_applied=sum(not step.is_applied for step in funnel.steps),
    )


def _reasons(connection: Connection, clips: Sequence[Clip]) -> dict[str, tuple[int, str]]:
    connection.execute("CREATE TEMP TABLE shown AS SELECT unnest($1) AS clip_id", [[c["clip_id"] for c in clips]])
    rows = connection.execute(
        "SELECT clip_id, step, reason FROM verdicts SEMI JOIN shown USING (clip_id) WHERE step > 0"
    ).fetchall()
    return {clip_id: (step, reason) for clip_id, step, reason in rows}


def _rows(connection: Connection, query: str) -> list[dict[str, Any]]:
    result = connection.execute(query)
    names = [column[0] for column in result.description]
    return [dict(zip(names, row, strict=True)) for row in result.fetchall()]


def _recipe_text(root: Path) -> str:
    path = root / "run.json"
    recipe = json.loads(path.read_text(encoding="utf-8")).get("recipe") if path.is_file() else None
    return yaml.safe_dump(recipe, sort_keys=False, allow_unicode=True) if recipe else ""
