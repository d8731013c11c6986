"""Export a selection: cut the chosen clips into files, then write the tables and the card of those that were cut.

A format is a module of this folder with `NAME`, `video_folder(out)` and `write_tables(out, clips)`. It may name its
files (`file_name(clip)`), and one that packs them says whether an export is whole already (`is_whole(out, digest)`);
its `write_tables` takes the digest too.
"""

from __future__ import annotations

import hashlib
import json
import tempfile
from collections.abc import Sequence
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from types import ModuleType
from typing import Any

from dropletvideo import engine, media, runtime
from dropletvideo.curate.export import card, dropletvideo, miradata, videofolder, webdataset
from dropletvideo.curate.export.cut import Cut, CutSettings, clip_file_name
from dropletvideo.curate.recipe import hint
from dropletvideo.curate.selection import Funnel, Selection, apply
from dropletvideo.curate.storage import is_remote, put_folder
from dropletvideo.curate.store import load_selection
from dropletvideo.errors import ConfigError
from dropletvideo.tables.views import open_views, read_clips

FORMATS: dict[str, ModuleType] = {module.NAME: module for module in (videofolder, webdataset, miradata, dropletvideo)}
BATCH_CLIPS = 16
AS_CODED = CutSettings()


@dataclass(frozen=True, kw_only=True)
class Exported:
    """What an export did.

    Attributes:
        chosen, written: clips that the selection keeps, and those whose files are there.
        copied: of these, copied as they were coded.
        failures: `{clip_id, video_path, reason}`.
        tables: files with their metadata, the card among them.
    """

    chosen: int
    written: int
    copied: int
    failures: tuple[dict[str, str], ...]
    tables: tuple[Path | str, ...]


@dataclass(frozen=True, kw_only=True)
class Chosen:
    """A selection at work on a data set: its clips in its order, and the funnel."""

    name: str
    selection: Selection
    funnel: Funnel
    clips: list[dict[str, Any]]


def export(
    root: str | Path,
    selection: str,
    out: str | Path,
    *,
    format_name: str = videofolder.NAME,
    settings: CutSettings = AS_CODED,
    workers: int | None = None,
    timeout_seconds: float | None = 600.0,
) -> Exported:
    """Export the clips that a selection keeps, in its order; files that are there already are kept.

    Args:
        root: the data set.
        selection: name of a stored selection.
        out: a folder, or an address on object storage (files are made in a temporary folder here and then copied).
        format_name: one of `FORMATS`.
        settings: how frames are coded.

    Raises:
        ConfigError: an unknown format or selection, or storage that refuses.
        CatalogError: no data set at `root`.
    """
    if format_name not in FORMATS:
        raise ConfigError(f"format {format_name!r} is unknown{hint(format_name, FORMATS)}")
    if is_remote(out):
        with tempfile.TemporaryDirectory(prefix="droplet-export-") as folder:
            more: dict[str, Any] = {"workers": workers, "timeout_seconds": timeout_seconds}
            local = Path(folder) / (str(out).rstrip("/").rpartition("/")[2] or "export")  # the card bears this name
            done = export(root, selection, local, format_name=format_name, settings=settings, **more)
            put_folder(local, str(out))
            places = tuple(
                f"{str(out).rstrip('/')}/{Path(table).relative_to(local).as_posix()}" for table in done.tables
            )
            return replace(done, tables=places)
    form, target, chosen = FORMATS[format_name], Path(out), chosen_clips(Path(root), selection)
    digest = _digest(chosen.clips, settings)
    if hasattr(form, "is_whole") and form.is_whole(target, digest):
        tables = tuple(path for path in (target / form.INDEX, target / card.NAME) if path.exists())
        count = len(chosen.clips)
        return Exported(chosen=count, written=count, copied=form.copied(target), failures=(), tables=tables)
    folder_of_files: Path = form.video_folder(target)
    folder_of_files.mkdir(parents=True, exist_ok=True)
    cut = Cut(folder=folder_of_files, settings=settings, name_of=getattr(form, "file_name", clip_file_name))
    failures = _cut_all(cut, chosen.clips, workers or runtime.usable_cpus(), timeout_seconds)
    return _write(form, target, chosen, cut, failures, digest)


def _write(
    form: ModuleType, target: Path, chosen: Chosen, cut: Cut, failures: Sequence[dict[str, str]], digest: str
) -> Exported:
    failed = {failure["clip_id"] for failure in failures}
    written = [_as_cut(cut, clip) for clip in chosen.clips if clip["clip_id"] not in failed]
    packed = {"digest": "" if failed else digest} if hasattr(form, "is_whole") else {}
    tables = form.write_tables(target, written, **packed)
    copied = sum(clip["is_copied"] for clip in written)
    facts = card.Facts(
        name=target.resolve().name,
        format_name=form.NAME,
        selection_name=chosen.name,
        selection=chosen.selection,
        funnel=chosen.funnel,
        copied=copied,
        settings=asdict(cut.settings),
        failed=len(failed),
    )
    own = card.write_card(target, written, facts)
    return Exported(
        chosen=len(chosen.clips),
        written=len(written),
        copied=copied,
        failures=tuple(failures),
        tables=(*tables, *([own] if own else [])),
    )


def _digest(clips: Sequence[dict[str, Any]], settings: CutSettings) -> str:
    """Of all that an export is made from: the clips in their order with every column, and how they are coded."""
    text = json.dumps([list(clips), asdict(settings)], sort_keys=True, default=str)
    return hashlib.blake2b(text.encode(), digest_size=16).hexdigest()


def _as_cut(cut: Cut, clip: dict[str, Any]) -> dict[str, Any]:
    """A clip's row with the size of its file and whether that was copied."""
    path = cut.path_of(clip)
    info, tag = media.probe(path), media.read_metadata(path) or {}
    return {**clip, "height": info.height, "width": info.width, "is_copied": bool(tag.get("is_copied"))}


def chosen_clips(root: Path, name: str) -> Chosen:
    """What a selection keeps of a data set."""
    selection = load_selection(root, name)
    with open_views(root) as connection:
        funnel = apply(connection, selection)
    place = {clip_id: number for number, clip_id in enumerate(funnel.clip_ids)}
    rows = [row for row in read_clips(root) if row["clip_id"] in place]
    clips = sorted(rows, key=lambda row: place[row["clip_id"]])
    return Chosen(name=name, selection=selection, funnel=funnel, clips=clips)


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
