"""Protects: LoRA files load, scale, stack and come off again, scale 0 is the bare model bit for bit, and a file for
another model is refused by its names."""

import pytest
import torch
from safetensors.torch import load_file, save_file

from dropletvideo.errors import RequestError, WeightsError
from dropletvideo.generate.lora import WEIGHTS_FILE, LoraChoice, load_loras, parse_lora
from dropletvideo.generate.pipeline import DropletVideoPipeline
from dropletvideo.model.folder import load_model_folder

LAYERS = ("transformer_blocks.0.attn1.to_q", "transformer_blocks.1.ff.net.2", "fps_embedding.linear_1")


@pytest.fixture
def pipeline():
    return DropletVideoPipeline.from_pretrained("nano")


@pytest.fixture(scope="module")
def files(tmp_path_factory):
    """Two LoRA files, written by diffusers' own saver."""
    folder = tmp_path_factory.mktemp("lora")
    transformer = load_model_folder("nano", parts=["transformer"]).transformer
    for number, name in enumerate(("warm", "grainy.v2")):
        torch.manual_seed(number)
        layers = {}
        for layer in LAYERS:
            weight = transformer.get_submodule(layer).weight
            layers[f"{layer}.lora_A.weight"] = torch.randn(2, weight.shape[1]) * 0.1
            layers[f"{layer}.lora_B.weight"] = torch.randn(weight.shape[0], 2) * 0.1
        DropletVideoPipeline.save_lora_weights(folder / name, transformer_lora_layers=layers)
        (folder / name / WEIGHTS_FILE).rename(folder / f"{name}.safetensors")
    return [folder / "warm.safetensors", folder / "grainy.v2.safetensors"]


def frames(pipeline):
    return pipeline(
        prompt="a",
        num_frames=5,
        num_inference_steps=2,
        generator=torch.Generator().manual_seed(0),
        output_type="latent",
    ).frames


def merged(pipeline, file, scale):
    """The same by hand: each weight plus scale times B A."""
    tensors = load_file(file)
    with torch.no_grad():
        for layer in LAYERS:
            low, high = (tensors[f"transformer.{layer}.lora_{side}.weight"] for side in "AB")
            pipeline.transformer.get_submodule(layer).weight += scale * high @ low


def test_scale_0_is_the_bare_model_and_1_is_not(pipeline, files):
    bare = frames(pipeline)
    (name,) = load_loras(pipeline, [LoraChoice(files[0], 0.0)])
    assert torch.equal(frames(pipeline), bare)
    pipeline.set_adapters([name], [1.0])
    assert (frames(pipeline) - bare).abs().max() > 1e-3
    pipeline.unload_lora_weights()
    assert torch.equal(frames(pipeline), bare)


def test_stacked_files_add_up(pipeline, files):
    names = load_loras(pipeline, [LoraChoice(files[0], 0.5), LoraChoice(files[1], -0.25)])
    assert names == ["warm", "grainy_v2"]
    stacked = frames(pipeline)
    by_hand = DropletVideoPipeline.from_pretrained("nano")
    merged(by_hand, files[0], 0.5)
    merged(by_hand, files[1], -0.25)
    assert (stacked - frames(by_hand)).abs().max() < 1e-4
    assert load_loras(pipeline, [LoraChoice(files[0])]) == ["warm_2"]


def test_a_model_with_lora_layers_is_not_saved_as_one(pipeline, files, tmp_path):
    load_loras(pipeline, [LoraChoice(files[0])])
    with pytest.raises(WeightsError, match="unload_lora_weights"):
        pipeline.save_pretrained(tmp_path / "model")
    pipeline.unload_lora_weights()
    pipeline.save_pretrained(tmp_path / "model")
    assert set(load_file(next((tmp_path / "model" / "transformer").glob("*.safetensors")))) == set(
        pipeline.transformer.state_dict()
    )


def test_path_and_scale(tmp_path):
    assert parse_lora("a/b.safetensors") == LoraChoice(parse_lora("a/b.safetensors").path, 1.0)
    assert parse_lora("a/b.safetensors:0.7").scale == 0.7
    assert parse_lora("a/b.safetensors:-1").scale == -1.0
    with pytest.raises(RequestError, match="'much' is no scale"):
        parse_lora("a/b.safetensors:much")
    odd = tmp_path / "odd:1"
    odd.write_bytes(b"")
    assert parse_lora(str(odd)) == LoraChoice(odd)


@pytest.mark.parametrize(
    ("change", "words"),
    [
        (lambda tensors: {"transformer.blocks.9.to_q.lora_A.weight": torch.zeros(2, 4)}, "is no layer of the model"),
        (lambda tensors: {name: value for name, value in tensors.items() if "lora_B" not in name}, "is missing"),
        (lambda tensors: {name: torch.zeros(2, 3) for name in tensors}, "does not fit"),
        (lambda tensors: {"weight": torch.zeros(1)}, "is no name of a LoRA tensor"),
    ],
)
def test_a_file_for_another_model_is_refused_by_name(pipeline, files, tmp_path, change, words):
    save_file(change(load_file(files[0])), tmp_path / "other.safetensors")
    with pytest.raises(WeightsError, match=words):
        load_loras(pipeline, [LoraChoice(files[0]), LoraChoice(tmp_path / "other.safetensors")])
    assert not getattr(pipeline.transformer, "peft_config", None), "the good one must not be left on"


def test_missing_and_damaged_files_are_named(pipeline, tmp_path):
    with pytest.raises(WeightsError, match="is missing"):
        load_loras(pipeline, [LoraChoice(tmp_path / "no.safetensors")])
    (tmp_path / "bad.safetensors").write_bytes(b"12345678")
    with pytest.raises(WeightsError, match="is damaged"):
        load_loras(pipeline, [LoraChoice(tmp_path / "bad.safetensors")])
