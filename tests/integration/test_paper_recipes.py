"""Both papers' recipes end to end at toy size: without weights what needs them is skipped and named; with them the same
command computes just that; selections, report and export follow, and no choice touches a video."""

from __future__ import annotations

import csv
import json
from pathlib import Path

import numpy as np
import pytest
from typer.testing import CliRunner

from caption_server import good, serving
from dropletvideo import media, weights
from dropletvideo.cli.__main__ import application
from dropletvideo.curate.run import curate, plan
from dropletvideo.tables.views import query

RATE, FRAMES = 4, 44  # eleven seconds: MiraData's tiers begin at ten
SHARED = Path(__file__).parents[2].parent / "shared" / "clips"
REAL = ("great_wall_aerial.mp4",)
LEARNED = {
    "dropletvideo": {"camera_class_swin", "aesthetic_v1", "aesthetic_v2", "dover_technical", "captions"},
    "miradata": {"link_clip", "link_dino", "motion_raft", "aesthetic_v1", "aesthetic_v2", "nsfw", "captions"},
}
LINKS = {"link_clip", "link_dino"}  # measured on clips that `stitch` has joined since
COLUMNS = {
    "dropletvideo": (
        "camera_class_learned",
        "aesthetic_v1_mean",
        "aesthetic_v2_mean",
        "dover_technical_raw",
        "caption",
    ),
    "miradata": (
        "raft_flow_2fps_px",
        "aesthetic_v2_mean",
        "nsfw_score",
        "luma_darkest80",
        "dense_caption",
        "short_caption",
    ),
}


def panned(seed, step):
    """A textured ground that passes by."""
    rng = np.random.default_rng(seed)
    ground = media.resize(rng.integers(0, 255, (12, 40, 3), dtype=np.uint8), size=(116, 128 + FRAMES * step))
    return np.stack([ground[10:106, step * k : step * k + 128] for k in range(FRAMES)])


@pytest.fixture(scope="module")
def videos(tmp_path_factory):
    """Two made videos and, where they lie beside the project, the beginning of a real one, small and slow."""
    root = tmp_path_factory.mktemp("raw") / "videos"
    root.mkdir()
    media.write_video(root / "slow.mp4", panned(1, 1), playback_fps=RATE)
    media.write_video(root / "fast.mp4", panned(2, 4), playback_fps=RATE)
    for name in REAL if SHARED.is_dir() else ():
        frames = media.read_frames(SHARED / name, list(range(FRAMES)), short_side=96)
        media.write_video(root / name, frames, playback_fps=RATE)
    return root


@pytest.fixture(scope="module", params=["dropletvideo", "miradata"])
def curated(request, videos, toy_weights_folder, tmp_path_factory):
    """A data set by one recipe with all weights; that of DropletVideo was made without any of them before."""
    name, out = request.param, tmp_path_factory.mktemp("data") / "set"
    with pytest.MonkeyPatch.context() as patch, serving([good()]) as server:
        patch.setenv(weights.FOLDER_VARIABLE, str(tmp_path_factory.mktemp("nothing")))
        planned = plan([videos], out, recipe=name)
        bare = None
        if name == "dropletvideo":
            bare = curate([videos], out, recipe=name, in_process=True, with_report=False).summary
        patch.setenv(weights.FOLDER_VARIABLE, str(toy_weights_folder))
        told = {"captions.endpoint": server.url, "captions.model": "toy", "captions.hold_to_camera": "false"}
        if name == "miradata":  # owners' digests are asked for where no path is given
            told |= {"motion_raft.size": "small", "motion_raft.weights": raft_of(toy_weights_folder)}
        changes = [f"{key}={value}" for key, value in told.items()]
        if name == "miradata":  # without the command, and without the seconds that a process of workers takes to start
            full = curate([videos], out, recipe=name, changes=changes, in_process=True, with_report=False).as_dict()
        else:
            call = ["curate", str(videos), "--out", str(out), "--recipe", name, "--workers", "1", "--json"]
            done = CliRunner().invoke(application, [*call, *(part for one in changes for part in ("--set", one))])
            assert done.exit_code == 0, done.output
            full = json.loads(done.stdout[done.stdout.index("{") :])
        yield name, out, planned, bare, full, len(server.bodies)


