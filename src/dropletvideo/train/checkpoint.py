"""Everything that a run needs to go on as if it had never stopped; written whole or not at all."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import torch

from dropletvideo.errors import WeightsError
from dropletvideo.files import write_file

_PATTERN = "step-*.pt"


def save_checkpoint(folder: Path, step: int, state: dict[str, Any], *, keep: int) -> Path:
    """Write `folder/step-NNNNNNNN.pt` atomically and delete all but the newest `keep`.

    `state` may hold tensors, numbers, strings, lists and dictionaries; nothing that needs unpickling code.
    """
    folder.mkdir(parents=True, exist_ok=True)
    path = folder / f"step-{step:08d}.pt"
    write_file(path, lambda file: torch.save(state, file))
    for old in sorted(folder.glob(_PATTERN))[:-keep]:
        old.unlink()
    return path


def latest_checkpoint(folder: Path) -> Path | None:
    """The newest checkpoint of a run, or None."""
    return max(folder.glob(_PATTERN), default=None)


def load_checkpoint(path: Path) -> dict[str, Any]:
    """Read a checkpoint onto the CPU.

    Raises:
        WeightsError: the file is damaged; an older checkpoint beside it, or `--fresh`, is the way on.
    """
    try:
        state = torch.load(path, map_location="cpu", weights_only=True)
    except (RuntimeError, EOFError, OSError, ValueError, KeyError) as error:
        raise WeightsError(f"{path} is no readable checkpoint ({error}): delete it or start with --fresh") from error
    if not isinstance(state, dict):
        raise WeightsError(f"{path} holds a {type(state).__name__}, not a checkpoint: start with --fresh")
    return state
