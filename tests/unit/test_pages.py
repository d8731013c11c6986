"""Reports: nothing a data set holds may break out of the page, and every number shown is the number given."""

from __future__ import annotations

import re
from html.parser import HTMLParser

import numpy as np
import pytest

from dropletvideo.errors import ConfigError
from dropletvideo.pages import charts, grid, pictures
from dropletvideo.pages.axes import format_number, log_ticks, nice_ticks, scale_over
from dropletvideo.pages.charts import Axes, Bar, Point
from dropletvideo.pages.grid import Column, Interval
from dropletvideo.pages.page import Page, Tile

HOSTILE = "<script>alert(\"x\")</script> & 'quote'"
VOID = {"meta", "img", "br"}


class Nesting(HTMLParser):
    """Collects tags left open or closed out of order."""

    def __init__(self):
        super().__init__()
        self.open, self.faults, self.links = [], [], []

    def handle_starttag(self, tag, attrs):
        self.links += [v for k, v in attrs if k in ("src", "href") and v and not v.startswith(("data:", "#"))]
        if tag not in VOID:
            self.open.append(tag)

    def handle_startendtag(self, tag, attrs):
        pass

    def handle_endtag(self, tag):
        if not self.open or self.open.pop() != tag:
            self.faults.append(tag)


def full_page(frame_FHWC):
    page = Page(HOSTILE, HOSTILE)
    page.lead(HOSTILE)
    page.tiles([Tile(label=HOSTILE, value=HOSTILE, note=HOSTILE), Tile(label="n", value=1234567)])
    page.section(HOSTILE, HOSTILE)
    page.note(HOSTILE, "warning")
    page.items([HOSTILE])
    page.table([{HOSTILE: HOSTILE, "n": 3}, {HOSTILE: None, "n": None}], caption=HOSTILE)
    with page.columns():
        page.bars({HOSTILE: 1.0}, title=HOSTILE, caption=HOSTILE)
        page.shares([Bar(label=HOSTILE, value=2)])
        page.histogram([1, 2, 3], thresholds={HOSTILE: 2.0}, x_label=HOSTILE)
        page.line({HOSTILE: ([0, 1], [1, 2])}, axes=Axes(y_marks={HOSTILE: 1.5}, x_label=HOSTILE))
        page.scatter({HOSTILE: [Point(x=1, y=1, label=HOSTILE)]}, reference={HOSTILE: ([0, 1], [0, 1])})
    page.contact_sheet([pictures.Picture(image=frame_FHWC[0], caption=HOSTILE, note=HOSTILE)])
    page.strips({HOSTILE: frame_FHWC})
    page.videos([pictures.Player(video=frame_FHWC, caption=HOSTILE)])
    with page.fold(HOSTILE):
        page.code(HOSTILE)
    return page


@pytest.fixture
def frames():
    return np.random.default_rng(0).integers(0, 255, (5, 32, 48, 3), dtype=np.uint8)


def test_hostile_text_stays_text_and_tags_nest(frames):
    html = full_page(frames).html()
    assert "<script>alert" not in html
    parser = Nesting()
    parser.feed(html)
    assert parser.faults == []
    assert parser.open == []
    assert parser.links == [], "a report must not fetch anything"


def test_save_is_atomic_and_reports_its_size(tmp_path, frames, monkeypatch):
    page = full_page(frames)
    target = tmp_path / "deep" / "report.html"
    assert page.save(target) == target.stat().st_size
    before = target.read_bytes()

    def broken(self):
        raise RuntimeError("disk full")

    monkeypatch.setattr(Page, "html", broken)
    with pytest.raises(RuntimeError):
        page.save(target)
    assert target.read_bytes() == before
    assert [p.name for p in target.parent.iterdir()] == ["report.html"]


def test_histogram_shows_every_finite_value_and_counts_the_rest():
    values = [*np.linspace(0, 1, 97), float("nan"), float("inf"), -float("inf")]
    html = charts.histogram(values, bins=10, thresholds={"at least": 0.5}, keep=(0.5, None))
    assert sum(int(n) for n in re.findall(r": (\d+)</title>", html)) == 97
    assert "3 values not finite" in html
    assert "at least 0.5" in html
    assert 'class="muted-fill"' in html
    assert 'class="fill0"' in html


