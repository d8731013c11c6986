"""The data set card: `DIR/README.md` in the form that Hugging Face shows, written anew with every export.

It says what the clips are (counts, hours, sizes, camera classes, captions), where they come from and under which
licences, and how they were chosen: the selection itself with its funnel. A README of one's own is left alone.
"""

from __future__ import annotations

import logging
import statistics
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import yaml

from dropletvideo import __version__
from dropletvideo.curate.export.told import MAIN_CAPTIONS, aspect_bucket, caption_of, main_caption
from dropletvideo.curate.selection import Funnel, Selection
from dropletvideo.files import write_text

NAME = "README.md"
MARK = "<!-- written by droplet export; remove this line to keep the file as it is -->"
UNKNOWN = "not stated"
MAX_ROWS = 20
SIZES = ((1_000, "n<1K"), (10_000, "1K<n<10K"), (100_000, "10K<n<100K"), (1_000_000, "100K<n<1M"))
HUB_LICENCES = {
    "cc0": "cc0-1.0", "cc0-1.0": "cc0-1.0", "cc-by-4.0": "cc-by-4.0", "cc by 4.0": "cc-by-4.0",
    "cc-by-sa-4.0": "cc-by-sa-4.0", "cc-by-nc-4.0": "cc-by-nc-4.0", "apache-2.0": "apache-2.0", "mit": "mit",
}  # fmt: skip
Clip = Mapping[str, Any]
logger = logging.getLogger(__name__)


@dataclass(frozen=True, kw_only=True)
class Facts:
    """What a card tells beside the clips: the format, the selection and its funnel, how the files were made."""

    name: str
    format_name: str
    selection_name: str
    selection: Selection
    funnel: Funnel
    copied: int
    settings: Mapping[str, Any]
    failed: int = 0


def write_card(out: Path, clips: Sequence[Clip], facts: Facts) -> Path | None:
    """Write the card; None where a README of someone's own lies there."""
    path = out / NAME
    if path.exists() and MARK not in path.read_text(encoding="utf-8"):
        logger.warning("%s is not ours and stays as it is: the card was not written", path)
        return None
    write_text(path, card_text(clips, facts))
    return path


def card_text(clips: Sequence[Clip], facts: Facts) -> str:
    """The whole card."""
    videos = len({clip["video_id"] for clip in clips})
    parts = [
        _front_matter(clips, facts),
        MARK,
        f"# {facts.name}",
        f"{len(clips):,} clips, {_hours(clips):.2f} hours, from {videos:,} videos. Layout: {facts.format_name}.",
        *_statistics(clips),
        *_origin(clips),
        *_selection(facts),
        *_files(clips, facts),
    ]
    return "\n\n".join(parts) + "\n"


def _front_matter(clips: Sequence[Clip], facts: Facts) -> str:
    licences = {str(clip.get("licence") or UNKNOWN) for clip in clips}
    known = HUB_LICENCES.get(next(iter(licences)).lower(), "other") if len(licences) == 1 else "other"
    front: dict[str, Any] = {
        "pretty_name": facts.name,
        "license": known,
        "task_categories": ["text-to-video", "image-to-video"],
        "size_categories": [next((name for limit, name in SIZES if len(clips) < limit), "n>1M")],
        "tags": ["video", "camera-motion", facts.format_name],
    }
    return "---\n" + yaml.safe_dump(front, sort_keys=False, allow_unicode=True) + "---"


def _hours(clips: Sequence[Clip]) -> float:
    return sum(float(clip["duration_seconds"]) for clip in clips) / 3600


