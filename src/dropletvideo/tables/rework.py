"""Stages that read the table and no frames: clips made of clips, and columns made of columns."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from fractions import Fraction
from functools import cache, partial
from itertools import groupby
from typing import Any

import numpy as np

from dropletvideo.errors import DropletError, MediaError
from dropletvideo.media.seeking import read_frame_table
from dropletvideo.records import clip_id_of
from dropletvideo.tables.clips import CLIP_COLUMNS, DONE, STATE, ClipTable, Group
from dropletvideo.tables.clock import FrameClock
from dropletvideo.tables.order import Level
from dropletvideo.tables.stage import Stage

Rows = list[dict[str, Any]]


def derive(
    before: ClipTable, level_before: Level, table: ClipTable, level: Level, path_of: Callable[[int], str]
) -> None:
    """Make the clips of a level from those of the level before it, video by video, where they are not there yet.

    `path_of` gives the file of a video number: the timestamps of a frame that is no clip's edge are in its packets.
    """
    groups = _groups_for(level_before, level.maker)
    assert level.maker.function is not None
    earlier = before.boundaries() if level_before.maker.kind == "clips->clips" else {}  # the detector's stay with it
    for video_id, rows in groupby(before.rows(groups), key=lambda row: row["video_id"]):
        if video_id in table.made:
            continue
        old = list(rows)
        clock = cache(partial(clock_of, old, path_of))
        spans = list(level.maker.function(old, clock))
        new = [_derived(old, span, clock) for span in spans]
        boundaries = _boundaries(spans, earlier.get(video_id, ()))
        same = {"video_id": video_id, "video_number": old[0]["video_number"]}
        table.add_video({**same, "num_frames": None, "decodes": 0, "boundaries": boundaries}, new)


def _boundaries(spans: Rows, earlier: Sequence[Mapping[str, Any]]) -> list[dict[str, Any]]:
    """Starts that a stage names a kind of, and what the level before named and no clip has joined over."""
    named = {
        span["start_frame"]: {
            "frame": span["start_frame"],
            "end_frame": span["start_frame"],
            "kind": span["kind"],
            "score": float(span.get("score", 1.0)),
        }
        for span in spans
        if span.get("kind")
    }
    kept = {
        one["frame"]: dict(one)
        for one in earlier
        if not any(span["start_frame"] < one["frame"] < span["end_frame"] for span in spans)
    }
    return [one for _, one in sorted((kept | named).items())]


def _derived(old: Rows, clip: Mapping[str, Any], clock: Callable[[], FrameClock]) -> dict[str, Any]:
    """A clip row for new frame numbers; the clock is asked only for frames that are no old clip's edge."""
    first = old[0]
    known = {row["start_frame"]: row["start_pts"] for row in old} | {row["end_frame"]: row["end_pts"] for row in old}
    start, end = int(clip["start_frame"]), int(clip["end_frame"])
    start_pts, end_pts = (known[frame] if frame in known else clock().pts(frame) for frame in (start, end))
    base = Fraction(first["time_base"])
    return {
        **{name: first[name] for name in CLIP_COLUMNS},
        "clip_id": clip_id_of(first["video_id"], start, end),
        "start_frame": start,
        "end_frame": end,
        "start_pts": start_pts,
        "end_pts": end_pts,
        "num_frames": end - start,
        "start_seconds": float(start_pts * base),
        "duration_seconds": float((end_pts - start_pts) * base),
    }


def clock_of(rows: Rows, path_of: Callable[[int], str]) -> FrameClock:
    """The clock of a video by its packets, without decoding; where they do not tell, by the edges of its clips."""
    clock = FrameClock(rows[0]["time_base"], rows[0]["source_fps"])
    try:
        table = read_frame_table(path_of(rows[0]["video_number"]))
    except (OSError, MediaError):  # the file is gone; its clips are not
        table = None
    if table is not None:
        clock.add(np.arange(len(table.pts)), table.pts)
        return clock
    known = {row["start_frame"]: row["start_pts"] for row in rows} | {row["end_frame"]: row["end_pts"] for row in rows}
    frames = sorted(known)
    clock.add(np.array(frames, np.int64), np.array([known[frame] for frame in frames], np.int64))
    return clock


def fill_table(table: ClipTable, level: Level, stage: Stage) -> int:
    """Compute the columns of a `table->columns` stage over all rows, unless every row has them already.

    A new clip may change what is said of every other (duplicates, quotas), so it is all rows or none. Returns the
    number of rows computed.
    """
    group = level.groups[stage.name]
    if all(row[STATE] == DONE for row in _stored(table, group)):
        return 0
    needed = _groups_for(level, stage)
    names = ("clip_id", *stage.needs_columns)
    rows = [{name: row[name] for name in names if name in row} for row in table.rows(needed)]
    assert stage.function is not None
    found = list(stage.function(rows))
    if len(found) != len(rows):
        raise DropletError(f"stage {stage.name} gave {len(found)} rows for {len(rows)}: it must give one per row")
    values = iter(found)
    for number in list(table.numbers):
        part = table.part(number)
        for place in range(len(part.clips)):
            part.put(group, place, DONE, next(values))
        part.save_columns()
        table.release(number)
    return len(rows)


def _stored(table: ClipTable, group: Group) -> Iterator[dict[str, Any]]:
    for number in list(table.numbers):
        yield from table.part(number).column(group)
        table.release(number)


def _groups_for(level: Level, stage: Stage) -> Sequence[Group]:
    wanted = set(stage.reads(level.columns()))
    return [group for group in level.groups.values() if wanted.intersection(group.columns)]
