"""Protects that a generated file can be made once more, bit for bit, from what it says of itself alone."""

import json
import shutil

import numpy as np
import pytest
import torch
from typer.testing import CliRunner

from dropletvideo.cli.__main__ import application
from dropletvideo.errors import MediaError, RequestError, WeightsError
from dropletvideo.generate.batch import generate_batch
from dropletvideo.generate.opened import Setup
from dropletvideo.generate.provenance import model_digest, read_provenance, sidecar_of
from dropletvideo.generate.single import generate_file, repeat_file
from dropletvideo.media import read_metadata, read_pictures, read_video, write_image, write_video
from toy_model import write_toy_model


@pytest.fixture(scope="module")
def model(tmp_path_factory):
    """The parity model with defaults of a toy: 5 frames of 32x32, two steps."""
    return write_toy_model(tmp_path_factory.mktemp("model") / "tiny", side=32, steps=2)


@pytest.fixture(scope="module")
def image(tmp_path_factory):
    path = tmp_path_factory.mktemp("image") / "a.png"
    write_image(path, np.random.default_rng(0).integers(0, 255, (40, 60, 3), np.uint8))
    return path


@pytest.fixture(scope="module")
def made(model, image, tmp_path_factory):
    """One video with its request inside."""
    path = tmp_path_factory.mktemp("made") / "first.mp4"
    generate_file(path, {"image": str(image), "prompt": "pan left", "motion": 6.0, "seed": 3}, Setup(model=str(model)))
    return path


def test_a_file_is_repeated_bit_for_bit_without_its_image(made, image, tmp_path):
    image.rename(image.with_suffix(".gone"))
    try:
        repeat_file(made, tmp_path / "again.mp4")
    finally:
        image.with_suffix(".gone").rename(image)
    assert (tmp_path / "again.mp4").read_bytes() == made.read_bytes()


def test_the_file_holds_the_image_as_the_model_saw_it_and_every_default(made, model):
    record = read_provenance(made)
    (picture,) = record.pictures
    assert picture.role == "image"
    assert picture.pixels.shape == (32, 32, 3)
    assert np.array_equal(picture.pixels, read_pictures(made)[0])
    request = record.provenance.request
    assert {request[name] for name in ("num_frames", "num_inference_steps")} == {5, 2}
    assert (request["motion"], request["seed"], request["fit"]) == (6.0, 3, "crop")
    assert record.provenance.model.digest == model_digest(model)


def test_changed_defaults_of_the_model_do_not_change_a_repetition(made, model, tmp_path):
    defaults = model / "droplet.json"
    before = defaults.read_text()
    defaults.write_text(json.dumps({**json.loads(before), "num_inference_steps": 3, "guidance_scale": 5.0}))
    try:
        repeat_file(made, tmp_path / "again.mp4")
    finally:
        defaults.write_text(before)
    assert (tmp_path / "again.mp4").read_bytes() == made.read_bytes()


def test_other_weights_are_refused_with_both_digests(made, model, tmp_path):
    other = tmp_path / "other"
    shutil.copytree(model, other)
    weights = next((other / "transformer").glob("*.safetensors"))
    content = bytearray(weights.read_bytes())
    content[-1] ^= 1
    weights.write_bytes(content)
    with pytest.raises(WeightsError, match=model_digest(model)):
        repeat_file(made, tmp_path / "again.mp4", model=str(other))
    assert not (tmp_path / "again.mp4").exists()


def test_videos_of_a_batch_are_repeated_bit_for_bit_alone(model, image, tmp_path):
    rows = [{"id": f"v{n}", "image": str(image), "prompt": f"move {n}", "motion": 4 + n, "seed": n} for n in range(3)]
    requests = tmp_path / "requests.jsonl"
    requests.write_text("".join(json.dumps(row) + "\n" for row in rows))
    generate_batch(requests, tmp_path / "out", model=model)
    for name in ("v0", "v2"):
        call = read_provenance(tmp_path / "out" / f"{name}.mp4").provenance.call
        assert (call.size, call.is_motion_shared) == (3, False)
        repeat_file(tmp_path / "out" / f"{name}.mp4", tmp_path / f"{name}.mp4")
        assert (tmp_path / f"{name}.mp4").read_bytes() == (tmp_path / "out" / f"{name}.mp4").read_bytes()


