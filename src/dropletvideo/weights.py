"""Find, check and fetch pretrained files by name; `published.py` lists them.

Nothing is ever downloaded on the way: a file that is missing is named, with the command that gets it. Files are looked
for in `DROPLET_WEIGHTS` (a folder), else in `~/.cache/dropletvideo/weights`. `fetch` is the one downloader; only
`droplet weights fetch` calls it.
"""

from __future__ import annotations

import hashlib
import os
from dataclasses import dataclass
from pathlib import Path

from dropletvideo.errors import WeightsError
from dropletvideo.published import WEIGHTS as WEIGHTS  # noqa: PLC0414 - others take it from here
from dropletvideo.published import Weights

FOLDER_VARIABLE = "DROPLET_WEIGHTS"
_BLOCK_BYTES = 1 << 20
_SILENCE_SECONDS = 60.0


@dataclass(frozen=True, kw_only=True)
class Found:
    """What lies here of one pretrained model: `path` and `digest` where it is there, `lacks` (a sentence) where not."""

    path: Path | None
    digest: str = ""
    lacks: str = ""


def weights_folder() -> Path:
    """Where pretrained files are looked for."""
    named = os.environ.get(FOLDER_VARIABLE)
    return Path(named).expanduser() if named else Path.home() / ".cache" / "dropletvideo" / "weights"


def named(name: str) -> Weights:
    """The entry of a name.

    Raises:
        WeightsError: an unknown name, with the known ones.
    """
    if name not in WEIGHTS:
        raise WeightsError(f"weights {name!r} are unknown: one of {', '.join(WEIGHTS)}")
    return WEIGHTS[name]


def place_of(weights: Weights, folder: str | Path | None = None) -> Path:
    """Where the file or folder of an entry belongs, whether it is there or not."""
    return Path(folder or weights_folder()) / (weights.file or weights.name)


def is_there(weights: Weights, path: Path) -> bool:
    """Whether a file, or a folder that is not empty, lies at `path`."""
    return (path.is_dir() and any(path.iterdir())) if weights.is_folder else path.is_file()


def weights_path(name: str, *, folder: str | Path | None = None) -> Path:
    """The local path of a pretrained model.

    Args:
        name: one of `WEIGHTS`.
        folder: to look in, instead of `weights_folder()`.

    Raises:
        WeightsError: an unknown name, a model that is not there (with where to get it and where to put it), or a file
            with another digest than its owners'.
    """
    weights = named(name)
    path = place_of(weights, folder)
    if not is_there(weights, path):
        raise WeightsError(_missing(weights, path))
    check_digest(weights, path)
    return path


def _missing(weights: Weights, path: Path) -> str:
    if weights.made_by:
        return (
            f"weights {weights.name!r} are not in {path} and nobody publishes them: make them by "
            f"{weights.made_by.format(path=path)}, or name another folder in {FOLDER_VARIABLE}"
        )
    note = f" ({weights.note})" if weights.note else ""
    return (
        f"weights {weights.name!r} are not in {path}: get them by droplet weights fetch {weights.name}, or from "
        f"{weights.source}{note}, licence {weights.licence}, or name another folder in {FOLDER_VARIABLE}"
    )


def look_for(name: str, given: str | Path | None = None) -> Found:
    """What lies here of a model, for stages: a missing one is a fact to report and no error.

    Args:
        name: one of `WEIGHTS`.
        given: the path that a recipe names, in place of the weights folder.

    Raises:
        WeightsError: an unknown name, or a path that the recipe names and that is not there.
    """
    weights = named(name)
    if given is not None and not is_there(weights, Path(given)):
        kind = "folder" if weights.is_folder else "file"
        raise WeightsError(f"{given} is no {kind} with the weights {name!r}: give another path, or leave it out")
    path = place_of(weights) if given is None else Path(given)
    if not is_there(weights, path):
        return Found(path=None, lacks=_missing(weights, path))
    if given is None:
        check_digest(weights, path)
    return Found(path=path.resolve(), digest=quick_digest(path))


