"""Skipped stages in few words: what each lacks, and one line that fetches all of it."""

from __future__ import annotations

import re
from collections.abc import Iterable

_FETCH = re.compile(r"weights '([\w.-]+)' are not in .*?droplet weights fetch")


def names_missing(reason: str) -> list[str]:
    """Weights that a stage lacks without another way round, by the sentence that `weights.look_for` gives."""
    return _FETCH.findall(reason) if reason.startswith("weights ") else []


def fetch_line(reasons: Iterable[str]) -> str:
    """The command that fetches what the stages lack; empty where nothing can be fetched."""
    names = list(dict.fromkeys(name for reason in reasons for name in names_missing(reason)))
    return f"droplet weights fetch {' '.join(names)}" if names else ""