def _statistics(clips: Sequence[Clip]) -> list[str]:
    if not clips:
        return []
    rows = [
        ("seconds per clip", [float(clip["duration_seconds"]) for clip in clips]),
        ("frames per clip", [float(clip["num_frames"]) for clip in clips]),
        ("source frames per second", [float(clip["source_fps"]) for clip in clips]),
    ]
    for name in ("motion_score", "camera_confidence", "listed_overlap"):
        rows.append((f"`{name}`", [float(value) for clip in clips if (value := clip.get(name)) is not None]))
    texts = [text for clip in clips if (text := main_caption(clip))]
    rows.append(("words per caption", [float(len(text.split())) for text in texts]))
    measured = [(name, *_quantiles(values), len(values)) for name, values in rows if values]
    shapes = Counter(f"{clip['width']}x{clip['height']}" for clip in clips)
    tables = [
        "## Statistics",
        _table(("measure", "10 %", "median", "90 %", "mean", "clips"), measured),
        _counted("size", shapes),
        _counted("shape", Counter(map(aspect_bucket, clips))),
    ]
    classes = Counter(str(clip["camera_class"]) for clip in clips if clip.get("camera_class"))
    if classes:
        tables.append(_counted("camera class", classes))
    return tables


def _quantiles(values: Sequence[float]) -> tuple[str, str, str, str]:
    ordered = sorted(values)

    def at(share: float) -> float:
        return ordered[min(len(ordered) - 1, int(share * len(ordered)))]

    return tuple(f"{value:.4g}" for value in (at(0.1), statistics.median(ordered), at(0.9), statistics.fmean(ordered)))  # type: ignore[return-value]


def _origin(clips: Sequence[Clip]) -> list[str]:
    licences = Counter(str(clip.get("licence") or UNKNOWN) for clip in clips)
    sources = Counter(str(clip.get("source") or UNKNOWN) for clip in clips)
    parts = ["## Sources and licences", _counted("source", sources), _counted("licence", licences)]
    if licences[UNKNOWN]:
        parts.append(
            f"For {licences[UNKNOWN]:,} clips no licence was stated: the rights of their owners hold, find them out "
            "before passing the clips on."
        )
    return parts


def _selection(facts: Facts) -> list[str]:
    plain = facts.selection.model_dump(mode="json", exclude_defaults=True)
    funnel = facts.funnel
    steps = [(f"`{step.condition}`", step.dropped, step.after) for step in funnel.steps]
    return [
        f"## Selection `{facts.selection_name}`",
        f"{funnel.kept:,} of {funnel.total:,} measured clips.",
        "```yaml\n" + yaml.safe_dump(plain, sort_keys=False, allow_unicode=True) + "```",
        _table(("rule", "dropped", "left"), steps) if steps else "Nothing was dropped.",
    ]


def _files(clips: Sequence[Clip], facts: Facts) -> list[str]:
    names = (*MAIN_CAPTIONS, "main_object_caption", "background_caption", "style_caption", "camera_caption")
    captioned = [name for name in names if any(caption_of(clip, name) for clip in clips)]
    settings = ", ".join(
        f"{name} {value}" for name, value in facts.settings.items() if name != "copy" and value is not None
    )
    lines = [
        "## Files",
        f"Every file holds exactly the frames `start_frame` to `end_frame` of its source: {facts.copied:,} copied as "
        f"they were coded, {len(clips) - facts.copied:,} coded anew ({settings}). Sound is left out.",
        f"Captions: {', '.join(captioned) or 'none'}.",
    ]
    if facts.failed:
        lines.append(f"{facts.failed:,} chosen clips could not be cut and are not here.")
    return [*lines, f"Made with dropletvideo {__version__}."]


def _counted(what: str, counts: Mapping[str, int]) -> str:
    total = sum(counts.values())
    ordered = sorted(counts.items(), key=lambda pair: (-pair[1], pair[0]))
    rows: list[tuple[Any, ...]] = [(name, count, f"{count / total:.1%}") for name, count in ordered[:MAX_ROWS]]
    if rest := ordered[MAX_ROWS:]:
        count = sum(pair[1] for pair in rest)
        rows.append((f"{len(rest):,} others", count, f"{count / total:.1%}"))
    return _table((what, "clips", "share"), rows)


def _table(head: Sequence[str], rows: Sequence[Sequence[Any]]) -> str:
    lines = [head, ["---"] * len(head), *rows]
    return "\n".join("| " + " | ".join(_cell(cell) for cell in line) + " |" for line in lines)


def _cell(value: Any) -> str:
    return f"{value:,}" if isinstance(value, int) else str(value).replace("|", "\\|").replace("\n", " ")
