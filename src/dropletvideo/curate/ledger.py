"""What became of each video of a list: an append-only file, one line per attempt; the last line of a video holds.

    {"url": ..., "state": "done", "file": "videos/3f/abc.mp4", "size_bytes": ..., "attempts": 1, "when": ..., ...}

`done`: the file is there. `gone`: it will not come back (removed, private, 404). `blocked`: the source refuses us
(rate limit, sign-in, region). `retry`: the network or the source failed; the next run tries again. A run that is
killed loses at most the line that it was writing: a torn last line is passed over and closed before the next one.
"""

from __future__ import annotations

import json
import os
from collections import Counter
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, Literal

State = Literal["done", "gone", "blocked", "retry"]
STATES: tuple[State, ...] = ("done", "gone", "blocked", "retry")


class Ledger:
    """The ledger of one folder, held in memory as the last entry of each video.

    Args:
        path: the file; made on the first entry.
    """

    def __init__(self, path: Path) -> None:
        self.path = path
        self.entries: dict[str, dict[str, Any]] = {entry["url"]: entry for entry in _read(path)}

    def state(self, url: str) -> State | None:
        """How it stands with a video; None if it was never tried."""
        entry = self.entries.get(url)
        return entry["state"] if entry else None

    def note(self, url: str, state: State, **facts: Any) -> None:
        """Append an entry and have it on disk before going on."""
        attempts = self.entries.get(url, {}).get("attempts", 0) + 1
        when = datetime.now(UTC).isoformat(timespec="seconds")
        known = {name: value for name, value in facts.items() if value is not None}
        entry = {"url": url, "state": state, **known, "attempts": attempts, "when": when}
        self.path.parent.mkdir(parents=True, exist_ok=True)
        with self.path.open("ab+") as file:
            file.write((b"" if _ends_whole(file) else b"\n") + json.dumps(entry, ensure_ascii=False).encode() + b"\n")
            file.flush()
            os.fsync(file.fileno())
        self.entries[url] = entry

    def counts(self) -> dict[str, int]:
        """Videos per state."""
        found = Counter(entry["state"] for entry in self.entries.values())
        return {state: found.get(state, 0) for state in STATES}


def _read(path: Path) -> Iterator[dict[str, Any]]:
    if not path.is_file():
        return
    with path.open("rb") as file:
        for line in file:
            try:
                entry = json.loads(line)
            except (json.JSONDecodeError, UnicodeDecodeError):
                continue
            if isinstance(entry, dict) and isinstance(entry.get("url"), str) and entry.get("state") in STATES:
                yield entry


def _ends_whole(file: Any) -> bool:
    if file.seek(0, os.SEEK_END) == 0:
        return True
    file.seek(-1, os.SEEK_END)
    return bool(file.read(1) == b"\n")
