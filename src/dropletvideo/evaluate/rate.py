"""People rank videos: one offline page, blind and shuffled; what comes back is read with its key.

The page shows, request by request, the answers of all runs side by side in a drawn order, under letters. A rater gives
each a rank (1 is best; equal ranks are allowed) on the five criteria of MiraBench (arXiv 2407.06358): motion strength,
temporal consistency, 3D consistency, visual quality, text alignment. The videos are encoded anew, so that neither name
nor metadata tells who made them; which letter is which run stands in `key.json` alone, beside the page.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from html import escape
from importlib import resources
from pathlib import Path
from typing import Any

import numpy as np

from dropletvideo import media
from dropletvideo.errors import RequestError
from dropletvideo.evaluate.compare import Scored
from dropletvideo.files import write_json, write_text
from dropletvideo.pages.pictures import Player, image_address, video_address

CRITERIA: Mapping[str, str] = {
    "motion_strength": "Motion strength",
    "temporal_consistency": "Temporal consistency",
    "three_d_consistency": "3D consistency",
    "visual_quality": "Visual quality",
    "text_alignment": "Text alignment",
}
LETTERS = "ABCDEFGH"
PAGE, KEY = "rate.html", "key.json"


@dataclass(frozen=True, kw_only=True)
class RateConfig:
    """How many requests are shown, drawn by `seed`; videos are made `short_side` at most, to keep the page small."""

    count: int = 20
    seed: int = 20250306
    short_side: int = 256


def write_rating(
    runs: Sequence[Scored], prompts: Mapping[str, Mapping[str, Any]], out: Path, config: RateConfig
) -> Path:
    """Write `rate.html` and `key.json` into `out`; returns the page's path.

    Args:
        runs: two to eight systems with answers to the same requests.
        prompts: by id, `prompt` and `image` (a path or None) to show above the videos.
        out: folder, made if missing.
        config: see there.

    Raises:
        RequestError: too few or too many runs, or no request that all have answered.
        MediaError: a video cannot be read.
    """
    if not 2 <= len(runs) <= len(LETTERS):
        raise RequestError(f"{len(runs)} runs cannot be ranked: give 2 to {len(LETTERS)}")
    common = [name for name in runs[0].lines if all("scores" in run.lines.get(name, {}) for run in runs)]
    if not common:
        raise RequestError("the runs have no scored request in common: score answers to the same requests")
    generator = np.random.default_rng(config.seed)
    chosen = [common[k] for k in sorted(generator.permutation(len(common))[: config.count])]
    names = _names(runs)
    items, shown = [], []
    for number, name in enumerate((chosen[k] for k in generator.permutation(len(chosen))), start=1):
        order = [int(k) for k in generator.permutation(len(runs))]
        slots = {LETTERS[place]: _slot(runs[k], names[k]) for place, k in enumerate(order)}
        items.append({"item": number, "id": name, "group": runs[0].lines[name]["group"], "slots": slots})
        videos = {LETTERS[place]: runs[k].lines[name]["video"] for place, k in enumerate(order)}
        shown.append(_shown(number, prompts.get(name, {}), videos, config))
    study = hashlib.blake2b(json.dumps(items).encode(), digest_size=8).hexdigest()
    key = {
        "study": study,
        "criteria": list(CRITERIA),
        "items": items,
        "runs": [_slot(run, name) for run, name in zip(runs, names, strict=True)],
    }
    write_json(out / KEY, key)
    write_text(out / PAGE, _page(study, shown))
    return out / PAGE


def _names(runs: Sequence[Scored]) -> list[str]:
    """A name for each run; two that are called alike are told apart by their place."""
    names = [run.name for run in runs]
    return [name if names.count(name) == 1 else f"{name} #{place}" for place, name in enumerate(names, start=1)]


def _slot(run: Scored, name: str) -> dict[str, str]:
    return {"run": name, "folder": str(run.folder.resolve()), "system": run.system}


def _shown(number: int, asked: Mapping[str, Any], videos: Mapping[str, str], config: RateConfig) -> dict[str, Any]:
    """What the page holds of one request."""
    image = asked.get("image")
    return {
        "item": number,
        "prompt": str(asked.get("prompt") or ""),
        "image": image_address(Path(image)) if image and Path(image).is_file() else "",
        "videos": [{"letter": letter, "source": _anonymous(path, config)} for letter, path in videos.items()],
    }


def _anonymous(path: str, config: RateConfig) -> str:
    """The `data:` address of a video encoded anew, without its name and metadata."""
    rate = media.probe(path).source_fps
    frames = media.read_video(path).frames
    if min(frames.shape[1:3]) > config.short_side:
        frames = media.resize(frames, short_side=config.short_side)
    return video_address(Player(video=frames, playback_fps=rate))


def _page(study: str, items: Sequence[Mapping[str, Any]]) -> str:
    template = resources.files("dropletvideo.evaluate").joinpath("rate_page.html").read_text(encoding="utf-8")
    content = {"study": study, "criteria": CRITERIA, "items": items}
    data = json.dumps(content, ensure_ascii=False).replace("</", "<\\/")
    return template.replace("__TITLE__", escape("Rank the videos")).replace("__DATA__", data)
