"""Protects batch answers: rows do not depend on each other, nothing is done twice, a failing row stops no other."""

import json
import shutil

import numpy as np
import pytest
import torch

from dropletvideo.errors import CatalogLocked, RequestError
from dropletvideo.evaluate.manifest import read_manifest
from dropletvideo.generate import batch
from dropletvideo.generate.asked import read_requests
from dropletvideo.generate.batch import generate_batch
from dropletvideo.generate.pipeline import DropletVideoPipeline
from dropletvideo.media import read_metadata, read_video, write_image
from dropletvideo.tables.lock import locked
from toy_model import write_toy_model


@pytest.fixture(scope="module")
def model(tmp_path_factory):
    """The parity model with defaults of a toy: 5 frames of 32x32, two steps."""
    return write_toy_model(tmp_path_factory.mktemp("model") / "tiny", side=32, steps=2)


@pytest.fixture
def requests(tmp_path):
    write_image(tmp_path / "a.png", np.random.default_rng(0).integers(0, 255, (40, 60, 3), np.uint8))
    (tmp_path / "text.png").write_text("no image")
    rows = [
        {"id": f"a-M{motion}", "image": "a.png", "prompt": "pan left", "motion": motion, "seed": 3, "group": "a"}
        for motion in (4, 32)
    ]
    rows += [
        {"id": "bad", "image": "text.png", "prompt": "x"},
        {"id": "gone", "image": "missing.png", "prompt": "x"},
        {"id": "text-only", "prompt": "zoom in", "camera": [{"move": "zoom_in"}], "num_frames": 9},
    ]
    path = tmp_path / "requests.jsonl"
    path.write_text("".join(json.dumps(row) + "\n" for row in rows))
    return path


def test_answers_are_a_manifest_and_failures_are_told(model, requests, tmp_path):
    result = generate_batch(requests, tmp_path / "out", model=model)
    assert (result.done, result.kept, result.failed) == (3, 0, 2)
    rows = read_manifest(result.manifest)
    assert [row.id for row in rows] == ["a-M4", "a-M32", "text-only"]
    assert rows[0].image == (tmp_path / "a.png").resolve()
    assert rows[2].camera[0].move == "zoom_in"
    errors = [json.loads(line) for line in (tmp_path / "out" / "errors.jsonl").read_text().splitlines()]
    assert {row["id"] for row in errors} == {"bad", "gone"}
    assert len(read_video(rows[2].video)) == 9
    assert read_metadata(rows[0].video)["request"]["motion"] == 4


def test_what_is_done_is_kept_until_the_request_changes(model, requests, tmp_path):
    out = tmp_path / "out"
    generate_batch(requests, out, model=model)
    before = {path.name: path.stat().st_mtime_ns for path in out.glob("*.mp4")}
    assert generate_batch(requests, out, model=model).kept == 3
    (out / "a-M4.mp4").unlink()
    requests.write_text(requests.read_text().replace('"motion": 32', '"motion": 16'))
    result = generate_batch(requests, out, model=model)
    assert (result.done, result.kept) == (2, 1)
    assert (out / "text-only.mp4").stat().st_mtime_ns == before["text-only.mp4"]
    write_image(tmp_path / "a.png", np.zeros((40, 60, 3), np.uint8))
    assert generate_batch(requests, out, model=model).done == 2


def test_other_defaults_of_the_model_are_another_request(model, requests, tmp_path):
    own = tmp_path / "own"
    shutil.copytree(model, own)
    out = tmp_path / "out"
    generate_batch(requests, out, model=own)
    defaults = json.loads((own / "droplet.json").read_text())
    (own / "droplet.json").write_text(json.dumps({**defaults, "guidance_scale": defaults["guidance_scale"] + 1}))
    result = generate_batch(requests, out, model=own)
    assert (result.done, result.kept) == (3, 0)


def test_a_video_does_not_depend_on_its_batch(model, requests, tmp_path, monkeypatch):
    frames = {}

    def kept(path, video, *_rest, **_more):  # before the encoder of the file, which blows last digits up
        frames[path.parent.name, path.stem] = np.concatenate(list(video)).astype(int)

    monkeypatch.setattr(batch, "write_answer", kept)
    generate_batch(requests, tmp_path / "together", model=model, batch_size=8)
    generate_batch(requests, tmp_path / "alone", model=model, batch_size=1)
    for name in ("a-M4", "a-M32", "text-only"):
        difference = np.abs(frames["together", name] - frames["alone", name])
        assert difference.max() <= 1
        assert difference.mean() < 0.01


def test_a_row_that_is_no_request_stops_no_other(model, requests, tmp_path):
    requests.write_text(requests.read_text() + '{"id": "typo", "prompts_": "x"}\n{"id": "wild", "motion": -3}\n{torn\n')
    result = generate_batch(requests, tmp_path / "out", model=model)
    assert (result.done, result.failed) == (3, 5)
    errors = [json.loads(line) for line in (tmp_path / "out" / "errors.jsonl").read_text().splitlines()]
    reasons = {row["id"]: row["reason"] for row in errors}
    assert "'prompts' meant" in reasons["typo"]
    assert "motion=-3" in reasons["wild"]
    assert "line 8" in reasons


