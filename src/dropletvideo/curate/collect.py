"""Fetch what a list names: `DIR/videos/`, the ledger beside it, and `DIR/clips.jsonl`, which `droplet curate` reads.

Polite by construction: one download at a time, a pause between two from the same host, longer ones after a failure,
and a host that has refused three times in a row is left alone for the rest of the run. A finished file gets its name
in one step and only then its line in the ledger, so a run that is killed at any point fetches nothing twice.
"""

from __future__ import annotations

import hashlib
import json
import logging
import os
import re
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass, field, replace
from pathlib import Path
from typing import Any, BinaryIO
from urllib.parse import urlsplit

from dropletvideo import runtime
from dropletvideo.curate.download import Blocked, Download, Fetched, Gone, Unreachable, way_of
from dropletvideo.curate.items import Item
from dropletvideo.curate.ledger import STATES, Ledger, State
from dropletvideo.curate.lists import BadRow, is_list, read_list
from dropletvideo.curate.storage import WEB, is_remote, protocol_of, videos_under
from dropletvideo.errors import ConfigError, DropletError
from dropletvideo.files import why_not, write_file
from dropletvideo.tables.lock import locked

LEDGER, CLIPS, VIDEOS = "ledger.jsonl", "clips.jsonl", "videos"
REFUSALS_IN_A_ROW = 3
MAX_WAIT_SECONDS = 120.0
_PARTIAL = ".partial-"
_SAFE = re.compile(r"[A-Za-z0-9][A-Za-z0-9_-]{0,63}")
logger = logging.getLogger(__name__)


@dataclass(frozen=True, kw_only=True)
class Manners:
    """How a run behaves towards the sources.

    Args:
        pause_seconds: least time between two downloads from one host.
        attempts: tries per video and run where the network fails.
        again: states of the ledger that are tried again beside new videos and `retry`.
        limit: videos tried in this run; None is all.
    """

    pause_seconds: float = 2.0
    attempts: int = 3
    again: tuple[State, ...] = ()
    limit: int | None = None


@dataclass(kw_only=True)
class Collected:
    """What stands after a run.

    Attributes:
        videos, clips: named by the lists.
        tried, fetched, fetched_bytes: in this run.
        done, gone, blocked, retry, left: videos of the lists by state; `left` were not tried yet.
        hosts_left_alone: hosts that refused too often in this run.
        clips_written: rows of `clips.jsonl`.
        bad_rows: rows of the lists that name nothing.
        ways: videos by how they are fetched: file, storage, page, here (already on this machine).
    """

    videos: int = 0
    clips: int = 0
    tried: int = 0
    fetched: int = 0
    fetched_bytes: int = 0
    done: int = 0
    gone: int = 0
    blocked: int = 0
    retry: int = 0
    left: int = 0
    hosts_left_alone: list[str] = field(default_factory=list)
    clips_written: int = 0
    bad_rows: int = 0
    ways: dict[str, int] = field(default_factory=dict)

    @property
    def failures(self) -> int:
        """Videos that were tried and are not there, and rows that name nothing."""
        return self.gone + self.blocked + self.retry + self.bad_rows

    def as_dict(self) -> dict[str, Any]:
        """Plain dictionary for JSON."""
        return asdict(self)


def collect(
    lists: Sequence[str | Path],
    out: str | Path,
    download: Download,
    manners: Manners = Manners(),
    *,
    defaults: Mapping[str, str] | None = None,
    clock: Callable[[], float] = time.monotonic,
    sleep: Callable[[float], None] = time.sleep,
) -> Collected:
    """Fetch the videos of some lists; what the ledger knows is not fetched again.

    Args:
        lists: list files, addresses of lists, or remote folders of videos.
        out: folder of this collection.
        download: see `curate.download`.
        manners: pauses, attempts, limit.
        defaults: `source` and `licence` for rows that name none.
        clock, sleep: for tests.

    Raises:
        ConfigError: a list that cannot be read or names no video.
        CatalogLocked: another run collects into this folder.
        DropletError: this machine cannot take more (full disk); the ledger holds what was done.
    """
    root = Path(out)
    wanted, summary = _wanted(lists)
    if not wanted:
        raise ConfigError(f"{', '.join(map(str, lists))}: no row names a video ({summary.bad_rows} bad rows)")
    with locked(root):
        ledger = Ledger(root / LEDGER)
        visit = _Visit(root, ledger, download, manners, summary, _Pacer(manners.pause_seconds, clock, sleep))
        try:
            visit.all(wanted)
        finally:
            _count(summary, wanted, ledger)
            summary.clips_written = _write_clips(root, lists, ledger, dict(defaults or {}))
    return summary