def test_a_sidecar_holds_the_same_and_is_bound_to_its_video(made, model, image, tmp_path):
    path = tmp_path / "side.mp4"
    generate_file(
        path,
        {"image": str(image), "prompt": "pan left", "motion": 6.0, "seed": 3},
        Setup(model=str(model)),
        sidecar=True,
    )
    assert read_metadata(path) is None
    assert read_pictures(path) == []
    assert read_provenance(path).provenance == read_provenance(made).provenance
    repeat_file(path, tmp_path / "again.mp4", sidecar=True)
    assert (tmp_path / "again.mp4").read_bytes() == path.read_bytes()
    assert sidecar_of(tmp_path / "again.mp4").read_bytes() == sidecar_of(path).read_bytes()
    write_video(path, np.zeros((3, 32, 32, 3), np.uint8), playback_fps=8)
    with pytest.raises(MediaError, match="another video"):
        read_provenance(path)


def test_a_repetition_runs_on_as_many_threads_as_then(made, model, monkeypatch, tmp_path):
    seen = []
    pipeline_call = "dropletvideo.generate.single.answer"
    from dropletvideo.generate import single

    answer = single.answer
    monkeypatch.setattr(pipeline_call, lambda *given: seen.append(torch.get_num_threads()) or answer(*given))
    before = torch.get_num_threads()
    noted = read_provenance(made).provenance.made_with["threads"]
    torch.set_num_threads(noted + 1)
    try:
        repeat_file(made, tmp_path / "again.mp4")
        assert seen == [noted]
        assert torch.get_num_threads() == noted + 1
    finally:
        torch.set_num_threads(before)


def test_a_file_without_a_request_is_told_so(tmp_path):
    write_video(tmp_path / "plain.mp4", np.zeros((3, 32, 32, 3), np.uint8), playback_fps=8)
    with pytest.raises(RequestError, match="carries no request"):
        repeat_file(tmp_path / "plain.mp4", tmp_path / "again.mp4")


def test_a_container_that_holds_no_pictures_is_refused_before_any_work(tmp_path):
    with pytest.raises(RequestError, match="--sidecar"):
        generate_file(tmp_path / "a.webm", {"prompt": "x"}, Setup(model="no such folder"))
    with pytest.raises(RequestError, match="suffixes"):
        generate_file(tmp_path / "a.gif", {"prompt": "x"}, Setup(model="no such folder"), sidecar=True)


def test_a_webm_has_a_sidecar(model, tmp_path):
    generate_file(tmp_path / "a.webm", {"prompt": "x"}, Setup(model=str(model)), sidecar=True)
    assert read_provenance(tmp_path / "a.webm").provenance.request["prompt"] == "x"
    assert len(read_video(tmp_path / "a.webm")) == 5


def test_inspect_shows_request_pictures_and_digest(made, model, tmp_path):
    told = CliRunner().invoke(application, ["inspect", str(made), "--json", "--pictures", str(tmp_path / "shown")])
    facts = json.loads(told.stdout)
    assert facts["request"]["prompt"] == "pan left"
    assert facts["model"]["digest"] == model_digest(model)
    assert [(p["role"], p["width"]) for p in facts["pictures"]] == [("image", 32)]
    assert (tmp_path / "shown" / "00-image.png").is_file()
    plain = CliRunner().invoke(application, ["inspect", str(made)]).stdout
    assert "pan left" in plain
    assert model_digest(model) in plain


def test_from_takes_no_other_request(made, tmp_path):
    told = CliRunner().invoke(
        application, ["generate", "--from", str(made), "--motion", "8", "--out", str(tmp_path / "b.mp4")]
    )
    assert isinstance(told.exception, RequestError)
    assert "--motion" in str(told.exception)
