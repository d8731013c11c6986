"""How the small video VAE beside this file was made: diffusers' class, trained on rendered windows of 17 frames.

    python tests/golden/rendered_vae/make.py --out first --steps 900 --crop 48 --shots 48
    python tests/golden/rendered_vae/make.py --out second --start first/vae --seed 1 --steps 350 --crop 48
    python tests/golden/rendered_vae/make.py --out third --start second/vae --seed 2 --steps 600 --changes 2
    python tests/golden/rendered_vae/make.py --start third/vae --seed 3 --steps 1600 --changes 2

It reads and writes chunks as generation does (4 frames in, 2 latents out), so that group norms see the same lengths.
"""

from __future__ import annotations

import argparse
import time
from pathlib import Path

import numpy as np
import torch
from diffusers import AutoencoderKLCogVideoX
from torch.nn import functional as F

from dropletvideo.model.parts import load_vae
from dropletvideo.world.config import WorldConfig
from dropletvideo.world.render import render_shot
from dropletvideo.world.shot import draw_shot

FIELDS = {
    "block_out_channels": (8, 16, 16, 16),
    "layers_per_block": 1,
    "norm_num_groups": 8,
    "latent_channels": 16,
    "sample_height": 64,
    "sample_width": 64,
    "scaling_factor": 1.0,
}
SIDE, FRAMES = 48, 17


def windows(shots: int) -> torch.Tensor:
    """Rendered windows N,3,F,H,W uint8; from one to ten world frames per frame, so that time within a latent counts."""
    found = []
    for seed in range(shots):
        shot = draw_shot(seed, WorldConfig.training())
        stride = min(seed % 10 + 1, (shot.num_frames - 1) // (FRAMES - 1))
        frames = render_shot(shot, SIDE, SIDE, frame_indices=range(0, FRAMES * stride, stride)[:FRAMES]).frames
        found.append(torch.from_numpy(np.ascontiguousarray(frames)).permute(3, 0, 1, 2))
    return torch.stack(found)


def main() -> None:
    """Train and write."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--steps", type=int, default=900)
    parser.add_argument("--shots", type=int, default=160)
    parser.add_argument("--crop", type=int, default=32, help="side of the crop that a step sees")
    parser.add_argument("--changes", type=float, default=0.0, help="weight of errors in frame differences")
    parser.add_argument("--out", type=Path, default=Path(__file__).parent)
    parser.add_argument("--start", type=Path, help="go on from the weights in this folder")
    parser.add_argument("--seed", type=int, default=0)
    options = parser.parse_args()
    torch.manual_seed(options.seed)
    vae = AutoencoderKLCogVideoX(**FIELDS)
    if options.start:
        vae = load_vae(options.start).float()
    vae.num_sample_frames_batch_size = 4
    clips = windows(options.shots)
    optimizer = torch.optim.AdamW(vae.parameters(), lr=4e-3, betas=(0.9, 0.98), weight_decay=0.0)
    schedule = torch.optim.lr_scheduler.OneCycleLR(optimizer, 4e-3, total_steps=options.steps, pct_start=0.05)
    started = time.perf_counter()
    for step in range(options.steps):
        row = int(torch.randint(len(clips), ()))
        pixels = clips[row : row + 1].float() / 127.5 - 1
        top, left = (int(torch.randint(SIDE - options.crop + 1, ())) for _ in range(2))
        pixels = pixels[..., top : top + options.crop, left : left + options.crop]
        if torch.rand(()) < 0.5:
            pixels = pixels.flip(4)
        decoded = vae.decode(vae.encode(pixels).latent_dist.mode()).sample
        loss = F.mse_loss(decoded, pixels) + 0.2 * F.l1_loss(decoded, pixels)
        loss = loss + options.changes * F.mse_loss(decoded.diff(dim=2), pixels.diff(dim=2))
        loss.backward()
        torch.nn.utils.clip_grad_norm_(vae.parameters(), 1.0)
        optimizer.step()
        optimizer.zero_grad()
        schedule.step()
        if step % 50 == 49:
            psnr = -10 * torch.log10(F.mse_loss(decoded, pixels).detach() / 4)
            print(f"step {step + 1}  psnr {psnr:.2f} dB  {time.perf_counter() - started:.0f} s", flush=True)  # noqa: T201
            vae.save_pretrained(options.out / "vae")
    vae.half().save_pretrained(options.out / "vae")


if __name__ == "__main__":
    main()