def plan(lists: Sequence[str | Path], out: str | Path, manners: Manners = Manners()) -> Collected:
    """What `collect` would do, without a download: `tried` is how many videos it would try."""
    wanted, summary = _wanted(lists)
    ledger = Ledger(Path(out) / LEDGER)
    open_ones = [url for url in wanted if _is_open(ledger, url, manners)]
    summary.tried = len(open_ones) if manners.limit is None else min(manners.limit, len(open_ones))
    _count(summary, wanted, ledger)
    return summary


def items_of(source: str | Path, on_bad: Callable[[BadRow], None]) -> Iterator[Item]:
    """Items of a list, of a remote folder (each video of it), or of a single address; paths are made absolute."""
    if is_list(source):
        for item in read_list(source, on_bad):
            yield item if item.path is None or item.url is not None else _placed(item, source)
    elif is_remote(source) and protocol_of(source) not in WEB:
        yield from (Item(url=url) for url in videos_under(str(source)))
    elif is_remote(source):
        yield Item(url=str(source))
    else:
        raise ConfigError(f"{source} is no list: give a CSV, JSONL, JSON or Parquet file, or an address")


def _placed(item: Item, source: str | Path) -> Item:
    """An item whose path counts from its list: a path on this machine, or an address beside a remote list."""
    assert item.path is not None
    if is_remote(source):
        base = str(source).rpartition("/")[0]
        return replace(item, path=None, url=f"{base}/{item.path.lstrip('/')}")
    path = Path(item.path).expanduser()
    return replace(item, path=str((path if path.is_absolute() else Path(source).parent / path).absolute()))


def key_of(item: Item) -> str:
    """What the ledger knows a video by: its address, or its absolute path."""
    return item.url or item.path or ""


def _wanted(lists: Sequence[str | Path]) -> tuple[dict[str, str | None], Collected]:
    """Key of each video, in order, to its id at the source; and the counts of the lists."""
    summary = Collected()
    wanted: dict[str, str | None] = {}

    def note(bad: BadRow) -> None:
        summary.bad_rows += 1
        if summary.bad_rows <= 5:
            logger.warning("row %d %s", bad.number, bad.reason)

    for source in lists:
        for item in items_of(source, note):
            summary.clips += 1
            wanted.setdefault(key_of(item), item.video_id)
    summary.videos = len(wanted)
    for key in wanted:
        way = way_of(key) if is_remote(key) else "here"
        summary.ways[way] = summary.ways.get(way, 0) + 1
    return wanted, summary


def _is_open(ledger: Ledger, key: str, manners: Manners) -> bool:
    state = ledger.state(key)
    return state in (None, "retry", *manners.again)


class _Pacer:
    """Keeps the pause between downloads from one host."""

    def __init__(self, pause_seconds: float, clock: Callable[[], float], sleep: Callable[[float], None]) -> None:
        self.pause_seconds, self._clock, self._sleep = pause_seconds, clock, sleep
        self._next: dict[str, float] = {}

    def wait(self, host: str) -> None:
        """Sleep until the host may be asked again."""
        left = self._next.get(host, 0.0) - self._clock()
        if left > 0:
            self._sleep(left)

    def asked(self, host: str, seconds: float | None = None) -> None:
        """The host was asked just now; leave it alone for `seconds`."""
        self._next[host] = self._clock() + (self.pause_seconds if seconds is None else seconds)


