"""The cache of encoded windows: each clip is decoded and encoded once, however long the training.

    CACHE/cache.json            fingerprint, settings, counts; written first and last
    CACHE/shard-00000.safetensors   latents, condition, motion of the windows of some clips; facts in its header
    CACHE/text.safetensors      states of every distinct caption, the empty one first

The fingerprint covers clips, window settings, frozen weights and this file's version: a folder of another fingerprint
is never read. Shards are written under a temporary name and renamed, so an interrupted build goes on where it stopped.
"""

from __future__ import annotations

import hashlib
import json
import logging
from collections import Counter
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Literal

import numpy as np
import torch
from pydantic import BaseModel, ConfigDict, Field
from safetensors import SafetensorError, safe_open
from safetensors.torch import save

from dropletvideo.data.clips import ClipList
from dropletvideo.data.encode import Encoders
from dropletvideo.data.reading import ClipResult, iter_clip_results
from dropletvideo.data.windows import WindowConfig
from dropletvideo.errors import ConfigError
from dropletvideo.files import write_file

logger = logging.getLogger(__name__)

VERSION = 2
INDEX = "cache.json"
TEXT = "text.safetensors"
TEXT_BATCH = 64
PIXEL_BATCH = 16


class CacheConfig(BaseModel):
    """Where and how windows are kept.

    `folder` None keeps them in the run's own folder. `held_out_clips`, the last of the list, are never trained on.
    `on_stale`: a folder of other clips, settings or weights is built anew, or refused.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    folder: Path | None = None
    held_out_clips: int = Field(default=8, ge=0)
    clips_per_shard: int = Field(default=64, ge=1)
    workers: int = Field(default=1, ge=1)
    on_stale: Literal["rebuild", "refuse"] = "rebuild"


@dataclass
class CacheReport:
    """What a build found. `failures` are clips that could not be read; `skipped` counts clips that gave no window."""

    fingerprint: str
    clips: int
    windows: int = 0
    held_out: int = 0
    captions: int = 0
    skipped: Counter[str] = field(default_factory=Counter)
    failures: list[dict[str, str]] = field(default_factory=list)
    complete: bool = False

    def as_dict(self) -> dict[str, Any]:
        """Plain dictionary for JSON."""
        return {**vars(self), "skipped": dict(self.skipped)}


def fingerprint_of(clips: ClipList, windows: WindowConfig, encoders_digest: str, held_out: int) -> str:
    """Identity of a cache's content."""
    content = [VERSION, clips.digest(), windows.model_dump(mode="json"), encoders_digest, held_out]
    return hashlib.blake2b(json.dumps(content).encode(), digest_size=12).hexdigest()


