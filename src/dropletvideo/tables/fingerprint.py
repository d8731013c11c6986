"""Fingerprints: what a stage's values follow from, and who a video is."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from dropletvideo.tables.stage import Stage

MEBIBYTE = 1 << 20


def fingerprint(stage: Stage, upstream: Sequence[str] = ()) -> str:
    """12 hex digits over the stage's version, parameters, weights digest and upstream fingerprints.

    Never over the package version, a commit or a gate: they do not change what the stage would give.
    """
    payload = {
        "stage": stage.name,
        "version": stage.version,
        "judge": getattr(stage.judge, "version", None),
        "params": stage.params,
        "weights": stage.weights_digest,
        "upstream": list(upstream),
    }
    text = json.dumps(payload, sort_keys=True, default=_plain)
    return hashlib.blake2b(text.encode(), digest_size=6).hexdigest()


def _plain(value: Any) -> Any:
    if hasattr(value, "tolist"):
        return value.tolist()
    if isinstance(value, Path):
        return str(value)
    raise TypeError(f"stage parameter {value!r} cannot be written as JSON: use numbers, strings, lists and mappings")


def video_id_of(path: str | Path) -> str:
    """blake2b of size and the head, middle and tail MiB: the same bytes have the same id under any name."""
    source = Path(path)
    size = source.stat().st_size
    digest = hashlib.blake2b(str(size).encode(), digest_size=16)
    with source.open("rb") as file:
        if size <= 3 * MEBIBYTE:
            digest.update(file.read())
        else:
            for start in (0, (size - MEBIBYTE) // 2, size - MEBIBYTE):
                file.seek(start)
                digest.update(file.read(MEBIBYTE))
    return digest.hexdigest()
