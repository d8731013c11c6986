"""What became of each video of a list: an append-only file, one line per attempt; the last line of a video holds.

    {"url": ..., "state": "done", "file": "videos/3f/abc.mp4", "size_bytes": ..., "attempts": 1, "when": ..., ...}

`done`: the file is there. `gone`: it will not come back (removed, private, 404). `blocked`: the source refuses us
(rate limit, sign-in, region). `retry`: the network or the source failed; the next run tries again. A run that is
killed loses at most the line that it was writing (`files.JsonLines`).
"""

from __future__ import annotations

from collections import Counter
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, Literal

from dropletvideo.files import JsonLines

State = Literal["done", "gone", "blocked", "retry"]
STATES: tuple[State, ...] = ("done", "gone", "blocked", "retry")


class Ledger:
    """The ledger of one folder, held in memory as the last entry of each video.

    Args:
        path: the file; made on the first entry.
    """

    def __init__(self, path: Path) -> None:
        self.path, self._lines = path, JsonLines(path)
        self.entries = {entry["url"]: entry for _, entry in self._lines.read() if _is_ours(entry)}

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
        self._lines.append(entry)
        self.entries[url] = entry

    def counts(self) -> dict[str, int]:
        """Videos per state."""
        found = Counter(entry["state"] for entry in self.entries.values())
        return {state: found.get(state, 0) for state in STATES}


def _is_ours(entry: dict[str, Any]) -> bool:
    return isinstance(entry.get("url"), str) and entry.get("state") in STATES