def build_cache(
    folder: Path,
    clips: ClipList,
    windows: WindowConfig,
    encoders: Encoders,
    config: CacheConfig,
    *,
    show: Callable[[int, int], None] | None = None,
) -> CacheReport:
    """Build, finish or simply recognise the cache in `folder`. `show(done, all)` is told of clips.

    Raises:
        ConfigError: the folder holds another cache and `on_stale` is "refuse", or no clip gave a window.
    """
    fingerprint = fingerprint_of(clips, windows, encoders.digest, config.held_out_clips)
    _claim(folder, fingerprint, windows, config.on_stale)
    report = CacheReport(fingerprint=fingerprint, clips=len(clips))
    held_out_from = len(clips) - min(config.held_out_clips, len(clips) // 2)
    starts = range(0, len(clips), config.clips_per_shard)
    missing = [start for start in starts if _read_facts(_shard(folder, start // config.clips_per_shard)) is None]
    numbers = [n for start in missing for n in range(start, min(start + config.clips_per_shard, len(clips)))]
    done = len(clips) - len(numbers)
    if show:
        show(done, len(clips))
    gathered: dict[int, list[ClipResult]] = {}
    for result in iter_clip_results(clips, windows, numbers, config.workers):
        done += 1
        if show:
            show(done, len(clips))
        shard = result.number // config.clips_per_shard
        own = gathered.setdefault(shard, [])
        own.append(result)
        if len(own) == min(config.clips_per_shard, len(clips) - shard * config.clips_per_shard):
            own.sort(key=lambda one: one.number)
            _write_shard(_shard(folder, shard), gathered.pop(shard), encoders, held_out_from)
    captions = _count(folder, report)
    if not report.windows:
        raise ConfigError(f"none of {len(clips)} clips gave a window: {_why_none(report)}")
    report.captions = _write_text(folder / TEXT, captions, encoders)
    report.complete = True
    _write_index(folder, report, windows)
    return report


def _claim(folder: Path, fingerprint: str, windows: WindowConfig, on_stale: str) -> None:
    """Make the folder ours, or clear what another fingerprint left in it."""
    folder.mkdir(parents=True, exist_ok=True)
    index = folder / INDEX
    known = json.loads(index.read_text()).get("fingerprint") if index.exists() else None
    if known == fingerprint:
        return
    if known is not None:
        if on_stale == "refuse":
            raise ConfigError(
                f"{folder} caches other clips, settings or weights ({known}, wanted {fingerprint}): "
                "name another cache.folder, or set cache.on_stale=rebuild"
            )
        logger.warning("cache %s is stale (%s, wanted %s) and is built anew", folder, known, fingerprint)
    for old in [*folder.glob("shard-*.safetensors"), folder / TEXT]:
        old.unlink(missing_ok=True)
    _write_index(folder, CacheReport(fingerprint=fingerprint, clips=0), windows)


def _write_index(folder: Path, report: CacheReport, windows: WindowConfig) -> None:
    content = {**report.as_dict(), "version": VERSION, "windows_config": windows.model_dump(mode="json")}
    temporary = folder / f"{INDEX}.tmp"
    temporary.write_text(json.dumps(content, indent=2))
    temporary.replace(folder / INDEX)


def _shard(folder: Path, number: int) -> Path:
    return folder / f"shard-{number:05d}.safetensors"


def _write_shard(path: Path, results: Sequence[ClipResult], encoders: Encoders, held_out_from: int) -> None:
    """Encode the windows of some clips and write them with their facts."""
    pairs = [(result, window) for result in results for window in result.windows]
    facts = {
        "windows": [
            {
                "clip_id": window.clip_id,
                "captions": list(window.captions),
                "seconds": list(window.seconds),
                "held_out": result.number >= held_out_from,
            }
            for result, window in pairs
        ],
        "skipped": [
            {"clip_id": r.clip_id, "reason": r.skipped.reason, "detail": r.skipped.detail} for r in results if r.skipped
        ],
        "failures": [{"clip_id": r.clip_id, "reason": r.failure} for r in results if r.failure],
    }
    tensors = {"motion": torch.tensor([window.motion for _, window in pairs], dtype=torch.float32)}
    windows = [window for _, window in pairs]
    batches = [windows[at : at + PIXEL_BATCH] for at in range(0, len(windows), PIXEL_BATCH)]
    encoded = [
        encoders.pixels(np.stack([window.frames for window in batch]), [window.given for window in batch])
        for batch in batches
    ]
    if encoded:
        tensors["latents"] = torch.cat([latents for latents, _ in encoded]).half().contiguous()
        tensors["condition"] = torch.cat([condition for _, condition in encoded]).half().contiguous()
    held = [window.frames for result, window in pairs if result.number >= held_out_from]
    if held:
        tensors["held_out_frames"] = torch.from_numpy(np.stack(held))
    _save(path, tensors, facts)


def _write_text(path: Path, captions: Iterable[str], encoders: Encoders) -> int:
    """States of every distinct caption, "" first; gives their number."""
    wanted = list(dict.fromkeys(["", *captions]))
    known = _read_facts(path)
    if known is None or known["captions"] != wanted:
        batches = [wanted[at : at + TEXT_BATCH] for at in range(0, len(wanted), TEXT_BATCH)]
        states = torch.cat([encoders.text(batch) for batch in batches])
        _save(path, {"states": states.half().contiguous()}, {"captions": wanted})
    return len(wanted) - 1


def _save(path: Path, tensors: dict[str, torch.Tensor], facts: dict[str, Any]) -> None:
    content = save(tensors, metadata={"facts": json.dumps(facts)})
    write_file(path, lambda file: file.write(content))


def _read_facts(path: Path) -> dict[str, Any] | None:
    """The facts in a file's header; None for a file that is missing or damaged."""
    try:
        with safe_open(path, framework="pt") as file:
            facts: dict[str, Any] = json.loads(file.metadata()["facts"])
            return facts
    except (OSError, SafetensorError, KeyError, TypeError, json.JSONDecodeError):
        return None


def _count(folder: Path, report: CacheReport) -> list[str]:
    """Sum up the shards; gives their captions in order."""
    captions: list[str] = []
    for path in sorted(folder.glob("shard-*.safetensors")):
        facts = _read_facts(path) or {"windows": [], "skipped": [], "failures": []}
        report.windows += len(facts["windows"])
        report.held_out += sum(window["held_out"] for window in facts["windows"])
        report.skipped.update(row["reason"] for row in facts["skipped"])
        report.failures += facts["failures"]
        captions += [caption for window in facts["windows"] for caption in window["captions"]]
    return captions


def _why_none(report: CacheReport) -> str:
    reasons = [f"{count} skipped as {reason}" for reason, count in report.skipped.items()]
    if report.failures:
        reasons.append(f"{len(report.failures)} failed, the first with: {report.failures[0]['reason']}")
    return "; ".join(reasons) or "the list is empty"
