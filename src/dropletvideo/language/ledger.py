"""Answers that were paid for, kept one by one: a file of JSON lines that survives a kill at any point."""

from __future__ import annotations

import hashlib
import json
from pathlib import Path
from typing import Any

from dropletvideo.files import JsonLines
from dropletvideo.language.vlm import Answer


class Ledger:
    """Answers by question key. Only keys and places are held in memory; texts are read when asked for."""

    def __init__(self, path: Path) -> None:
        self.path, self._lines = path, JsonLines(path)
        self._places = {entry["key"]: place for place, entry in self._lines.read() if _is_ours(entry)}

    def get(self, key: str) -> Answer | None:
        """The answer kept for a question, if there is one."""
        if (place := self._places.get(key)) is None:
            return None
        entry = self._lines.at(place)
        if entry is None or not _is_ours(entry):
            return None
        return Answer(**{name: entry[name] for name in Answer.__dataclass_fields__})

    def put(self, key: str, answer: Answer, **facts: Any) -> None:
        """Keep an answer; on the disk when this returns. `facts` (clip, try) are for people who read the file."""
        self._places[key] = self._lines.append({"key": key, **facts, **vars(answer)})


def key_of(*parts: object) -> str:
    """A short digest that stands for a question."""
    return hashlib.blake2b(json.dumps(parts, default=str).encode(), digest_size=12).hexdigest()


def _is_ours(entry: dict[str, Any]) -> bool:
    return {"key", *Answer.__dataclass_fields__} <= set(entry)
