"""Exported programs that hold for one shape of input: a folder with one file a shape, named by it.

Networks whose code looks at sizes (patches of several scales, windows over time) are exported for one shape; run on
another, TorchScript may give wrong numbers without a word. So the file's name says what it holds for (`384x672.pt2`),
and a shape without a file is an error that says which one to export. `examples/export_programs.py` writes them.
"""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

from dropletvideo.errors import WeightsError
from dropletvideo.perception.programs import load_program
from dropletvideo.weights import named, weights_path

_SUFFIXES = (".pt2", ".pt")


def shaped_program(name: str, shape: str, path: str | Path | None = None) -> tuple[Callable[..., Any], str]:
    """The program of one shape and its device, loaded once a process.

    Args:
        name: entry of `published.py`.
        shape: as the file is called, without suffix.
        path: the folder; looked for among the weights by default.

    Raises:
        WeightsError: no folder, or no file for this shape.
    """
    folder = Path(path or weights_path(name))
    for suffix in _SUFFIXES:
        if (file := folder / f"{shape}{suffix}").is_file():
            return load_program(name, file)
    there = sorted(file.stem for file in folder.iterdir() if file.suffix in _SUFFIXES)
    has = ", ".join(there) or "none"
    made_by = named(name).made_by.format(path=folder)
    raise WeightsError(f"{folder} has no program for {shape} (it has {has}): export one by {made_by}")
