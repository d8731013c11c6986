"""Protects the exporting commands: what they write is what the judges load, and another size is refused."""

from __future__ import annotations

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


def run(monkeypatch, *arguments):
    monkeypatch.setattr(sys, "argv", [str(SCRIPT), *map(str, arguments)])
    runpy.run_path(str(SCRIPT), run_name="__main__")


def test_a_picture_network_is_exported_as_its_judge_runs_it(monkeypatch, tmp_path, capsys):
    net = Net()
    package = types.ModuleType("dreamsim")
    package.dreamsim = lambda pretrained, device: (net, None)
    monkeypatch.setitem(sys.modules, "dreamsim", package)
    run(monkeypatch, "dreamsim", "--out", tmp_path / "dreamsim.pt2")
    assert "0.00e+00 from the network itself" in capsys.readouterr().out
    program, _ = load_program("dreamsim", tmp_path / "dreamsim.pt2")
    picture = torch.rand(1, 3, 224, 224)
    assert torch.allclose(program(picture), net.embed(picture))


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
