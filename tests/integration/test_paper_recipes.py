"""Both papers' recipes end to end at toy size: without weights what needs them is skipped and named; with them the same
command computes just that; selections, report and export follow, and no choice touches a video."""

from __future__ import annotations

import csv
import json
import re
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from typer.testing import CliRunner

from caption_server import completion, good, serving
from dropletvideo import media, weights
from dropletvideo.cli.__main__ import application
from dropletvideo.curate.run import curate, plan
from dropletvideo.tables.views import query
from dropletvideo.world.camera_path import CameraPath, PathMove, View
from dropletvideo.world.config import WorldConfig
from dropletvideo.world.render import render_shot
from dropletvideo.world.shot import draw_shot

RATE, FRAMES = 6, 66  # eleven seconds: MiraData's tiers begin at ten
SHARED = Path(__file__).parents[2].parent / "shared" / "clips"
REAL = ("great_wall_aerial.mp4",)
LEARNED = {
    "dropletvideo": {"camera_class_swin", "aesthetic_v1", "aesthetic_v2", "dover_technical", "captions"},
    "miradata": {
        "link_clip", "link_dino", "link_language", "motion_raft", "aesthetic_v1", "aesthetic_v2", "nsfw", "captions",
    },
}  # fmt: skip
LINKS = {"link_clip", "link_dino", "link_language"}  # measured on clips that `stitch` has joined since
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


LOOSER = {  # random networks give scores near nothing and any class
    "dropletvideo": ["aesthetic_v2_mean > -9", "dover_technical_raw > -9", "camera_class_learned is not null"],
    "miradata": ["aesthetic_v2_mean > -9", "nsfw_score < 9", "raft_flow_2fps_px >= 0"],
}


def filmed(move, amount):
    """A rendered scene under one long move of the camera."""
    seconds = FRAMES / RATE
    moves = (PathMove(move=move, start=0.0, end=seconds, amount=amount, pivot=(0.0, 3.5)),)
    path = CameraPath(first=View(z=1.5, pitch=-8.0, focal=1.0), moves=moves, seconds=seconds, shake_seed=5)
    shot = draw_shot(23, WorldConfig.training())
    return render_shot(replace(shot, path=path, seconds=seconds, source_fps=float(RATE), subject=None), 96, 96).frames


def ground(seed, level):
    """A grey ground that passes by, of some brightness."""
    rng = np.random.default_rng(seed)
    texture = media.resize(rng.integers(0, 90, (24, 48, 1), dtype=np.uint8).repeat(3, 2), size=(96, 128 + FRAMES))
    return level + np.stack([texture[:, k : k + 128] for k in range(FRAMES // 2)])


@pytest.fixture(scope="module")
def videos(tmp_path_factory):
    """Rendered moves, a file with a cut and, beside the shared clips, the beginning of a real one; all small."""
    root = tmp_path_factory.mktemp("raw") / "videos"
    root.mkdir()
    for move, amount in (("pan_left", 90.0), ("dolly_in", 3.0)):
        media.write_video(root / f"{move}.mp4", filmed(move, amount), playback_fps=RATE)
    media.write_video(root / "cut.mp4", np.concatenate([ground(2, 160), ground(3, 10)]), playback_fps=RATE)
    for name in REAL if SHARED.is_dir() else ():
        frames = media.read_frames(SHARED / name, list(range(FRAMES)), short_side=96)
        media.write_video(root / name, frames, playback_fps=RATE)
    return root


def is_link(body):
    return any("belong together" in part.get("text", "") for part in body["messages"][0]["content"])


def answering(_, body):
    """Both vision-language models say that the two halves belong together; captions are canned."""
    return completion("yes") if is_link(body) else good()


@pytest.fixture(scope="module", params=["dropletvideo", "miradata"])
def curated(request, videos, toy_weights_folder, tmp_path_factory):
    """A data set by one recipe with all weights; that of DropletVideo was made without any of them before."""
    name, out = request.param, tmp_path_factory.mktemp("data") / "set"
    with pytest.MonkeyPatch.context() as patch, serving(answering) as server:
        patch.setenv(weights.FOLDER_VARIABLE, str(tmp_path_factory.mktemp("nothing")))
        planned = plan([videos], out, recipe=name)
        bare = None
        if name == "dropletvideo":
            bare = curate([videos], out, recipe=name, in_process=True, with_report=False).summary
        patch.setenv(weights.FOLDER_VARIABLE, str(toy_weights_folder))
        told = {"captions.endpoint": server.url, "captions.model": "toy", "captions.hold_to_camera": "false"}
        if name == "miradata":
            models = [{"endpoint": server.url, "model": one} for one in ("first", "second")]
            told["link_language.models"] = json.dumps(models)
            # owners' digests are asked for where no path is given
            told |= {"motion_raft.size": "small", "motion_raft.weights": raft_of(toy_weights_folder)}
        changes = [f"{key}={value}" for key, value in told.items()]
        if name == "miradata":  # without the command, and without the seconds that a process of workers takes to start
            full = curate([videos], out, recipe=name, changes=changes, in_process=True, with_report=False).as_dict()
        else:
            call = ["curate", str(videos), "--out", str(out), "--recipe", name, "--workers", "1", "--json"]
            done = CliRunner().invoke(application, [*call, *(part for one in changes for part in ("--set", one))])
            assert done.exit_code == 0, done.output
            full = json.loads(done.stdout[done.stdout.index("{") :])
        yield name, out, planned, bare, full, [is_link(body) for body in server.bodies]


def raft_of(folder):
    return str(folder / weights.WEIGHTS["raft-small"].file)


def test_without_weights_each_learned_stage_is_skipped_with_the_line_that_gets_them(curated):
    name, _, planned, bare, _, _ = curated
    missing = {row["stage"]: row["lacks"] for row in planned["stages"] if row["lacks"]}
    assert set(missing) == LEARNED[name]
    for stage, reason in missing.items():
        assert re.search("droplet weights fetch|droplet train-classifier|link_language.models", reason), stage
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
    assert asked.count(False) == len(passed), "one request a clip"
    assert asked.count(True) == (2 if name == "miradata" else 0), "two models, one pair of neighbours"
    ends = [clip["end_frame"] for clip in clips if Path(clip["video_path"]).name == "cut.mp4"]
    assert sorted(ends) == ([FRAMES] if name == "miradata" else [FRAMES // 2, FRAMES]), "joined as both models say"
    for column in COLUMNS[name]:
        assert all(clip[column] is not None for clip in passed), column
    assert all(clip["duration_seconds"] > 10 for clip in passed) or name == "dropletvideo"


def test_a_choice_and_its_change_touch_no_video(curated, videos, tmp_path):
    name, out, _, _, _, _ = curated
    own = "miradata-tier2" if name == "miradata" else "dropletvideo"
    hidden = videos.rename(tmp_path / "hidden")
    try:
        more = [part for change in LOOSER[name] for part in ("--change", change)]
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
    changes = LOOSER[name] if name == "dropletvideo" else ["nsfw_score < 9"]
    more = [part for change in changes for part in ("--change", change)]
    call = ["select", str(out), "--selection", own, *more, "--name", "out", "--json"]
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
