"""The ten columns of VBench++ I2V with random weights: forwards per frame of each network, counted, and time per judge.

    python benchmarks/learned_speed.py --videos 100 --row benchmarks/results/learned_speed.jsonl
    python benchmarks/learned_speed.py --toy --videos 2 --frames 5 --size 64x96       # the same path in seconds

DINO ViT-B/16, CLIP ViT-B/32 and L/14, RAFT and the linear head have their published size, and random weights in the
published file formats. DreamSim, AMT-S, MUSIQ and CoTracker2 come as exported programs of code that is not here: small
stand-ins take their place, so their calls are counted and their time says nothing. A network with several ways of
preparing frames runs once a frame for each way: `passes` says how many there are. With `--toy` the networks are small,
RAFT's is a constant, and `repeated` counts inputs that a network had been given before: no frame may be, an asked
picture is where two judges compare with it.
"""

from __future__ import annotations

import argparse
import hashlib
import os
import sys
import tempfile
import time
from collections import Counter
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import torch
from kept_rows import keep

from dropletvideo import media, runtime, weights
from dropletvideo.evaluate.manifest import CameraAsk, ManifestRow
from dropletvideo.evaluate.measuring import asked_row
from dropletvideo.evaluate.metric import judges_of, load_metric, metric_names
from dropletvideo.perception import (
    frame_embeddings,
    grid_tracks,
    imaging_quality,
    motion_smoothness,
    raft_motion,
    raft_things,
)
from dropletvideo.perception.imaging_quality import size_for
from dropletvideo.tables.plan import watch_video

RATE = 24.0
STAND_INS = ("dreamsim", "amt-s", "musiq-spaq", "cotracker2")


def main() -> None:
    """Write weights and videos, measure, print, append."""
    asked = _options()
    height, width = (int(side) for side in asked.size.split("x"))
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        _write_weights(folder, asked.frames, height, width, is_toy=asked.toy)
        os.environ[weights.FOLDER_VARIABLE] = name
        known = {
            key: replace(entry, sha256=None) for key, entry in weights.WEIGHTS.items()
        }  # random files have another
        weights.WEIGHTS = known
        if asked.toy:
            raft_motion._model = lambda *_: (_constant_flow, "cpu")
        forwards = Forwards(is_toy=asked.toy)
        report = {
            "command": "python benchmarks/learned_speed.py " + " ".join(sys.argv[1:]),
            "machine": runtime.machine(),
            "device": runtime.pick_device("auto"),
            "toy": asked.toy,
            "stand_ins": [*STAND_INS, *(["raft-things"] if asked.toy else [])],
            **_measure(folder, asked.videos, asked.frames, (height, width), forwards),
        }
    keep(report, asked.row, indent=1)


def _options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--videos", type=int, default=100)
    parser.add_argument("--frames", type=int, default=85)
    parser.add_argument("--size", default="384x672", help="HxW")
    parser.add_argument("--toy", action="store_true", help="small networks: what is counted is the same")
    parser.add_argument("--row", type=Path, help="file to append the figures to")
    return parser.parse_args()


def _measure(folder: Path, videos: int, frames: int, size: tuple[int, int], forwards: Forwards) -> dict[str, Any]:
    names = [name for name in metric_names() if name.startswith("vbench_")]
    judges = judges_of([load_metric(name) for name in names])
    seconds: Counter[str] = Counter()
    cpu: Counter[str] = Counter()
    decodes, started = 0, time.perf_counter()
    for number in range(videos):
        row = _row(folder, number, frames, size)
        before = time.perf_counter()
        watched = watch_video(row.video, judges, spans=[(0, None)], rows=[asked_row(row, judges)])
        seconds["all"] += time.perf_counter() - before
        decodes += watched.decodes
        seconds.update(watched.costs.wall_seconds)
        cpu.update(watched.costs.cpu_seconds)
    total = videos * frames
    return {
        "videos": videos,
        "frames": frames,
        "size": f"{size[1]}x{size[0]}",
        "decodes_per_video": decodes / videos,
        "forwards_per_frame": {name: round(count / total, 4) for name, count in sorted(forwards.counted.items())},
        "repeated": dict(sorted(forwards.repeated.items())),
        "passes": dict(Counter(key for key, _ in frame_embeddings.WAYS.values())),
        "seconds_per_video": {name: round(value / videos, 3) for name, value in seconds.most_common() if value > 0.01},
        "cpu_seconds_per_video": {name: round(value / videos, 3) for name, value in cpu.most_common() if value > 0.01},
        "wall_seconds": round(time.perf_counter() - started, 1),
    }


