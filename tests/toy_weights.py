"""Random weights at toy size in the file formats that the owners publish: what learned judges are tested with.

Names of tensors are written out from the fact sheets, not taken from the networks of this package.
"""

from __future__ import annotations

import json
from itertools import pairwise
from pathlib import Path

import torch
from safetensors.torch import load_file, save_file

from dropletvideo.weights import WEIGHTS

TABLE = 15 * 13 * 13
EMBEDDING = 16


def write_all(folder: Path) -> None:
    """Every learned judge's files, under the names that the package looks for."""
    write_dover(folder / WEIGHTS["dover"].file)
    write_raft(folder)
    write_swin(folder / WEIGHTS["swin3d-t-kinetics"].file)
    write_camera_classifier(folder / "camera-classifier")
    write_clip(folder / "clip-vit-l-14")
    write_aesthetic_heads(folder / WEIGHTS["laion-aesthetic-v1"].file, folder / WEIGHTS["laion-aesthetic-v2"].file)
    write_safety_checker(folder / "safety-checker", folder / "clip-vit-l-14")
    write_dino(folder / "dinov2-base")
    write_transnet(folder / WEIGHTS["transnetv2"].file)


def random(*shape: int, seed: int = 0, scale: float = 0.1) -> torch.Tensor:
    """Normal numbers that depend on shape and seed only."""
    generator = torch.Generator().manual_seed(seed * 1_000_003 + sum(shape))
    return torch.randn(*shape, generator=generator) * scale


def write_dover(path: Path, dim: int = 4, hidden: int = 4) -> None:
    """DOVER.pth with one stage of one block, and a tensor of the aesthetic branch, which is passed over."""
    block = "technical_backbone.layers.0.blocks.0"
    tensors = {
        "technical_backbone.patch_embed.proj.weight": random(dim, 3, 2, 4, 4),
        f"{block}.attn.relative_position_bias_table": random(TABLE, 1),
        f"{block}.attn.relative_position_index": torch.zeros(392, 392, dtype=torch.int64),
        f"{block}.attn.qkv.weight": random(3 * dim, dim),
        f"{block}.attn.proj.weight": random(dim, dim),
        f"{block}.mlp.fc1.weight": random(4 * dim, dim),
        f"{block}.mlp.fc2.weight": random(dim, 4 * dim),
        "technical_head.fc_hid.weight": random(hidden, dim, 1, 1, 1, scale=0.5),
        "technical_head.fc_last.weight": random(1, hidden, 1, 1, 1, scale=0.5),
        "aesthetic_backbone.norm.weight": torch.ones(3),
    }
    layers = ("qkv", "proj", "fc1", "fc2", "fc_hid", "fc_last")
    for name, tensor in list(tensors.items()):
        if name.split(".")[-2] in layers:
            tensors[name.replace(".weight", ".bias")] = random(tensor.shape[0], seed=1)
    for norm in ("technical_backbone.patch_embed.norm", f"{block}.norm1", f"{block}.norm2", "technical_backbone.norm"):
        tensors |= {f"{norm}.weight": torch.ones(dim), f"{norm}.bias": torch.zeros(dim)}
    torch.save(tensors, path)


def write_clip(folder: Path) -> None:
    """A CLIP model folder as transformers writes and reads it: both towers, and a tokenizer of single letters."""
    from transformers import CLIPConfig, CLIPModel

    tower = {
        "hidden_size": 24,
        "intermediate_size": 48,
        "num_hidden_layers": 1,
        "num_attention_heads": 2,
        "projection_dim": EMBEDDING,
    }
    letters = [chr(code) for code in range(33, 127)]
    words = [*letters, *(f"{letter}</w>" for letter in letters), "<|startoftext|>", "<|endoftext|>"]
    text = {**tower, "vocab_size": len(words), "max_position_embeddings": 77}
    text |= {"bos_token_id": len(words) - 2, "eos_token_id": len(words) - 1, "pad_token_id": len(words) - 1}
    config = CLIPConfig(
        text_config=text, vision_config={**tower, "image_size": 32, "patch_size": 16}, projection_dim=EMBEDDING
    )
    torch.manual_seed(7)
    CLIPModel(config).save_pretrained(folder)
    (folder / "vocab.json").write_text(json.dumps({word: number for number, word in enumerate(words)}))
    (folder / "merges.txt").write_text("#version: 0.2\n")


def write_aesthetic_heads(linear: Path, layered: Path) -> None:
    """LAION's two heads, with the published names and the layered one's widths scaled down."""
    torch.save({"weight": random(1, EMBEDDING), "bias": torch.tensor([5.0])}, linear)
    widths = (EMBEDDING, 12, 8, 6, 4, 1)
    layers = {}
    for number, (before, after) in zip((0, 2, 4, 6, 7), pairwise(widths), strict=True):
        layers[f"layers.{number}.weight"] = random(after, before, seed=number, scale=0.5)
        layers[f"layers.{number}.bias"] = random(after, seed=number + 10)
    torch.save(layers, layered)


