"""How figures say counts, lengths and shares."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

from dropletvideo.moves import CAMERA_CLASSES


def duration(seconds: float) -> str:
    """Seconds, minutes or hours, whichever reads best."""
    if seconds < 120:
        return f"{seconds:.1f} s"
    return f"{seconds / 60:.1f} min" if seconds < 7200 else f"{seconds / 3600:,.1f} h"


def clips_text(count: int) -> str:
    """`1 clip`, `12 clips`."""
    return "1 clip" if count == 1 else f"{count:,} clips"


def share(part: float, whole: float) -> str:
    """`64 % of 36`; empty of nothing."""
    return f"{part / whole:.0%} of {whole:,}" if whole else ""


def class_name(name: str) -> str:
    """A camera class with its meaning."""
    return f"{name} {CAMERA_CLASSES[name]}" if name in CAMERA_CLASSES else name or "no class told"


def numbers(rows: Iterable[Mapping[str, Any]], column: str) -> list[float]:
    """The values that a column has."""
    return [float(row[column]) for row in rows if row.get(column) is not None]


def mean(values: Iterable[float]) -> float | None:
    """Mean of the values, None of none."""
    found = list(values)
    return sum(found) / len(found) if found else None
