"""One row of a dataset list as one record, whatever the list calls its columns.

Known forms, told by their columns:

| form | told by | span |
|---|---|---|
| DropletVideo | `url`, `framestamp` | `(start, end)` in frames, counted at the row's `fps` |
| MiraData v0 | `index`, `video_id`, `start_frame`, `end_frame` | frames at `fps` (`start_timestep` is rounded) |
| MiraData v1 | `clip_id`, `video_url`, `framestamp` | frames at `fps`, and `timestamp` `['H:MM:SS.f', 'H:MM:SS.f']` |
| OpenVid-1M | `video`, `caption`, `aesthetic score` | none: each file is a clip |
| plain | anything else | `start_frame`/`end_frame`, `start_seconds`/`end_seconds`, or the pairs above |

Ends are exclusive: the published cutters of the first three take `start / fps` to `end / fps`.
"""

from __future__ import annotations

import ast
import math
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

PATH_KEYS = ("video_path", "path", "video", "file_path", "file_name", "file")
URL_KEYS = ("url", "video_url", "webpage_url", "link")
VIDEO_ID_KEYS = ("video_id", "youtube_id")
LISTED_ID_KEYS = ("listed_id", "clip_id", "index", "id")
SECONDS_KEYS = (("start_seconds", "end_seconds"), ("start_time", "end_time"), ("start", "end"))
RATE_KEYS = ("source_fps", "fps")
LICENCE_KEYS = ("licence", "license")
CAPTION_KEYS = ("caption", "text", "prompt")
YOUTUBE = "https://www.youtube.com/watch?v="
Row = Mapping[str, Any]


@dataclass(frozen=True, kw_only=True)
class Item:
    """A clip, or a whole video, as a list names it.

    Attributes:
        url, path: where the video is; at least one of them. A path may be relative to the list.
        video_id: of the video at its source (YouTube's own, say), not ours.
        listed_id: the list's name for this row.
        start_frame, end_frame: frames of the video, end exclusive, counted at `source_fps` where that is given.
        start_seconds, end_seconds: from the first frame of the video.
        captions: by the list's column names.
        source, licence: as listed; None where the list says nothing.
        more: every other column, as it was.
    """

    url: str | None = None
    path: str | None = None
    video_id: str | None = None
    listed_id: str | None = None
    start_frame: int | None = None
    end_frame: int | None = None
    source_fps: float | None = None
    start_seconds: float | None = None
    end_seconds: float | None = None
    captions: Mapping[str, str] = field(default_factory=dict)
    source: str | None = None
    licence: str | None = None
    more: Mapping[str, Any] = field(default_factory=dict)

    @property
    def has_span(self) -> bool:
        """Whether the row names a part of the video."""
        return self.start_frame is not None or self.start_seconds is not None

    @property
    def seconds(self) -> tuple[float, float] | None:
        """The span in seconds, as far as the list alone tells; an open end is infinity."""
        if self.start_seconds is not None:
            return self.start_seconds, math.inf if self.end_seconds is None else self.end_seconds
        if self.start_frame is None or not self.source_fps:
            return None
        end = math.inf if self.end_frame is None else self.end_frame / self.source_fps
        return self.start_frame / self.source_fps, end

    def as_row(self) -> dict[str, Any]:
        """Plain dictionary for JSON; `item_of` reads it back as it was."""
        return {name: _plain(value) for name, value in self.__dict__.items() if value not in (None, {})}


def item_of(row: Row, first_column: str | None = None) -> Item:
    """A row of any known form as an item.

    Args:
        row: column to value; values may be text, as CSV gives them.
        first_column: column that holds the path where none has a known name.

    Raises:
        ValueError: neither a file nor an address, or a span that is none; the message says what was found.
    """
    row = {str(key).strip(): _cell(value) for key, value in row.items() if key is not None and str(key).strip()}
    item = _form_of(row)(row) if first_column is None or first_column in row else _plain_item(row)
    if item.url is None and item.path is None and first_column is not None and _text(row.get(first_column)):
        item = Item(**{**item.__dict__, "path": _text(row[first_column])})
    if item.url is None and item.path is None:
        raise ValueError(f"names no file: give one of the keys {', '.join(PATH_KEYS)}, or {', '.join(URL_KEYS)}")
    _check_span(item)
    return item


def is_empty(row: Row) -> bool:
    """Whether no column holds anything (spreadsheets end in such rows)."""
    return all(_cell(value) is None for value in row.values())


