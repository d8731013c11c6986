"""One curation run: sources and a recipe in, a data set with its report out."""

from __future__ import annotations

import logging
from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from dropletvideo import runtime
from dropletvideo.curate.list_index import INDEX, digest_of_lists, index_lists
from dropletvideo.curate.recipe import Recipe, load_recipe
from dropletvideo.curate.sources import Sources, find_sources
from dropletvideo.curate.store import note_run, selection_names, store_selection
from dropletvideo.engine import OnRay
from dropletvideo.errors import ConfigError
from dropletvideo.perception.judge import Picked
from dropletvideo.tables.catalog import writing
from dropletvideo.tables.order import Level, Wave, order
from dropletvideo.tables.runner import Summary
from dropletvideo.tables.runner import run as run_tables
from dropletvideo.tables.skipped import leave_out

LISTED, ORIGIN = "listed", "origin"
logger = logging.getLogger(__name__)


@dataclass(frozen=True, kw_only=True)
class Curated:
    """What a run did: the runner's summary, the sources, and where the report lies (None when it was not asked for)."""

    summary: Summary
    sources: Sources
    recipe: Recipe
    report: Path | None = None
    report_bytes: int = 0

    @property
    def failures(self) -> int:
        """Rows in `errors` that concern the recipe."""
        return self.summary.failures

    def as_dict(self) -> dict[str, Any]:
        """Plain dictionary for JSON: the summary, files passed over, the report."""
        more = {"passed_over": self.sources.passed_over, "report": str(self.report) if self.report else None}
        return {**self.summary.as_dict(), **more, "report_bytes": self.report_bytes}


def curate(
    sources: Sequence[str | Path],
    out: str | Path,
    *,
    recipe: str | None = None,
    changes: Sequence[str] = (),
    workers: int | OnRay | None = None,
    in_process: bool = False,
    retry_errors: bool = False,
    with_report: bool = True,
) -> Curated:
    """Curate videos into the data set `out`; what is there already is not computed again.

    Args:
        sources: files, folders, lists of files or of clips (`curate.lists`).
        out: the data set folder; new, empty or a data set.
        recipe: a shipped name or a YAML file; by default `listed` for lists whose every row names a span, else `cpu`.
            `changes` are `a.b=c`.
        workers: decoding processes, by default as many as there are CPU cores; or workers on a cluster.
        in_process: decode in this process, without a time limit (for measurements and tests).
        retry_errors: try again what failed before.
        with_report: write `out/report.html`.

    Raises:
        ConfigError: a source, recipe or parameter that is not valid; nothing was done.
        CatalogError: the folder cannot be used or written.
    """
    root = Path(out)
    found = _sources(sources, root)
    resolved = _resolved(recipe, changes, found, root)
    _index(root, found, resolved)
    resolved = _with_lists(resolved, root)
    summary = run_tables(
        root,
        found.paths,
        resolved.build(),
        workers=1 if in_process else workers or runtime.usable_cpus(),
        timeout_seconds=None if in_process else resolved.timeout_seconds,
        retry_errors=retry_errors,
        recipe=resolved.model_dump(mode="json"),
    )
    done = Curated(summary=summary, sources=found, recipe=resolved)
    with writing(root):
        return _recorded(root, done, with_report)


def _recorded(root: Path, done: Curated, with_report: bool) -> Curated:
    """Selections of the recipe that are not there yet, the line of the run, the report."""
    for name, selection in done.recipe.selections.items():
        if name not in selection_names(root):
            store_selection(root, name, selection)
    when = datetime.now(UTC).isoformat(timespec="seconds")
    note_run(root, {"when": when, "passed_over": done.sources.passed_over, **done.summary.as_dict()})
    if not with_report:
        return done
    from dropletvideo.curate.report import write_report

    path = root / "report.html"
    return replace(done, report=path, report_bytes=write_report(root, path))


def _resolved(recipe: str | None, changes: Sequence[str], found: Sources, root: Path) -> Recipe:
    """The recipe asked for, or the one that fits the sources."""
    resolved = load_recipe(recipe or ("listed" if found.has_spans else "cpu"), changes)
    if LISTED in resolved.stages and not found.lists and not (root / INDEX).exists():
        raise ConfigError(f"the recipe has the stage {LISTED} and no list is given: give a list of clips as the source")
    return resolved


def _with_lists(resolved: Recipe, root: Path) -> Recipe:
    """The recipe with the index of lists handed to the stages that read it."""
    index = {"index": str((root / INDEX).absolute())}
    told = {LISTED: index, ORIGIN: {**index, "lists": digest_of_lists(root)}}
    stages = {name: {**told.get(name, {}), **own} for name, own in resolved.stages.items()}
    return resolved.model_copy(update={"stages": stages})


def _index(root: Path, found: Sources, resolved: Recipe) -> None:
    visible = [path for path in root.iterdir() if not path.name.startswith(".")] if root.is_dir() else []
    if visible and not (root / "dataset.json").exists():
        return  # the folder holds other things: the run refuses it
    indexed = index_lists(root, found.lists)
    if indexed.changed and LISTED in resolved.stages:
        logger.warning(
            "%d videos have other rows than when they were listed before; clips cut already stay as they are: "
            "--set listed.edition=2 (or higher) makes them anew",
            indexed.changed,
        )


def _sources(sources: Sequence[str | Path], root: Path) -> Sources:
    found = find_sources(sources, leave_out=root)
    if not found.paths:
        raise ConfigError(
            f"no video found in {', '.join(map(str, sources))} ({found.passed_over} files passed over, none of them a "
            "video by its name): give video files, folders, or a list"
        )
    return found


def plan(
    sources: Sequence[str | Path], out: str | Path, *, recipe: str | None = None, changes: Sequence[str] = ()
) -> dict[str, Any]:
    """What `curate` would do, without doing it: sources, stages in order, columns."""
    found = _sources(sources, Path(out))
    resolved = _resolved(recipe, changes, found, Path(out))
    stages = resolved.build()
    runnable, skipped = leave_out(stages)
    reasons = {one.stage: one.reason for one in skipped}
    levels = order(runnable)
    return {
        "dataset": str(out),
        "is_new": not (Path(out) / "dataset.json").exists(),
        "videos": len(found.paths),
        "passed_over": found.passed_over,
        "decodes_per_video": _decodes(levels),
        "stages": [
            {
                "stage": s.name,
                "kind": s.kind,
                "columns": list(s.columns),
                "gate": s.gate,
                "params": dict(s.params),
                "lacks": reasons.get(s.name, ""),
            }
            for s in stages
        ],
    }


def _decodes(levels: Sequence[Level]) -> int:
    """Sequential decodes of a video: one that cuts and measures, and one more for each later wave of dense frames.

    Judges that pick their frames seek them, and clips made of clips need no frame.
    """

    def is_dense(wave: Wave) -> bool:
        return any(stage.judge is not None and not isinstance(stage.judge.needs, Picked) for stage in wave.stages)

    first, *later = [[wave for wave in level.waves if is_dense(wave)] for level in levels]
    return max(1, len(first)) + sum(map(len, later))
