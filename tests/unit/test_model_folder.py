"""Protects: a wrong model folder is refused by name; M reaches the output; conditions have the released channels."""

import json
import shutil
from pathlib import Path

import pytest
import torch
from safetensors.torch import load_file, save_file

from dropletvideo.errors import ConfigError, RequestError, WeightsError
from dropletvideo.model.folder import load_model_folder, save_model_folder
from dropletvideo.model.image_condition import (
    encode_condition,
    first_frame_mask,
    reference_noise,
    resize_mask,
    text_only_condition,
)
from dropletvideo.model.motion import motion_condition, outside_range
from dropletvideo.model.presets import nano, preset
from dropletvideo.model.rope import rotary_tables
from dropletvideo.model.text import encode_prompt
from dropletvideo.model.transformer import DropletVideoTransformer3DModel
from dropletvideo.shapes import LatentShape

TINY = Path(__file__).parents[1] / "golden" / "dropletvideo_tiny" / "model"


@pytest.fixture
def folder(tmp_path):
    return Path(shutil.copytree(TINY, tmp_path / "model"))


def _edit(part: Path, change):
    path = next(part.glob("*.safetensors"))
    save_file(change(load_file(path)), path, metadata={"format": "pt"})


def _without(tensors, prefix):
    return {name: value for name, value in tensors.items() if not name.startswith(prefix)}


def test_missing_motion_layers_are_refused_by_name(folder):
    _edit(folder / "transformer", lambda tensors: _without(tensors, "fps_embedding."))
    with pytest.raises(WeightsError, match=r"4 missing: fps_embedding\.linear_1"):
        load_model_folder(folder, parts=["transformer"])


def test_weights_without_motion_start_with_motion_at_zero(folder):
    _edit(folder / "transformer", lambda tensors: _without(tensors, "fps_embedding."))
    transformer = load_model_folder(folder, parts=["transformer"], without_motion=True).transformer
    assert not any(parameter.is_meta for parameter in transformer.parameters())
    call = _call(transformer)
    slow, fast = (transformer(**call, motion=torch.tensor([m])).sample for m in (32.0, 4.0))
    assert torch.equal(slow, fast)


@pytest.mark.parametrize("part", ["transformer", "vae", "text_encoder"])
def test_extra_and_misshapen_tensors_are_refused_by_name(folder, part):
    def spoil(tensors):
        name = next(name for name, value in tensors.items() if value.ndim > 1)
        return tensors | {name: tensors[name][:1].contiguous(), "stray.weight": torch.zeros(1)}

    _edit(folder / part, spoil)
    with pytest.raises(WeightsError, match=r"left over: stray\.weight; 1 wrongly shaped"):
        load_model_folder(folder, parts=[part])


def test_damaged_and_missing_files_are_named(folder):
    (folder / "vae" / "config.json").unlink()
    with pytest.raises(WeightsError, match=r"vae/config\.json: is missing"):
        load_model_folder(folder)
    path = next((folder / "transformer").glob("*.safetensors"))
    path.write_bytes(path.read_bytes()[:100])
    with pytest.raises(WeightsError, match="is damaged"):
        load_model_folder(folder, parts=["transformer"])
    with pytest.raises(WeightsError, match="is no model folder"):
        load_model_folder(folder / "nowhere")


def test_absent_part_raises_only_when_asked_for(folder):
    shutil.rmtree(folder / "transformer")
    model = load_model_folder(folder)
    assert model.vae is not None
    with pytest.raises(WeightsError, match="droplet train nano"):
        _ = model.transformer


def test_droplet_json_wins_over_released_defaults(folder):
    defaults = nano().defaults
    (folder / "droplet.json").write_text(defaults.model_dump_json())
    assert load_model_folder(folder, parts=["scheduler"]).defaults == defaults
    (folder / "droplet.json").write_text(json.dumps({"text_lenght": 3}))
    with pytest.raises(WeightsError, match="text_lenght"):
        load_model_folder(folder, parts=["scheduler"])


def test_saving_replaces_a_model_folder_and_nothing_else(folder, tmp_path):
    model = load_model_folder(folder, parts=["scheduler"])
    save_model_folder(model, folder)
    assert (folder / "droplet.json").is_file()
    (tmp_path / "notes").mkdir()
    with pytest.raises(WeightsError, match="is no model folder"):
        save_model_folder(model, tmp_path / "notes")


