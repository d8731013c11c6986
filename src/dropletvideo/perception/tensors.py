"""Tensors of published weight files: safetensors, or torch files read without running any code in them."""

from __future__ import annotations

import pickle
from pathlib import Path
from typing import Any

from torch import Tensor

from dropletvideo.errors import WeightsError

_IN_A_FOLDER = ("model.safetensors", "pytorch_model.bin")
_WRAPPERS = ("state_dict", "model")


def read_tensors(path: str | Path) -> dict[str, Tensor]:
    """Name to tensor of a file, or of the weights file of a model folder; on the CPU, types as stored.

    Raises:
        WeightsError: not there, damaged, or a file that holds other things than tensors.
    """
    import torch
    from safetensors import SafetensorError
    from safetensors.torch import load_file

    file = Path(path)
    if file.is_dir():
        names = [name for name in _IN_A_FOLDER if (file / name).is_file()]
        if not names:
            raise WeightsError(f"{file} has neither {' nor '.join(_IN_A_FOLDER)}: fetch it again")
        file = file / names[0]
    try:
        if file.suffix == ".safetensors":
            found: Any = load_file(file)
        else:
            found = torch.load(file, map_location="cpu", weights_only=True)
    except (OSError, SafetensorError, pickle.UnpicklingError, RuntimeError, EOFError, ValueError) as error:
        raise WeightsError(f"{file} cannot be read ({' '.join(str(error).split())[:200]}): fetch it again") from error
    for name in _WRAPPERS:
        if isinstance(found, dict) and isinstance(found.get(name), dict):
            found = found[name]
    if not isinstance(found, dict) or not all(isinstance(value, Tensor) for value in found.values()):
        raise WeightsError(f"{file} holds other things than tensors by name: fetch it again")
    return dict(found)
