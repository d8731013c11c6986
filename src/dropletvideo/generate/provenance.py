"""What a generated file says of itself: the request, its conditioning images, the model's digest, what made it.

It lies in the file (a JSON tag and attached pictures) or beside it in `NAME.provenance.json`. Nothing in it depends on
the clock or on the file's name, so the same request on the same machine gives the same bytes.
"""

from __future__ import annotations

import base64
import hashlib
import json
from collections.abc import Iterable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from types import MappingProxyType
from typing import Any

import numpy as np
from numpy.typing import NDArray
from pydantic import BaseModel, ConfigDict, ValidationError

from dropletvideo.errors import MediaError, RequestError, WeightsError
from dropletvideo.files import write_json
from dropletvideo.media import (
    PICTURE_SUFFIXES,
    png_bytes,
    png_pixels,
    read_metadata,
    read_pictures,
    write_video,
)
from dropletvideo.model.folder import PARTS, SHIPPED, shipped_folder

SIDECAR_SUFFIX = ".provenance.json"
FORMAT = 1
CODECS: Mapping[str, str] = MappingProxyType(
    {".mp4": "libx264", ".m4v": "libx264", ".mov": "libx264", ".mkv": "libx264", ".webm": "libvpx-vp9"}
)
"""Containers that are written here."""
_BLOCK = 1 << 20


@dataclass(frozen=True)
class Picture:
    """A conditioning image as the model saw it: `role` is the argument's name, `frame` its place for a keyframe."""

    role: str
    pixels: NDArray[np.uint8]
    frame: int | None = None


class PictureNote(BaseModel):
    """Which argument an attached picture was, in the order of the pictures."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    role: str
    frame: int | None = None


class ModelNote(BaseModel):
    """The weights by digest; `name` is what the user called them."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    name: str
    digest: str


class LoraNote(BaseModel):
    """A LoRA by the digest of its file, and its scale."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    name: str
    digest: str
    scale: float


class VideoNote(BaseModel):
    """The video that was gone on from: too long to carry along, so its file is needed again."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    name: str
    digest: str


class CallNote(BaseModel):
    """The call that a video came from: arithmetic rounds by a batch's size, so a repetition needs both numbers."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    size: int = 1
    place: int = 0
    is_motion_shared: bool = True


class Provenance(BaseModel):
    """The record; `request` has every default filled in, so that it does not change with the model's defaults."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    format: int = FORMAT
    request: dict[str, Any]
    pictures: tuple[PictureNote, ...] = ()
    video: VideoNote | None = None
    model: ModelNote
    loras: tuple[LoraNote, ...] = ()
    call: CallNote = CallNote()
    made_with: dict[str, Any] = {}


@dataclass(frozen=True)
class Record:
    """A file's provenance with its pictures."""

    provenance: Provenance
    pictures: tuple[Picture, ...]


def write_generated(
    path: Path,
    frames: Iterable[NDArray[np.uint8]],
    provenance: Provenance,
    pictures: Sequence[Picture],
    *,
    playback_fps: float,
    sidecar: bool = False,
) -> None:
    """Write frames (runs F,H,W,3 uint8) with their provenance inside the file or, with `sidecar`, beside it.

    Raises:
        RequestError: the container holds no pictures; a sidecar does.
        MediaError: the file cannot be written.
    """
    notes = tuple(PictureNote(role=picture.role, frame=picture.frame) for picture in pictures)
    tag = provenance.model_copy(update={"pictures": notes}).model_dump(mode="json")
    check_container(path, sidecar=sidecar)
    codec = CODECS[path.suffix.lower()]
    if sidecar:
        write_video(path, frames, playback_fps=playback_fps, codec=codec)
        content = {**tag, "made": file_digest(path), "png": [_encoded(picture.pixels) for picture in pictures]}
        write_json(sidecar_of(path), content, indent=1)
        return
    pixels = [picture.pixels for picture in pictures]
    write_video(path, frames, playback_fps=playback_fps, metadata=tag, pictures=pixels, codec=codec)
    sidecar_of(path).unlink(missing_ok=True)  # one of an older video would speak of another request