def _form_of(row: Row) -> Callable[[Row], Item]:
    if {"url", "framestamp"} <= row.keys():
        return _dropletvideo
    if {"clip_id", "video_url", "framestamp"} <= row.keys():
        return _miradata_v1
    if {"index", "video_id", "start_frame", "end_frame"} <= row.keys() and not _first(row, (*PATH_KEYS, *URL_KEYS)):
        return _miradata_v0
    if {"video", "caption"} <= row.keys() and ("aesthetic score" in row or "aesthetic_score" in row):
        return _openvid
    return _plain_item


def _dropletvideo(row: Row) -> Item:
    used = {"url", "framestamp", "fps"}
    start, end = _pair(row, "framestamp", _whole)
    return _made(row, used, url=_address(row["url"]), start_frame=start, end_frame=end, source_fps=_number(row, "fps"))


def _miradata_v0(row: Row) -> Item:
    used = {"index", "video_id", "start_frame", "end_frame", "fps"}
    name = _text(row["video_id"])
    return _made(
        row,
        used,
        url=f"{YOUTUBE}{name}" if name else None,
        video_id=name,
        listed_id=_text(row["index"]),
        start_frame=_whole(row["start_frame"]),
        end_frame=_whole(row["end_frame"]),
        source_fps=_number(row, "fps"),
        source=_text(row.get("source")) or "youtube",
    )


def _miradata_v1(row: Row) -> Item:
    used = {"clip_id", "source", "video_url", "video_id", "fps", "timestamp", "framestamp"}
    frames = _pair(row, "framestamp", _whole)
    seconds = _pair(row, "timestamp", _seconds)
    return _made(
        row,
        used,
        url=_address(row["video_url"]),
        video_id=_text(row.get("video_id")),
        listed_id=_text(row["clip_id"]),
        start_frame=frames[0],
        end_frame=frames[1],
        source_fps=_number(row, "fps"),
        start_seconds=seconds[0],
        end_seconds=seconds[1],
        source=_text(row.get("source")),
    )


def _openvid(row: Row) -> Item:
    # `fps` and `frame` describe the clip's own file, which is the whole video here
    return _made(row, {"video"}, path=_text(row["video"]), source=_text(row.get("source")) or "OpenVid-1M")


def _plain_item(row: Row) -> Item:
    place = _first(row, PATH_KEYS)
    path, url = _text(row[place]) if place else None, None
    link = _first(row, URL_KEYS)
    if link is not None:
        url = _address(row[link])
    if path is not None and "://" in path:
        path, url = None, url or path
    named = {name: _first(row, keys) for name, keys in _PLAIN_NAMES.items()}
    used = {key for key in (place, link, *named.values(), "captions", "more", "source") if key}
    span: dict[str, Any] = {}
    if place != "file_name":  # in a video folder each file is the clip, and frame numbers are of what it was cut from
        span, used_by_span = _plain_span(row)
        used |= used_by_span
    rate = _first(row, RATE_KEYS)
    if "start_frame" in span and rate is not None:
        span["source_fps"] = _number(row, rate)
        used.add(rate)
    told = {name: _text(row[key]) for name, key in named.items() if key}
    return _made(row, used, url=url, path=path, source=_text(row.get("source")), **told, **span)


_PLAIN_NAMES = {"video_id": VIDEO_ID_KEYS, "listed_id": LISTED_ID_KEYS, "licence": LICENCE_KEYS}


def _plain_span(row: Row) -> tuple[dict[str, Any], set[str]]:
    """Span fields of a plain row, and the columns that they came from."""
    span: dict[str, Any] = {}
    used: set[str] = set()
    if row.get("start_frame") is not None:
        end = row.get("end_frame")
        span |= {"start_frame": _whole(row["start_frame"]), "end_frame": None if end is None else _whole(end)}
        used |= {"start_frame", "end_frame"}
    elif row.get("framestamp") is not None:
        span |= dict(zip(("start_frame", "end_frame"), _pair(row, "framestamp", _whole), strict=True))
        used.add("framestamp")
    for first, last in SECONDS_KEYS:
        if row.get(first) is not None:
            end = row.get(last)
            span |= {"start_seconds": _seconds(row[first]), "end_seconds": None if end is None else _seconds(end)}
            used |= {first, last}
            break
    else:
        if row.get("timestamp") is not None:
            span |= dict(zip(("start_seconds", "end_seconds"), _pair(row, "timestamp", _seconds), strict=True))
            used.add("timestamp")
    return span, used


