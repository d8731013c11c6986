"""A prompt set in MiraBench's form out of a data set: clips balanced over subjects, three captions each.

    OUT/requests.jsonl         a line per clip and kind of caption, as `droplet generate --batch` takes it
    OUT/images/NAME.png        first frame of the clip
    OUT/references/NAME.mp4    its first seconds, for the set metrics

The published benchmark has 50 clips of human, animal, object and landscape with short, dense and structured captions:
150 prompts, which were never released. Clips come at most once from a video before any video gives a second one, in an
order that follows from the seed and the clips' ids, so the same data set gives the same prompts.

Source: MiraBench (arXiv 2407.06358), section 4; videos of 5 s.
"""

from __future__ import annotations

import hashlib
import re
from collections import Counter
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import chain
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from dropletvideo import media
from dropletvideo.engine import map_in_order
from dropletvideo.errors import ConfigError
from dropletvideo.evaluate.caption_subjects import SUBJECTS, subject_of
from dropletvideo.evaluate.importers import CAPTION_PARTS, MIRABENCH_CAPTIONS, prompt_of
from dropletvideo.files import write_json_lines
from dropletvideo.tables import views

CAPTIONS = ("short_caption", "dense_caption", *CAPTION_PARTS)
LISTED = "listed_captions"
"""Captions of a published list, where the data set was made from one; those of its own columns go before."""
_NEEDED = ("clip_id", "video_id", "video_path", "start_frame", "end_frame", "source_fps")


@dataclass(frozen=True, kw_only=True)
class PromptSet:
    """What is asked of a set.

    Attributes:
        clips: how many, over all subjects. seconds: of each clip's beginning, as reference.
        short_side: of image and reference, px; None keeps the source's.
        where: SQL condition over the view `clips`. seed: of the order in which clips are taken.
    """

    clips: int = 50
    seconds: float = 5.0
    short_side: int | None = None
    where: str = "true"
    seed: int = 0


@dataclass(frozen=True, kw_only=True)
class Written:
    """What was written: `requests.jsonl`, clips by subject, and clips that could not be taken by the reason."""

    path: Path
    subjects: Mapping[str, int]
    left_out: Mapping[str, int]


@dataclass(frozen=True)
class _Job:
    clip: Mapping[str, Any]
    out: Path
    asked: PromptSet


def write_prompt_set(
    dataset: Path, out: Path, asked: PromptSet, *, workers: int = 1, advance: Callable[[str], None] | None = None
) -> Written:
    """Choose clips and write the set; `requests.jsonl` is written last.

    Raises:
        ConfigError: the data set has no captions, or no clip with all three kinds.
    """
    clips, left_out = _with_captions(_read(dataset, asked.where))
    if not clips:
        raise ConfigError(
            f"{dataset} has no clip with short, dense and structured captions: caption it with MiraData's parts "
            "(droplet curate with the stage captions), or loosen --where"
        )
    chosen = choose(clips, asked.clips, asked.seed)
    jobs = [_Job(clip, out, asked) for clip in chosen]
    lines = map_in_order(_write, jobs, workers=workers, label=lambda job: str(job.clip["clip_id"]), advance=advance)
    path = out / "requests.jsonl"
    write_json_lines(path, chain.from_iterable(lines))
    counts = Counter(str(clip["subject"]) for clip in chosen)
    return Written(path=path, subjects={each: counts.get(each, 0) for each in SUBJECTS}, left_out=left_out)


def choose(clips: Sequence[Mapping[str, Any]], count: int, seed: int = 0) -> list[Mapping[str, Any]]:
    """Clips in turn from each subject as long as it has any, each video once before any gives a second one."""
    by_subject: dict[str, list[Mapping[str, Any]]] = {subject: [] for subject in SUBJECTS}
    seen: Counter[str] = Counter()
    shuffled = sorted(clips, key=lambda clip: _drawn(seed, str(clip["clip_id"])))
    ranked = []
    for clip in shuffled:
        ranked.append((seen[str(clip["video_id"])], clip))
        seen[str(clip["video_id"])] += 1
    for _, clip in sorted(ranked, key=lambda pair: pair[0]):
        by_subject[clip["subject"]].append(clip)
    chosen: list[Mapping[str, Any]] = []
    while len(chosen) < count and any(by_subject.values()):
        for subject in SUBJECTS:
            if by_subject[subject] and len(chosen) < count:
                chosen.append(by_subject[subject].pop(0))
    return chosen


def _drawn(seed: int, clip_id: str) -> str:
    return hashlib.blake2b(f"{seed} {clip_id}".encode(), digest_size=8).hexdigest()


def _read(dataset: Path, where: str) -> list[dict[str, Any]]:
    known = {row["column_name"] for row in views.query(dataset, "SELECT column_name FROM (DESCRIBE clips)")}
    wanted = [name for name in (*_NEEDED, *CAPTIONS, LISTED) if name in known]
    return views.read_clips(dataset, where, wanted, order_by="clip_id")


def _with_captions(rows: Sequence[dict[str, Any]]) -> tuple[list[dict[str, Any]], dict[str, int]]:
    """Rows with a subject and all three kinds of captions, and why others are left out."""
    kept, left_out = [], Counter[str]()
    for row in rows:
        listed = row.get(LISTED) or {}
        told = {name: str(row.get(name) or listed.get(name) or "").strip() for name in CAPTIONS}
        captions = {name: text for name, text in told.items() if text}
        lacking = [kind for kind in MIRABENCH_CAPTIONS if not prompt_of(captions, kind)]
        subject = subject_of(captions)
        if lacking:
            left_out[f"no {lacking[0]} caption"] += 1
        elif subject is None:
            left_out["captions do not tell the subject"] += 1
        else:
            kept.append({**row, "captions": captions, "subject": subject})
    return kept, dict(left_out)


def _write(job: _Job) -> list[dict[str, Any]]:
    """Image, reference and the request lines of one clip."""
    clip, asked = job.clip, job.asked
    name = re.sub(r"[^\w.-]+", "-", str(clip["clip_id"]))
    rate, start = float(clip["source_fps"]), int(clip["start_frame"])
    end = min(int(clip["end_frame"]), start + max(1, round(asked.seconds * rate)))
    image, reference = f"images/{name}.png", f"references/{name}.mp4"
    for file in (image, reference):
        (job.out / file).parent.mkdir(parents=True, exist_ok=True)
    path = str(clip["video_path"])
    first = media.read_frames(path, [start], short_side=asked.short_side)[0]
    media.write_image(job.out / image, first)
    media.write_video(job.out / reference, _frames(path, start, end, asked.short_side), playback_fps=rate, crf=10)
    return [
        {
            "id": f"{name}-{kind}",
            "prompt": prompt_of(clip["captions"], kind),
            "image": image,
            "reference_video": reference,
            "group": name,
            "seed": asked.seed,
            "caption_kind": kind,
            "category": clip["subject"],
            **clip["captions"],
        }
        for kind in MIRABENCH_CAPTIONS
    ]


def _frames(path: str, start: int, end: int, short_side: int | None) -> Iterator[NDArray[np.uint8]]:
    for run in media.stream(path, start_frame=start, end_frame=end, short_side=short_side):
        yield run.frames
