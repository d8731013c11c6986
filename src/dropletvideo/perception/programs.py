"""Networks that come as an exported program: a file that holds code and weights, named in `published.py`.

A backbone without a kept package is not rewritten here. Its owners' code is exported once, where it can be installed,
and the file is loaded as it is: TorchScript (`torch.jit.save`) or an exported program (`torch.export.save`, `.pt2`).
What goes in and what comes out is stated by the judge that calls it.
"""

from __future__ import annotations

import warnings
import zipfile
from collections.abc import Callable
from functools import lru_cache
from pathlib import Path
from typing import Any

from dropletvideo.errors import WeightsError
from dropletvideo.weights import weights_path


def load_program(name: str, path: str | Path | None = None) -> tuple[Callable[..., Any], str]:
    """The program of an entry of `published.py` and the device it runs on, loaded once per process.

    Args:
        name: the entry.
        path: the file; looked for among the weights by default.

    Raises:
        WeightsError: the file is not there, or holds no program.
    """
    return _loaded(name, str(path or weights_path(name)))


@lru_cache(maxsize=32)
def _loaded(name: str, path: str) -> tuple[Callable[..., Any], str]:
    import torch

    from dropletvideo import runtime

    device = runtime.pick_device("auto")
    try:
        if _is_scripted(Path(path)):
            with warnings.catch_warnings():
                for outdated in (DeprecationWarning, FutureWarning):  # published TorchScript files stay readable
                    warnings.simplefilter("ignore", outdated)
                return torch.jit.load(path, map_location=device).eval(), device  # type: ignore[no-untyped-call]
        program = torch.export.load(path)
        if device != "cpu":  # tensors that the program makes itself are made where it was exported otherwise
            from torch.export.passes import move_to_device_pass

            program = move_to_device_pass(program, device)
        return program.module(), device
    except (OSError, RuntimeError, ValueError, KeyError) as error:
        raise WeightsError(
            f"{path} cannot be run as the program {name!r} ({' '.join(str(error).split())[:200]}): "
            "export it again as `droplet weights list` says"
        ) from error


def _is_scripted(path: Path) -> bool:
    """TorchScript's archive holds `constants.pkl`; an exported program's does not."""
    if not zipfile.is_zipfile(path):
        raise ValueError("no archive of a program")
    with zipfile.ZipFile(path) as archive:
        return any(name.endswith("/constants.pkl") for name in archive.namelist())