def _call(transformer, batch=2):
    generator = torch.Generator().manual_seed(0)
    config = transformer.config
    hidden = torch.randn(batch, 3, config.in_channels, 4, 4, generator=generator)
    return {
        "hidden_states": hidden,
        "encoder_hidden_states": torch.randn(batch, 5, config.text_embed_dim, generator=generator),
        "timestep": torch.full((batch,), 500),
        "image_rotary_emb": rotary_tables(config, latent_frames=3, latent_height=4, latent_width=4),
    }


@torch.no_grad()
def test_each_sample_hears_its_own_motion():
    transformer = load_model_folder(TINY, parts=["transformer"]).transformer
    call = _call(transformer)
    apart = transformer(**call, motion=torch.tensor([4.0, 32.0])).sample
    slow = transformer(**call, motion=torch.tensor([32.0])).sample
    assert torch.allclose(apart[1], slow[1], atol=1e-6)
    assert (apart[0] - slow[0]).abs().max() > 1e-3


def test_nano_from_nothing_predicts_zero_and_is_of_its_size():
    transformer = DropletVideoTransformer3DModel(**nano().transformer)
    transformer.start_from_nothing()
    assert transformer(**_call(transformer), motion=torch.tensor([8.0])).sample.abs().max() == 0
    assert sum(parameter.numel() for parameter in transformer.parameters()) < 8_000_000


def test_unknown_presets_and_patches_over_time_are_refused():
    with pytest.raises(ConfigError, match="one of nano, droplet-5b"):
        preset("micro")
    with pytest.raises(ConfigError, match="patch_size_t=2"):
        DropletVideoTransformer3DModel(num_layers=1, patch_size_t=2)


def test_train_grid_differs_from_the_released_one_only_off_zero():
    transformer = DropletVideoTransformer3DModel(**nano().transformer)
    size = {"latent_frames": 2, "latent_height": 8}
    for width, is_equal in ((8, True), (16, False)):
        released, train = (
            rotary_tables(transformer.config, **size, latent_width=width, grid=grid)[0]
            for grid in ("released", "train")
        )
        assert torch.allclose(released, train, atol=1e-6) == is_equal


def test_mask_is_resized_with_the_first_frame_apart():
    mask = first_frame_mask(torch.zeros(1, 3, 9, 32, 32))
    resized = resize_mask(mask, LatentShape(frames=3, height=4, width=4))
    assert resized[:, :, 0].abs().max() == 0
    assert (resized[:, :, 1:] == 1).all()


def test_all_masked_samples_get_zeros_and_given_ones_the_scaled_mask():
    vae = load_model_folder(TINY, parts=["vae"]).vae
    pixels = torch.rand(2, 3, 5, 32, 32) * 2 - 1
    mask = first_frame_mask(pixels)
    mask[1] = 1
    condition = encode_condition(vae, pixels, mask)
    assert condition.shape == (2, 2, 17, 4, 4)
    assert torch.allclose(condition[0, 0, 0], torch.full((4, 4), 0.7))
    assert condition[0, 1, 0].abs().max() == 0
    assert condition[0, :, 1:].abs().max() > 0
    assert torch.equal(condition[1], text_only_condition(condition[:, :, 1:])[1])


def test_reference_noise_leaves_masked_pixels():
    pixels = torch.full((1, 3, 2, 4, 4), -1.0)
    pixels[:, :, 0] = 0.5
    noised = reference_noise(pixels, 0.1, torch.Generator().manual_seed(0))
    assert torch.equal(noised[:, :, 1], pixels[:, :, 1])
    assert noised[:, :, 0].std() == pytest.approx(0.1, rel=0.5)


def test_prompts_that_are_too_long_are_cut_with_a_warning(caplog):
    model = load_model_folder(TINY, parts=["tokenizer", "text_encoder"])
    parts = {"tokenizer": model.tokenizer, "text_encoder": model.text_encoder, "text_length": 8}
    states = encode_prompt("the camera moves left " * 10, **parts)
    assert states.shape == (1, 8, 32)
    assert "8 are read" in caplog.text


def test_motion_is_checked():
    assert motion_condition(8, batch_size=3).tolist() == [8.0]
    with pytest.raises(RequestError, match="2 values for a batch of 3"):
        motion_condition([4, 8], batch_size=3)
    with pytest.raises(RequestError, match="motion=-1"):
        motion_condition(-1.0, batch_size=1)
    assert "trained range 4 to 32" in str(outside_range(60, (4, 32)))
    assert outside_range(8, (4, 32)) is None
