"""A finished data set: a judge that is added is all that is computed, and a threshold that changes touches no video."""

from __future__ import annotations

import json

import av
import numpy as np
import pytest
from typer.testing import CliRunner

from dropletvideo import media
from dropletvideo.cli.__main__ import application
from dropletvideo.curate.run import curate
from dropletvideo.tables import work
from dropletvideo.tables.views import query

BEFORE, AFTER = ("segment", "look"), ("segment", "look", "colours")


@pytest.fixture(scope="module")
def videos(tmp_path_factory):
    """Three videos that pan over textures of different brightness."""
    folder = tmp_path_factory.mktemp("videos")
    for seed in range(3):
        rng = np.random.default_rng(1_200_000 + seed)
        ground = media.resize(rng.integers(0, 90 + 80 * seed, (10, 30, 3), dtype=np.uint8), size=(96, 240))
        frames = np.stack([ground[:, 2 * k : 2 * k + 128] for k in range(40)])
        media.write_video(folder / f"{seed}.mp4", frames, playback_fps=12)
    return folder


@pytest.fixture
def recipes(tmp_path):
    found = []
    for names in (BEFORE, AFTER):
        path = tmp_path / f"{len(names)}.yaml"
        path.write_text("kind: curate\nstages:\n" + "".join(f"  {name}: {{}}\n" for name in names))
        found.append(str(path))
    return found


@pytest.fixture
def watched(monkeypatch):
    """Every sequential decode: the file's name and the judges that looked."""
    seen, original = [], work.watch_video

    def watch(path, judges, **more):
        seen.append((path.rsplit("/", 1)[1], [judge.name for judge in judges], "detector" in more))
        return original(path, judges, **more)

    monkeypatch.setattr(work, "watch_video", watch)
    return seen


def parts_of(folder, stage):
    return {path: path.stat().st_mtime_ns for path in folder.glob(f"columns/{stage}@*/*.parquet")}


def test_a_judge_added_to_a_finished_data_set_decodes_for_itself_alone(videos, recipes, tmp_path, watched):
    out = tmp_path / "set"
    curate([videos], out, recipe=recipes[0], in_process=True, with_report=False)
    assert watched == [(f"{n}.mp4", ["look"], True) for n in range(3)]
    before, rows = parts_of(out, "look"), query(out, "SELECT clip_id, brightness FROM clips ORDER BY clip_id")
    assert before
    watched.clear()
    done = curate([videos], out, recipe=recipes[1], in_process=True, with_report=False)
    assert watched == [(f"{n}.mp4", ["colours"], False) for n in range(3)]
    assert (done.summary.decodes, done.summary.cut_videos) == (3, 0)
    assert done.summary.measured_clips == {"colours": len(rows)}
    assert parts_of(out, "look") == before
    assert query(out, "SELECT clip_id, brightness FROM clips ORDER BY clip_id") == rows
    watched.clear()
    assert curate([videos], out, recipe=recipes[1], in_process=True, with_report=False).summary.decodes == 0
    assert watched == []


def test_a_changed_threshold_gives_a_new_funnel_and_opens_no_file(videos, recipes, tmp_path, monkeypatch):
    out = tmp_path / "set"
    curate([videos], out, recipe=recipes[0], in_process=True, with_report=False)
    levels = [row["brightness"] for row in query(out, "SELECT brightness FROM clips ORDER BY brightness")]
    assert len(levels) == 3
    monkeypatch.setattr(av, "open", lambda *_, **__: pytest.fail("a video was opened"))

    def kept(limit):
        words = ["select", str(out), "--name", "bright", "--where", f"brightness > {limit:.4f}", "--json"]
        result = CliRunner().invoke(application, words)
        assert result.exit_code == 0, result.output
        return json.loads(result.stdout)["kept"]

    assert [kept(0.0), kept((levels[0] + levels[1]) / 2), kept((levels[1] + levels[2]) / 2)] == [3, 2, 1]
