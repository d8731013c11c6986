"""What people really hand in: every fault is a row that says so and a count in the summary, never a zero or a crash."""

from __future__ import annotations

import html
import json

import av
import cv2
import numpy as np
import pytest

from dropletvideo import media
from dropletvideo.errors import CatalogLocked
from dropletvideo.evaluate.manifest import ManifestRow, write_manifest
from dropletvideo.evaluate.report import write_report
from dropletvideo.evaluate.score import EvaluateConfig, evaluate_manifest
from dropletvideo.tables.lock import locked

METRICS = ("breaks", "camera", "dynamic_degree", "first_frame", "flicker", "look", "motion", "reference")


def moving(count=9, height=64, width=96):
    noise = np.random.default_rng(5).uniform(0, 255, (16, 48, 3)).astype(np.float32)
    canvas = np.clip(cv2.resize(noise, (width * 3, height)), 0, 255).astype(np.uint8)
    return np.stack([canvas[:, 3 * k : 3 * k + width] for k in range(count)])


@pytest.fixture(scope="module")
def evaluated(tmp_path_factory):
    folder = tmp_path_factory.mktemp("bad")
    videos = {
        "good": moving(),
        "one frame": moving(count=1),
        "two frames": moving(count=2),
        "black": np.zeros((9, 64, 96, 3), np.uint8),
        "constant": np.full((9, 64, 96, 3), 140, np.uint8),
        "portrait": moving(height=96, width=64),
        "long": moving(count=24),
        "tiny": moving(height=16, width=16),
        "odd": moving(height=63, width=95),
    }
    rows = []
    for name, frames in videos.items():
        media.write_video(folder / f"{name}.mp4", frames, playback_fps=8)
        rows.append(ManifestRow(id=name, video=folder / f"{name}.mp4", prompt="a wall"))
    (folder / "torn.mp4").write_bytes((folder / "good.mp4").read_bytes()[:300])
    for name in ("missing", "torn"):
        rows.append(ManifestRow(id=name, video=folder / f"{name}.mp4", prompt="a wall"))
    good = rows[0]
    rows.append(good.model_copy(update={"id": "no image", "image": folder / "none.png"}))
    rows.append(good.model_copy(update={"id": "no reference", "reference_video": folder / "none.mp4"}))
    rows.append(good.model_copy(update={"id": "no prompt", "prompt": "", "camera": ()}))
    rows.append(good.model_copy(update={"id": "ä" * 300, "prompt": "x" * 5000}))
    write_manifest(folder / "manifest.jsonl", rows)
    evaluation = evaluate_manifest(
        folder / "manifest.jsonl", folder / "out", EvaluateConfig(metrics=METRICS, baselines=(), timeout_seconds=None)
    )
    write_report(evaluation, folder / "out" / "report.html")
    lines = [json.loads(line) for line in (folder / "out" / "rows.jsonl").read_text().splitlines()]
    return evaluation, {line["id"]: line for line in lines if line["system"] == "model"}


def test_every_row_has_a_line_and_the_summary_counts_what_failed(evaluated):
    evaluation, lines = evaluated
    model = evaluation.summary["systems"]["model"]
    assert len(lines) == model["rows"] == 15
    failed = {each["id"] for each in model["failures"]}
    assert failed == {name for name, line in lines.items() if "error" in line}
    assert failed >= {"missing", "torn", "no image", "no reference"}
    assert not any("scores" in lines[name] for name in failed)
    assert model["scored"] == 15 - len(failed)


@pytest.mark.parametrize("name", ["missing", "no image", "no reference"])
def test_a_file_that_is_not_there_is_named(evaluated, name):
    assert "none" in evaluated[1][name]["error"] or "missing" in evaluated[1][name]["error"]


def test_one_frame_has_no_score_that_needs_time_and_says_why(evaluated):
    line = evaluated[1]["one frame"]
    for column in ("temporal_flickering", "dynamic_speed", "motion_score", "repeated_share", "cuts_inside"):
        assert line["scores"][column] is None
        assert line["missing"][column] == "cannot be told from one frame"
    assert line["scores"]["sharpness"] > 0
    reasons = evaluated[0].summary["systems"]["model"]["missing"]
    assert any(each["column"] == "motion_score" and "one frame" in each["reason"] for each in reasons)


