"""A dataset folder: `dataset.json`, `videos/`, `clips/`, `columns/`, `errors/`, `selections/`.

`dataset.json` names the current clips and the current fingerprint of every stage; older fingerprints stay on disk, so
that going back to earlier parameters costs nothing.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pyarrow as pa

from dropletvideo.errors import CatalogError
from dropletvideo.files import why_not, write_json
from dropletvideo.tables.clips import ClipTable, Group
from dropletvideo.tables.order import VIDEO_COLUMNS, Level
from dropletvideo.tables.parts import TYPE_NAMES, RowTable, sweep, type_name
from dropletvideo.tables.skipped import Skipped

FORMAT, FORMAT_VERSION = "dropletvideo dataset", 1
FILE_TYPE = pa.struct([("path", pa.string()), ("size_bytes", pa.int64()), ("mtime_ns", pa.int64())])
VIDEO_TABLE_COLUMNS = {"video_number": int, **VIDEO_COLUMNS, "files": pa.list_(FILE_TYPE)}
ERROR_COLUMNS = {
    "video_path": str,
    "clip_id": str,
    "stage": str,
    "reason": str,
    "fingerprint": str,
    "size_bytes": int,
    "mtime_ns": int,
}


@dataclass(frozen=True)
class Current:
    """What `dataset.json` says is current.

    Attributes:
        clips: fingerprint of the current clips, None before the first run got that far.
        detector: folder under `columns/` with the boundaries.
        makers: folder under `columns/` of the stage that made the current clips.
        groups: current column groups of these clips, in the order of the recipe.
        before: fingerprints of columns on the clips that these were made of, for their errors.
        skipped: stages that the last run skipped.
    """

    clips: str | None
    detector: str | None
    maker: str | None
    groups: tuple[Group, ...]
    before: tuple[str, ...] = ()
    skipped: tuple[Skipped, ...] = ()


def read_current(root: str | Path) -> Current:
    """Read `dataset.json`.

    Raises:
        CatalogError: no dataset there, or one of another kind or of a later format.
    """
    path = Path(root) / "dataset.json"
    try:
        content = json.loads(path.read_text(encoding="utf-8"))
    except FileNotFoundError as error:
        raise CatalogError(f"{root} is no dataset (it has no dataset.json): make one with droplet curate") from error
    except (OSError, ValueError) as error:
        raise CatalogError(f"{path} cannot be read ({error}): restore it, or curate into a new folder") from error
    if not isinstance(content, dict) or content.get("format") != FORMAT:
        raise CatalogError(f"{path} is not a dataset of ours: give another folder")
    if content.get("format_version", 0) > FORMAT_VERSION:
        raise CatalogError(
            f"{root} has dataset format {content['format_version']}, this version reads up to {FORMAT_VERSION}: upgrade"
        )
    groups = tuple(
        Group(
            stage=name,
            fingerprint=entry["fingerprint"],
            columns={column: TYPE_NAMES[kind] for column, kind in entry["columns"].items()},
        )
        for name, entry in content["stages"].items()
    )
    skipped = tuple(
        Skipped(stage=name, reason=entry["reason"], columns=tuple(entry["columns"]))
        for name, entry in content.get("skipped", {}).items()
    )
    before = tuple(content.get("before_stitching", ()))
    return Current(content["clips"], content["detector"], content["maker"], groups, before, skipped)


@contextmanager
def writing(root: Path) -> Iterator[None]:
    """Tell what hinders the body from writing to a dataset.

    Raises:
        CatalogError: the disk is full or the folder cannot be written; what is there stays whole.
    """
    try:
        yield
    except OSError as error:
        raise CatalogError(
            f"{root} cannot be written ({why_not(root, error)}): what is there is whole; "
            "free space or mend the folder, then give the same command again to go on"
        ) from error


class Catalog:
    """A dataset opened for writing; the caller holds its lock."""

    def __init__(self, root: Path) -> None:
        self.root = root
        sweep(root)
        self.videos = RowTable(root / "videos", VIDEO_TABLE_COLUMNS, key=lambda row: row["video_id"])
        self.errors = RowTable(
            root / "errors", ERROR_COLUMNS, key=lambda row: (row["video_path"], row["clip_id"], row["stage"])
        )
        self.tables: dict[str, ClipTable] = {}

    @classmethod
    def create_or_open(cls, root: Path) -> Catalog:
        """Open a dataset, or begin one in a new or empty folder.

        Raises:
            CatalogError: the folder holds other things.
        """
        if (root / "dataset.json").exists():
            read_current(root)
            return cls(root)
        others = [path.name for path in root.iterdir() if not path.name.startswith(".")] if root.is_dir() else []
        if others:
            raise CatalogError(f"{root} is not empty and no dataset ({others[0]} …): give a new or empty folder")
        write_json(root / "dataset.json", _dataset(Current(None, None, None, ())))
        return cls(root)

    def make_current(self, levels: Sequence[Level], skipped: Sequence[Skipped] = ()) -> None:
        """Name the clips and columns of a recipe as current; other columns of the same clips stay current."""
        last, before = levels[-1], read_current(self.root)
        groups = {group.stage: group for group in before.groups} if before.clips == last.fingerprint else {}
        ours = {column for group in last.groups.values() for column in group.columns}
        groups = {name: group for name, group in groups.items() if not ours.intersection(group.columns)}
        groups.update(last.groups)
        wanted = Current(
            last.fingerprint,
            f"{levels[0].maker.name}@{levels[0].fingerprint}",
            f"{last.maker.name}@{last.fingerprint}",
            tuple(groups.values()),
            tuple(group.fingerprint for level in levels[:-1] for group in level.groups.values()),
            tuple(skipped),
        )
        write_json(self.root / "dataset.json", _dataset(wanted))

    def clips(self, level: Level) -> ClipTable:
        """The clip table of a level."""
        if level.fingerprint not in self.tables:
            self.tables[level.fingerprint] = ClipTable(self.root, level.maker.name, level.fingerprint)
        return self.tables[level.fingerprint]

    def save(self) -> None:
        """Write everything that changed: videos first, then clips and columns, errors last.

        Raises:
            CatalogError: the disk is full or the folder cannot be written; what is there stays whole.
        """
        with writing(self.root):
            self.videos.save()
            for table in self.tables.values():
                table.save()
            self.errors.save()

    def fail(self, row: Mapping[str, Any]) -> None:
        """Note an error; the same video, clip and stage give one row however often they fail."""
        self.errors.put(row)


def _dataset(current: Current) -> dict[str, Any]:
    return {
        "format": FORMAT,
        "format_version": FORMAT_VERSION,
        "clips": current.clips,
        "detector": current.detector,
        "maker": current.maker,
        "before_stitching": list(current.before),
        "stages": {
            group.stage: {
                "fingerprint": group.fingerprint,
                "columns": {name: type_name(kind) for name, kind in group.columns.items()},
            }
            for group in current.groups
        },
        "skipped": {one.stage: {"reason": one.reason, "columns": list(one.columns)} for one in current.skipped},
    }
