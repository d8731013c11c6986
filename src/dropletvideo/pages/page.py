"""One self-contained HTML report: style, script, charts, images and clips lie inside the file; it opens anywhere.

    page = Page("Dataset report", "22 videos")
    page.lead("184 clips kept of 210.")
    page.tiles([Tile("clips", 210), Tile("kept", 184, "88 %")])
    page.section("Motion")
    page.histogram(scores, thresholds={"at least": 0.02}, keep=(0.02, None), x_label="motion_score")
    size_bytes = page.save("report.html")

Pieces go into the section opened last. All text is escaped; `code` between backticks and **strong** are the only
marks that a text may hold. `with page.fold(title):` hides pieces behind a heading, `with page.columns():` sets
them side by side.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from html import escape
from importlib import resources
from pathlib import Path
from typing import Any, Literal

from numpy.typing import ArrayLike

from dropletvideo.files import write_file
from dropletvideo.pages import charts, grid, pictures
from dropletvideo.pages.axes import format_bytes, format_number
from dropletvideo.pages.charts import PLAIN, Axes, Bar, Point
from dropletvideo.pages.forest import Leaf, forest
from dropletvideo.pages.grid import Column
from dropletvideo.pages.pictures import Frame, Picture, Player
from dropletvideo.pages.text import caption_tag, inline

NoteStyle = Literal["info", "good", "warning"]


@dataclass(frozen=True, kw_only=True)
class Tile:
    """A key figure: a label, a number or a short text, and a quieter line below."""

    label: str
    value: float | str | None
    note: str = ""
    style: NoteStyle = "info"


class Page:
    """A report under construction; `save` writes it."""

    def __init__(self, title: str, subtitle: str = "") -> None:
        self.title = title
        self.subtitle = subtitle
        self._parts: list[str] = []
        self._contents: list[tuple[str, str]] = []

    # text

    def section(self, title: str, text: str = "") -> None:
        """Open a section; it is listed in the table of contents."""
        anchor = f"s{len(self._contents) + 1}"
        self._contents.append((anchor, title))
        self._parts.append(f'<h2 id="{anchor}">{escape(title)}</h2>')
        if text:
            self.text(text)

    def heading(self, title: str) -> None:
        """A heading inside a section."""
        self._parts.append(f"<h3>{escape(title)}</h3>")

    def lead(self, text: str) -> None:
        """The paragraph that says the result first, in larger type."""
        self._parts.append(f'<p class="lead">{inline(text)}</p>')

    def text(self, text: str) -> None:
        """A paragraph; an empty line starts the next one."""
        self._parts.extend(f"<p>{inline(part)}</p>" for part in re.split(r"\n\s*\n", text.strip()) if part)

    def note(self, text: str, style: NoteStyle = "info") -> None:
        """A boxed remark; `warning` is for weak results and things that failed."""
        self._parts.append(f'<p class="note {style}">{inline(text)}</p>')

    def code(self, text: str) -> None:
        """A block of code or a command line."""
        self._parts.append(f"<pre><code>{escape(text.strip())}</code></pre>")

    def items(self, texts: Sequence[str]) -> None:
        """A bulleted list."""
        self._parts.append("<ul>" + "".join(f"<li>{inline(text)}</li>" for text in texts) + "</ul>")

    # numbers

    def tiles(self, tiles: Sequence[Tile]) -> None:
        """A row of key figures."""
        self._parts.append(f'<div class="tiles">{"".join(_tile(tile) for tile in tiles)}</div>')

    def table(
        self,
        rows: Sequence[Mapping[str, Any]],
        columns: Sequence[Column | str] | None = None,
        *,
        caption: str = "",
        emphasis: Sequence[int] = (),
    ) -> None:
        """A sortable table; see `grid.table`."""
        self._parts.append(grid.table(rows, columns, caption=caption, emphasis=emphasis))

    def bars(
        self,
        items: Mapping[str, float] | Sequence[Bar],
        *,
        title: str = "",
        caption: str = "",
        unit: str = "",
        digits: int | None = None,
        legend: Sequence[str] = (),
    ) -> None:
        """Horizontal bars with their numbers, from `label: value` or `Bar` records with whiskers and colours."""
        made = [Bar(label=k, value=v) for k, v in items.items()] if isinstance(items, Mapping) else items
        self._chart(charts.bars(made, unit=unit, digits=digits, legend=legend), title, caption)

    def forest(self, leaves: Sequence[Leaf], *, left: str = "", right: str = "", caption: str = "") -> None:
        """Values with intervals about zero, one line each; see `forest.forest`."""
        self._chart(forest(leaves, left=left, right=right), "", caption)

    def shares(self, parts: Sequence[Bar], *, title: str = "", caption: str = "") -> None:
        """One stacked bar of the shares of a whole."""
        self._chart(charts.shares(parts), title, caption)

    def histogram(
        self,
        values: ArrayLike,
        *,
        title: str = "",
        caption: str = "",
        bins: int | None = None,
        thresholds: Mapping[str, float] | None = None,
        keep: tuple[float | None, float | None] = (None, None),
        log_x: bool = False,
        x_label: str = "",
    ) -> None:
        """Histogram with labelled threshold lines; bins outside `keep` are muted."""
        drawn = charts.histogram(values, bins=bins, thresholds=thresholds, keep=keep, log_x=log_x, x_label=x_label)
        self._chart(drawn, title, caption)

    def line(
        self,
        series: Mapping[str, tuple[ArrayLike, ArrayLike]],
        *,
        title: str = "",
        caption: str = "",
        axes: Axes = PLAIN,
        bands: Mapping[str, tuple[ArrayLike, ArrayLike]] | None = None,
        dashed: Sequence[str] = (),
    ) -> None:
        """Line chart of `name: (x, y)` series, with optional bands `name: (low, high)`."""
        self._chart(charts.lines(series, axes=axes, bands=bands, dashed=dashed), title, caption)

    def scatter(
        self,
        series: Mapping[str, Sequence[Point]],
        *,
        title: str = "",
        caption: str = "",
        axes: Axes = PLAIN,
        reference: Mapping[str, tuple[ArrayLike, ArrayLike]] | None = None,
        is_joined: bool = False,
    ) -> None:
        """Points with whiskers; `reference` lines are dashed, `is_joined` draws a line through each series."""
        self._chart(charts.scatter(series, axes=axes, reference=reference, is_joined=is_joined), title, caption)

    # pictures

    def contact_sheet(
        self, images: Sequence[Picture], *, caption: str = "", short_side: int = pictures.THUMB_SIDE
    ) -> None:
        """A grid of images with captions."""
        self._parts.append(pictures.contact_sheet(images, short_side=short_side) + caption_tag(caption))

    def strip(self, frames: Frame, caption: str = "", *, count: int = 8) -> None:
        """Frames of one clip side by side, evenly spread over its length (FHWC uint8)."""
        self._parts.append(pictures.strips({caption: frames}, count=count))

    def strips(self, rows: Mapping[str, Frame], *, caption: str = "", count: int = 8) -> None:
        """Film strips one under another, each with its label."""
        self._parts.append(pictures.strips(rows, count=count) + caption_tag(caption))

    def video(self, video: Path | str | Frame, caption: str = "", *, playback_fps: float = 8.0) -> None:
        """One clip that plays in a loop, from an mp4 file or FHWC uint8 frames."""
        self.videos([Player(video=video, caption=caption, playback_fps=playback_fps)], width=320)

    def videos(self, clips: Sequence[Player], *, caption: str = "", width: int = 200) -> None:
        """A grid of players of about `width` px each."""
        self._parts.append(pictures.players(clips, width=width) + caption_tag(caption))

    # containers

    @contextmanager
    def fold(self, title: str, *, is_open: bool = False) -> Iterator[None]:
        """Pieces made inside are shown after a click on `title`."""
        self._parts.append(f"<details{' open' if is_open else ''}><summary>{escape(title)}</summary>")
        yield
        self._parts.append("</details>")

    @contextmanager
    def columns(self) -> Iterator[None]:
        """Pieces made inside stand side by side where the window is wide enough."""
        self._parts.append('<div class="columns">')
        yield
        self._parts.append("</div>")

    def _chart(self, drawn: str, title: str, caption: str) -> None:
        head = f"<figcaption><b>{escape(title)}</b></figcaption>" if title else ""
        self._parts.append(f'<figure class="plot">{head}{drawn}{caption_tag(caption)}</figure>')

    # output

    def html(self) -> str:
        """The whole document."""
        contents = "".join(f'<a href="#{anchor}">{escape(title)}</a>' for anchor, title in self._contents)
        body = "\n".join(self._parts)
        size = format_bytes(len(body.encode()))
        subtitle = f"<p class=subtitle>{inline(self.subtitle)}</p>" if self.subtitle else ""
        return (
            '<!doctype html>\n<html lang="en"><head><meta charset="utf-8">'
            '<meta name="viewport" content="width=device-width, initial-scale=1">'
            '<meta name="color-scheme" content="light dark">'
            f"<title>{escape(self.title)}</title><style>{_asset('page.css')}</style></head><body>"
            f"<nav><b>{escape(self.title)}</b>{contents}</nav><main>"
            f"<header><h1>{escape(self.title)}</h1>{subtitle}</header>\n{body}\n"
            f"<footer>One file, {size}, no outside links. Made by dropletvideo.</footer></main>"
            f"<script>{_asset('page.js')}</script></body></html>\n"
        )

    def save(self, path: str | Path) -> int:
        """Write the page under a temporary name and rename it; returns its size in bytes."""
        target = Path(path)
        data = self.html().encode()
        write_file(target, lambda file: file.write(data))
        return len(data)


def _asset(name: str) -> str:
    return resources.files("dropletvideo.pages").joinpath(name).read_text(encoding="utf-8")


def _tile(tile: Tile) -> str:
    value = tile.value if isinstance(tile.value, str) else format_number(tile.value)
    note = f"<small>{escape(tile.note)}</small>" if tile.note else ""
    return f'<div class="tile {tile.style}"><span>{escape(tile.label)}</span><b>{escape(value)}</b>{note}</div>'
