"""Protects the measured meaning of speed: it comes from videos of these weights, and from no others."""

import json
import shutil
from pathlib import Path

import numpy as np
import pytest
from typer.testing import CliRunner

from dropletvideo.cli.__main__ import application
from dropletvideo.errors import RequestError
from dropletvideo.generate import calibration
from dropletvideo.generate.calibration import levels_of
from dropletvideo.generate.opened import Setup
from dropletvideo.generate.provenance import model_digest, read_provenance
from dropletvideo.generate.single import generate_file, repeat_file
from dropletvideo.model.folder import load_defaults
from dropletvideo.model.motion_curve import fit_calibration
from dropletvideo.model.presets import nano

GOLDEN = Path(__file__).parents[1] / "golden" / "dropletvideo_tiny"


@pytest.fixture
def model(tmp_path):
    """The parity model with defaults of a toy: 5 frames of 32x32, one step."""
    folder = tmp_path / "tiny"
    shutil.copytree(GOLDEN / "model", folder)
    toy = {"num_frames": 5, "height": 32, "width": 32, "text_length": 12, "num_inference_steps": 1}
    (folder / "droplet.json").write_text(nano().defaults.model_copy(update=toy).model_dump_json())
    return folder


def stored(model, means=(1.0, 0.5, 0.2)):
    values = np.tile(means, (4, 1)) * np.array([[0.9], [1.0], [1.0], [1.1]])
    made = fit_calibration((4.0, 8.0, 32.0), values, unit="u", judge="j@1", model_digest=model_digest(model))
    calibration.store(str(model), made)
    return made


def rolling(speed_of):
    """Stands for a model that obeys: each video rolls its first frame by `speed_of(M)` pixels a frame."""

    def answered(_model, rows, _advance=None):
        texture = np.random.default_rng(0).integers(0, 255, (32, 32, 3), np.uint8).repeat(8, 0).repeat(8, 1)
        return [
            np.stack([np.roll(texture, round(speed_of(row.request.motion) * k), axis=1) for k in range(5)])
            for row in rows
        ]

    return answered


def droplet(*words):
    return CliRunner().invoke(application, [str(word) for word in words])


def test_a_model_that_obeys_gets_a_falling_curve_with_equal_speeds(model, tmp_path, monkeypatch):
    monkeypatch.setattr("dropletvideo.generate.batch.answer", rolling(lambda motion: 32 / motion))
    asked = ["--scenes", 3, "--motion", 4, "--motion", 8, "--motion", 16, "--motion", 32]
    told = droplet("calibrate", "--model", model, "--out", tmp_path / "out", *asked, "--check", "--json")
    assert told.exit_code == 0, told.output
    found = json.loads(told.stdout)
    assert found["measured"] == pytest.approx([v * found["measured"][0] for v in (1, 1 / 2, 1 / 4, 1 / 8)], rel=0.2)
    assert found["falling_pairs"] == 1.0
    kept = load_defaults(model).motion_calibration
    assert kept is not None
    assert kept.model_digest == model_digest(model)
    steps = np.diff([row["measured"] for row in found["check"]])
    assert len(steps) == 4
    assert steps == pytest.approx(steps.mean(), rel=0.35)  # whole pixels a frame are coarse
    assert "Measured motion over M" in (tmp_path / "out" / "calibration.html").read_text()


def test_a_model_that_does_not_obey_is_said_so_and_has_no_speed(model, tmp_path, monkeypatch):
    monkeypatch.setattr("dropletvideo.generate.batch.answer", rolling(lambda motion: 2))
    told = droplet(
        "calibrate",
        "--model",
        model,
        "--out",
        tmp_path / "out",
        "--scenes",
        3,
        "--motion",
        4,
        "--motion",
        32,
        "--check",
    )
    assert told.exit_code == 0, told.output
    assert "does not measurably follow M" in told.stdout
    assert "flat: M 4 to 32" in told.stdout
    monkeypatch.undo()
    with pytest.raises(RequestError, match="does not follow M"):
        generate_file(tmp_path / "a.mp4", {"speed": 0.5}, Setup(model=str(model)))


def test_speed_becomes_the_m_of_the_curve_and_both_are_kept(model, tmp_path):
    made = stored(model)
    provenance = generate_file(tmp_path / "a.mp4", {"speed": 0.25}, Setup(model=str(model)))
    assert provenance.request["motion"] == made.motion_at(0.25)
    assert read_provenance(tmp_path / "a.mp4").provenance.request["speed"] == 0.25
    repeat_file(tmp_path / "a.mp4", tmp_path / "b.mp4")
    assert (tmp_path / "a.mp4").read_bytes() == (tmp_path / "b.mp4").read_bytes()


def test_speed_without_a_calibration_or_with_one_of_other_weights_is_refused(model, tmp_path):
    with pytest.raises(RequestError, match="droplet calibrate"):
        generate_file(tmp_path / "a.mp4", {"speed": 0.5}, Setup(model=str(model)))
    stored(model)
    weights = next((model / "transformer").glob("*.safetensors"))
    content = bytearray(weights.read_bytes())
    content[-1] ^= 1
    weights.write_bytes(content)
    with pytest.raises(RequestError, match="other weights"):
        generate_file(tmp_path / "a.mp4", {"speed": 0.5}, Setup(model=str(model)))


def test_a_speed_measured_with_other_settings_is_said_to_be_less_sure(model, tmp_path, caplog):
    measured_with = {"guidance_scale": load_defaults(model).guidance_scale, "num_inference_steps": 1}
    made = stored(model).model_copy(update={"settings": measured_with})
    calibration.store(str(model), made)
    generate_file(tmp_path / "a.mp4", {"speed": 0.25}, Setup(model=str(model)))
    assert "less sure" not in caplog.text
    generate_file(tmp_path / "a.mp4", {"speed": 0.25, "guidance_scale": 9.0}, Setup(model=str(model)))
    assert f"guidance_scale {measured_with['guidance_scale']} then, 9.0 now" in caplog.text


def test_motion_and_speed_together_are_refused(tmp_path):
    with pytest.raises(RequestError, match="give one"):
        generate_file(tmp_path / "a.mp4", {"speed": 0.5, "motion": 8.0})


def test_levels_stay_inside_the_trained_range():
    assert levels_of((), (4.0, 32.0)) == (4.0, 6.06, 9.19, 13.9, 21.1, 32.0)
    with pytest.raises(RequestError, match="outside the trained range 4 to 32"):
        levels_of((2.0, 8.0), (4.0, 32.0))
    with pytest.raises(RequestError, match="not known"):
        levels_of((), None)


def test_storing_keeps_every_other_default(model):
    before = load_defaults(model)
    made = stored(model)
    assert load_defaults(model) == before.model_copy(update={"motion_calibration": made})
    assert model_digest(model) == made.model_digest
