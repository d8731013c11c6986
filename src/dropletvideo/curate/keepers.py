"""Of clips that show the same, which one to keep."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any


def worth(row: Mapping[str, Any]) -> tuple[int, int, str]:
    """Sorts clips: more pixels, then more frames; the id makes it one answer."""
    return int(row["height"]) * int(row["width"]), int(row["num_frames"]), str(row["clip_id"])