class _Visit:
    """One run over the videos of the lists."""

    def __init__(
        self, root: Path, ledger: Ledger, download: Download, manners: Manners, summary: Collected, pacer: _Pacer
    ) -> None:
        self.root, self.ledger, self.download = root, ledger, download
        self.manners, self.summary, self.pacer = manners, summary, pacer
        self._refusals: dict[str, int] = {}

    def all(self, wanted: Mapping[str, str | None]) -> None:
        """Try each open video once, with its attempts, up to the limit."""
        open_ones = [key for key in wanted if self._is_open(key)]
        with runtime.progress("fetching videos", min(len(open_ones), self.manners.limit or len(open_ones))) as bar:
            for key in open_ones:
                if self.manners.limit is not None and self.summary.tried >= self.manners.limit:
                    break
                host = _host(key)
                if self._refusals.get(host, 0) >= REFUSALS_IN_A_ROW:
                    if host not in self.summary.hosts_left_alone:
                        self.summary.hosts_left_alone.append(host)
                        logger.warning("%s refused %d times in a row: left alone in this run", host, REFUSALS_IN_A_ROW)
                    continue
                self.summary.tried += 1
                self._one(key, wanted[key], host)
                bar.advance(1, f"{self.ledger.state(key)} {key[-60:]}")

    def _is_open(self, key: str) -> bool:
        entry = self.ledger.entries.get(key)
        if entry is not None and entry["state"] == "done":
            return not _is_whole(self.root, entry)
        return _is_open(self.ledger, key, self.manners)

    def _one(self, key: str, video_id: str | None, host: str) -> None:
        if not is_remote(key):
            self._on_this_machine(key)
            return
        stem = self.root / VIDEOS / _stem(key, video_id)
        stem.parent.mkdir(parents=True, exist_ok=True)
        finished = next(iter(sorted(stem.parent.glob(f"{stem.name}.*"))), None)
        if finished is not None and self.ledger.state(key) != "done":  # killed between its name and its line
            self._done(key, finished, {})
            return
        try:
            fetched = self._fetched(key, stem, host)
        except (Gone, Blocked, Unreachable) as error:
            state: State = "gone" if isinstance(error, Gone) else "blocked" if isinstance(error, Blocked) else "retry"
            self._refusals[host] = self._refusals.get(host, 0) + 1 if state == "blocked" else 0
            self.ledger.note(key, state, reason=str(error)[:500])
            return
        finally:
            _sweep(stem)
        self._refusals[host] = 0
        self.summary.fetched += 1
        self.summary.fetched_bytes += fetched.path.stat().st_size
        self._done(key, fetched.path, fetched.facts)

    def _fetched(self, url: str, stem: Path, host: str) -> Fetched:
        """Download under a temporary name, with attempts, then give the file its name."""
        for attempt in range(1, self.manners.attempts + 1):
            self.pacer.wait(host)
            _sweep(stem)
            wait = None
            try:
                found = self.download(url, stem.with_name(f"{_PARTIAL}{stem.name}"))
                break
            except Unreachable:
                wait = min(MAX_WAIT_SECONDS, self.manners.pause_seconds * 2**attempt)
                if attempt == self.manners.attempts:
                    raise
            except Blocked as error:
                told = error.retry_after
                wait = told if told is not None else self.manners.pause_seconds * 2**attempt
                if told is None or told > MAX_WAIT_SECONDS or attempt == self.manners.attempts:
                    raise
            finally:
                self.pacer.asked(host, wait)
        target = stem.with_name(f"{stem.name}{found.path.suffix}")
        os.replace(found.path, target)  # noqa: PTH105 - one atomic call
        return Fetched(target, found.facts)

    def _on_this_machine(self, path: str) -> None:
        if Path(path).is_file():
            self.ledger.note(path, "done", file=path, size_bytes=Path(path).stat().st_size)
        else:
            self.ledger.note(path, "gone", reason="does not exist")

    def _done(self, key: str, path: Path, facts: Mapping[str, Any]) -> None:
        name = path.relative_to(self.root).as_posix()
        self.ledger.note(key, "done", file=name, size_bytes=path.stat().st_size, facts=dict(facts) or None)


def _host(key: str) -> str:
    return urlsplit(key).netloc.lower() if is_remote(key) else ""


def _stem(url: str, video_id: str | None) -> str:
    """Folder and name of a video without suffix: its id at the source where that is a name, and what makes it one."""
    digest = hashlib.blake2b(url.encode(), digest_size=6).hexdigest()
    name = f"{video_id}.{digest}" if video_id and _SAFE.fullmatch(video_id) else digest
    return f"{digest[:2]}/{name}"


def _sweep(stem: Path) -> None:
    for path in stem.parent.glob(f"{_PARTIAL}{stem.name}*"):
        path.unlink(missing_ok=True)


def _is_whole(root: Path, entry: Mapping[str, Any]) -> bool:
    path = root / str(entry.get("file"))
    return path.is_file() and path.stat().st_size == entry.get("size_bytes")


def _count(summary: Collected, wanted: Mapping[str, str | None], ledger: Ledger) -> None:
    states = [ledger.state(key) for key in wanted]
    for state in STATES:
        setattr(summary, state, states.count(state))
    summary.left = states.count(None)


def _write_clips(root: Path, lists: Sequence[str | Path], ledger: Ledger, defaults: dict[str, str]) -> int:
    """Write a row for each listed clip whose video is there; the lists are read again, so memory stays small."""
    target, count = root / CLIPS, 0

    def write(file: BinaryIO) -> None:
        nonlocal count
        for source in lists:
            for item in items_of(source, lambda _: None):
                entry = ledger.entries.get(key_of(item))
                if entry is None or entry["state"] != "done":
                    continue
                row = _told(item, entry, defaults).as_row()
                file.write(json.dumps(row, ensure_ascii=False, default=str).encode() + b"\n")
                count += 1

    try:
        write_file(target, write)
    except OSError as error:
        raise DropletError(f"{target} cannot be written ({why_not(root, error)}): mend that, then go on") from error
    return count


def _told(item: Item, entry: Mapping[str, Any], defaults: Mapping[str, str]) -> Item:
    facts = entry.get("facts") or {}
    return replace(
        item,
        path=str(entry["file"]),
        source=item.source or defaults.get("source") or (_host(item.url) if item.url else None),
        licence=item.licence or facts.get("licence") or defaults.get("licence"),
    )
