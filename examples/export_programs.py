"""Export the networks that have no kept package, in an environment where their owners' code runs.

Each runs once, where the owners' repository and weights are; only the file that comes out is needed afterwards. Code
that looks at sizes holds for one size: give the sizes and lengths of your videos. An exported file refuses others.

    python export_programs.py dreamsim --out WEIGHTS/dreamsim.pt2                          # pip install dreamsim
    python export_programs.py musiq-spaq --size 288x512 --out WEIGHTS/musiq-spaq/288x512.pt2 \\
        --weights musiq_spaq_ckpt-358bb6af.pth                                             # pip install pyiqa
    cd AMT && python export_programs.py amt-s --size 384x672 --weights amt-s.pth --out WEIGHTS/amt-s/384x672.pt2
    cd co-tracker && git checkout v2.0
    python export_programs.py cotracker2 --frames 85 --weights cotracker2.pth --out WEIGHTS/cotracker2/85.pt2
    python export_programs.py cotracker2-online --frames 85 --weights cotracker2.pth \\
        --out WEIGHTS/cotracker2-online/85.pt2
    python export_programs.py viclip-video --out WEIGHTS/viclip/video.pt2    # and viclip-text, text.pt2

Needs torch alone of what dropletvideo needs. WEIGHTS is what `droplet weights path` prints.
"""

from __future__ import annotations

import argparse
from pathlib import Path

import torch

SIDES = (384, 512)
WINDOW, STEP = 8, 4


def normalised(picture: torch.Tensor, mean: tuple[float, ...], spread: tuple[float, ...]) -> torch.Tensor:
    """(picture - mean) / spread by channel."""
    low, wide = (torch.tensor(values, device=picture.device)[:, None, None] for values in (mean, spread))
    return (picture - low) / wide


class Dreamsim(torch.nn.Module):
    """1,3,224,224 of 0 to 1 to the embedding 1,D."""

    def __init__(self) -> None:
        super().__init__()
        from dreamsim import dreamsim

        self.net, _ = dreamsim(pretrained=True, device="cpu")
        # torchvision's Normalize looks whether a deviation is nought, which an export cannot: the same without looking
        inner = next(module for module in self.net.modules() if type(module).__name__ == "PerceptualModel")
        inner._preprocess = lambda picture, kind: normalised(picture, inner._get_mean(kind), inner._get_std(kind))

    def forward(self, picture: torch.Tensor) -> torch.Tensor:
        return self.net.embed(picture)


def musiq(weights: Path) -> torch.nn.Module:
    """1,3,H,W of 0 to 1 to the score, 0 to 100; it must not be in training mode, which expects patches."""
    from pyiqa.archs.musiq_arch import MUSIQ

    return MUSIQ(pretrained_model_path=str(weights))


class Amt(torch.nn.Module):
    """Two frames 1,3,H,W of 0 to 1 to the one in the middle; run inside AMT's repository."""

    def __init__(self, weights: Path) -> None:
        super().__init__()
        from omegaconf import OmegaConf
        from utils.build_utils import build_from_cfg

        self.net = build_from_cfg(OmegaConf.load("cfgs/AMT-S.yaml").network)
        self.net.load_state_dict(torch.load(weights, map_location="cpu")["state_dict"])

    def forward(self, first: torch.Tensor, second: torch.Tensor) -> torch.Tensor:
        half = torch.full((1, 1, 1, 1), 0.5, device=first.device)
        return self.net(first, second, half, scale_factor=1.0, eval=True)["imgt_pred"]


class CoTracker(torch.nn.Module):
    """1,T,3,384,512 of 0 to 255 to places 1,T,100,2 px; run inside the repository at v2.0."""

    def __init__(self, weights: Path) -> None:
        super().__init__()
        from cotracker.predictor import CoTrackerPredictor

        self.net = CoTrackerPredictor(checkpoint=str(weights))

    def forward(self, video: torch.Tensor) -> torch.Tensor:
        return self.net(video, grid_size=10)[0]


class CoTrackerOnline(torch.nn.Module):
    """The places that every step of the online tracker gives, one behind the other, as MiraBench collects them."""

    def __init__(self, weights: Path) -> None:
        super().__init__()
        from cotracker.predictor import CoTrackerOnlinePredictor

        self.net = CoTrackerOnlinePredictor(checkpoint=str(weights))

    def forward(self, video: torch.Tensor) -> torch.Tensor:
        self.net(video_chunk=video, is_first_step=True, grid_size=10)
        found = []
        for start in range(0, video.shape[1] - STEP, STEP):
            found.append(self.net(video_chunk=video[:, start : start + WINDOW])[0])
        return torch.cat(found, dim=1)


class ViClip(torch.nn.Module):
    """1,8,3,224,224 normalised as CLIP's, or 1,32 int64 tokens, to 1,768."""

    def __init__(self, part: str) -> None:
        super().__init__()
        from transformers import AutoModel

        self.net = AutoModel.from_pretrained("OpenGVLab/ViCLIP-L-14-hf", trust_remote_code=True)
        self.part = part

    def forward(self, given: torch.Tensor) -> torch.Tensor:
        if self.part == "text":
            return self.net.text_encoder(given)
        return self.net.vision_encoder(given.permute(0, 2, 1, 3, 4))


def program(asked: argparse.Namespace) -> tuple[torch.nn.Module, tuple[torch.Tensor, ...]]:
    """The network and an example of its input."""
    torch.manual_seed(0)
    height, width = (int(side) for side in (asked.size or "224x224").split("x"))
    picture = torch.rand(1, 3, height, width)
    video = torch.rand(1, asked.frames or 1, 3, *SIDES) * 255
    makers = {
        "dreamsim": lambda: (Dreamsim(), (picture,)),
        "musiq-spaq": lambda: (musiq(asked.weights), (picture,)),
        "amt-s": lambda: (Amt(asked.weights), (picture, picture.flip(3).contiguous())),
        "cotracker2": lambda: (CoTracker(asked.weights), (video,)),
        "cotracker2-online": lambda: (CoTrackerOnline(asked.weights), (video,)),
        "viclip-video": lambda: (ViClip("video"), (torch.rand(1, 8, 3, 224, 224),)),
        "viclip-text": lambda: (ViClip("text"), (torch.randint(1, 49406, (1, 32)),)),
    }
    return makers[asked.network]()


def main() -> None:
    """Export, then compare the file with the network on another input."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    names = ("dreamsim", "musiq-spaq", "amt-s", "cotracker2", "cotracker2-online", "viclip-video", "viclip-text")
    parser.add_argument("network", choices=names)
    parser.add_argument("--weights", type=Path, help="the owners' file")
    parser.add_argument("--size", help="HxW of the input: for amt-s padded to multiples of 16")
    parser.add_argument("--frames", type=int, help="T of the video")
    parser.add_argument("--out", type=Path, required=True)
    asked = parser.parse_args()
    network, example = program(asked)
    network = network.eval().requires_grad_(False)
    with torch.no_grad():
        exported = torch.export.export(network, example)
        asked.out.parent.mkdir(parents=True, exist_ok=True)
        torch.export.save(exported, asked.out)
        other = tuple(part.flip(-1).contiguous() for part in example)
        difference = (torch.export.load(asked.out).module()(*other) - network(*other)).abs().max()
    print(f"{asked.out}: {float(difference):.2e} from the network itself on another input")


if __name__ == "__main__":
    main()