def raft_of(folder):
    return str(folder / weights.WEIGHTS["raft-small"].file)


def test_without_weights_each_learned_stage_is_skipped_with_the_line_that_gets_them(curated):
    name, _, planned, bare, _, _ = curated
    missing = {row["stage"]: row["lacks"] for row in planned["stages"] if row["lacks"]}
    assert set(missing) == LEARNED[name]
    for stage, reason in missing.items():
        assert "droplet weights fetch" in reason or "droplet train-classifier" in reason, stage
    if bare is not None:
        assert {one.stage for one in bare.skipped} == LEARNED[name]
        assert bare.failures == 0
        assert set(bare.measured_clips) & LEARNED[name] == set()
        assert bare.measured_clips["motion"] == bare.clips > 0


def test_with_weights_the_same_command_computes_what_was_skipped_and_nothing_else(curated):
    name, out, _, bare, full, asked = curated
    assert full["failures"] == 0
    measured = {stage for stage, count in full["measured_clips"].items() if count}
    assert measured >= LEARNED[name] - LINKS
    assert bare is None or not measured & set(bare.measured_clips)
    assert query(out, "select * from skipped") == []
    clips = query(out, "select * from clips")
    passed = [clip for clip in clips if clip["caption"]]
    assert passed
    assert asked == len(passed), "one request a clip"
    for column in COLUMNS[name]:
        assert all(clip[column] is not None for clip in passed), column
    assert all(clip["duration_seconds"] > 10 for clip in passed) or name == "dropletvideo"


def test_a_choice_and_its_change_touch_no_video(curated, videos, tmp_path):
    name, out, _, _, _, _ = curated
    own = "miradata-tier2" if name == "miradata" else "dropletvideo"
    hidden = videos.rename(tmp_path / "hidden")
    try:
        changes = ["aesthetic_v2_mean > -9"] + (
            ["nsfw_score < 9", "raft_flow_2fps_px >= 0"] if name == "miradata" else []
        )
        more = [part for change in changes for part in ("--change", change)]
        call = ["select", str(out), "--selection", own, "--json"]
        strict = json.loads(CliRunner().invoke(application, call).stdout)
        loose = json.loads(CliRunner().invoke(application, [*call, *more, "--name", "mine"]).stdout)
    finally:
        hidden.rename(videos)
    assert strict["kept"] < loose["kept"], "random heads give scores around one"
    assert all(step["is_applied"] for step in loose["steps"])
    assert [step["condition"] for step in loose["steps"]] != [step["condition"] for step in strict["steps"]]
    assert (out / "selections" / "mine.yaml").is_file()


def test_report_and_export_follow_the_choice(curated, tmp_path):
    name, out, _, _, _, _ = curated
    own = "miradata-tier1" if name == "miradata" else "dropletvideo"
    change = "nsfw_score < 9" if name == "miradata" else "aesthetic_v2_mean > -9"
    call = ["select", str(out), "--selection", own, "--change", change, "--name", "out", "--json"]
    kept = json.loads(CliRunner().invoke(application, call).stdout)["kept"]
    assert kept
    page = tmp_path / "report.html"
    made = CliRunner().invoke(application, ["report", str(out), "--selection", "out", "--out", str(page)])
    assert made.exit_code == 0, made.output
    html = page.read_text()
    wanted = [
        "Beside published data sets",
        "MiraData, filtered",
        "Words of the caption",
        "Every selection of this data set",
    ]
    wanted += ["DropletVideo's mark", "Asked outside, and what it cost", "selection out", "total hours"]
    for words in wanted:
        assert words.replace("'", "&#x27;") in html, words
    folder = tmp_path / "export"
    call = ["export", str(out), "--selection", "out", "--out", str(folder), "--format", name, "--workers", "1"]
    done = CliRunner().invoke(application, call)
    assert done.exit_code == 0, done.output
    assert len(list(folder.rglob("*.mp4"))) == kept
    (table,) = folder.glob("*.csv")
    with table.open(encoding="utf-8") as file:
        assert len(list(csv.DictReader(file))) == kept
