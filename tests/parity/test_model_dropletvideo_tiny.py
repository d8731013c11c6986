"""Protects: a model folder in the released layout gives what the reference implementation gave for it, part by part
and from the noise to the frames (fixture made with the published code on a toy model with random weights)."""

import json
from pathlib import Path

import pytest
import torch
from safetensors.torch import load_file
from torch.nn import functional as F

from dropletvideo.model.folder import load_model_folder, save_model_folder
from dropletvideo.model.image_condition import image_condition
from dropletvideo.model.rope import rotary_tables
from dropletvideo.model.text import encode_prompt, full_prompt
from dropletvideo.model.vae import decode_latents

FIXTURE = Path(__file__).parents[1] / "golden" / "dropletvideo_tiny"


@pytest.fixture(scope="module")
def model():
    return load_model_folder(FIXTURE / "model")


@pytest.fixture(scope="module")
def expected():
    return load_file(FIXTURE / "expected.safetensors")


@pytest.fixture(scope="module")
def request_facts():
    return json.loads((FIXTURE / "request.json").read_text())


def _assert_near(actual, expected, tolerance):
    assert actual.shape == expected.shape
    assert (actual - expected).abs().max() <= tolerance


def _prompt_states(model, facts):
    texts = [facts["negative_prompt"], full_prompt(facts["prompt"], facts["prompt_suffix"])]
    return encode_prompt(
        texts, tokenizer=model.tokenizer, text_encoder=model.text_encoder, text_length=facts["max_sequence_length"]
    )


def _condition(model, facts):
    import numpy as np
    from PIL import Image

    image = Image.open(FIXTURE / "image.png").convert("RGB").resize((facts["width"], facts["height"]))
    pixels = torch.from_numpy(np.asarray(image).copy()).permute(2, 0, 1)[None].float() / 127.5 - 1
    return image_condition(model.vae, pixels, facts["num_frames"])


def _tables(model, latents_BFCHW):
    return rotary_tables(
        model.transformer.config,
        latent_frames=latents_BFCHW.shape[1],
        latent_height=latents_BFCHW.shape[3],
        latent_width=latents_BFCHW.shape[4],
    )


def test_defaults_without_droplet_json_are_the_released_ones(model, request_facts):
    assert model.defaults.prompt_suffix == request_facts["prompt_suffix"]
    assert model.defaults.negative_prompt == request_facts["negative_prompt"]
    assert model.defaults.text_length == request_facts["max_sequence_length"]
    assert model.defaults.guidance_scale == request_facts["guidance_scale"]


def test_text_states(model, expected, request_facts):
    _assert_near(_prompt_states(model, request_facts), expected["first_call.encoder_hidden_states"], 1e-4)


def test_rotary_tables(model, expected):
    cos, sin = _tables(model, expected["noise"])
    _assert_near(cos, expected["first_call.rotary_cos"], 1e-6)
    _assert_near(sin, expected["first_call.rotary_sin"], 1e-6)


def test_condition_of_the_stretched_image(model, expected, request_facts):
    _assert_near(_condition(model, request_facts), expected["first_call.inpaint_latents"][1:], 1e-4)


@torch.no_grad()
def test_first_transformer_call(model, expected):
    call = {
        name.removeprefix("first_call."): value for name, value in expected.items() if name.startswith("first_call")
    }
    output = model.transformer(
        hidden_states=torch.cat([call["hidden_states"], call["inpaint_latents"]], dim=2),
        encoder_hidden_states=call["encoder_hidden_states"],
        timestep=call["timestep"],
        motion=call["timestep_cond"],
        image_rotary_emb=(call["rotary_cos"], call["rotary_sin"]),
    ).sample
    _assert_near(output, call["output"], 1e-4)


@torch.no_grad()
def test_every_step_and_the_frames(model, expected, request_facts):
    text = _prompt_states(model, request_facts)
    condition = _condition(model, request_facts).expand(2, -1, -1, -1, -1)
    latents = expected["noise"]
    tables = _tables(model, latents)
    motion = torch.tensor([float(request_facts["fps"])])
    model.scheduler.set_timesteps(request_facts["num_inference_steps"])
    assert model.scheduler.timesteps.tolist() == request_facts["timesteps"]
    for step, timestep in enumerate(model.scheduler.timesteps):
        velocity = model.transformer(
            hidden_states=torch.cat([latents.expand(2, -1, -1, -1, -1), condition], dim=2),
            encoder_hidden_states=text,
            timestep=timestep.expand(2),
            motion=motion,
            image_rotary_emb=tables,
        ).sample
        unguided, guided = velocity.chunk(2)
        velocity = unguided + request_facts["guidance_scale"] * (guided - unguided)
        latents = model.scheduler.step(velocity, timestep, latents, return_dict=False)[0]
        _assert_near(latents, expected[f"latents.{step}"], 1e-3)
    frames = (decode_latents(model.vae, latents) / 2 + 0.5).clamp(0, 1)
    _assert_near(frames, expected["video"], 2e-3)


def test_saved_folder_is_the_released_layout_again(model, expected, tmp_path):
    save_model_folder(model, tmp_path / "copy")
    for name in ("transformer", "vae", "text_encoder"):
        before, after = _tensors(FIXTURE / "model" / name), _tensors(tmp_path / "copy" / name)
        assert before.keys() == after.keys()
        assert all(torch.equal(before[key], after[key]) for key in before)
    for name in ("transformer", "vae"):
        config_before, config_after = (
            json.loads((folder / name / "config.json").read_text()) for folder in (FIXTURE / "model", tmp_path / "copy")
        )
        for key, value in config_before.items():
            assert key == "_diffusers_version" or config_after[key] == value
    assert (tmp_path / "copy" / "tokenizer" / "spiece.model").is_file()
    index = json.loads((tmp_path / "copy" / "model_index.json").read_text())
    assert index == json.loads((FIXTURE / "model" / "model_index.json").read_text())
    again = load_model_folder(tmp_path / "copy")
    assert again.vae.num_sample_frames_batch_size == model.vae.num_sample_frames_batch_size == 4


def _tensors(folder):
    return load_file(next(folder.glob("*.safetensors")))


def test_attention_equals_the_one_of_diffusers(model, expected):
    from diffusers.models.attention_processor import CogVideoXAttnProcessor2_0

    call = {
        name.removeprefix("first_call."): value for name, value in expected.items() if name.startswith("first_call")
    }
    arguments = {
        "hidden_states": torch.cat([call["hidden_states"], call["inpaint_latents"]], dim=2),
        "encoder_hidden_states": call["encoder_hidden_states"],
        "timestep": call["timestep"],
        "motion": call["timestep_cond"].float(),
        "image_rotary_emb": (call["rotary_cos"], call["rotary_sin"]),
    }
    own = model.transformer.attn_processors
    with torch.no_grad():
        ours = model.transformer(**arguments).sample
        model.transformer.set_attn_processor(CogVideoXAttnProcessor2_0())
        theirs = model.transformer(**arguments).sample
    model.transformer.set_attn_processor(own)
    _assert_near(ours, theirs, 1e-6)


def test_even_latent_counts_decode_to_the_right_length(model):
    latents = F.pad(torch.zeros(1, 2, 16, 4, 4), (0, 0))
    assert decode_latents(model.vae, latents).shape[2] == 5
    assert decode_latents(model.vae, latents, frame_fix="legacy").shape[2] == 8