def check_container(path: Path, *, sidecar: bool = False) -> None:
    """Refuse a suffix that is not written here, or whose container cannot hold a tag and pictures.

    Raises:
        RequestError: see above.
    """
    suffix = path.suffix.lower()
    if suffix not in CODECS:
        raise RequestError(f"{path}: needs one of the suffixes {', '.join(CODECS)} (a folder goes with --batch)")
    if not sidecar and suffix not in PICTURE_SUFFIXES:
        raise RequestError(
            f"{path}: {suffix} cannot hold the request and its images: use .mp4, or add --sidecar to write them to "
            f"{sidecar_of(path).name}"
        )


def sidecar_of(path: Path) -> Path:
    """`NAME.mp4` -> `NAME.mp4.provenance.json`."""
    return path.with_name(path.name + SIDECAR_SUFFIX)


def read_provenance(path: str | Path) -> Record:
    """What a generated file says of itself, from the file or from its sidecar.

    Raises:
        MediaError: the file is missing, no video, or its sidecar belongs to another video.
        RequestError: the file carries no request.
    """
    file = Path(path)
    metadata = read_metadata(file)
    if metadata and "model" in metadata and "request" in metadata:
        return _record(file, metadata, read_pictures(file))
    beside = sidecar_of(file)
    if not beside.is_file():
        raise RequestError(
            f"{file}: carries no request: it was not made by droplet generate, or a copy lost its tag and "
            f"{beside.name} is not beside it"
        )
    try:
        content = json.loads(beside.read_text(encoding="utf-8"))
        video, encoded = content.pop("made"), content.pop("png")
        pictures = [png_pixels(base64.b64decode(text), beside) for text in encoded]
    except (OSError, ValueError, KeyError, AttributeError, TypeError) as error:
        raise MediaError(beside, f"is no provenance file that can be read ({error})") from error
    if video != file_digest(file):
        raise MediaError(beside, f"belongs to another video than {file.name}: its digest differs")
    return _record(beside, content, pictures)


def model_folder(model: str | Path) -> Path:
    """Folder of a model named by path, or "nano"."""
    return shipped_folder(str(model)) if str(model) in SHIPPED else Path(model).expanduser()


def model_digest(model: str | Path) -> str:
    """Digest of every file of a model's parts; `droplet.json` is not among them, a calibration changes no weights.

    Raises:
        WeightsError: there is no such folder, or it holds no part.
    """
    folder = model_folder(model)
    files = sorted(file for part in PARTS for file in (folder / part).rglob("*") if file.is_file())
    if not files:
        raise WeightsError(f"{folder}: is no model folder: it holds none of {', '.join(PARTS)}")
    whole = hashlib.blake2b(digest_size=12)
    with ThreadPoolExecutor(max_workers=4) as pool:
        for file, digest in zip(files, pool.map(file_digest, files), strict=True):
            whole.update(f"{file.relative_to(folder).as_posix()}:{digest}\n".encode())
    return whole.hexdigest()


def _record(source: Path, content: dict[str, Any], pictures: Sequence[NDArray[np.uint8]]) -> Record:
    try:
        provenance = Provenance.model_validate(content)
    except ValidationError as error:
        raise MediaError(source, f"holds a request of another format ({error.error_count()} fields differ)") from error
    if len(pictures) != len(provenance.pictures):
        raise MediaError(source, f"names {len(provenance.pictures)} conditioning images and holds {len(pictures)}")
    notes = zip(provenance.pictures, pictures, strict=True)
    return Record(provenance, tuple(Picture(note.role, pixels, note.frame) for note, pixels in notes))


def _encoded(pixels: NDArray[np.uint8]) -> str:
    return base64.b64encode(png_bytes(pixels)).decode("ascii")


def file_digest(path: Path) -> str:
    """blake2b of a file's bytes."""
    digest = hashlib.blake2b(digest_size=16)
    with path.open("rb") as stream:
        while block := stream.read(_BLOCK):
            digest.update(block)
    return digest.hexdigest()
