"""Exports: the files hold the very frames, each format reads as its readers read it, the card tells what is there."""

from __future__ import annotations

import ast
import csv
import hashlib
import json
import tarfile
from datetime import datetime

import fsspec
import numpy as np
import pytest
import yaml
from typer.testing import CliRunner

from dropletvideo import media
from dropletvideo.cli.__main__ import application
from dropletvideo.curate.export import card, webdataset
from dropletvideo.curate.export.cut import CutSettings
from dropletvideo.curate.export.told import aspect_bucket, main_caption, quality_of
from dropletvideo.curate.export.write import chosen_clips, export
from dropletvideo.curate.items import item_of
from dropletvideo.curate.run import curate
from dropletvideo.curate.selection import Selection
from dropletvideo.curate.store import store_selection

YOUTUBE = "https://www.youtube.com/watch?v=abc_DEF-123"


def footage(path, height, width, frames=60, seed=0):
    noise = np.random.default_rng(seed).integers(0, 255, (height // 8, (width + frames) // 4, 3), np.uint8)
    wide = media.resize(noise, size=(height, width + 2 * frames))
    media.write_video(path, np.stack([wide[:, 2 * k : 2 * k + width] for k in range(frames)]), playback_fps=25)
    return path


@pytest.fixture(scope="module")
def dataset(tmp_path_factory):
    """Four clips of three videos of different shape, one of them from YouTube with captions and a licence."""
    folder = tmp_path_factory.mktemp("export")
    footage(folder / "wide.mp4", 64, 112)
    footage(folder / "tall.mp4", 112, 64, seed=1)
    footage(folder / "same.mp4", 64, 64, seed=2)
    told = {"url": YOUTUBE, "source": "youtube", "licence": "CC0", "quality_score": 4.5, "short_caption": "A | noise."}
    rows = [
        {"path": "wide.mp4", "start_frame": 0, "end_frame": 30, **told, "dense_caption": "Noise moves to the left."},
        {"path": "wide.mp4", "start_frame": 13, "end_frame": 47, **told, "dense_caption": "More noise."},
        {"path": "tall.mp4", "start_frame": 0, "end_frame": 60},
        {"path": "same.mp4", "start_frame": 20, "end_frame": 40},
    ]
    (folder / "clips.jsonl").write_text("".join(json.dumps(row) + "\n" for row in rows))
    (folder / "r.yaml").write_text("kind: curate\nstages:\n  listed: {}\n  origin: {}\n")
    source, root = [folder / "clips.jsonl"], folder / "set"
    assert curate(source, root, recipe=str(folder / "r.yaml"), in_process=True, with_report=False).failures == 0
    store_selection(root, "all", Selection(order_by="height, start_frame"))
    store_selection(root, "early", Selection(where=("start_frame < 15",), order_by="start_frame, height"))
    return root


def make(dataset, out, name, selection="all", **more):
    return export(dataset, selection, out, format_name=name, workers=1, timeout_seconds=None, **more)


def frames_of(clip):
    return media.read_frames(clip["video_path"], list(range(clip["start_frame"], clip["end_frame"])))


def test_files_hold_the_very_frames_copied_where_that_is_exact(dataset, tmp_path):
    done = make(dataset, tmp_path / "a", "videofolder")
    assert (done.chosen, done.written) == (4, 4)
    exact = 0
    for clip in chosen_clips(dataset, "all").clips:
        mine, theirs = media.read_video(tmp_path / "a/train" / f"{clip['clip_id']}.mp4").frames, frames_of(clip)
        assert len(mine) == len(theirs) == clip["num_frames"]
        gray = [frames.astype(float).mean(axis=-1) for frames in (mine, np.asarray(theirs))]
        errors = [np.abs(gray[0][1:-1] - gray[1][1 + shift : len(mine) - 1 + shift]).mean() for shift in (0, -1, 1)]
        assert errors[0] < 0.5 * min(errors[1:]), "frame k of the file is frame k of the clip"
        exact += np.array_equal(mine, theirs)
    assert done.copied == exact >= 1, "what is called copied is equal to the last bit, and nothing else is"
    lines = (tmp_path / "a/train/metadata.jsonl").read_text().splitlines()
    assert sum(json.loads(line)["is_copied"] for line in lines) == exact


def test_copying_can_be_left_off_and_other_settings_cut_anew(dataset, tmp_path):
    assert make(dataset, tmp_path / "a", "videofolder").copied >= 1
    assert make(dataset, tmp_path / "a", "videofolder", settings=CutSettings(copy=False)).copied == 0
    small = make(dataset, tmp_path / "a", "videofolder", settings=CutSettings(short_side=32))
    assert small.copied == 0
    assert {
        min(row["height"], row["width"]) for row in map(json.loads, (tmp_path / "a/train/metadata.jsonl").open())
    } == {32}


def test_webdataset_shards_by_shape_in_order_and_the_same_bytes_each_time(dataset, tmp_path):
    make(dataset, tmp_path / "a", "webdataset")
    index = json.loads((tmp_path / "a/shards.json").read_text())
    assert {name: shard["clips"] for name, shard in index["shards"].items()} == {
        "16x9/000000.tar": 2,
        "1x1/000000.tar": 1,
        "9x16/000000.tar": 1,
    }
    shard = tmp_path / "a/16x9/000000.tar"
    assert hashlib.sha256(shard.read_bytes()).hexdigest() == index["shards"]["16x9/000000.tar"]["sha256"]
    clips = [clip for clip in chosen_clips(dataset, "all").clips if aspect_bucket(clip) == "16x9"]
    with tarfile.open(shard) as tar:
        names = tar.getnames()
        assert names == [f"{clip['clip_id']}.{suffix}" for clip in clips for suffix in ("mp4", "json", "txt")]
        row = json.loads(tar.extractfile(names[1]).read())
        assert (row["clip_id"], row["licence"], row["start_frame"]) == (clips[0]["clip_id"], "CC0", 0)
        assert tar.extractfile(names[2]).read() == b"Noise moves to the left."
        (tmp_path / "x.mp4").write_bytes(tar.extractfile(names[0]).read())
        assert {(member.mtime, member.uid, member.uname) for member in tar} == {(0, 0, "")}
    assert len(media.read_video(tmp_path / "x.mp4")) == 30
    assert not (tmp_path / "a/clips").exists()
    make(dataset, tmp_path / "b", "webdataset")
    assert (tmp_path / "b/16x9/000000.tar").read_bytes() == shard.read_bytes()


def test_a_whole_webdataset_is_not_made_again_and_a_damaged_or_other_one_is(dataset, tmp_path):
    shard = tmp_path / "a/16x9/000000.tar"

    def stamp():
        make(dataset, tmp_path / "a", "webdataset")
        return shard.stat().st_mtime_ns

    first = stamp()
    assert stamp() == first
    content = shard.read_bytes()
    shard.write_bytes(content[:-1])
    assert stamp() != first
    assert shard.read_bytes() == content
    make(dataset, tmp_path / "a", "webdataset", selection="early")
    assert sorted(path.parent.name for path in (tmp_path / "a").glob("*/*.tar")) == ["16x9", "9x16"]


def test_a_shard_is_closed_before_it_grows_too_large(tmp_path):
    clips = [{"clip_id": f"c{k}", "width": 10, "height": 10, "is_copied": False} for k in range(5)]
    (tmp_path / "clips").mkdir()
    for clip in clips:
        (tmp_path / "clips" / f"{clip['clip_id']}.mp4").write_bytes(b"x" * 5000)
    webdataset.write_tables(tmp_path, clips, "d", shard_bytes=14_000)
    shards = json.loads((tmp_path / "shards.json").read_text())["shards"]
    assert [shard["clips"] for shard in shards.values()] == [2, 2, 1]


def test_the_dropletvideo_form_reads_as_the_published_scripts_read_it(dataset, tmp_path):
    make(dataset, tmp_path / "a", "dropletvideo")
    with (tmp_path / "a/dropletvideo.csv").open(newline="") as file:
        rows = list(csv.DictReader(file))
    listed = [row for row in rows if row["url"]]
    assert len(rows) == 4
    assert {row["url"] for row in listed} == {YOUTUBE}
    for row in listed:
        assert ast.literal_eval(row["fps"]) == 25.0
        start, end = ast.literal_eval(row["framestamp"])
        assert ast.literal_eval(row["quality_score"]) == 4.5
        assert row["file_path"] == f"videos/abc_DEF-123--{start:06d}_{end:06d}-4.5.mp4"
        assert len(media.read_video(tmp_path / "a" / row["file_path"])) == end - start
        assert item_of(row).start_frame == start
    by_id = json.loads((tmp_path / "a/dropletvideo.json").read_text())
    assert [row["framestamp"] for row in by_id["abc_DEF-123"]] == ["(0, 30)", "(13, 47)"]
    assert all(isinstance(value, str) for rows in by_id.values() for row in rows for value in row.values())
    assert (tmp_path / "a/youtube_id.txt").read_text() == "abc_DEF-123\n"
    unknown = next(row for row in rows if not row["url"])
    assert unknown["quality_score"] == ""
    assert (tmp_path / "a" / unknown["file_path"]).is_file()


def test_the_miradata_form_reads_as_the_published_script_reads_it(dataset, tmp_path):
    make(dataset, tmp_path / "a", "miradata")
    with (tmp_path / "a/miradata.csv").open(newline="") as file:
        rows = list(csv.DictReader(file))
    row = next(row for row in rows if row["framestamp"] == "[13, 47]")
    first, last = (datetime.strptime(text, "%H:%M:%S.%f") for text in ast.literal_eval(row["timestamp"]))
    assert (last - first).total_seconds() == pytest.approx(34 / 25)
    assert (first.minute, first.second, first.microsecond) == (0, 0, 520_000)
    int(float(row["clip_id"]))
    assert (row["source"], row["video_url"], row["video_id"]) == ("youtube", YOUTUBE, "abc_DEF-123")
    assert (row["dense_caption"], row["short_caption"]) == ("More noise.", "A | noise.")
    item = item_of(row)
    assert (item.start_frame, item.end_frame, item.url) == (13, 47, YOUTUBE)
    assert item.seconds == pytest.approx((0.52, 1.88))


def test_the_card_tells_what_is_there_and_leaves_a_readme_of_ones_own(dataset, tmp_path):
    make(dataset, tmp_path / "a", "videofolder", selection="early")
    text = (tmp_path / "a/README.md").read_text()
    front = yaml.safe_load(text.split("---")[1])
    assert front["license"] == "other"
    assert front["size_categories"] == ["n<1K"]
    assert "3 clips" in text
    assert "| CC0 | 2 | 66.7% |" in text
    assert "| not stated | 1 | 33.3% |" in text
    assert "3 of 4 measured clips" in text
    assert "| `start_frame < 15` | 1 | 3 |" in text
    assert "start_frame < 15" in text.split("```yaml")[1].split("```")[0]
    assert "| 112x64 | 2 | 66.7% |" in text
    (tmp_path / "a/README.md").write_text("mine")
    make(dataset, tmp_path / "a", "videofolder", selection="early")
    assert (tmp_path / "a/README.md").read_text() == "mine"
    assert "\\|" in card._cell("a | b")


def test_an_export_to_object_storage_is_the_one_that_lies_on_disk(dataset, tmp_path):
    here = make(dataset, tmp_path / "out", "webdataset")
    there = make(dataset, "memory://exports/out", "webdataset")
    assert (there.written, there.tables[0]) == (here.written, "memory://exports/out/shards.json")
    files = {path.relative_to(tmp_path / "out").as_posix(): path for path in (tmp_path / "out").rglob("*.*")}
    system = fsspec.filesystem("memory")
    assert {name.partition("exports/out/")[2] for name in system.find("/exports/out")} == set(files)
    assert system.cat("/exports/out/README.md") == files["README.md"].read_bytes()
    assert system.cat("/exports/out/1x1/000000.tar") == files["1x1/000000.tar"].read_bytes()


def test_a_column_of_the_dataset_goes_before_what_a_list_said():
    clip = {"caption": None, "dense_caption": "ours", "listed_captions": {"dense_caption": "theirs", "text": "x"}}
    assert main_caption(clip) == "ours"
    assert main_caption({"listed_captions": '{"text": "x"}'}) == "x"
    assert main_caption({}) is None
    assert quality_of({"dover_technical": 0.4, "listed_more": {"quality_score": "4.5"}}) == 4.5
    assert quality_of({"dover_technical": 0.4}) == 0.4


def test_the_command_says_what_was_copied(dataset, tmp_path):
    line = ["export", str(dataset), "--selection", "all", "--out", str(tmp_path / "a"), "--format", "dropletvideo"]
    done = CliRunner().invoke(application, [*line, "--workers", "1", "--json"])
    assert done.exit_code == 0, done.output
    told = json.loads(done.stdout)
    assert (told["written"], told["copied"] >= 1) == (4, True)
    assert any(name.endswith("README.md") for name in told["tables"])
