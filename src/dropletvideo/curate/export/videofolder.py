"""Hugging Face VideoFolder: `DIR/train/<clip_id>.mp4` with `DIR/train/metadata.jsonl` (and `.csv` beside the folder).

`datasets.load_dataset("videofolder", data_dir=DIR)` reads it as it is. Each line of `metadata.jsonl` has `file_name`
and every column of the clip; the CSV holds the same table for spreadsheets, lists as JSON.
"""

from __future__ import annotations

import csv
import json
import os
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

NAME = "videofolder"
SPLIT = "train"


def video_folder(out: Path) -> Path:
    """Where the cut files of this format lie."""
    return out / SPLIT


def write_tables(out: Path, clips: Sequence[Mapping[str, Any]]) -> list[Path]:
    """Metadata of the clips whose files were written."""
    rows = [{"file_name": f"{clip['clip_id']}.mp4", **clip} for clip in clips]
    lines = [json.dumps(row, ensure_ascii=False, default=str) for row in rows]
    table = video_folder(out) / "metadata.jsonl"
    write_text(table, "".join(line + "\n" for line in lines))
    sheet = out / "metadata.csv"
    write_csv(sheet, rows, list(rows[0]) if rows else ["file_name"])
    return [table, sheet]


def write_csv(path: Path, rows: Sequence[Mapping[str, Any]], columns: Sequence[str]) -> None:
    """A CSV under a temporary name, then renamed; lists and mappings as JSON."""
    temporary = path.with_name(f".{path.name}.partial")
    path.parent.mkdir(parents=True, exist_ok=True)
    with temporary.open("w", newline="", encoding="utf-8") as file:
        writer = csv.writer(file)
        writer.writerow(columns)
        writer.writerows([[_cell(row.get(column)) for column in columns] for row in rows])
    os.replace(temporary, path)  # noqa: PTH105 - one atomic call


def write_text(path: Path, text: str) -> None:
    """A text under a temporary name, then renamed."""
    temporary = path.with_name(f".{path.name}.partial")
    path.parent.mkdir(parents=True, exist_ok=True)
    temporary.write_text(text, encoding="utf-8")
    os.replace(temporary, path)  # noqa: PTH105 - one atomic call


def _cell(value: Any) -> Any:
    return json.dumps(value, ensure_ascii=False, default=str) if isinstance(value, list | dict | tuple) else value
