"""The data set's own row in MiraData's Tables 1 and 2, beside the rows of published data sets."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from typing import Any

from dropletvideo.curate.figures.captions import words_of
from dropletvideo.curate.figures.data import ReportData
from dropletvideo.curate.figures.words import mean, numbers
from dropletvideo.pages.grid import Column
from dropletvideo.pages.page import Page

# Data set, mean words, mean seconds, hours, year, text, domain, resolution: MiraData's Table 1 as published; a value
# given there as "about" stands as it is, one that is not given is None.
TABLE_1: tuple[tuple[Any, ...], ...] = (
    ("HowTo100M", 4.0, 3.6, 135_000, 2019, "ASR", "Open", "240p"),
    ("LSMDC", 7.0, 4.8, 158, 2015, "Manual", "Movie", "1080p"),
    ("DiDeMo", 8.0, 6.9, 87, 2017, "Manual", "Flickr", None),
    ("YouCook2", 8.8, 19.6, 176, 2018, "Manual", "Cooking", None),
    ("MSR-VTT", 9.3, 15.0, 40, 2016, "Manual", "Open", "240p"),
    ("HD-VG-130M", 9.6, 5.1, 184_000, 2024, "Generated", "Open", "720p"),
    ("WebVid-10M", 12.0, 18.0, 52_000, 2021, "Alt-Text", "Open", "360p"),
    ("Panda-70M", 13.2, 8.5, 167_000, 2024, "Generated", "Open", "720p"),
    ("ActivityNet", 13.5, 36.0, 849, 2017, "Manual", "Action", None),
    ("VATEX", 15.2, 10.0, 115, 2019, "Manual", "Open", None),
    ("HD-VILA-100M", 17.6, 11.7, 760_300, 2022, "ASR", "Open", "720p"),
    ("How2", 20.0, 5.8, 308, 2018, "Manual", "Instruct", None),
    ("InternVid", 32.5, 13.4, 371_500, 2023, "Generated", "Open", "720p"),
    ("MiraData", 318.0, 72.1, 16_000, 2024, "Generated", "Open", "720p"),
)
# Data set, mean flow in px per pair at 2 frames per second (RAFT), mean aesthetics: MiraData's Table 2.
TABLE_2: tuple[tuple[str, float, float], ...] = (
    ("Panda-70M", 4.37, 4.67),
    ("HD-VILA-100M", 4.45, 4.61),
    ("InternVid", 3.92, 4.50),
    ("WebVid-10M", 1.08, 4.41),
    ("MiraData, unfiltered", 5.22, 5.01),
    ("MiraData, filtered", 6.93, 5.02),
)


def add_published(page: Page, data: ReportData) -> None:
    """Both tables; rows of this data set are in bold."""
    if not data.clips:
        return
    page.section("Beside published data sets", "MiraData's Tables 1 and 2 as published, with this data set's rows.")
    own = [_row_1(label, clips, seconds) for label, clips, _, seconds in data.parts()]
    names = ("data set", "words", "seconds", "hours", "year", "text", "domain", "resolution")
    page.table(
        [*own, *({**dict(zip(names, row, strict=True)), "year": str(row[4])} for row in TABLE_1)],
        [
            "data set",
            Column(key="words", title="mean words", digits=1),
            Column(key="seconds", title="mean seconds", digits=1),
            Column(key="hours", title="total hours"),
            *names[4:],
        ],
        caption="Words: of all captions of a clip together. Resolution: that of most clips, by the short side.",
        emphasis=range(len(own)),
    )
    second = [_row_2(label, clips) for label, clips, _, _ in data.parts()]
    page.table(
        [*second, *({"data set": name, "raft": flow, "aesthetics": liked} for name, flow, liked in TABLE_2)],
        [
            "data set",
            Column(key="raft", title="flow (RAFT)", digits=2),
            Column(key="dis", title="flow (DIS)", digits=2),
            Column(key="aesthetics", digits=2),
        ],
        caption="Flow: pixels per pair at 2 frames per second; ours at short side 256, the size behind the published "
        "ones is not told. DIS is the weight-free measure and has no published value.",
        emphasis=range(len(second)),
    )


def _row_1(label: str, clips: Sequence[dict[str, Any]], seconds: float) -> dict[str, Any]:
    words = [count for clip in clips if (count := words_of(clip).all) is not None]
    sides = Counter(min(int(clip["height"]), int(clip["width"])) for clip in clips)
    return {
        "data set": label,
        "words": mean(words),
        "seconds": mean(numbers(clips, "duration_seconds")),
        "hours": round(seconds / 3600, 2),
        "text": _text_of(clips),
        "resolution": f"{sides.most_common(1)[0][0]}p" if sides else None,
    }


def _text_of(clips: Sequence[dict[str, Any]]) -> str | None:
    if any(clip.get("caption_model") for clip in clips):
        return "Generated"
    return "As listed" if any(words_of(clip).main is not None for clip in clips) else None


def _row_2(label: str, clips: Sequence[dict[str, Any]]) -> dict[str, Any]:
    liked = numbers(clips, "aesthetic_v2_mean") or numbers(clips, "aesthetic_v1_mean")
    return {
        "data set": label,
        "raft": mean(numbers(clips, "raft_flow_2fps_px")),
        "dis": mean(numbers(clips, "flow_2fps_px")),
        "aesthetics": mean(liked),
    }