def write_safety_checker(folder: Path, clip: Path) -> None:
    """17 concepts and 3 special ones with thresholds, and the vision tower's projection, in pytorch_model.bin."""
    folder.mkdir(parents=True, exist_ok=True)
    tensors = {
        "concept_embeds": random(17, EMBEDDING, seed=1),
        "concept_embeds_weights": torch.full((17,), 0.3),
        "special_care_embeds": random(3, EMBEDDING, seed=2),
        "special_care_embeds_weights": torch.full((3,), 0.3),
        "visual_projection.weight": load_file(clip / "model.safetensors")["visual_projection.weight"],
    }
    torch.save(tensors, folder / "pytorch_model.bin")


def write_raft(folder: Path) -> None:
    """RAFT of both sizes with random weights, as torchvision publishes them (a plain state dict)."""
    from torchvision.models.optical_flow import raft_large, raft_small

    for size, build in (("large", raft_large), ("small", raft_small)):
        torch.manual_seed(3)
        torch.save(build(weights=None).state_dict(), folder / WEIGHTS[f"raft-{size}"].file)


SWIN_TOY = {"embed_dim": 8, "depths": (1, 1), "num_heads": (1, 2), "window": (2, 2, 2)}


def swin_tensors(classes: int, embed_dim: int, depths: tuple, num_heads: tuple, window: tuple) -> dict:
    """Video Swin with the names and shapes of torchvision's files; random numbers."""
    tensors = {"patch_embed.proj.weight": random(embed_dim, 3, 2, 4, 4), "patch_embed.proj.bias": random(embed_dim)}
    norms = [("patch_embed.norm", embed_dim)]
    table = (2 * window[0] - 1) * (2 * window[1] - 1) * (2 * window[2] - 1)
    volume = window[0] * window[1] * window[2]
    for stage, (depth, heads) in enumerate(zip(depths, num_heads, strict=True)):
        dim = embed_dim * 2**stage
        for number in range(depth):
            block = f"features.{2 * stage}.{number}"
            norms += [(f"{block}.norm1", dim), (f"{block}.norm2", dim)]
            tensors[f"{block}.attn.relative_position_bias_table"] = random(table, heads)
            tensors[f"{block}.attn.relative_position_index"] = torch.zeros(volume, volume, dtype=torch.int64)
            layers = {"attn.qkv": (3, 1), "attn.proj": (1, 1), "mlp.0": (4, 1), "mlp.3": (1, 4)}
            for name, (rows, columns) in layers.items():
                tensors[f"{block}.{name}.weight"] = random(rows * dim, columns * dim)
                tensors[f"{block}.{name}.bias"] = random(rows * dim)
        if stage < len(depths) - 1:
            tensors[f"features.{2 * stage + 1}.reduction.weight"] = random(2 * dim, 4 * dim)
            norms.append((f"features.{2 * stage + 1}.norm", 4 * dim))
    last = embed_dim * 2 ** (len(depths) - 1)
    tensors |= {"head.weight": random(classes, last, scale=1.0), "head.bias": random(classes)}
    for name, dim in [*norms, ("norm", last)]:
        tensors |= {f"{name}.weight": torch.ones(dim), f"{name}.bias": torch.zeros(dim)}
    return tensors


def write_swin(path: Path) -> None:
    """swin3d_t's file at toy size: 400 actions, a plain state dict with its index buffers."""
    torch.save(swin_tensors(400, **SWIN_TOY), path)


def write_camera_classifier(folder: Path) -> None:
    """A trained camera classifier's folder: six classes, no index buffers."""
    folder.mkdir(parents=True, exist_ok=True)
    shown = {"frames": 4, "short_side": 32, "crop": 32, "rate": None, "views": 1}
    (folder / "config.json").write_text(json.dumps({**SWIN_TOY, **shown}))
    tensors = {name: value for name, value in swin_tensors(6, **SWIN_TOY).items() if not name.endswith("index")}
    save_file(tensors, folder / "model.safetensors")


def write_dino(folder: Path) -> None:
    """A DINOv2 model folder as transformers writes and reads it."""
    from transformers import Dinov2Config, Dinov2Model

    torch.manual_seed(11)
    config = Dinov2Config(
        hidden_size=16, num_hidden_layers=1, num_attention_heads=2, mlp_ratio=2, image_size=224, patch_size=56
    )
    Dinov2Model(config).save_pretrained(folder)


class ToyTransNet(torch.nn.Module):
    """A frame's chance is high where the next frame's mean level differs by over 10."""

    def forward(self, frames: torch.Tensor) -> torch.Tensor:
        """B,T,27,48,3 uint8 to B,T,2."""
        level = frames.float().mean(dim=(2, 3, 4))
        step = torch.nn.functional.pad((level[:, 1:] - level[:, :-1]).abs(), (0, 1))
        return torch.stack([torch.sigmoid(step - 10), torch.zeros_like(step)], dim=2)


def write_transnet(path: Path, network: torch.nn.Module | None = None) -> Path:
    """A program with the contract of TransNetV2's: B,100,27,48,3 uint8 in, B,100,2 out."""
    example = torch.zeros(1, 100, 27, 48, 3, dtype=torch.uint8)
    torch.export.save(torch.export.export(network or ToyTransNet(), (example,)), path)
    return path
