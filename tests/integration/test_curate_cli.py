"""From raw files to a report through the verbs: bad files become rows, the others finish, nothing is done twice."""

from __future__ import annotations

import csv
import json
import os
import shutil
from pathlib import Path

import numpy as np
import pytest
from typer.testing import CliRunner

from dropletvideo import media
from dropletvideo.cli.__main__ import application
from dropletvideo.curate.recipe import load_recipe
from dropletvideo.curate.run import curate
from dropletvideo.errors import ConfigError, MediaError
from dropletvideo.tables import work
from dropletvideo.tables.views import query

RATE = 12


def shots(seed, lengths, height=96, width=128):
    """Shots of a textured ground, panned at two speeds."""
    rng = np.random.default_rng(seed)
    frames = []
    for number, length in enumerate(lengths):
        texture = media.resize(rng.integers(0, 255, (12, 24, 3), dtype=np.uint8), size=(height + 20, width + 160))
        step = 2 - number % 2
        frames += [texture[10 : 10 + height, 10 + step * k : 10 + step * k + width] for k in range(length)]
    return np.stack(frames)


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    """Two good videos, and one file of every bad sort."""
    root = tmp_path_factory.mktemp("videos")
    media.write_video(root / "a_two_shots.mp4", shots(1, [36, 40]), playback_fps=RATE)
    media.write_video(root / "sub" / "b_one_shot.mp4", shots(2, [48]), playback_fps=RATE)
    (root / "c_empty.mp4").write_bytes(b"")
    whole = (root / "a_two_shots.mp4").read_bytes()
    (root / "d_truncated.mp4").write_bytes(whole[: len(whole) * 2 // 3])
    (root / "e_text.mp4").write_text("this is not a video\n" * 50)
    write_audio(root / "f_audio_only.mp4")
    write_no_frames(root / "g_no_frames.mp4")
    (root / "notes.txt").write_text("passed over")
    return root


def write_audio(path):
    import av

    with av.open(str(path), "w") as container:
        stream = container.add_stream("aac", rate=16000)
        frame = av.AudioFrame.from_ndarray(np.zeros((1, 16000), np.float32), format="fltp", layout="mono")
        frame.sample_rate = 16000
        for packet in [*stream.encode(frame), *stream.encode(None)]:
            container.mux(packet)


def write_no_frames(path):
    import av

    with av.open(str(path), "w") as container:
        stream = container.add_stream("libx264", rate=RATE)
        stream.width, stream.height, stream.pix_fmt = 64, 48, "yuv420p"
        container.start_encoding()


@pytest.fixture(scope="module")
def curated(folder, tmp_path_factory):
    """The data set that one CLI call makes of the folder, and the call's result."""
    out = tmp_path_factory.mktemp("data") / "set"
    result = CliRunner().invoke(application, ["curate", str(folder), "--out", str(out), "--workers", "1"])
    return out, result


def test_bad_files_become_rows_and_the_others_finish(curated):
    out, result = curated
    assert result.exit_code == 3, result.output
    assert result.output.strip().splitlines()[-1].startswith("5 failed")
    errors = {Path(row["video_path"]).name: row for row in query(out, "select * from errors")}
    assert set(errors) == {"c_empty.mp4", "d_truncated.mp4", "e_text.mp4", "f_audio_only.mp4", "g_no_frames.mp4"}
    assert all(row["stage"] and row["reason"] for row in errors.values())
    assert "empty" in errors["c_empty.mp4"]["reason"]
    assert "audio" in errors["f_audio_only.mp4"]["reason"]
    spans = query(out, "select video_path, start_frame, end_frame from clips order by all")
    assert [(Path(r["video_path"]).name, r["start_frame"], r["end_frame"]) for r in spans] == [
        ("a_two_shots.mp4", 0, 36),
        ("a_two_shots.mp4", 36, 76),
        ("b_one_shot.mp4", 0, 48),
    ]


def test_views_have_the_columns_that_users_rely_on(curated):
    out, _ = curated
    clips = query(out, "select * from clips")
    wanted = (
        "clip_id video_path start_frame end_frame source_fps duration_seconds camera_class camera_moves motion_score"
    )
    assert set(wanted.split()) <= set(clips[0])
    assert all(isinstance(row["camera_moves"], list) for row in clips)
    (boundary,) = query(out, "select * from boundaries")
    assert set(boundary) == {"video_path", "frame", "end_frame", "kind", "score"}
    assert (boundary["frame"], boundary["kind"]) == (36, "cut")
    assert set(query(out, "select * from errors")[0]) == {"video_path", "clip_id", "stage", "reason"}


def test_one_decode_serves_all_stages(curated):
    out, _ = curated
    (run,) = [json.loads(line) for line in (out / "runs.jsonl").read_text().splitlines()]
    assert run["decodes"] == 2
    assert run["decoded_videos"] == 2


def test_the_same_command_again_measures_nothing_and_keeps_the_errors(curated, folder):
    out, _ = curated
    before = query(out, "select * from clips order by clip_id")
    again = curate([folder], out, in_process=True)
    assert again.summary.decodes == 0
    assert again.summary.failures == 5
    assert repr(query(out, "select * from clips order by clip_id")) == repr(before)


def test_the_report_shows_what_there_is(curated):
    out, _ = curated
    html = (out / "report.html").read_text()
    for words in ("Funnel", "motion_score", "Errors", "c_empty.mp4", "Speed", "data:image/jpeg;base64,"):
        assert words in html, words
    assert 'src="http' not in html


def test_select_shows_the_funnel_and_report_and_export_follow_it(curated, tmp_path):
    out, _ = curated
    run = CliRunner()
    chosen = run.invoke(application, ["select", str(out), "--where", "start_frame > 0", "--name", "later", "--json"])
    assert chosen.exit_code == 0, chosen.output
    funnel = json.loads(chosen.output)
    assert (funnel["total"], funnel["kept"]) == (3, 1)
    assert funnel["steps"][0]["dropped"] == 2
    shown = run.invoke(application, ["report", str(out), "--selection", "later", "--out", str(tmp_path / "r.html")])
    assert shown.exit_code == 0, shown.output
    assert "start_frame &gt; 0" in (tmp_path / "r.html").read_text()
    for name in ("videofolder", "miradata"):
        done = run.invoke(
            application, ["export", str(out), "--selection", "later", "--out", str(tmp_path / name), "--format", name]
        )
        assert done.exit_code == 0, done.output
    (line,) = (tmp_path / "videofolder/train/metadata.jsonl").read_text().splitlines()
    row = json.loads(line)
    cut = media.read_video(tmp_path / "videofolder/train" / row["file_name"])
    source = media.read_frames(row["video_path"], list(range(36, 76)))
    assert len(cut) == 40

    def error(shift):
        pairs = zip(cut.frames[1:-1], source[1 + shift : 39 + shift], strict=True)
        return np.array([np.abs(a.astype(int) - b.astype(int)).mean() for a, b in pairs])

    for shift in (-1, 1):
        assert (error(0) < 0.8 * error(shift)).all(), "frame k of the file is frame 36 + k of the source"
    assert np.diff(cut.times) == pytest.approx(1 / RATE, abs=1e-3)
    again = ["export", str(out), "--selection", "later", "--out", str(tmp_path / "videofolder"), "--short-side", "48"]
    file = tmp_path / "videofolder/train" / row["file_name"]
    stamps = [file.stat().st_mtime_ns]
    for more in (again[:-2], again, again):
        assert run.invoke(application, more).exit_code == 0
        stamps.append(file.stat().st_mtime_ns)
    assert stamps[0] == stamps[1] != stamps[2] == stamps[3], "a file is cut anew only for other settings"
    assert json.loads((tmp_path / "videofolder/train/metadata.jsonl").read_text())["height"] == 48
    with (tmp_path / "miradata/miradata.csv").open() as file:
        (mira,) = csv.DictReader(file)
    assert (mira["framestamp"], mira["timestamp"]) == ("[36, 76]", "['0:00:03.000', '0:00:06.333']")
    assert (tmp_path / "miradata" / mira["file_path"]).is_file()


def test_compact_writes_the_wide_table_that_queries_then_read(curated, tmp_path):
    dataset = tmp_path / "dataset"
    shutil.copytree(curated[0], dataset)
    before = query(dataset, "select * from clips order by clip_id")
    told = CliRunner().invoke(application, ["compact", str(dataset), "--json"])
    assert told.exit_code == 0, told.output
    facts = json.loads(told.stdout)
    assert facts["rows"] == len(before)
    assert Path(facts["path"]).stat().st_size == facts["bytes"]
    assert query(dataset, "select * from clips order by clip_id") == before
    nowhere = CliRunner().invoke(application, ["compact", str(tmp_path / "none")])
    assert nowhere.exit_code != 0
    assert not (tmp_path / "none").exists()


def test_misuse_is_refused_before_any_work(folder, tmp_path):
    run = CliRunner()
    out = str(tmp_path / "set")
    for arguments, words in [
        (["curate", str(tmp_path / "nowhere"), "--out", out], "does not exist"),
        (["curate", str(folder), "--out", out, "--set", "segment.min_second=3"], "did you mean min_seconds"),
        (["curate", str(folder), "--out", out, "--recipe", "cpuu"], "did you mean cpu"),
    ]:
        failed = run.invoke(application, arguments)
        assert isinstance(failed.exception, ConfigError), failed.output
        assert words in str(failed.exception)
    assert not Path(out).exists()


def test_dry_run_says_what_would_be_done_and_writes_nothing(folder, tmp_path):
    out = tmp_path / "set"
    shown = CliRunner().invoke(application, ["curate", str(folder), "--out", str(out), "--dry-run", "--json"])
    plan = json.loads(shown.output)
    assert plan["videos"] == 7
    assert plan["passed_over"] == 1
    assert plan["decodes_per_video"] == 1
    assert [stage["stage"] for stage in plan["stages"]] == list(load_recipe("cpu").stages)
    assert not out.exists()


def test_a_file_that_vanishes_during_the_run_is_a_row(tmp_path, monkeypatch):
    for name in ("gone", "stays"):
        media.write_video(tmp_path / f"{name}.mp4", shots(len(name), [30]), playback_fps=RATE)
    look_at = work.look_at

    def look_and_lose(path):
        found = look_at(path)
        if "gone" in path:
            Path(path).unlink()
        return found

    monkeypatch.setattr("dropletvideo.tables.ingest.look_at", look_and_lose)
    done = curate([tmp_path / "gone.mp4", tmp_path / "stays.mp4"], tmp_path / "set", in_process=True, with_report=False)
    assert (done.summary.clips, done.summary.failures) == (1, 1)
    (error,) = query(tmp_path / "set", "select * from errors")
    assert "gone" in error["video_path"]
    assert "not exist" in error["reason"]


@pytest.mark.skipif(not hasattr(os, "geteuid") or os.geteuid() == 0, reason="root may read every file")
def test_an_unreadable_file_is_a_row(tmp_path):
    media.write_video(tmp_path / "secret.mp4", shots(5, [30]), playback_fps=RATE)
    (tmp_path / "secret.mp4").chmod(0)
    curate([tmp_path / "secret.mp4"], tmp_path / "set", in_process=True, with_report=False)
    (error,) = query(tmp_path / "set", "select * from errors")
    assert "permission" in error["reason"]


def test_a_listed_file_that_is_missing_is_a_row_and_the_list_adds_up(tmp_path):
    media.write_video(tmp_path / "a.mp4", shots(6, [30]), playback_fps=RATE)
    (tmp_path / "list.csv").write_text("path\na.mp4\nlost.mp4\n")
    done = curate([tmp_path / "list.csv"], tmp_path / "set", in_process=True, with_report=False)
    assert (done.summary.sources, done.summary.videos, done.summary.failures) == (2, 1, 1)


def test_a_changed_parameter_recomputes_the_clips_and_going_back_costs_nothing(tmp_path):
    media.write_video(tmp_path / "a.mp4", shots(7, [72]), playback_fps=RATE)

    def spans(*changes):
        done = curate([tmp_path / "a.mp4"], tmp_path / "set", changes=changes, in_process=True, with_report=False)
        found = query(tmp_path / "set", "select start_frame, end_frame from clips order by all")
        return [tuple(row.values()) for row in found], done.summary.decodes

    whole, decodes = spans()
    assert (whole, decodes) == ([(0, 72)], 1)
    split, decodes = spans("segment.max_seconds=2.5")
    assert (split, decodes) == ([(0, 30), (30, 60), (60, 72)], 1)
    assert spans() == (whole, 0)


def test_a_decoder_error_in_a_clip_to_export_is_reported_and_the_rest_is_written(tmp_path):
    for name in ("a", "b"):
        media.write_video(tmp_path / f"{name}.mp4", shots(len(name) + ord(name), [30]), playback_fps=RATE)
    curate([tmp_path / "a.mp4", tmp_path / "b.mp4"], tmp_path / "set", in_process=True, with_report=False)
    (tmp_path / "a.mp4").unlink()
    run = CliRunner()
    assert run.invoke(application, ["select", str(tmp_path / "set"), "--where", "true", "--name", "all"]).exit_code == 0
    done = run.invoke(
        application,
        ["export", str(tmp_path / "set"), "--selection", "all", "--out", str(tmp_path / "out"), "--workers", "1"],
    )
    assert done.exit_code == 3, done.output
    assert done.output.strip().splitlines()[-1] == "1 failed"
    assert len(list((tmp_path / "out/train").glob("*.mp4"))) == 1
    with pytest.raises(MediaError):
        media.probe(tmp_path / "a.mp4")
