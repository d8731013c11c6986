"""Dataset lists: every published form becomes the same record, nothing of a row is lost, bad rows have their line."""

from __future__ import annotations

import csv
import json
import math
from pathlib import Path

import fsspec
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from dropletvideo.curate.items import Item, item_of
from dropletvideo.curate.lists import read_list
from dropletvideo.curate.sources import find_sources, listed_items
from dropletvideo.errors import ConfigError

SHARED = Path(__file__).parents[2].parent / "shared"


def write_csv(path, *rows):
    with path.open("w", newline="", encoding="utf-8") as file:
        writer = csv.DictWriter(file, list(rows[0]))
        writer.writeheader()
        writer.writerows(rows)
    return path


DROPLETVIDEO = {
    "url": "https://www.youtube.com/watch?v=abc_DEF-123",
    "fps": "29.97",
    "framestamp": "(120, 341)",
    "quality_score": "4.7",
    "caption": "The camera pans, slowly.",
}
MIRADATA_V1 = {
    "clip_id": "12.3",
    "source": "youtube/city",
    "video_url": "https://www.youtube.com/watch?v=abc_DEF-123",
    "video_id": "abc_DEF-123",
    "width": "1280",
    "height": "720",
    "fps": "25",
    "seconds": "4.0",
    "timestamp": "['0:01:00.400', '0:01:04.400']",
    "frame_number": "100",
    "framestamp": "[1510, 1610]",
    "file_path": "clips/12.3.mp4",
    "short_caption": "A street.",
    "camera_caption": "It turns left.",
}


def test_dropletvideo_rows(tmp_path):
    (item,) = read_list(write_csv(tmp_path / "d.csv", DROPLETVIDEO))
    assert (item.url, item.video_id) == (DROPLETVIDEO["url"], "abc_DEF-123")
    assert (item.start_frame, item.end_frame, item.source_fps) == (120, 341, 29.97)
    assert item.seconds == pytest.approx((120 / 29.97, 341 / 29.97))
    assert item.captions == {"caption": "The camera pans, slowly."}
    assert item.more == {"quality_score": "4.7"}


def test_dropletvideo_json_by_video_id_is_the_same_as_its_csv(tmp_path):
    row = {name: value for name, value in DROPLETVIDEO.items() if name != "url"}
    (tmp_path / "d.json").write_text(json.dumps({"abc_DEF-123": [row, row]}))
    from_csv = list(read_list(write_csv(tmp_path / "d.csv", DROPLETVIDEO)))
    assert list(read_list(tmp_path / "d.json")) == from_csv * 2


def test_miradata_v1_rows_keep_frames_seconds_captions_and_the_rest(tmp_path):
    (item,) = read_list(write_csv(tmp_path / "m.csv", MIRADATA_V1))
    assert (item.start_frame, item.end_frame, item.source_fps) == (1510, 1610, 25.0)
    assert item.seconds == pytest.approx((60.4, 64.4))
    assert item.path is None, "file_path is where their cutter writes, not where the video is"
    assert (item.listed_id, item.source) == ("12.3", "youtube/city")
    assert set(item.captions) == {"short_caption", "camera_caption"}
    assert item.more["file_path"] == "clips/12.3.mp4"


@pytest.mark.skipif(not (SHARED / "data").is_dir(), reason="the published sample is not beside this checkout")
def test_the_published_miradata_v0_sample_reads_whole():
    items = list(read_list(SHARED / "data" / "miradata_v0_100_samples.csv"))
    assert len(items) == 100, "its last line is an empty row"
    assert all(len(item.captions) == 6 for item in items)
    off = []
    for item in items:
        hours, minutes, seconds = map(int, item.more["start_timestep"].split(":"))
        off.append(abs(item.seconds[0] - (hours * 3600 + minutes * 60 + seconds)))
    assert max(off) <= 1.0, "frame numbers over the listed rate agree with the listed times, which are whole seconds"


def test_openvid_rows_are_whole_files(tmp_path):
    row = {
        "video": "celebv_1.mp4",
        "caption": "A face.",
        "aesthetic score": "5.1",
        "motion score": "3",
        "temporal consistency score": "0.99",
        "camera motion": "static",
        "frame": "120",
        "fps": "24",
        "seconds": "5",
    }
    (item,) = read_list(write_csv(tmp_path / "o.csv", row))
    assert (item.path, item.has_span, item.source) == ("celebv_1.mp4", False, "OpenVid-1M")
    assert item.more["aesthetic score"] == "5.1"
    assert item.more["fps"] == "24"


