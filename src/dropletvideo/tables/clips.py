"""The clip table at one fingerprint, and the column groups beside it, part by part.

`clips/<fingerprint>/part-N` holds clips; `columns/<stage>@<fingerprint>/part-N` holds the same rows in the same order
with that stage's columns and a `_state`: `done`, `failed` (see `errors`), `held` (by a gate) or `missing`. The maker
of the clips keeps one row per video in `columns/<maker>@<fingerprint>/`: boundaries, frames, how many clips.

Order of writing, so that a run killed at any point loses at most what it had not written: the maker's rows, then the
clips, then the columns. A video counts as done when its clips are all there; columns may be short of the clips and
are then missing for the rest.
"""

from __future__ import annotations

import hashlib
import logging
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

import pyarrow as pa

from dropletvideo.errors import CatalogError
from dropletvideo.tables.parts import (
    PART_ROWS,
    Columns,
    count_rows,
    decode,
    encode,
    part_numbers,
    part_path,
    read_facts,
    read_rows,
    write_rows,
)

CLIP_COLUMNS: Columns = {
    "clip_id": str,
    "video_id": str,
    "video_number": int,
    "start_frame": int,
    "end_frame": int,
    "start_pts": int,
    "end_pts": int,
    "time_base": str,
    "source_fps": float,
    "num_frames": int,
    "height": int,
    "width": int,
    "start_seconds": float,
    "duration_seconds": float,
}
BOUNDARY_TYPE = pa.struct(
    [("frame", pa.int64()), ("end_frame", pa.int64()), ("kind", pa.string()), ("score", pa.float64())]
)
MAKER_COLUMNS: Columns = {
    "video_id": str,
    "video_number": int,
    "num_frames": int,
    "num_clips": int,
    "decodes": int,
    "boundaries": pa.list_(BOUNDARY_TYPE),
}
STATE = "_state"
DIGEST = "clips"
DONE, FAILED, HELD, MISSING = "done", "failed", "held", "missing"
logger = logging.getLogger(__name__)


@dataclass(frozen=True, kw_only=True)
class Group:
    """A column group: the columns of one stage at one fingerprint."""

    stage: str
    fingerprint: str
    columns: Columns

    @property
    def folder(self) -> str:
        """Its folder under `columns/`."""
        return f"{self.stage}@{self.fingerprint}"


class ClipPart:
    """One part: its clips and, as far as they were asked for, its column groups."""

    def __init__(self, table: ClipTable, number: int) -> None:
        self.table, self.number = table, number
        path = part_path(table.clips_folder, number)
        self.clips: list[dict[str, Any]] = read_rows(path) if path.exists() else []
        self._groups: dict[str, tuple[Group, list[dict[str, Any]]]] = {}
        self._changed: set[str] = set()
        self._clips_changed = False

    def column(self, group: Group) -> list[dict[str, Any]]:
        """The stored rows of a group, as many as there are clips; read on first use."""
        if group.folder not in self._groups:
            self._groups[group.folder] = (group, self._read(group))
        rows = self._groups[group.folder][1]
        rows.extend({STATE: MISSING} for _ in range(len(self.clips) - len(rows)))
        return rows

    def _read(self, group: Group) -> list[dict[str, Any]]:
        path = part_path(self.table.columns_folder / group.folder, self.number)
        if not path.exists():
            return []
        rows = read_rows(path)
        if len(rows) > len(self.clips) or read_facts(path).get(DIGEST) != self._digest(len(rows)):
            logger.warning("%s does not belong to its clips part: its rows are computed anew", path)
            return []
        return rows

    def _digest(self, rows: int) -> str:
        return digest_of(clip["clip_id"] for clip in self.clips[:rows])

    def append(self, clips: Sequence[Mapping[str, Any]]) -> int:
        """Add the clips of a video; returns the place of the first."""
        first = len(self.clips)
        rows = [{name: encode(clip.get(name), kind) for name, kind in CLIP_COLUMNS.items()} for clip in clips]
        self.clips.extend(rows)  # at once: an interrupt must not leave half a video
        self._clips_changed = self._clips_changed or bool(clips)
        return first

    def put(self, group: Group, place: int, state: str, values: Mapping[str, Any] | None = None) -> None:
        """Set what a stage says of one clip."""
        stored = {name: encode(values[name], kind) for name, kind in group.columns.items()} if values else {}
        self.column(group)[place] = {STATE: state, **stored}
        self._changed.add(group.folder)

    def values(self, group: Group, place: int) -> dict[str, Any]:
        """A clip's columns of a group as Python values; None where they are not computed."""
        stored = self.column(group)[place]
        return {name: decode(stored.get(name), kind) for name, kind in group.columns.items()}

    def save_clips(self) -> None:
        """Write the clips if some came."""
        if self._clips_changed:
            facts = {DIGEST: self._digest(len(self.clips))}
            write_rows(part_path(self.table.clips_folder, self.number), self.clips, CLIP_COLUMNS, facts)
            self._clips_changed = False

    def save_columns(self) -> None:
        """Write the groups that changed, each as long as the clips."""
        for folder in sorted(self._changed):
            group = self._groups[folder][0]
            rows = self.column(group)
            columns = {**group.columns, STATE: str}
            facts = {DIGEST: self._digest(len(rows))}
            write_rows(part_path(self.table.columns_folder / folder, self.number), rows, columns, facts)
            self._changed.discard(folder)

    @property
    def has_changes(self) -> bool:
        """Whether something is not on disk yet."""
        return self._clips_changed or bool(self._changed)