def _row(folder: Path, number: int, frames: int, size: tuple[int, int]) -> ManifestRow:
    coarse = np.random.default_rng(number).integers(0, 255, (size[0] // 16, size[1] // 8, 3), dtype=np.uint8)
    wide = media.resize(coarse, size=(size[0], size[1] * 2))
    pan = np.stack([wide[:, at : at + size[1]] for at in (np.arange(frames) * 3) % size[1]])
    media.write_video(folder / "video.mp4", pan, playback_fps=RATE)
    media.write_image(folder / "image.png", pan[0])
    return ManifestRow(
        id="video", video=folder / "video.mp4", image=folder / "image.png", camera=(CameraAsk(move="pan_right"),)
    )


class Forwards:
    """Frames through each network and calls of each program, from now on; with `is_toy`, what was run before, too."""

    def __init__(self, *, is_toy: bool) -> None:
        self.counted: Counter[str] = Counter()
        self.repeated: Counter[str] = Counter()
        self._seen: set[tuple[str, bytes]] = set()
        self._is_toy = is_toy
        network, pair = frame_embeddings.network, raft_things.pair_measures

        def counting(name: str, path: str) -> Any:
            forward, side, device = network(name, path)

            def run(pixels: torch.Tensor) -> torch.Tensor:
                for one in pixels:
                    self.count(name, one)
                return forward(pixels)

            return run, side, device

        def counting_pairs(earlier: Any, later: Any, path: str) -> Any:
            self.count("raft-things", torch.from_numpy(earlier), torch.from_numpy(later))
            return pair(earlier, later, path)

        frame_embeddings.network, raft_things.pair_measures = counting, counting_pairs
        for module in (grid_tracks, imaging_quality, motion_smoothness):
            module.shaped_program = self._programs(module.shaped_program)

    def count(self, name: str, *inputs: torch.Tensor) -> None:
        """One more pass of a network."""
        self.counted[name] += 1
        if self._is_toy:
            key = (name, hashlib.blake2b(b"".join(each.cpu().numpy().tobytes() for each in inputs)).digest())
            self.repeated[name] += key in self._seen
            self._seen.add(key)

    def _programs(self, given: Any) -> Any:
        def shaped(name: str, shape: str, path: Any = None) -> Any:
            program, device = given(name, shape, path)

            def run(*inputs: torch.Tensor) -> torch.Tensor:
                self.count(name, *inputs)
                return program(*inputs)

            return run, device

        return shaped


def _constant_flow(earlier: torch.Tensor, _: torch.Tensor, **__: Any) -> list[torch.Tensor]:
    """A flow of (1, 0) px everywhere."""
    return [earlier[:, :2] * 0 + torch.tensor([1.0, 0.0])[None, :, None, None]]


def _write_weights(folder: Path, frames: int, height: int, width: int, *, is_toy: bool) -> None:
    """Random weights of published size (small ones for `is_toy`) where the package has the network, stand-ins
    otherwise."""
    from torchvision.models.optical_flow import raft_large
    from transformers import CLIPConfig, CLIPModel, ViTConfig, ViTModel

    torch.manual_seed(0)
    small = {"hidden_size": 16, "intermediate_size": 16, "num_hidden_layers": 1, "num_attention_heads": 2}
    changed = small if is_toy else {}
    ViTModel(ViTConfig(**changed), add_pooling_layer=False).save_pretrained(folder / "dino-vit-b-16")
    CLIPModel(CLIPConfig(vision_config=changed, text_config=changed)).save_pretrained(folder / "clip-vit-b-32")
    vision = {"hidden_size": 1024, "intermediate_size": 4096, "num_hidden_layers": 24, "num_attention_heads": 16}
    vision |= {"patch_size": 14, "projection_dim": 768}
    vision |= changed
    text = {"num_hidden_layers": 1, "projection_dim": 768}  # the text tower is not used here
    large = CLIPConfig(vision_config=vision, text_config=text, projection_dim=768)
    CLIPModel(large).save_pretrained(folder / "clip-vit-l-14")
    known = weights.WEIGHTS
    torch.save(raft_large(weights=None).state_dict(), folder / known["raft-things"].file)
    torch.save({"weight": torch.randn(1, 768), "bias": torch.zeros(1)}, folder / known["laion-aesthetic-v1"].file)
    _export(Means(), folder / known["dreamsim"].file, torch.rand(1, 3, 224, 224))
    pair = torch.rand(1, 3, height + -height % 16, width + -width % 16)
    _export(Middle(), folder / "amt-s" / f"{pair.shape[2]}x{pair.shape[3]}.pt2", pair, pair.flip(3).contiguous())
    seen = size_for(height, width)
    _export(Brightness(), folder / "musiq-spaq" / f"{seen[0]}x{seen[1]}.pt2", torch.rand(1, 3, *seen))
    video = torch.rand(1, frames, 3, *grid_tracks.SIDES)
    _export(Still(), folder / "cotracker2" / f"{frames}.pt2", video)


def _export(network: torch.nn.Module, path: Path, *example: torch.Tensor) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    torch.export.save(torch.export.export(network, example), path)


class Means(torch.nn.Module):
    def forward(self, picture: torch.Tensor) -> torch.Tensor:
        return torch.cat([picture.mean((2, 3)), picture.std((2, 3))], dim=1)


class Middle(torch.nn.Module):
    def forward(self, first: torch.Tensor, second: torch.Tensor) -> torch.Tensor:
        return (first + second) / 2


class Brightness(torch.nn.Module):
    def forward(self, picture: torch.Tensor) -> torch.Tensor:
        return picture.mean() * 100


class Still(torch.nn.Module):
    def forward(self, video: torch.Tensor) -> torch.Tensor:
        return video.mean((2, 3, 4))[..., None, None] * torch.ones(1, 1, 100, 2)


if __name__ == "__main__":
    main()