@pytest.mark.parametrize("suffix", [".csv", ".tsv", ".jsonl", ".json", ".parquet"])
def test_a_plain_list_is_the_same_in_every_file_format(tmp_path, suffix):
    rows = [
        {"path": "a.mp4", "start_seconds": 1.5, "end_seconds": 3.0, "text": "One.", "license": "CC0", "mood": "calm"},
        {"path": "b.mp4", "start_seconds": 0.0, "end_seconds": None, "text": None, "license": None, "mood": None},
    ]
    path = tmp_path / f"list{suffix}"
    if suffix in (".csv", ".tsv"):
        text = write_csv(tmp_path / "x.csv", *rows).read_text()
        path.write_text(text if suffix == ".csv" else text.replace(",", "\t"))
    elif suffix == ".parquet":
        pq.write_table(pa.Table.from_pylist(rows), path)
    else:
        path.write_text(json.dumps(rows) if suffix == ".json" else "\n".join(map(json.dumps, rows)))
    first, second = read_list(path)
    assert first == Item(
        path="a.mp4", start_seconds=1.5, end_seconds=3.0, captions={"text": "One."}, licence="CC0",
        more={"mood": "calm"},
    )  # fmt: skip
    assert second == Item(path="b.mp4", start_seconds=0.0)
    assert second.seconds == (0.0, math.inf)


@pytest.mark.parametrize("row", [DROPLETVIDEO, MIRADATA_V1, {"path": "a.mp4", "start": "0:01:02.5", "end": "90"}])
def test_an_item_written_as_a_row_reads_back_as_it_was(row):
    item = item_of(row)
    assert item_of(json.loads(json.dumps(item.as_row()))) == item


def test_frame_numbers_in_a_video_folder_are_of_what_it_was_cut_from():
    item = item_of({"file_name": "c.mp4", "start_frame": 100, "end_frame": 200, "source_fps": 25.0})
    assert not item.has_span
    assert item.more["start_frame"] == 100


@pytest.mark.parametrize(
    ("change", "words"),
    [
        ({"framestamp": "(341, 120)"}, "341 to 120"),
        ({"framestamp": "341"}, "framestamp='341'"),
        ({"framestamp": "(1.5, 2)"}, "1.5"),
        ({"fps": "0"}, "fps='0'"),
        ({"url": "nowhere"}, "nowhere"),
        ({"url": ""}, "names no file"),
    ],
)
def test_a_bad_row_is_named_by_line_and_value_and_the_others_are_read(tmp_path, change, words):
    path = write_csv(tmp_path / "d.csv", DROPLETVIDEO, {**DROPLETVIDEO, **change}, DROPLETVIDEO)
    bad = []
    assert len(list(read_list(path, bad.append))) == 2
    assert bad[0].number == 3
    assert words in bad[0].reason
    with pytest.raises(ConfigError, match="line 3"):
        list(read_list(path))


def test_a_list_lies_on_object_storage():
    with fsspec.open("memory://lists/a.csv", "w") as file:
        file.write("path,start_frame,end_frame\nx.mp4,3,9\n")
    (item,) = read_list("memory://lists/a.csv")
    assert (item.path, item.start_frame, item.end_frame) == ("x.mp4", 3, 9)
    with pytest.raises(ConfigError, match="does not exist"):
        list(read_list("memory://lists/b.csv"))


def test_curation_takes_files_of_a_list_and_says_how_to_fetch_addresses(tmp_path):
    path = write_csv(
        tmp_path / "a.csv", {"path": "x.mp4", "start": 0, "end": 2}, {"path": "x.mp4", "start": 2, "end": 4}
    )
    found = find_sources([path])
    assert found.paths == (str(tmp_path / "x.mp4"),)
    assert (found.lists, found.has_spans) == ((path,), True)
    assert [item.start_seconds for _, item in listed_items(path)] == [0.0, 2.0]
    with pytest.raises(ConfigError, match="droplet collect"):
        find_sources([write_csv(tmp_path / "d.csv", DROPLETVIDEO)])
    with pytest.raises(ConfigError, match="droplet collect s3://b/v"):
        find_sources(["s3://b/v"])
