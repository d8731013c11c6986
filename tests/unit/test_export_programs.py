"""Protects the exporting commands: what they write is what the judges load, and another size is refused."""

from __future__ import annotations

import importlib.util
import runpy
import sys
import types
from pathlib import Path

import pytest
import torch

from dropletvideo.perception.programs import load_program

SCRIPT = Path(__file__).parents[2] / "examples" / "export_programs.py"


class Net(torch.nn.Module):
    def __init__(self, **_):
        super().__init__()
        self.layer = torch.nn.Linear(3, 5)

    def embed(self, picture):
        return self.layer(picture.mean((2, 3)))

    def forward(self, picture):
        assert not self.training
        return self.embed(picture)[:, :1]


class PerceptualModel(Net):
    """DreamSim's class, which normalises by torchvision's function; that looks into a tensor, which ends an export."""

    def _get_mean(self, kind):
        return (0.4, 0.5, 0.6)

    def _get_std(self, kind):
        return (0.2, 0.3, 0.25)

    def _preprocess(self, picture, kind):
        from torchvision.transforms.functional import normalize

        return normalize(picture, self._get_mean(kind), self._get_std(kind))

    def embed(self, picture):
        return super().embed(self._preprocess(picture, "dino"))


def run(monkeypatch, *arguments):
    monkeypatch.setattr(sys, "argv", [str(SCRIPT), *map(str, arguments)])
    runpy.run_path(str(SCRIPT), run_name="__main__")


def test_a_picture_network_is_exported_as_its_judge_runs_it(monkeypatch, tmp_path, capsys):
    net = PerceptualModel()
    as_published = PerceptualModel()
    as_published.load_state_dict(net.state_dict())
    package = types.ModuleType("dreamsim")
    package.dreamsim = lambda pretrained, device: (net, None)
    monkeypatch.setitem(sys.modules, "dreamsim", package)
    run(monkeypatch, "dreamsim", "--out", tmp_path / "dreamsim.pt2")
    assert "0.00e+00 from the network itself" in capsys.readouterr().out
    program, _ = load_program("dreamsim", tmp_path / "dreamsim.pt2")
    picture = torch.rand(1, 3, 224, 224)
    assert torch.allclose(program(picture), as_published.embed(picture), atol=1e-6)


def write_dreamsim(folder):
    """DreamSim's published files with random numbers: three ViT-B/16, two projections, adapters on their attention."""
    peft, vit = pytest.importorskip("peft"), importlib.import_module("dreamsim.feature_extraction.vision_transformer")
    head = vit.DINOHead(768, 2048)
    told = {f"module.head.{name}": value for name, value in head.state_dict().items()}
    told["module.head.last_layer.weight"] = head.last_layer.weight.data
    torch.save({"student": told}, folder / "dino_vitb16_pretrain.pth")
    for name in ("clip", "open_clip"):
        net = vit.vit_base(patch_size=16)
        net.pos_drop = torch.nn.LayerNorm(net.embed_dim)
        tensors = net.state_dict() | {"proj": torch.randn(768, 512) * 0.05}
        torch.save({"state_dict": tensors}, folder / f"{name}_vitb16_pretrain.pth.tar")
    config = importlib.import_module("dreamsim.config").dreamsim_args["model_config"]["ensemble"]
    base = importlib.import_module("dreamsim").PerceptualModel(**config, device="cpu", load_dir=str(folder))
    adapted = peft.get_peft_model(
        base, peft.LoraConfig(r=16, lora_alpha=8, lora_dropout=0.3, bias="none", target_modules=["qkv"])
    )
    for name, value in adapted.named_parameters():
        if "lora_" in name:
            value.data.normal_(std=0.05)
    adapted.save_pretrained(folder / "ensemble_lora")


def test_dreamsim_s_own_code_is_exported_without_a_difference(monkeypatch, tmp_path):
    """With `pip install --no-deps dreamsim`; three networks of full size, minutes on one core."""
    if importlib.util.find_spec("open_clip") is None:  # imported, and used by a check of its owners alone
        monkeypatch.setitem(sys.modules, "open_clip", types.ModuleType("open_clip"))
    pytest.importorskip("dreamsim", reason="dreamsim is not installed")
    dreamsim = importlib.import_module("dreamsim")
    vit = importlib.import_module("dreamsim.feature_extraction.vision_transformer")
    torch.manual_seed(3)
    hub = vit.vit_base(patch_size=16, num_classes=0)
    monkeypatch.setattr(torch.hub, "load", lambda *_, **__: hub)
    (tmp_path / "models").mkdir()
    monkeypatch.chdir(tmp_path)
    write_dreamsim(tmp_path / "models")
    net, _ = dreamsim.dreamsim(pretrained=True, device="cpu", cache_dir=str(tmp_path / "models"))
    run(monkeypatch, "dreamsim", "--out", tmp_path / "dreamsim.pt2")
    program, _ = load_program("dreamsim", tmp_path / "dreamsim.pt2")
    for picture in torch.rand(2, 1, 3, 224, 224):
        with torch.no_grad():
            assert torch.allclose(program(picture), net.embed(picture), atol=1e-5)


def test_a_network_that_looks_at_sizes_refuses_another_one(monkeypatch, tmp_path):
    package = types.ModuleType("pyiqa.archs.musiq_arch")
    package.MUSIQ = Net
    for name in ("pyiqa", "pyiqa.archs"):
        monkeypatch.setitem(sys.modules, name, types.ModuleType(name))
    monkeypatch.setitem(sys.modules, "pyiqa.archs.musiq_arch", package)
    out = tmp_path / "musiq-spaq" / "16x32.pt2"
    run(monkeypatch, "musiq-spaq", "--size", "16x32", "--weights", "none.pth", "--out", out)
    program, _ = load_program("musiq-spaq", out)
    assert program(torch.rand(1, 3, 16, 32)).numel() == 1
    with pytest.raises((AssertionError, RuntimeError)):
        program(torch.rand(1, 3, 16, 48))
