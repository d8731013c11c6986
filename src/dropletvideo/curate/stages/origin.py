"""Where each clip comes from, as its list said: source, licence, address, captions and every other listed column.

`listed_captions` and `listed_more` are those of the row whose span has most in common with the clip; `listed_overlap`
says how much (shared time over joint time, 1 for a clip cut as listed, null without a span in common). `source`,
`licence` and `url` hold for the whole video. All are null for videos that no list names.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from pydantic import BaseModel, ConfigDict

from dropletvideo.curate.items import Item
from dropletvideo.curate.list_index import items_of_video
from dropletvideo.curate.listed_spans import SAME_RATE
from dropletvideo.tables.stage import Stage
from dropletvideo.tables.views import open_views

COLUMNS: dict[str, type] = {
    "source": str,
    "licence": str,
    "url": str,
    "source_video_id": str,
    "listed_id": str,
    "listed_captions": dict,
    "listed_more": dict,
    "listed_overlap": float,
}
_NOTHING = dict.fromkeys(COLUMNS)
_NEEDS = ("video_id", "start_frame", "end_frame", "source_fps")


class Config(BaseModel):
    """`index`, `lists`: the data set's index of lists and the digest of what it holds; the run fills both in."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    index: str | None = None
    lists: str = ""


@dataclass(frozen=True)
class FindOrigin:
    """The stage's function: clip rows in, one mapping of columns per row out."""

    index: str | None

    def __call__(self, rows: Sequence[Mapping[str, Any]]) -> list[dict[str, Any]]:
        """Columns of every clip of the data set."""
        if self.index is None or not Path(self.index).is_file():
            return [dict(_NOTHING) for _ in rows]
        with open_views(Path(self.index).parent) as connection:
            told = connection.execute("SELECT video_id, paths, duration_seconds FROM videos").fetchall()
        videos = {video_id: (paths or [], seconds) for video_id, paths, seconds in told}
        items: list[Item] = []
        last: str | None = None
        found = []
        for row in rows:
            paths, seconds = videos.get(row["video_id"], ([], None))
            if row["video_id"] != last:
                items, last = items_of_video(self.index, *paths), row["video_id"]
            found.append(_columns(row, items, seconds) if items else dict(_NOTHING))
        return found


def _columns(row: Mapping[str, Any], items: Sequence[Item], seconds: float | None) -> dict[str, Any]:
    overlaps = [_overlap(row, item, seconds) for item in items]
    best = max(range(len(items)), key=overlaps.__getitem__)
    columns = dict(_NOTHING)
    for name, attribute in (("source", "source"), ("licence", "licence"), ("url", "url")):
        columns[name] = next((value for item in items if (value := getattr(item, attribute))), None)
    columns["source_video_id"] = items[0].video_id
    if overlaps[best] <= 0:
        return columns
    item = items[best]
    own = {"listed_id": item.listed_id, "listed_captions": dict(item.captions), "listed_more": dict(item.more)}
    own |= {name: getattr(item, name) for name in ("source", "licence", "url") if getattr(item, name)}
    return {**columns, **own, "listed_overlap": round(overlaps[best], 4)}


def _overlap(row: Mapping[str, Any], item: Item, seconds: float | None) -> float:
    """Shared over joint time of a clip and a listed span."""
    rate = float(row["source_fps"])
    start, end = row["start_frame"] / rate, row["end_frame"] / rate
    same_rate = not item.source_fps or abs(item.source_fps / rate - 1) <= SAME_RATE
    if item.start_frame is not None and same_rate:
        span = item.start_frame / rate, float("inf") if item.end_frame is None else item.end_frame / rate
    else:
        span = item.seconds or (0.0, float("inf"))
    last = min(span[1], max(end, seconds or end))
    shared = min(end, last) - max(start, span[0])
    joint = max(end, last) - min(start, span[0])
    return shared / joint if shared > 0 else 0.0


def build(config: Config) -> Stage:
    """The stage."""
    return Stage(
        name="origin",
        version=1,
        kind="table->columns",
        params=config.model_dump(exclude={"index"}),
        columns=COLUMNS,
        function=FindOrigin(config.index),
        needs_columns=_NEEDS,
    )
