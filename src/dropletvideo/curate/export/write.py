"""Export a selection: cut the chosen clips into files, then write the metadata of those that were cut.

A format is a module of this folder with `NAME`, `video_folder(out)` and `write_tables(out, clips)`.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from types import ModuleType
from typing import Any

from dropletvideo import engine, media, runtime
from dropletvideo.curate.export import miradata, videofolder
from dropletvideo.curate.export.cut import Cut
from dropletvideo.curate.recipe import hint
from dropletvideo.curate.selection import apply
from dropletvideo.curate.store import load_selection
from dropletvideo.errors import ConfigError
from dropletvideo.tables.views import open_views, read_clips

FORMATS: dict[str, ModuleType] = {module.NAME: module for module in (videofolder, miradata)}
BATCH_CLIPS = 16


@dataclass(frozen=True, kw_only=True)
class Exported:
    """Clips chosen, files that are there, failures as `{clip_id, video_path, reason}`, and the tables written."""

    chosen: int
    written: int
    failures: tuple[dict[str, str], ...]
    tables: tuple[Path, ...]


def export(
    root: str | Path,
    selection: str,
    out: str | Path,
    *,
    format_name: str = videofolder.NAME,
    workers: int | None = None,
    crf: int = 18,
    short_side: int | None = None,
    timeout_seconds: float | None = 600.0,
) -> Exported:
    """Export the clips that a selection keeps, in its order; files that are there already are kept.

    Raises:
        ConfigError: an unknown format or selection.
        CatalogError: no data set at `root`.
    """
    if format_name not in FORMATS:
        raise ConfigError(f"format {format_name!r} is unknown{hint(format_name, FORMATS)}")
    form, target = FORMATS[format_name], Path(out)
    clips = chosen_clips(Path(root), selection)
    folder: Path = form.video_folder(target)
    folder.mkdir(parents=True, exist_ok=True)
    cut = Cut(folder=folder, crf=crf, short_side=short_side)
    failures = _cut_all(cut, clips, workers or runtime.usable_cpus(), timeout_seconds)
    failed = {failure["clip_id"] for failure in failures}
    written = [_as_cut(cut, clip) for clip in clips if clip["clip_id"] not in failed]
    tables = form.write_tables(target, written)
    return Exported(chosen=len(clips), written=len(written), failures=tuple(failures), tables=tuple(tables))


def _as_cut(cut: Cut, clip: dict[str, Any]) -> dict[str, Any]:
    """A clip's row with the size of its file."""
    info = media.probe(cut.path_of(clip))
    return {**clip, "height": info.height, "width": info.width}


def chosen_clips(root: Path, selection: str) -> list[dict[str, Any]]:
    """Rows of the clips that a selection keeps, in its order."""
    with open_views(root) as connection:
        kept = apply(connection, load_selection(root, selection)).clip_ids
    place = {clip_id: number for number, clip_id in enumerate(kept)}
    rows = [row for row in read_clips(root) if row["clip_id"] in place]
    return sorted(rows, key=lambda row: place[row["clip_id"]])


def _cut_all(
    cut: Cut, clips: Sequence[dict[str, Any]], workers: int, timeout_seconds: float | None
) -> list[dict[str, str]]:
    """Cut in batches of one video each; a worker that dies or hangs fails its batch only."""
    batches = _batches(sorted(clips, key=lambda clip: (clip["video_path"], clip["start_frame"])))
    failures: list[dict[str, str]] = []
    with runtime.progress("cutting clips", len(clips)) as bar:
        found = engine.map_rows(cut, batches, workers=workers, timeout_seconds=timeout_seconds, label=_path_of)
        for batch, result in found:
            bar.advance(len(batch), Path(_path_of(batch)).name)
            if not isinstance(result, Exception):
                failures.extend(result)
                continue
            failures.extend(
                {"clip_id": clip["clip_id"], "video_path": clip["video_path"], "reason": str(result)} for clip in batch
            )
    return failures


def _batches(clips: Sequence[dict[str, Any]]) -> list[list[dict[str, Any]]]:
    batches: list[list[dict[str, Any]]] = []
    for clip in clips:
        last = batches[-1] if batches else None
        if last is None or len(last) >= BATCH_CLIPS or last[0]["video_path"] != clip["video_path"]:
            batches.append([clip])
        else:
            last.append(clip)
    return batches


def _path_of(batch: Sequence[dict[str, Any]]) -> str:
    return str(batch[0]["video_path"])