def _made(row: Row, used: set[str], **fields: Any) -> Item:
    """An item with captions, licence and the columns that nobody used."""
    captions = row.get("captions")
    told = {str(name): str(text) for name, text in captions.items()} if isinstance(captions, Mapping) else {}
    for key, value in row.items():
        if (key in CAPTION_KEYS or key.endswith("_caption")) and value is not None:
            told[key] = str(value).strip()
    rest = {key: value for key, value in row.items() if key not in used and key not in told and value is not None}
    licence = _first(row, LICENCE_KEYS)
    if licence is not None:
        fields["licence"] = _text(rest.pop(licence, row[licence]))
    if not fields.get("source") and row.get("source") is not None:
        fields["source"] = _text(row["source"])
    rest.pop("source", None)
    more = row.get("more")
    if isinstance(more, Mapping):
        rest = {**more, **{key: value for key, value in rest.items() if key != "more"}}
    url = fields.get("url")
    if fields.get("video_id") is None and url:
        fields["video_id"] = youtube_id(url)
    return Item(captions=told, more=rest, **fields)


def youtube_id(url: str) -> str | None:
    """The video's id in an address of YouTube, None for other addresses."""
    for mark in ("youtube.com/watch?v=", "youtu.be/", "youtube.com/shorts/"):
        if mark in url:
            return url.partition(mark)[2].partition("&")[0].partition("?")[0] or None
    return None


def _check_span(item: Item) -> None:
    for start, end, unit in (
        (item.start_frame, item.end_frame, "frame"),
        (item.start_seconds, item.end_seconds, "second"),
    ):
        if start is not None and (start < 0 or (end is not None and end <= start)):
            raise ValueError(f"has the span {start} to {end} in {unit}s: need 0 or more, and an end behind the start")


def _first(row: Row, keys: tuple[str, ...]) -> str | None:
    return next((key for key in keys if row.get(key) is not None), None)


def _cell(value: Any) -> Any:
    """A value with the ways that files say "nothing" made None."""
    if isinstance(value, str):
        return value.strip() or None
    return None if isinstance(value, float) and math.isnan(value) else value


def _text(value: Any) -> str | None:
    if value is None:
        return None
    if isinstance(value, str | int) and not isinstance(value, bool):
        return str(value)
    raise ValueError(f"holds {value!r} where a name or address belongs")


def _address(value: Any) -> str | None:
    if value is None or (isinstance(value, str) and "://" in value):
        return value
    raise ValueError(f"names no file: {value!r} is neither a path nor an address such as https://...")


def _whole(value: Any) -> int:
    try:
        number = float(value)
        if number == int(number):
            return int(number)
    except (TypeError, ValueError, OverflowError):
        pass
    raise ValueError(f"holds {value!r} where a frame number belongs")


def _number(row: Row, key: str) -> float | None:
    value = row.get(key)
    if value is None:
        return None
    try:
        number = float(value)
    except (TypeError, ValueError) as error:
        raise ValueError(f"has {key}={value!r}, which is no number") from error
    if not 0 < number < math.inf:
        raise ValueError(f"has {key}={value!r}: need a rate above 0")
    return number


def _seconds(value: Any) -> float:
    """Seconds from a number or from `H:MM:SS.f`."""
    try:
        if isinstance(value, int | float):
            return float(value)
        total = 0.0
        for part in str(value).split(":"):
            total = 60.0 * total + float(part)
        return total
    except ValueError as error:
        raise ValueError(f"holds {value!r} where seconds or H:MM:SS belong") from error


def _pair(row: Row, key: str, read: Callable[[Any], Any]) -> tuple[Any, Any]:
    """Two values of a cell such as `[1, 2]`, `(1,2)` or `['0:00:01.5', '0:00:02.0']`."""
    value = row.get(key)
    if value is None:
        return None, None
    try:
        found = ast.literal_eval(value) if isinstance(value, str) else value
        first, last = found
    except (ValueError, SyntaxError, TypeError) as error:
        raise ValueError(f"has {key}={value!r}: need a start and an end, as in (120, 360)") from error
    return read(first), read(last)


def _plain(value: Any) -> Any:
    return dict(value) if isinstance(value, Mapping) else value
