"""Hugging Face VideoFolder: `DIR/train/<clip_id>.mp4` with `DIR/train/metadata.jsonl` (and `.csv` beside the folder).

`datasets.load_dataset("videofolder", data_dir=DIR)` reads it as it is. Each line of `metadata.jsonl` has `file_name`
and every column of the clip; the CSV holds the same table for spreadsheets, lists as JSON.
"""

from __future__ import annotations

import csv
import io
import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, BinaryIO

from dropletvideo.files import write_file, write_json_lines

NAME = "videofolder"
SPLIT = "train"


def video_folder(out: Path) -> Path:
    """Where the cut files of this format lie."""
    return out / SPLIT


def write_tables(out: Path, clips: Sequence[Mapping[str, Any]]) -> list[Path]:
    """Metadata of the clips whose files were written."""
    rows = [{"file_name": f"{clip['clip_id']}.mp4", **clip} for clip in clips]
    table = video_folder(out) / "metadata.jsonl"
    write_json_lines(table, rows, default=str)
    sheet = out / "metadata.csv"
    write_csv(sheet, rows, list(rows[0]) if rows else ["file_name"])
    return [table, sheet]


def write_csv(path: Path, rows: Sequence[Mapping[str, Any]], columns: Sequence[str]) -> None:
    """A CSV, whole; lists and mappings as JSON."""

    def write(file: BinaryIO) -> None:
        text = io.TextIOWrapper(file, encoding="utf-8", newline="")
        writer = csv.writer(text)
        writer.writerow(columns)
        writer.writerows([_cell(row.get(column)) for column in columns] for row in rows)
        text.detach()  # flushes, and leaves the file open to whoever opened it

    write_file(path, write)


def _cell(value: Any) -> Any:
    return json.dumps(value, ensure_ascii=False, default=str) if isinstance(value, list | dict | tuple) else value
