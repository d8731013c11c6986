"""Every pretrained file that this package can use, by name: source, licence, digest, and where it is looked for.

Nothing is ever downloaded on the way: a file that is missing is named, with the place to put it. Files are looked for
in `DROPLET_WEIGHTS` (a folder), else in `~/.cache/dropletvideo/weights`, each under its own name.
"""

from __future__ import annotations

import hashlib
import os
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from types import MappingProxyType

from dropletvideo.errors import WeightsError

FOLDER_VARIABLE = "DROPLET_WEIGHTS"
_BLOCK_BYTES = 1 << 20


@dataclass(frozen=True, kw_only=True)
class Weights:
    """One pretrained model.

    Attributes:
        name: how recipes and commands call it, and its folder or file below the weights folder.
        source: where its owners publish it.
        licence: as its owners state it.
        is_folder: a model folder (diffusers-style layout) or a single file.
        sha256: of a single file; None for folders and where the owners' digest is not known to us.
        note: what a user has to know before using it.
    """

    name: str
    source: str
    licence: str
    is_folder: bool
    sha256: str | None = None
    note: str = ""


_ALL = (
    Weights(
        name="droplet-5b",
        source="https://huggingface.co/DropletX/DropletVideo-5B",
        licence="Apache-2.0 by its README",
        is_folder=True,
        note="gated: ask for access there, then download the whole repository into this folder",
    ),
)
WEIGHTS: Mapping[str, Weights] = MappingProxyType({weights.name: weights for weights in _ALL})


def weights_folder() -> Path:
    """Where pretrained files are looked for."""
    named = os.environ.get(FOLDER_VARIABLE)
    return Path(named).expanduser() if named else Path.home() / ".cache" / "dropletvideo" / "weights"


def weights_path(name: str, *, folder: str | Path | None = None) -> Path:
    """The local path of a pretrained model.

    Args:
        name: one of `WEIGHTS`.
        folder: to look in, instead of `weights_folder()`.

    Raises:
        WeightsError: an unknown name, a model that is not there (with where to get it and where to put it), or a file
            with another digest than its owners'.
    """
    if name not in WEIGHTS:
        raise WeightsError(f"weights {name!r} are unknown: one of {', '.join(WEIGHTS)}")
    weights = WEIGHTS[name]
    path = Path(folder or weights_folder()) / name
    if not (path.is_dir() if weights.is_folder else path.is_file()):
        note = f" ({weights.note})" if weights.note else ""
        raise WeightsError(
            f"weights {name!r} are not in {path}: get them from {weights.source}{note}, licence {weights.licence}, "
            f"or name another folder in {FOLDER_VARIABLE}"
        )
    if weights.sha256 is not None and (found := sha256_of(path)) != weights.sha256:
        raise WeightsError(f"{path}: sha256 is {found}, its owners publish {weights.sha256}: fetch it again")
    return path


def sha256_of(path: Path) -> str:
    """Digest of a file, read in blocks."""
    digest = hashlib.sha256()
    with path.open("rb") as file:
        while block := file.read(_BLOCK_BYTES):
            digest.update(block)
    return digest.hexdigest()