def test_black_and_constant_videos_are_measured_and_said_to_stand_still(evaluated):
    evaluation, lines = evaluated
    assert lines["black"]["scores"]["clipped_dark"] == 1.0
    assert lines["constant"]["scores"]["temporal_flickering"] == pytest.approx(1.0, abs=1e-3)
    for name in ("black", "constant"):
        assert lines[name]["scores"]["repeated_share"] == 1.0
    assert evaluation.summary["systems"]["model"]["frozen_videos"] == 2
    assert any("repeat one frame throughout" in sentence for sentence in evaluation.summary["weak"])


def test_different_sizes_and_lengths_are_measured_and_said(evaluated):
    evaluation, lines = evaluated
    for name in ("portrait", "long", "odd", "two frames"):
        assert lines[name]["scores"]["motion_score"] is not None, name
    assert len(evaluation.summary["protocol"]["sizes"]) >= 3
    assert any("differ in size" in sentence for sentence in evaluation.summary["weak"])
    assert any("differ in length" in sentence for sentence in evaluation.summary["weak"])


def test_no_score_anywhere_is_nan_and_the_report_names_the_failures(evaluated):
    evaluation, _ = evaluated
    text = (evaluation.out / "summary.json").read_text()
    assert "NaN" not in text
    assert "Infinity" not in text
    page = (evaluation.out / "report.html").read_text()
    assert "Videos without a score" in page
    assert "Scores that videos do not have" in page


def test_a_second_run_into_the_same_folder_is_refused_and_one_that_was_killed_goes_on(evaluated):
    evaluation, _ = evaluated
    manifest = evaluation.out.parent / "manifest.jsonl"
    config = EvaluateConfig(metrics=METRICS, baselines=(), timeout_seconds=None)
    lines = (evaluation.out / "rows.jsonl").read_text().splitlines(keepends=True)
    with locked(evaluation.out), pytest.raises(CatalogLocked, match="being written by another run"):
        evaluate_manifest(manifest, evaluation.out, config)
    assert (evaluation.out / "rows.jsonl").read_text() == "".join(lines)
    kept = len(lines) // 2
    (evaluation.out / "rows.jsonl").write_text(
        "".join(lines[:kept]) + lines[kept][:40]
    )  # killed in the middle of a line
    again = evaluate_manifest(manifest, evaluation.out, config)
    assert again.summary["systems"]["model"]["scores"] == evaluation.summary["systems"]["model"]["scores"]
    assert 0 < again.summary["protocol"]["videos_measured"] < len(lines)


@pytest.mark.parametrize(
    ("name", "codec", "pixels"), [("a b/ünï & co's.webm", "libvpx-vp9", "yuv420p"), ("x.avi", "mpeg4", "yuv420p")]
)
def test_other_codecs_containers_and_odd_names_are_scored_and_shown(tmp_path, name, codec, pixels):
    path = tmp_path / name
    path.parent.mkdir(exist_ok=True)
    with av.open(str(path), "w") as container:
        stream = container.add_stream(codec, rate=8)
        stream.height, stream.width, stream.pix_fmt = 64, 96, pixels
        for frame in moving():
            for packet in stream.encode(av.VideoFrame.from_ndarray(frame, format="rgb24")):
                container.mux(packet)
        for packet in stream.encode():
            container.mux(packet)
    images = {"own": moving(count=1)[0], "other": np.zeros((64, 96, 3), np.uint8)}
    for kind, image in images.items():
        media.write_image(tmp_path / f"{kind}.png", image)
    rows = [ManifestRow(id=f"{name} {kind}", video=path, image=tmp_path / f"{kind}.png") for kind in images]
    write_manifest(tmp_path / "manifest.jsonl", rows)
    config = EvaluateConfig(metrics=("first_frame", "flicker"), baselines=("frozen",), timeout_seconds=None)
    evaluation = evaluate_manifest(tmp_path / "manifest.jsonl", tmp_path / "out", config)
    assert not evaluation.num_failed
    assert evaluation.summary["systems"]["model"]["scores"]["temporal_flickering"]["count"] == 2
    write_report(evaluation, tmp_path / "report.html")
    page = html.unescape((tmp_path / "report.html").read_text())
    assert "Best by first frame PSNR" in page
    assert "8 frames of it" in page
