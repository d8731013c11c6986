"""One image, four motion strengths, the same noise: a picture with one row of frames per M.

    python examples/motion_sweep.py --out m_sweep.png
    python examples/motion_sweep.py --model runs/nano --image photo.png --prompt "The camera pans left." --out mine.png

Without an image, a scene that training never saw is rendered, with its own caption as the prompt.
"""

from __future__ import annotations

import argparse
from pathlib import Path

import numpy as np
import torch

from dropletvideo.generate.pipeline import DropletVideoPipeline, to_uint8
from dropletvideo.media import read_image, resize, write_image
from dropletvideo.world.captions import caption_of
from dropletvideo.world.config import WorldConfig
from dropletvideo.world.render import render_shot
from dropletvideo.world.shot import draw_shot

MOTIONS = (4.0, 8.0, 16.0, 32.0)
SHOWN_FRAMES = (0, 2, 4, 6, 8, 10, 12, 14, 16)


def main() -> None:
    """Generate and write the picture."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--model", default="nano")
    parser.add_argument("--image", type=Path)
    parser.add_argument("--prompt", default="The camera pans left.")
    parser.add_argument("--scene", type=int, default=1_000_002, help="seed of the rendered scene")
    parser.add_argument("--steps", type=int)
    parser.add_argument("--side", type=int, default=96, help="pixels of one frame in the picture")
    parser.add_argument("--out", type=Path, default=Path("m_sweep.png"))
    asked = parser.parse_args()

    image, prompt = (read_image(asked.image), asked.prompt) if asked.image else rendered(asked.scene)
    pipe = DropletVideoPipeline.from_pretrained(asked.model)
    count = len(MOTIONS)
    videos = pipe(
        image=[image] * count,
        prompt=[prompt] * count,
        motion=list(MOTIONS),
        num_inference_steps=asked.steps,
        generator=[torch.Generator().manual_seed(0) for _ in MOTIONS],
        output_type="np",
    ).frames
    rows = [
        np.concatenate(resize(to_uint8(video)[list(SHOWN_FRAMES)], short_side=asked.side), axis=1) for video in videos
    ]
    write_image(asked.out, np.concatenate(rows, axis=0))
    print(f"{asked.out}: rows are M = {', '.join(f'{m:g}' for m in MOTIONS)}; {prompt}")


def rendered(seed: int) -> tuple[np.ndarray, str]:
    """First frame and caption of a rendered shot."""
    shot = draw_shot(seed, WorldConfig.training())
    return render_shot(shot, 64, 64, frame_indices=[0]).frames[0], caption_of(shot)["short"]


if __name__ == "__main__":
    main()