def check_digest(weights: Weights, path: Path) -> None:
    """Refuse a file with another digest than its owners publish.

    Raises:
        WeightsError: with both digests.
    """
    if weights.sha256 is not None and not (found := sha256_of(path)).startswith(weights.sha256):
        raise WeightsError(f"{path}: sha256 is {found}, its owners publish {weights.sha256}: fetch it again")


def sha256_of(path: Path) -> str:
    """Digest of a file, read in blocks."""
    digest = hashlib.sha256()
    with path.open("rb") as file:
        while block := file.read(_BLOCK_BYTES):
            digest.update(block)
    return digest.hexdigest()


def quick_digest(path: Path) -> str:
    """12 hex digits over size, head, middle and tail MiB of a file, or of every file of a folder with its name."""
    digest = hashlib.blake2b(digest_size=6)
    for file in sorted(path.rglob("*")) if path.is_dir() else [path]:
        if not file.is_file() or ".cache" in file.parts[len(path.parts) :]:
            continue
        size = file.stat().st_size
        name = str(file.relative_to(path)) if path.is_dir() else ""
        digest.update(f"{name} {size}".encode())
        with file.open("rb") as opened:
            for start in sorted({0, max(0, (size - _BLOCK_BYTES) // 2), max(0, size - _BLOCK_BYTES)}):
                opened.seek(start)
                digest.update(opened.read(_BLOCK_BYTES))
    return digest.hexdigest()


def fetch(name: str, *, folder: str | Path | None = None, url: str | None = None) -> Path:
    """Download a pretrained model to its place, after `droplet weights fetch` has said what and from where.

    Args:
        name: one of `WEIGHTS`.
        folder: the weights folder, instead of `weights_folder()`.
        url: another place of the same bytes (a mirror); the digest is checked all the same.

    Raises:
        WeightsError: an unknown name, one that nobody publishes, no network or a refusal by the other side (with the
            way by hand), a full disk, or other bytes than its owners publish. Nothing half-written stays under the
            final name.
    """
    weights = named(name)
    path = place_of(weights, folder)
    if is_there(weights, path):
        check_digest(weights, path)
        return path
    if not (url or weights.url):
        raise WeightsError(_missing(weights, path))
    partial = path.with_name(f".{path.name}.partial")
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        if weights.is_folder:
            _fetch_repository(url or weights.url, weights, partial)
        else:
            _fetch_file(url or weights.url, partial)
            check_digest(weights, partial)
        partial.replace(path)
    except (OSError, ValueError) as error:
        raise WeightsError(_cannot_fetch(weights, path, url or weights.url, error)) from error
    finally:
        if partial.is_file():
            partial.unlink()
    return path


def _fetch_file(url: str, target: Path) -> None:
    from urllib.request import Request, urlopen

    request = Request(url, headers={"User-Agent": "dropletvideo"})
    with urlopen(request, timeout=_SILENCE_SECONDS) as answer, target.open("wb") as file:
        promised, written = answer.headers.get("Content-Length"), 0
        while block := answer.read(_BLOCK_BYTES):
            written += file.write(block)
    if promised is not None and written != int(promised):
        raise OSError(f"{written} of {promised} bytes came")


def _fetch_repository(repository: str, weights: Weights, target: Path) -> None:
    """A partial folder stays: the next fetch goes on with it."""
    from huggingface_hub import snapshot_download

    snapshot_download(repository, local_dir=target, allow_patterns=list(weights.parts) or None)


def _cannot_fetch(weights: Weights, path: Path, url: str, error: Exception) -> str:
    reason = " ".join(str(getattr(error, "reason", "") or error).split())[:300]
    note = f" ({weights.note})" if weights.note else ""
    return (
        f"weights {weights.name!r} could not be fetched from {url}: {reason}. Is there a network? Otherwise get them "
        f"on another machine from {weights.source}{note} and put them at {path}"
    )