def test_no_bin_lies_on_both_sides_of_a_limit():
    html = charts.histogram(np.linspace(0, 1, 100), bins=7, keep=(0.31, 0.62))
    kept = [int(n) for n in re.findall(r'class="fill0"[^>]*><title>[^<]*: (\d+)</title>', html)]
    assert sum(kept) == np.count_nonzero((np.linspace(0, 1, 100) >= 0.31) & (np.linspace(0, 1, 100) < 0.62))


def test_log_histogram_of_nothing_positive_still_draws():
    assert "2 values" in charts.histogram([0.0, -1.0], log_x=True)
    assert "<svg" in charts.histogram([])


def test_line_breaks_at_missing_values_and_keeps_extremes_when_thinned():
    ys = np.zeros(5000)
    ys[1234] = 9.0
    assert charts.lines({"a": ([0, 1, 2, 3, 4], [1, 2, float("nan"), 3, 4])}).count("<polyline") == 2
    thinned_x, thinned_y = charts._thinned(np.arange(5000), ys)
    assert thinned_x.size <= charts.MAX_POINTS + 2
    assert thinned_y.max() == 9.0


def test_bars_show_whiskers_signs_and_missing_values():
    html = charts.bars([Bar(label="a", value=-2.5, low=-3, high=-2), Bar(label="b", value=None)], unit="dB", digits=1)
    assert "−2.5 dB [−3.0, −2.0]" in html
    assert "<title>b: –</title>" in html


def test_table_sorts_by_the_number_and_colours_the_good_end():
    rows = [{"m": Interval(1.0, 0.5, 1.5), "e": 2.0}, {"m": Interval(3.0, 2.5, 3.5), "e": 1.0}]
    html = grid.table(rows, [Column(key="m", heat="high", digits=1), Column(key="e", heat="low")])
    assert 'data-v="3.0" style="--heat:100%">3.0 [2.5, 3.5]' in html
    assert 'data-v="1.0" style="--heat:100%">1</td>' in html


@pytest.mark.parametrize(
    ("value", "text"),
    [
        (None, "–"),
        (float("nan"), "–"),
        (12345, "12,345"),
        (0.02, "0.02"),
        (0.013249, "0.0132"),
        (3.1e-7, "3.1e-07"),
        (-1.5, "−1.5"),
    ],
)
def test_numbers_read_as_a_person_writes_them(value, text):
    assert format_number(value) == text


@pytest.mark.parametrize(("low", "high"), [(0, 1), (-3.2, 7.9), (0.0001, 0.0002), (1e5, 3e6), (5, 5)])
def test_ticks_lie_in_range_and_rise(low, high):
    ticks = nice_ticks(low, high)
    assert all(low - 1e-9 <= t <= high + 1e-9 for t in ticks)
    assert ticks == sorted(set(ticks))
    assert len(ticks) <= 12


def test_log_ticks_and_scale_cover_all_values():
    assert log_ticks(0.9, 110) == pytest.approx([1, 2, 5, 10, 20, 50, 100])
    scale = scale_over([1, 10, 100, 0, -1], start=0, end=100, log=True)
    assert scale(10) == pytest.approx(50)
    assert 0 < scale(1) < scale(100) < 100


def test_strip_takes_first_and_last_frame(frames):
    strip = pictures.strip_image(frames, count=3)
    assert strip.shape == (32, 3 * 48 + 2 * pictures.STRIP_GAP, 3)
    assert np.array_equal(strip[:, :48], frames[0])
    assert np.array_equal(strip[:, -48:], frames[-1])


def test_a_page_refuses_a_file_that_browsers_cannot_play(tmp_path):
    path = tmp_path / "clip.mkv"
    path.write_bytes(b"x")
    with pytest.raises(ConfigError, match=r"\.mkv"):
        pictures._address(path)