def test_a_row_that_breaks_its_call_takes_no_other_with_it(model, requests, tmp_path, monkeypatch):
    answer = batch.answer

    def breaks_at_32(opened, rows):
        if any(row.request.motion == 32 for row in rows):
            raise ZeroDivisionError("a fault of ours")
        return answer(opened, rows)

    monkeypatch.setattr(batch, "answer", breaks_at_32)
    result = generate_batch(requests, tmp_path / "out", model=model)
    assert [row.id for row in read_manifest(result.manifest)] == ["a-M4", "text-only"]
    errors = (tmp_path / "out" / "errors.jsonl").read_text()
    assert "ZeroDivisionError: a fault of ours" in errors


def test_what_a_killed_run_left_is_swept_and_a_second_writer_refused(model, requests, tmp_path):
    out = tmp_path / "out"
    out.mkdir()
    torn = out / ".a-M4.999999.partial.mp4"
    torn.write_bytes(b"half")
    with locked(out), pytest.raises(CatalogLocked):
        generate_batch(requests, out, model=model)
    assert torn.exists()
    generate_batch(requests, out, model=model)
    assert not torn.exists()


def test_values_of_the_call_fill_what_rows_leave_out(requests):
    rows, faults = read_requests(requests, {"motion": 9.0, "num_inference_steps": 3, "num_frames": None})
    assert not faults
    assert [row.motion for row in rows] == [4, 32, 9, 9, 9]
    assert {row.num_inference_steps for row in rows} == {3}


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ('{"id": "a"}\n{"id": "a"}\n', "used twice: a"),
        ("{broken\n", ":1: not a valid request"),
        ('{"prompt": "x"}\n', "id"),
        ('{"id": "../up"}\n', "id"),
        ("\n", "no request"),
    ],
)
def test_a_file_that_is_no_list_of_requests_is_refused(tmp_path, text, words):
    path = tmp_path / "requests.jsonl"
    path.write_text(text)
    with pytest.raises(RequestError, match=words):
        read_requests(path, {})


def call(pipeline, **asked):
    base = {"image": np.full((32, 32, 3), 90, np.uint8), "prompt": "pan", "generator": torch.Generator().manual_seed(0)}
    return pipeline(**(base | asked)).frames


@pytest.fixture(scope="module")
def pipeline(model):
    pipeline = DropletVideoPipeline.from_pretrained(model)
    pipeline.set_progress_bar_config(disable=True)
    return pipeline


def test_output_types_hold_the_same_video(pipeline):
    tensor, array, images = (call(pipeline, output_type=kind) for kind in ("pt", "np", "pil"))
    assert tensor.shape == (1, 5, 3, 32, 32)
    assert np.allclose(tensor.permute(0, 1, 3, 4, 2).numpy(), array)
    assert np.abs(np.asarray(images[0][4]) / 255 - array[0, 4]).max() <= 0.5 / 255 + 1e-6
    assert call(pipeline, output_type="latent").shape == (1, 2, 16, 4, 4)


def test_number_of_frames_is_what_was_asked_even_for_an_even_latent_count(pipeline):
    assert call(pipeline, num_frames=5).shape[1] == 5
    assert call(pipeline, num_frames=13).shape[1] == 13


def test_guidance_of_one_runs_one_branch(pipeline, monkeypatch):
    batches = []
    forward = type(pipeline.transformer).forward

    def counted(self, hidden_states, **others):
        batches.append(len(hidden_states))
        return forward(self, hidden_states=hidden_states, **others)

    monkeypatch.setattr(type(pipeline.transformer), "forward", counted)
    call(pipeline, guidance_scale=1.0)
    call(pipeline, guidance_scale=3.0)
    assert batches == [1, 1, 2, 2]


def test_lists_are_answered_in_order(pipeline):
    motions = [4.0, 32.0]
    generators = [torch.Generator().manual_seed(5) for _ in motions]
    both = call(pipeline, motion=motions, generator=generators)
    for place, motion in enumerate(motions):
        alone = call(pipeline, motion=motion, generator=torch.Generator().manual_seed(5))
        assert torch.allclose(both[place], alone[0], atol=1e-4)
    assert not torch.allclose(both[0], both[1], atol=1e-4)


def test_a_callback_sees_and_may_replace_latents(pipeline):
    seen = []

    def zero(_pipeline, number, timestep, tensors):
        seen.append((number, timestep))
        return {"latents": torch.zeros_like(tensors["latents"])}

    assert (call(pipeline, callback_on_step_end=zero, output_type="latent") == 0).all()
    assert seen == [(0, 999), (1, 499)]


def test_motion_outside_the_trained_range_is_warned_of(pipeline, caplog):
    call(pipeline, motion=8.0)
    assert "trained range" not in caplog.text
    call(pipeline, motion=64.0)
    assert "trained range 4 to 32" in caplog.text


def test_a_saved_pipeline_gives_the_same_video(pipeline, tmp_path):
    pipeline.save_pretrained(tmp_path / "saved")
    again = DropletVideoPipeline.from_pretrained(tmp_path / "saved")
    again.set_progress_bar_config(disable=True)
    first = call(pipeline, generator=torch.Generator().manual_seed(1))
    assert torch.equal(first, call(again, generator=torch.Generator().manual_seed(1)))


def test_noise_of_another_size_is_refused(pipeline):
    with pytest.raises(RequestError, match="latents are"):
        call(pipeline, latents=torch.zeros(1, 2, 8, 4, 4))