class ClipTable:
    """All clips at one fingerprint. Opened for writing under the lock; parts are kept while they have changes.

    Args:
        root: the dataset folder.
        maker: name of the stage that makes these clips.
        fingerprint: of the clips.
    """

    def __init__(self, root: Path, maker: str, fingerprint: str) -> None:
        self.clips_folder = root / "clips" / fingerprint
        self.columns_folder = root / "columns"
        self.maker_folder = self.columns_folder / f"{maker}@{fingerprint}"
        self._parts: dict[int, ClipPart] = {}
        self.numbers = part_numbers(self.clips_folder)
        self._mend()
        made = part_numbers(self.maker_folder)
        self._maker_number = made[-1] if made else 0
        self._maker_changed = False
        newest = part_path(self.maker_folder, self._maker_number)
        self._maker_rows = read_rows(newest) if newest.exists() else []

    def _mend(self) -> None:
        """Forget maker rows of videos whose clips were not all written when a run was killed; note the others."""
        counts: Counter[str] = Counter()
        for number in self.numbers:
            counts.update(row["video_id"] for row in read_rows(part_path(self.clips_folder, number), ["video_id"]))
        self.made: dict[str, int] = {}
        for number in part_numbers(self.maker_folder):
            path = part_path(self.maker_folder, number)
            rows = read_rows(path)
            whole = [row for row in rows if counts[row["video_id"]] == row["num_clips"]]
            if len(whole) < len(rows):
                write_rows(path, whole, MAKER_COLUMNS)
            self.made.update({row["video_id"]: row["num_clips"] for row in whole})
        stray = [video_id for video_id in counts if video_id not in self.made]
        if stray:
            raise CatalogError(
                f"{self.clips_folder} holds clips of {len(stray)} videos (first: {stray[0]}) that {self.maker_folder} "
                "does not know or counts otherwise: restore that folder, or remove both and run again to make them anew"
            )

    def part(self, number: int) -> ClipPart:
        """A part; the same object as long as it has unsaved changes or is the last."""
        if number not in self._parts:
            self._parts[number] = ClipPart(self, number)
        return self._parts[number]

    def is_complete(self, number: int, groups: Sequence[Group]) -> bool:
        """Whether every clip of a part has every group; reads states and footers, not the rows."""
        if number in self._parts and self._parts[number].has_changes:
            return False
        clips = part_path(self.clips_folder, number)
        for group in groups:
            path = part_path(self.columns_folder / group.folder, number)
            if fit_of(clips, path) != "whole" or any(row[STATE] != DONE for row in read_rows(path, [STATE])):
                return False
        return True

    def release(self, number: int) -> None:
        """Let go of a part's rows, unless they still change."""
        is_last = not self.numbers or number == self.numbers[-1]
        if number in self._parts and not is_last and not self._parts[number].has_changes:
            del self._parts[number]

    def add_video(self, made: Mapping[str, Any], clips: Sequence[Mapping[str, Any]]) -> tuple[ClipPart, int]:
        """Add all clips of one video; returns the part they went to and the place of the first."""
        assert made["video_id"] not in self.made, f"video {made['video_id']} has its clips already"
        number = self.numbers[-1] if self.numbers else 0
        part = self.part(number)
        if len(part.clips) >= PART_ROWS:
            number, part = number + 1, self.part(number + 1)
        if len(self._maker_rows) >= PART_ROWS:
            self._save_maker()
            self._maker_rows, self._maker_number = [], self._maker_number + 1
        self._maker_changed = True
        self._maker_rows.append({**made, "num_clips": len(clips)})  # before the clips: see the module text
        if clips and number not in self.numbers:
            self.numbers.append(number)
        first = part.append(clips)
        self.made[made["video_id"]] = len(clips)
        return part, first

    def _save_maker(self) -> None:
        if self._maker_changed:
            write_rows(part_path(self.maker_folder, self._maker_number), self._maker_rows, MAKER_COLUMNS)
            self._maker_changed = False

    def save(self) -> None:
        """Write what changed, in the order that the module text gives."""
        self._save_maker()
        changed = [part for _, part in sorted(self._parts.items())]
        for part in changed:
            part.save_clips()
        for part in changed:
            part.save_columns()
        for part in changed:
            self.release(part.number)

    def boundaries(self) -> dict[str, list[dict[str, Any]]]:
        """What the maker says of each video's boundaries, where it names any."""
        rows = list(self._maker_rows)
        for number in part_numbers(self.maker_folder):
            if number != self._maker_number:
                rows += read_rows(part_path(self.maker_folder, number), ["video_id", "boundaries"])
        return {row["video_id"]: row["boundaries"] for row in rows if row["boundaries"]}

    def rows(self, groups: Iterable[Group] = ()) -> Iterable[dict[str, Any]]:
        """Every clip with the columns of some groups, in order, as Python values."""
        for number in list(self.numbers):
            part = self.part(number)
            for place, clip in enumerate(part.clips):
                row = dict(clip)
                for group in groups:
                    row.update(part.values(group, place))
                yield row
            self.release(number)


def digest_of(clip_ids: Iterable[str]) -> str:
    """What ties a column part to its clips: a digest over clip ids in order, kept in the footers of both."""
    digest = hashlib.blake2b(digest_size=8)
    for clip_id in clip_ids:
        digest.update(clip_id.encode())
    return digest.hexdigest()


def fit_of(clips_path: Path, column_path: Path) -> Literal["none", "short", "whole"]:
    """How a column part on disk fits its clips: not there or of other clips, right but short, or whole."""
    if not column_path.exists():
        return "none"
    clips, rows, told = count_rows(clips_path), count_rows(column_path), read_facts(column_path).get(DIGEST)
    if rows == clips:
        return "whole" if told == read_facts(clips_path).get(DIGEST) else "none"
    if rows > clips:
        return "none"
    first = read_rows(clips_path, ["clip_id"])[:rows]
    return "short" if told == digest_of(row["clip_id"] for row in first) else "none"
