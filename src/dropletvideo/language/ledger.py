"""Answers that were paid for, kept one by one: a file of JSON lines that survives a kill at any point.

Each answer is flushed to the disk before it counts. A torn last line is left out and closed off by the next one.
"""

from __future__ import annotations

import hashlib
import json
import os
import threading
from pathlib import Path
from typing import Any

from dropletvideo.language.vlm import Answer


class Ledger:
    """Answers by question key. Only keys and places are held in memory; texts are read when asked for."""

    def __init__(self, path: Path) -> None:
        self.path = path
        path.parent.mkdir(parents=True, exist_ok=True)
        self._places: dict[str, int] = {}
        self._lock = threading.Lock()
        self._file = path.open("a+b")
        self._end = self._index()

    def _index(self) -> int:
        """Note where each whole line begins; returns where the file ends."""
        at, line = 0, b""
        self._file.seek(0)
        for line in self._file:
            entry = _entry(line)
            if entry is not None:
                self._places[entry["key"]] = at
            at += len(line)
        if line and not line.endswith(b"\n"):
            self._file.write(b"\n")
            at += 1
        return at

    def get(self, key: str) -> Answer | None:
        """The answer kept for a question, if there is one."""
        with self._lock:
            if (place := self._places.get(key)) is None:
                return None
            self._file.seek(place)
            entry = _entry(self._file.readline())
        if entry is None:
            return None
        return Answer(**{name: entry[name] for name in Answer.__dataclass_fields__})

    def put(self, key: str, answer: Answer, **facts: Any) -> None:
        """Keep an answer; on the disk when this returns. `facts` (clip, try) are for people who read the file."""
        line = json.dumps({"key": key, **facts, **vars(answer)}, ensure_ascii=False).encode() + b"\n"
        with self._lock:
            self._file.write(line)
            self._file.flush()
            os.fsync(self._file.fileno())
            self._places[key] = self._end
            self._end += len(line)

    def close(self) -> None:
        """Close the file."""
        self._file.close()


def key_of(*parts: object) -> str:
    """A short digest that stands for a question."""
    return hashlib.blake2b(json.dumps(parts, default=str).encode(), digest_size=12).hexdigest()


def _entry(line: bytes) -> dict[str, Any] | None:
    try:
        entry = json.loads(line)
    except ValueError:
        return None
    return entry if isinstance(entry, dict) and {"key", *Answer.__dataclass_fields__} <= set(entry) else None
