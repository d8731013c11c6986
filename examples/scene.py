"""What the examples of the modes share: a scene to start from, the options they all have, the picture they write."""

from __future__ import annotations

import argparse
from collections.abc import Sequence
from pathlib import Path

import numpy as np

from dropletvideo.generate.pipeline import DropletVideoPipeline, to_uint8
from dropletvideo.generate.preview import strip_of
from dropletvideo.media import write_image
from dropletvideo.world.captions import caption_of
from dropletvideo.world.config import WorldConfig
from dropletvideo.world.render import render_shot
from dropletvideo.world.shot import draw_shot


def options_of(description: str | None, out: str) -> argparse.Namespace:
    """The options that every example has."""
    parser = argparse.ArgumentParser(description=description, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--model", default="nano", help="model folder, or nano")
    parser.add_argument("--scene", type=int, default=1_000_002, help="seed of the rendered scene")
    parser.add_argument("--steps", type=int, help="sampling steps")
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--out", type=Path, default=Path(out))
    return parser.parse_args()


def loaded(model: str) -> DropletVideoPipeline:
    """A pipeline without progress bars."""
    pipe = DropletVideoPipeline.from_pretrained(model)
    pipe.set_progress_bar_config(disable=True)
    return pipe


def rendered(seed: int, *, num_frames: int = 17, step: int = 2, side: int = 64) -> tuple[np.ndarray, str]:
    """Every `step`-th frame of a shot that no training saw (F,H,W,3, 24 a second), and its caption."""
    shot = draw_shot(seed, WorldConfig.training())
    frames = render_shot(shot, side, side, frame_indices=list(range(0, num_frames * step, step))).frames
    return np.asarray(frames), caption_of(shot)["short"]


def write_rows(path: Path, videos: Sequence[np.ndarray], words: Sequence[str]) -> None:
    """A picture with nine frames of each video F,H,W,3 (uint8, or floats in [0, 1]) as a row, and what the rows are."""
    rows = [video if video.dtype == np.uint8 else to_uint8(video) for video in videos]
    write_image(path, strip_of(rows))
    print(f"{path}: rows from the top are {'; '.join(words)}")
