"""Random weights in the published formats of the networks behind set metrics and text alignment."""

from __future__ import annotations

import json
from pathlib import Path

import torch

from dropletvideo.published import WEIGHTS


def write_inception(path: Path) -> None:
    """The state dict of torch-fidelity's Inception-v3 with random numbers."""
    from torch_fidelity import feature_extractor_inceptionv3 as package

    class Blank(package.FeatureExtractorInceptionV3):
        """Takes no weights."""

        def load_state_dict(self, *_, **__):
            """Stays as it was drawn."""

    torch.save({}, path)
    torch.manual_seed(0)
    tensors = Blank("toy", ["2048"], str(path)).state_dict()
    for name, tensor in tensors.items():
        if name.endswith("conv.weight"):
            tensor.mul_(2.5)  # as drawn, nothing would reach the last layer
    torch.save(tensors, path)


def write_i3d(path: Path) -> None:
    """The state dict of cd-fvd's I3D with random numbers."""
    from cdfvd.third_party.i3d.pytorch_i3d import InceptionI3d

    torch.manual_seed(0)
    torch.save(InceptionI3d(400, in_channels=3).state_dict(), path)


class ToyTracks(torch.nn.Module):
    """Every point goes right by the mean level of the frame in hundreds: a dark video stands still."""

    def forward(self, frames: torch.Tensor, points: torch.Tensor) -> torch.Tensor:
        """1,S,3,256,256 and 1,N,2 to 1,S,N,2."""
        step = frames.mean(dim=(2, 3, 4)).cumsum(dim=1) / 100
        move = torch.stack((step, torch.zeros_like(step)), dim=-1)
        return points[:, None] + move[:, :, None]


def write_tracks(path: Path) -> None:
    """A program with the contract of PIPs++."""
    example = (torch.zeros(1, 16, 3, 256, 256), torch.zeros(1, 400, 2))
    torch.export.save(torch.export.export(ToyTracks(), example), path)


class ToyAesthetic(torch.nn.Module):
    """A brighter video is finer."""

    def forward(self, frames: torch.Tensor) -> torch.Tensor:
        """1,3,32,224,224 to 1,1,16,7,7."""
        return torch.nn.functional.avg_pool3d(frames.mean(dim=1, keepdim=True), (2, 32, 32)) / 50


def write_aesthetic(path: Path) -> None:
    """A program with the contract of DOVER's aesthetic branch."""
    torch.export.save(torch.export.export(ToyAesthetic(), (torch.zeros(1, 3, 32, 224, 224),)), path)


def write_blip(folder: Path) -> None:
    """A BLIP matching model of one layer, with a vocabulary of letters."""
    from transformers import BlipConfig, BlipForImageTextRetrieval

    words = ["[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]", *(chr(code) for code in range(97, 123))]
    words += [f"##{word}" for word in words[5:]]
    size = {"hidden_size": 16, "intermediate_size": 32, "num_hidden_layers": 1, "num_attention_heads": 2}
    special = {"vocab_size": len(words), "bos_token_id": 2, "eos_token_id": 3, "sep_token_id": 3, "pad_token_id": 0}
    drawn = {"initializer_range": 0.5}
    config = BlipConfig(
        text_config={
            **size,
            **special,
            "encoder_hidden_size": 16,
            "projection_dim": 8,
            "max_position_embeddings": 40,
            **drawn,
        },
        vision_config={**size, "image_size": 32, "patch_size": 16, "projection_dim": 8, **drawn},
        image_text_hidden_size=8,
        projection_dim=8,
    )
    torch.manual_seed(0)
    BlipForImageTextRetrieval(config).save_pretrained(folder)
    (folder / "vocab.txt").write_text("\n".join(words) + "\n")
    (folder / "tokenizer_config.json").write_text(json.dumps({"do_lower_case": True, "model_max_length": 40}))


def write_set_weights(folder: Path) -> None:
    """All of them, under the names that the package looks for."""
    write_inception(folder / WEIGHTS["inception-fid"].file)
    write_i3d(folder / WEIGHTS["i3d-kinetics-400"].file)
    write_tracks(folder / WEIGHTS["pips2-tracks"].file)
    write_aesthetic(folder / WEIGHTS["dover-aesthetic"].file)
    write_blip(folder / "blip-itm-base-coco")
