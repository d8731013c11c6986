"""DOVER's technical branch against what the published implementation gave, at toy width; the published key list."""

from __future__ import annotations

from pathlib import Path

import pytest
import torch
from safetensors.torch import load_file, save_file

from dropletvideo.errors import WeightsError
from dropletvideo.perception.dover_network import DoverConfig, DoverTechnical, load_dover

GOLDEN = Path(__file__).parents[1] / "golden" / "dover_technical_tiny"


def golden_pixels() -> torch.Tensor:
    """The fixture's input, by the formula in its config.json."""
    c, t, h, w = torch.meshgrid(*(torch.arange(length) for length in (3, 32, 224, 224)), indexing="ij")
    return (((31 * c + 7 * t + 3 * h + 5 * w + 13 * ((h * w) % 11)) % 256 - 128) / 64).float()[None]


def test_features_and_score_map_are_the_reference_s():
    network, expected = load_dover(GOLDEN / "weights.safetensors"), load_file(GOLDEN / "expected.safetensors")
    with torch.no_grad():
        features = network.technical_backbone(golden_pixels())
        score_map = network.technical_head(features)
    assert (features - expected["features"]).abs().max() < 1e-4
    assert (score_map - expected["score_map"]).abs().max() < 1e-4


def published_names() -> set[str]:
    """Names of the technical branch in DOVER.pth as its fact sheet lists them (index buffers apart)."""
    names = {f"technical_backbone.patch_embed.{layer}.{kind}" for layer in ("proj", "norm") for kind in WB}
    names |= {f"technical_backbone.norm.{kind}" for kind in WB}
    names |= {f"technical_head.{layer}.{kind}" for layer in ("fc_hid", "fc_last") for kind in WB}
    for i, depth in enumerate((2, 2, 6, 2)):
        for j in range(depth):
            block = f"technical_backbone.layers.{i}.blocks.{j}"
            layers = ("norm1", "attn.qkv", "attn.proj", "norm2", "mlp.fc1", "mlp.fc2")
            names |= {f"{block}.{layer}.{kind}" for layer in layers for kind in WB}
            names.add(f"{block}.attn.relative_position_bias_table")
            if i < 3:
                names.add(f"{block}.attn.fragment_position_bias_table")
        if i < 3:
            down = f"technical_backbone.layers.{i}.downsample"
            names |= {f"{down}.norm.weight", f"{down}.norm.bias", f"{down}.reduction.weight"}
    return names


WB = ("weight", "bias")


def test_at_full_width_the_names_are_the_published_ones():
    with torch.device("meta"):
        state = DoverTechnical(DoverConfig()).state_dict()
    assert set(state) == published_names()
    assert state["technical_backbone.layers.3.blocks.1.mlp.fc1.weight"].shape == (3072, 768)
    assert state["technical_head.fc_hid.weight"].shape == (64, 768, 1, 1, 1)
    assert state["technical_backbone.layers.2.blocks.5.attn.fragment_position_bias_table"].shape == (2535, 12)


def test_a_file_of_both_branches_in_torch_s_format_loads_the_same(tmp_path):
    tensors = load_file(GOLDEN / "weights.safetensors")
    torch.save({**tensors, "aesthetic_backbone.downsample_layers.0.0.weight": torch.zeros(3)}, tmp_path / "DOVER.pth")
    first, again = load_dover(GOLDEN / "weights.safetensors"), load_dover(tmp_path / "DOVER.pth")
    assert all(torch.equal(a, b) for a, b in zip(first.parameters(), again.parameters(), strict=True))


@pytest.mark.parametrize("fault", ["missing", "shape", "other", "damaged"])
def test_another_file_is_refused_by_name(tmp_path, fault):
    tensors = load_file(GOLDEN / "weights.safetensors")
    name = "technical_backbone.layers.1.blocks.1.mlp.fc1.weight"
    if fault == "missing":
        del tensors[name]
    elif fault == "shape":
        tensors[name] = tensors[name][:7]
    elif fault == "other":
        tensors = {"head.weight": torch.zeros(2)}
    save_file({k: v.contiguous() for k, v in tensors.items()}, tmp_path / "w.safetensors")
    if fault == "damaged":
        (tmp_path / "w.safetensors").write_bytes(b"no weights")
    with pytest.raises(WeightsError, match=name if fault in ("missing", "shape") else "fetch it again"):
        load_dover(tmp_path / "w.safetensors")
