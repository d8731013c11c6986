"""Protects parity with the released pipeline: latents after every step and the decoded video, at toy size."""

import json
from pathlib import Path

import pytest
import torch

GOLDEN = Path(__file__).parents[1] / "golden" / "dropletvideo_tiny"


@pytest.fixture(scope="module")
def golden():
    from safetensors.torch import load_file

    return json.loads((GOLDEN / "request.json").read_text()), load_file(GOLDEN / "expected.safetensors")


@pytest.fixture(scope="module")
def pipeline():
    from dropletvideo.generate.pipeline import DropletVideoPipeline

    return DropletVideoPipeline.from_pretrained(GOLDEN / "model")


def call(pipeline, request, expected, **changes):
    asked = {
        "image": GOLDEN / "image.png",
        "prompt": request["prompt"],
        "negative_prompt": request["negative_prompt"],
        "motion": request["fps"],
        "num_frames": request["num_frames"],
        "height": request["height"],
        "width": request["width"],
        "num_inference_steps": request["num_inference_steps"],
        "guidance_scale": request["guidance_scale"],
        "max_sequence_length": request["max_sequence_length"],
        "latents": expected["noise"],
        "fit": "stretch",
        "frame_fix": "legacy",
    }
    return pipeline(**(asked | changes)).frames


def test_latents_after_every_step_and_frames(pipeline, golden):
    request, expected = golden
    seen = []

    def keep(_pipeline, number, timestep, tensors):
        seen.append((timestep, tensors["latents"]))

    frames = call(pipeline, request, expected, callback_on_step_end=keep)
    assert [timestep for timestep, _ in seen] == request["timesteps"]
    for number, (_, latents) in enumerate(seen):
        assert (latents - expected[f"latents.{number}"]).abs().max() < 1e-3, f"step {number}"
    assert frames.shape == (1, 9, 3, 64, 96)
    assert (frames.transpose(1, 2) - expected["video"]).abs().max() < 2e-3


def test_the_released_defaults_hold_for_a_folder_without_its_own(pipeline, golden):
    request, expected = golden
    defaults = call(
        pipeline, request, expected, negative_prompt=None, max_sequence_length=None, fit=None, guidance_scale=None
    )
    assert (defaults.transpose(1, 2) - expected["video"]).abs().max() < 2e-3


def test_motion_and_image_reach_the_model(pipeline, golden):
    request, expected = golden
    same = call(pipeline, request, expected)
    assert not torch.equal(same, call(pipeline, request, expected, motion=32))
    assert not torch.equal(same, call(pipeline, request, expected, image=None))


def test_a_folder_that_was_loaded_and_saved_gives_the_same_video(pipeline, golden, tmp_path):
    from dropletvideo.generate.pipeline import DropletVideoPipeline

    pipeline.save_pretrained(tmp_path / "saved")
    again = DropletVideoPipeline.from_pretrained(tmp_path / "saved")
    request, expected = golden
    assert (call(again, request, expected).transpose(1, 2) - expected["video"]).abs().max() < 2e-3


def test_the_suffix_is_the_released_one_after_one_space(pipeline, golden):
    request, expected = golden
    spelled = call(
        pipeline, request, expected, prompt=f"{request['prompt']} {request['prompt_suffix']}", prompt_suffix=None
    )
    assert torch.equal(spelled, call(pipeline, request, expected))
