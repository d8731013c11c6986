"""What benchmarks do with their figures: print them as JSON and add them to a file, with how they were made."""

from __future__ import annotations

import json
import platform
import sys
from collections.abc import Collection, Mapping
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from dropletvideo.files import JsonLines


def keep(row: Mapping[str, Any], out: Path | None, *, indent: int | None = None) -> None:
    """Print one row and, where a file is named, add it there as one line."""
    print(json.dumps(row, indent=indent), flush=True)
    if out is not None:
        JsonLines(out).append(row)


def origin(command: str | None = None) -> dict[str, str]:
    """The command that a row comes from (this process's if none is given), its day and the kind of machine."""
    return {
        "command": command or " ".join(["python", *sys.argv]),
        "date": datetime.now(UTC).date().isoformat(),
        "machine": platform.machine(),
    }


def processor() -> str:
    """Name of the processor where the system tells it, else its kind."""
    listing = Path("/proc/cpuinfo")
    lines = listing.read_text(encoding="utf-8").splitlines() if listing.exists() else []
    names = (line.partition(":")[2].strip() for line in lines if line.startswith("model name"))
    return next(names, platform.processor() or platform.machine())


def on_one_core(name: str, hidden: Collection[str]) -> dict[str, str]:
    """The same of a benchmark of this folder that takes one core, without the folders that `hidden` options name."""
    words = sys.argv[1:]
    shown = ("..." if before in hidden else word for before, word in zip(["", *words], words, strict=False))
    made = origin(f"python benchmarks/{name}.py " + " ".join(shown))
    return {"date": made["date"], "command": made["command"], "device": f"{made['machine']}, one core"}
