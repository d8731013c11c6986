"""Words of the captions, and those about the camera, with the published means marked."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from dropletvideo.curate.export.told import caption_of, main_caption
from dropletvideo.curate.figures.data import ReportData
from dropletvideo.curate.figures.words import clips_text, mean
from dropletvideo.language.words import count_camera_words, count_words
from dropletvideo.pages.page import Page

WORDS, CAMERA_WORDS = 206.0, 24.2  # DropletVideo-10M
DENSE_WORDS, STRUCTURED_WORDS = 90.0, 214.0  # MiraData; 318 of all six together
STRUCTURED = ("main_object_caption", "background_caption", "camera_caption", "style_caption")
SHOWN = 5


@dataclass(frozen=True)
class Counts:
    """Words of one clip's captions; None where there is no such caption."""

    main: int | None
    camera: int | None
    short: int | None
    dense: int | None
    structured: int | None

    @property
    def all(self) -> int | None:
        """Words of MiraData's six captions together, else of the one caption."""
        if self.structured is not None:
            return self.structured + (self.dense or 0) + (self.short or 0)
        return self.main


def words_of(clip: Mapping[str, Any]) -> Counts:
    """Count what a clip has, whether generated here or told by a list."""
    text = main_caption(clip)
    short, dense = caption_of(clip, "short_caption"), caption_of(clip, "dense_caption")
    parts = [caption_of(clip, name) for name in STRUCTURED]
    told = [part for part in parts if part]
    return Counts(
        main=count_words(text) if text else None,
        camera=count_camera_words(text) if text else None,
        short=count_words(short) if short else None,
        dense=count_words(dense) if dense else None,
        structured=sum(map(count_words, told)) if told else None,
    )


def add_captions(page: Page, data: ReportData) -> None:
    """Histograms of words with the published means marked, and a few captions to read."""
    counted = [words_of(clip) for clip in data.clips]
    main = [one.main for one in counted if one.main is not None]
    if not main:
        return
    page.section("Captions", f"{clips_text(len(main))} of {len(counted):,} have one.")
    with page.columns():
        _words(page, "Words of the caption", main, {"DropletVideo": WORDS})
        camera = [one.camera for one in counted if one.camera]
        note = f"Words of sentences about the camera, of the {clips_text(len(camera))} that have any."
        _words(page, "Words about the camera", camera, {"DropletVideo": CAMERA_WORDS}, note)
        dense = [one.dense for one in counted if one.dense is not None]
        _words(page, "Words of the dense caption", dense, {"MiraData": DENSE_WORDS})
        structured = [one.structured for one in counted if one.structured is not None]
        _words(page, "Words of the four structured captions", structured, {"MiraData": STRUCTURED_WORDS})
    models = Counter(str(clip["caption_model"]) for clip in data.clips if clip.get("caption_model"))
    if models:
        page.bars(dict(models.most_common()), title="Captioned by", digits=0)
    with page.fold("Captions of some clips"):
        chosen = [clip for clip in data.clips if main_caption(clip)]
        for clip in chosen[:: max(1, len(chosen) // SHOWN)][:SHOWN]:
            page.text(f"`{clip['clip_id']}`: {main_caption(clip)}")


def _words(page: Page, title: str, values: Sequence[int], marks: Mapping[str, float], note: str = "") -> None:
    if not values:
        return
    average = mean(values) or 0.0
    page.histogram(
        values,
        title=title,
        thresholds={"mean": average, **{f"mean of {name}": value for name, value in marks.items()}},
        x_label="words",
        caption=f"Mean {average:.1f}. {note}".strip(),
    )
