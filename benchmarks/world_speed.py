"""How fast the world renders on one core: JSON rows of frames per second.

    python benchmarks/world_speed.py [--seconds 5] [--shots 12] [--out benchmarks/results/world_speed.jsonl]

One row per size (RGB only, training shots), one with depth and flow, one for what a worker does per file: draw,
render, encode and write truth. CPU seconds of this process are counted, so a busy machine does not falsify them much.
"""

from __future__ import annotations

import argparse
import json
import sys
import tempfile
import time
from datetime import UTC, datetime
from pathlib import Path

import cv2
import numpy as np
from kept_rows import processor

from dropletvideo.world.config import WorldConfig
from dropletvideo.world.footage import write_clips
from dropletvideo.world.render import render_shot
from dropletvideo.world.shot import draw_shot

COMMAND = " ".join(["python", *sys.argv])
PER_SHOT = 8


ROWS: list[dict] = []


def row(what: str, side: int, frames: int, cpu: float, wall: float) -> None:
    ROWS.append(
        {
            "taken": datetime.now(UTC).date().isoformat(),
            "command": COMMAND,
            "what": what,
            "device": f"1 core of {processor()}",
            "height": side,
            "width": side,
            "frames": frames,
            "frames_per_cpu_second": round(frames / cpu, 1),
            "frames_per_second": round(frames / wall, 1),
        }
    )
    print(json.dumps(ROWS[-1]), flush=True)


def rate(side: int, shots: list, seconds: float, **wants: bool) -> None:
    """Render evenly spread frames of the shots in turn until the time is up."""
    done, cpu, wall = 0, time.process_time(), time.perf_counter()
    while True:
        for shot in shots:
            chosen = np.linspace(0, shot.num_frames - 1, PER_SHOT).astype(int)
            done += len(render_shot(shot, side, side, frame_indices=chosen, **wants).frames)
            if time.process_time() - cpu > seconds:
                what = "rgb, depth, flow, occlusion" if wants else "rgb"
                return row(what, side, done, time.process_time() - cpu, time.perf_counter() - wall)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--seconds", type=float, default=5.0, help="CPU seconds per row")
    parser.add_argument("--shots", type=int, default=12)
    parser.add_argument("--out", type=Path, help="JSONL file to write the rows to")
    options = parser.parse_args()
    cv2.setNumThreads(1)
    shots = [draw_shot(seed, WorldConfig.training()) for seed in range(options.shots)]
    for shot in shots:  # textures are made once per process
        render_shot(shot, 16, 16, frame_indices=[0])
    for side in (64, 128, 256):
        rate(side, shots, options.seconds)
    rate(128, shots, options.seconds, depth=True, flow=True)
    with tempfile.TemporaryDirectory() as folder:
        cpu, wall = time.process_time(), time.perf_counter()
        write_clips(folder, 0, 4, WorldConfig.training(), size=(64, 64))
        frames = sum(draw_shot(seed, WorldConfig.training()).num_frames for seed in range(4))
        row("draw, render, encode, truth files", 64, frames, time.process_time() - cpu, time.perf_counter() - wall)
    if options.out:
        options.out.parent.mkdir(parents=True, exist_ok=True)
        options.out.write_text("".join(json.dumps(found) + "\n" for found in ROWS), encoding="utf-8")


if __name__ == "__main__":
    main()
