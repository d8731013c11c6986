"""WebDataset shards: `DIR/<shape>/<number>.tar`, one folder per picture shape (9x16, 3x4, 1x1, 4x3, 16x9).

Each clip is `<clip id>.mp4`, `<clip id>.json` (every column) and, where it has a caption, `<clip id>.txt`, in the order
of the selection. The same clips give the same bytes: no times, owners or folder order enter a shard. A shard is closed
before it would pass `SHARD_BYTES`; `DIR/shards.json` lists shards with their clips, sizes and SHA-256. The cut files
under `DIR/clips` are removed once all shards stand, and an export that is whole is not made again.
"""

from __future__ import annotations

import hashlib
import io
import json
import tarfile
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any, BinaryIO

from dropletvideo.curate.export.told import aspect_bucket, main_caption
from dropletvideo.files import write_file, write_text

NAME = "webdataset"
INDEX = "shards.json"
SHARD_BYTES = 1_000_000_000
_BLOCK = 512
Clip = Mapping[str, Any]


def video_folder(out: Path) -> Path:
    """Where the cut files lie until they are in a shard."""
    return out / "clips"


def is_whole(out: Path, digest: str) -> bool:
    """Whether an export of this digest (clips, their order, how they are cut) lies here with all its shards."""
    try:
        index = json.loads((out / INDEX).read_text(encoding="utf-8"))
        sizes = {name: shard["bytes"] for name, shard in index["shards"].items()}
        return (
            bool(digest)
            and index["digest"] == digest
            and all((out / name).stat().st_size == sizes[name] for name in sizes)
        )
    except (OSError, ValueError, KeyError, TypeError):
        return False


def copied(out: Path) -> int:
    """How many clips of the export that lies here were copied as they were coded."""
    return int(json.loads((out / INDEX).read_text(encoding="utf-8"))["copied"])


def write_tables(out: Path, clips: Sequence[Clip], digest: str = "", shard_bytes: int = SHARD_BYTES) -> list[Path]:
    """Pack the clips whose files were written; `digest` is kept in the index for `is_whole`."""
    (out / INDEX).unlink(missing_ok=True)
    shapes: dict[str, list[Clip]] = {}
    for clip in clips:
        shapes.setdefault(aspect_bucket(clip), []).append(clip)
    shards: dict[str, dict[str, Any]] = {}
    for shape in sorted(shapes):
        for number, members in enumerate(_split(out, shapes[shape], shard_bytes)):
            name = f"{shape}/{number:06d}.tar"
            shards[name] = _pack(out, out / name, members)
    for path in out.glob("*x*/*.tar"):  # of an earlier, longer export
        if path.relative_to(out).as_posix() not in shards:
            path.unlink()
    for clip in clips:
        _file_of(out, clip).unlink(missing_ok=True)
    if video_folder(out).is_dir() and not any(video_folder(out).iterdir()):
        video_folder(out).rmdir()
    copied = sum(bool(clip.get("is_copied")) for clip in clips)
    write_text(out / INDEX, json.dumps({"digest": digest, "copied": copied, "shards": shards}, indent=1) + "\n")
    return [out / INDEX]


def _file_of(out: Path, clip: Clip) -> Path:
    return video_folder(out) / f"{clip['clip_id']}.mp4"


def _split(out: Path, clips: Sequence[Clip], shard_bytes: int) -> Iterator[list[Clip]]:
    """Clips of each shard; a clip larger than a shard has one to itself."""
    members: list[Clip] = []
    total = 0
    for clip in clips:
        sizes = [_file_of(out, clip).stat().st_size, *(len(text) for _, text in _texts(clip))]
        size = sum(_BLOCK + -(-one // _BLOCK) * _BLOCK for one in sizes)
        if members and total + size > shard_bytes:
            yield members
            members, total = [], 0
        members.append(clip)
        total += size
    if members:
        yield members


def _texts(clip: Clip) -> list[tuple[str, bytes]]:
    row = {name: value for name, value in clip.items() if name not in ("video_path", "video_number")}
    texts = [("json", json.dumps(row, ensure_ascii=False, sort_keys=True, default=str).encode())]
    caption = main_caption(clip)
    return [*texts, ("txt", caption.encode())] if caption else texts


def _pack(out: Path, target: Path, clips: Sequence[Clip]) -> dict[str, Any]:
    def write(file: BinaryIO) -> None:
        with tarfile.open(fileobj=file, mode="w", format=tarfile.USTAR_FORMAT) as shard:
            for clip in clips:
                path = _file_of(out, clip)
                with path.open("rb") as video:
                    _add(shard, f"{clip['clip_id']}.mp4", path.stat().st_size, video)
                for suffix, text in _texts(clip):
                    _add(shard, f"{clip['clip_id']}.{suffix}", len(text), io.BytesIO(text))

    write_file(target, write)
    with target.open("rb") as file:
        digest = hashlib.file_digest(file, "sha256").hexdigest()
    return {"clips": len(clips), "bytes": target.stat().st_size, "sha256": digest}


def _add(shard: tarfile.TarFile, name: str, size: int, content: BinaryIO) -> None:
    member = tarfile.TarInfo(name)
    member.size, member.mode = size, 0o644  # time, owner and group stay 0 and empty
    shard.addfile(member, content)
