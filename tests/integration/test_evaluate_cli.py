"""`droplet evaluate` and `droplet measure` from files to exit code, on videos of a few frames."""

from __future__ import annotations

import json

import cv2
import numpy as np
import pytest
from typer.testing import CliRunner

from dropletvideo import media
from dropletvideo.cli.__main__ import application
from dropletvideo.evaluate import measuring
from dropletvideo.evaluate.score import EvaluateConfig, evaluate_manifest

SIDE = 64
CLIP_COLUMNS = {
    "path", "start_frame", "end_frame", "source_fps", "duration_seconds", "num_frames", "height", "width",
    "camera_class", "camera_moves", "camera_detail", "motion_score", "boundaries", "temporal_flickering",
    "motion_score_consistent", "consistent_share", "compensated_flicker", "brightness", "sharpness",
}  # fmt: skip


def canvas(seed: int) -> np.ndarray:
    generator = np.random.default_rng(seed)
    layers = [
        cv2.resize(generator.uniform(0, 255, (200 // s + 2, 400 // s + 2, 3)).astype(np.float32), (400, 200))
        for s in (5, 16, 40)
    ]
    return np.clip(np.mean(layers, axis=0), 0, 255)


def shot(seed: int, *, speed: float, count: int = 17, rate: float = 8.0) -> np.ndarray:
    """A window that slides over a texture: `speed` px per second to the right."""
    frames = []
    for index in range(count):
        matrix = np.array([[1, 0, -120 - speed * index / rate], [0, 1, -60]], np.float64)
        frames.append(cv2.warpAffine(canvas(seed), matrix, (SIDE, SIDE)).astype(np.uint8))
    return np.stack(frames)


@pytest.fixture(scope="module")
def manifest(tmp_path_factory):
    """Two images at M = 4 and 32, then one video missing and one broken."""
    folder = tmp_path_factory.mktemp("generated")
    lines = []
    for seed, move in enumerate(("pan_right", "static")):
        speed = 0.0 if move == "static" else 24.0
        media.write_video(folder / f"real{seed}.mp4", shot(seed, speed=speed, count=140, rate=32), playback_fps=32)
        media.write_image(folder / f"{seed}.png", shot(seed, speed=0, count=1)[0])
        for motion in (4, 32):
            name = f"{seed}-M{motion}"
            media.write_video(folder / f"{name}.mp4", shot(seed, speed=speed, rate=motion), playback_fps=8)
            request = {"id": name, "video": f"{name}.mp4", "prompt": "a texture", "seed": 1, "request_key": "k"}
            asked = {"image": f"{seed}.png", "motion": motion, "camera": [{"move": move}], "group": str(seed)}
            lines.append({**request, **asked, "reference_video": f"real{seed}.mp4", "num_frames": 17})
    (folder / "broken.mp4").write_text("this is no video")
    lines += [{"id": name, "video": f"{name}.mp4", "motion": 4} for name in ("missing", "broken")]
    path = folder / "manifest.jsonl"
    path.write_text("".join(json.dumps(line) + "\n" for line in lines))
    return path


@pytest.fixture(scope="module")
def evaluated(manifest, tmp_path_factory):
    out = tmp_path_factory.mktemp("evaluation")
    result = CliRunner().invoke(application, ["evaluate", str(manifest), "--out", str(out), "--workers", "2", "--json"])
    return result, out


def test_the_summary_tells_model_from_baselines_and_failures_from_scores(evaluated):
    result, out = evaluated
    assert result.exit_code == 3, result.stderr
    assert "2 of 26 videos failed" in result.stderr
    summary = json.loads(result.stdout)
    assert summary == json.loads((out / "summary.json").read_text())
    systems = summary["systems"]
    assert set(systems) == {"model", "real", "frozen", "ken_burns", "shuffled", "reversed"}
    assert (systems["model"]["scored"], systems["model"]["failed"]) == (4, 2)
    assert {failure["id"] for failure in systems["model"]["failures"]} == {"missing", "broken"}
    assert systems["frozen"]["scores"]["motion_score"]["value"] == pytest.approx(0.0, abs=2e-3)
    assert systems["frozen"]["scores"]["temporal_flickering"]["value"] > 0.99
    model = systems["model"]["scores"]
    assert model["first_frame_psnr"]["value"] > systems["shuffled"]["scores"]["first_frame_psnr"]["value"] + 3
    assert model["compensated_flicker"]["value"] < systems["shuffled"]["scores"]["compensated_flicker"]["value"]
    assert systems["frozen"]["tables"]["camera"]["f1_chance_corrected"] <= 0


def test_motion_answers_to_m_in_the_model_and_not_in_the_frozen_picture(evaluated):
    systems = json.loads(evaluated[0].stdout)["systems"]
    response = systems["model"]["tables"]["motion"]["consistent"]
    assert response["ratio"]["value"] == pytest.approx(8.0, rel=0.3)
    assert response["ratio_of_time"] == 8.0
    frozen = systems["frozen"]["tables"]["motion"]["consistent"]["ratio"]["value"]
    assert frozen is None or frozen == pytest.approx(1.0, abs=0.2)


def test_rows_hold_one_line_per_video_and_errors_have_no_score(evaluated):
    lines = [json.loads(line) for line in (evaluated[1] / "rows.jsonl").read_text().splitlines()]
    assert len(lines) == 26
    failed = [line for line in lines if "error" in line]
    assert {line["id"] for line in failed} == {"missing", "broken"}
    assert not any("scores" in line for line in failed)
    pan = next(line for line in lines if line["system"] == "real" and line["id"] == "0-M4")
    assert pan["measures"]["num_frames"] == 17
    assert "camera_moves" in pan["measures"]


def test_a_second_run_decodes_nothing_and_adds_nothing(evaluated, manifest, monkeypatch):
    out, decoded = evaluated[1], []
    before = (out / "rows.jsonl").read_text()
    monkeypatch.setattr(measuring, "watch_video", lambda path, *args, **kwargs: decoded.append(path.name) or 1 / 0)
    again = evaluate_manifest(manifest, out, EvaluateConfig(timeout_seconds=None))
    assert decoded == [], "of the failed file not even a frame comes"
    assert again.summary["protocol"]["videos_measured"] == 1, "only the failed file is tried again"
    assert again.summary["systems"]["model"]["scored"] == 4
    assert again.summary["systems"]["model"]["scores"] == json.loads(evaluated[0].stdout)["systems"]["model"]["scores"]
    assert (out / "rows.jsonl").read_text().startswith(before)


def test_the_report_is_one_file_that_shows_scores_players_and_weak_points(evaluated):
    text = (evaluated[1] / "report.html").read_text()
    for part in ("What is weak", "Scores beside baselines", "Motion against M", "frozen picture", "data:video/mp4"):
        assert part in text
    assert "http://" not in text.replace("http://www.w3.org", "")


def test_without_baselines_only_the_model_is_scored(manifest, tmp_path):
    arguments = ["evaluate", str(manifest), "--out", str(tmp_path), "--no-baselines", "--metric", "first_frame"]
    result = CliRunner().invoke(application, arguments)
    assert result.exit_code == 3
    summary = json.loads((tmp_path / "summary.json").read_text())
    assert set(summary["systems"]) == {"model"}
    assert {column["name"] for column in summary["columns"]} == {"first_frame_psnr", "first_frame_ssim"}


@pytest.mark.parametrize(
    ("arguments", "complaint"),
    [
        (["evaluate", "none.jsonl"], "is not a file"),
        (["evaluate", "{manifest}", "--metric", "beauty"], "is unknown: one of"),
    ],
)
def test_misuse_is_refused_before_any_work(manifest, tmp_path, arguments, complaint):
    result = CliRunner().invoke(application, [a.format(manifest=manifest) for a in arguments])
    assert complaint in str(result.exception)
    assert isinstance(result.exception, ValueError)


def test_measure_gives_the_columns_of_clips_and_marks_an_edit_as_c6(tmp_path):
    media.write_video(tmp_path / "pan.mp4", shot(1, speed=30.0, count=24), playback_fps=8)
    cut = np.concatenate([shot(1, speed=10.0, count=20), 255 - shot(7, speed=-10.0, count=20)])
    media.write_video(tmp_path / "cut.mp4", cut, playback_fps=8)
    (tmp_path / "empty.mp4").write_bytes(b"")
    names = [str(tmp_path / name) for name in ("pan.mp4", "cut.mp4", "empty.mp4", "none.mp4")]
    result = CliRunner().invoke(application, ["measure", *names, "--json"])
    assert result.exit_code == 3
    pan, cut_row, empty, none = json.loads(result.stdout)
    assert set(pan) >= CLIP_COLUMNS
    assert (pan["path"], pan["start_frame"], pan["end_frame"]) == (names[0], 0, 24)
    assert pan["source_fps"] == pytest.approx(8.0)
    assert pan["duration_seconds"] == pytest.approx(3.0)
    assert pan["camera_class"] != "C6"
    assert cut_row["camera_class"] == "C6"
    assert [boundary["frame"] for boundary in cut_row["boundaries"]] == [20]
    assert (set(empty), set(none)) == ({"path", "error"}, {"path", "error"})


def test_measure_prints_a_table(tmp_path):
    media.write_video(tmp_path / "pan.mp4", shot(1, speed=30.0), playback_fps=8)
    result = CliRunner().invoke(application, ["measure", str(tmp_path / "pan.mp4")])
    assert result.exit_code == 0
    assert "motion" in result.stdout


@pytest.mark.parametrize("verb", ["evaluate", "measure", "compare", "rate"])
def test_help_has_an_example(verb):
    result = CliRunner().invoke(application, [verb, "--help"])
    assert result.exit_code == 0
    assert f"droplet {verb}" in result.stdout


def test_verbs_below_evaluate_and_options_that_stand_for_a_list(manifest, tmp_path):
    for arguments in (["import"], ["import", "vbench"], ["validate"], ["score"]):
        result = CliRunner().invoke(application, ["evaluate", *arguments, "--help"])
        assert result.exit_code == 0, arguments
        assert "Usage" in result.stdout
    arguments = ["evaluate", str(manifest), "--out", str(tmp_path), "--metrics", "look,flicker", "--dry-run", "--json"]
    result = CliRunner().invoke(application, arguments)
    assert result.exit_code == 0, result.output
    plan = json.loads(result.stdout)
    assert plan["metrics"] == ["look", "flicker"]
    assert plan["videos_missing"] == 1
    assert not list(tmp_path.iterdir()), "a dry run writes nothing"


@pytest.mark.parametrize(
    ("option", "complaint"),
    [
        (["--profile", "free"], "--profile"),
        (["--suite", "beauty"], "suite 'beauty' is unknown"),
        (["--weights", "/nowhere"], "is no folder"),
        (["--engine", "spark"], "--engine"),
    ],
)
def test_wrong_values_of_options_are_named(manifest, option, complaint):
    result = CliRunner().invoke(application, ["evaluate", str(manifest), *option])
    assert complaint in str(result.exception)
