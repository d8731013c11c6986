"""Sources become rows of `videos`; what fails becomes a row of `errors`, once, until it changes or is retried."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import asdict
from pathlib import Path
from typing import Any

from dropletvideo import engine, runtime
from dropletvideo.tables.catalog import Catalog
from dropletvideo.tables.order import VIDEO_COLUMNS
from dropletvideo.tables.work import Source, look_at, reason_of

PROBE = "probe"


class Ingest:
    """Knows the files behind a catalog.

    Args:
        catalog: where videos and errors are kept.
        retry_errors: try again what stands in `errors`.
    """

    def __init__(self, catalog: Catalog, retry_errors: bool = False) -> None:
        self.catalog, self.retry_errors = catalog, retry_errors
        self._known = {
            file["path"]: (file["size_bytes"], file["mtime_ns"], video["video_id"])
            for video in catalog.videos.rows
            for file in video["files"] or ()
        }
        self._noted: set[tuple[str, str | None, str]] = set()
        self._given: set[str] = set()

    def look(self, sources: Sequence[str | Path], pool: engine.Workers) -> None:
        """Probe the sources that are new or changed; the others are known by size and time of change."""
        paths = list(dict.fromkeys(str(Path(source).absolute()) for source in sources))
        self._given = set(paths)
        self._let_go()
        fresh = [path for path in paths if self._is_fresh(path)]
        with runtime.progress("looking at sources", len(fresh) or None) as bar:
            for path, found in pool.map(look_at, fresh, tolerate=(Exception,)):
                if isinstance(found, Exception):
                    self.note(path, None, PROBE, reason_of(found), "")
                else:
                    self.forget(path, None, PROBE)
                    self._add(found)
                bar.advance()
        self.catalog.save()

    def _let_go(self) -> None:
        """Errors of files that are neither given any more nor there."""
        listed = [row for row in self.catalog.errors.rows if row["clip_id"] is None]
        gone = [row for row in listed if row["video_path"] not in self._given and not Path(row["video_path"]).exists()]
        self.catalog.errors.drop([(row["video_path"], None, row["stage"]) for row in gone])

    def is_wanted(self, video: Mapping[str, Any]) -> bool:
        """Whether a video that has no clips should get some: one of its files is given or there."""
        return any(path in self._given or Path(path).exists() for path in video["paths"])

    def _is_fresh(self, path: str) -> bool:
        size, mtime = _size_and_time(path)
        if path in self._known and self._known[path][:2] == (size, mtime):
            self.forget(path, None, PROBE)  # it was away and is there again
            return False
        return self.may_try(path, None, PROBE, "")

    def _add(self, source: Source) -> None:
        file = {"path": source.path, "size_bytes": source.size_bytes, "mtime_ns": source.mtime_ns}
        before = self._known.get(source.path)
        if before is not None and before[2] != source.video_id:
            self._take_path_away(before[2], source.path)
        self._known[source.path] = (source.size_bytes, source.mtime_ns, source.video_id)
        row = self.catalog.videos.get(source.video_id)
        if row is None:
            info = {name: value for name, value in asdict(source.info).items() if name in VIDEO_COLUMNS}
            number = len(self.catalog.videos.rows)
            row = {**info, "video_id": source.video_id, "video_number": number, "files": []}
            files = [file]
        else:
            files = [known for known in row["files"] if known["path"] != source.path] + [file]
        self._put_with_files(row, files)

    def _take_path_away(self, video_id: str, path: str) -> None:
        """A path holds another video now; its former row keeps its clips, under its other paths if it has any."""
        row = self.catalog.videos.get(video_id)
        if row is not None:
            self._put_with_files(row, [file for file in row["files"] if file["path"] != path])

    def _put_with_files(self, row: Mapping[str, Any], files: Sequence[Mapping[str, Any]]) -> None:
        files = sorted(files, key=lambda file: str(file["path"]))
        paths = [file["path"] for file in files]
        first = row.get("video_path") if row.get("video_path") in paths else (paths[0] if paths else None)
        metadata = row.get("metadata")
        if isinstance(metadata, str):  # a row that was read back holds it as JSON already
            import json

            metadata = json.loads(metadata)
        self.catalog.videos.put({**row, "metadata": metadata, "files": files, "paths": paths, "video_path": first})

    def existing_path(self, video: Mapping[str, Any]) -> str:
        """A path of the video that is there; its first one if none is."""
        return next((path for path in video["paths"] if Path(path).exists()), video["video_path"] or "")

    def judge_row(self, video: Mapping[str, Any]) -> dict[str, Any]:
        """The video's columns as judges see them."""
        row = {name: video[name] for name in VIDEO_COLUMNS if name != "metadata"}
        return {**row, "video_path": row["video_path"] or ""}

    # --- errors

    def may_try(self, path: str, clip_id: str | None, stage: str, fingerprint: str) -> bool:
        """Whether a row may be computed: it has not failed, or something has changed since.

        What failed in this run is not tried again in it. A failure of the whole video (`clip_id` None) stands for all
        its clips.
        """
        keys = {(path, clip_id, stage), (path, None, stage)}
        if keys & self._noted:
            return False
        rows = [row for key in keys if (row := self.catalog.errors.get(key)) is not None]
        if not rows or self.retry_errors:
            return True
        row, now = rows[0], _size_and_time(path)
        return (row["size_bytes"], row["mtime_ns"]) != now or (row["fingerprint"] or "") != fingerprint

    def note(self, path: str, clip_id: str | None, stage: str, reason: str, fingerprint: str) -> None:
        """Keep an error; it takes the place of an earlier one for the same video, clip and stage."""
        self._noted.add((path, clip_id, stage))
        size, mtime = _size_and_time(path)
        self.catalog.fail(
            {
                "video_path": path,
                "clip_id": clip_id,
                "stage": stage,
                "reason": reason,
                "fingerprint": fingerprint,
                "size_bytes": size,
                "mtime_ns": mtime,
            }
        )

    def forget(self, path: str, clip_id: str | None, stage: str) -> None:
        """What failed once has succeeded."""
        self._noted.discard((path, clip_id, stage))
        self.catalog.errors.drop([(path, clip_id, stage)])


def _size_and_time(path: str) -> tuple[int | None, int | None]:
    try:
        facts = Path(path).stat()
    except OSError:
        return None, None
    return facts.st_size, facts.st_mtime_ns
