"""Cost of a training step of nano, of fetching its batch, and of sampling, in wall and CPU milliseconds.

    python benchmarks/train_speed.py                       # one row per precision and thread count
    python benchmarks/train_speed.py --threads 1 2 --steps 20 --out benchmarks/results/train_speed.jsonl

Weights and windows are random: nothing of the cost depends on their values. A step is batch, draw, forward, backward,
clipping, AdamW and the moving average; medians over `--steps` after three that warm up.
"""

from __future__ import annotations

import argparse
import platform
import statistics
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import torch
from kept_rows import keep, origin

from dropletvideo.data.bank import WindowBank
from dropletvideo.diffusion.schedule import NoiseSchedule
from dropletvideo.model.denoise import Denoiser
from dropletvideo.model.presets import nano
from dropletvideo.model.transformer import DropletVideoTransformer3DModel
from dropletvideo.train.optim import OptimConfig
from dropletvideo.train.precision import matmul_precision
from dropletvideo.train.step import ObjectiveConfig
from dropletvideo.train.trainer import LoopConfig, Trainer
from dropletvideo.train.transformer import BankWindows

WINDOWS, CAPTIONS, SAMPLING_STEPS = 2048, 512, 20


def random_bank() -> WindowBank:
    """A cache of nano's shapes."""
    return WindowBank(
        latents=torch.randn(WINDOWS, 5, 16, 8, 8).half(),
        condition=torch.randn(WINDOWS, 5, 17, 8, 8).half(),
        motion=torch.rand(WINDOWS) * 28 + 4,
        text=torch.randn(CAPTIONS, 64, 128).half(),
        captions=[[row % CAPTIONS, (row + 1) % CAPTIONS] for row in range(WINDOWS)],
        caption_texts=["x"] * CAPTIONS,
        train_rows=torch.arange(WINDOWS),
        held_rows=torch.arange(0),
        held_frames=None,
        seed=0,
        fingerprint="random",
    )


def nano_trainer(batch_size: int, out: Path) -> Trainer:
    """A trainer as `droplet train nano` builds it."""
    transformer = DropletVideoTransformer3DModel(**nano().transformer)
    transformer.start_from_nothing()
    return Trainer(
        model=transformer,
        denoise=Denoiser(transformer),
        windows=BankWindows(random_bank()),
        schedule=NoiseSchedule.scaled_linear(),
        loop=LoopConfig(batch_size=batch_size, preview_every=0),
        optim=OptimConfig(),
        objective=ObjectiveConfig(),
        out=out,
    )


def median_cost(work: Callable[[int], Any], repeats: int) -> dict[str, float]:
    """Median wall and CPU milliseconds of `work(number)`."""
    wall, cpu = [], []
    for number in range(repeats + 3):
        started, cpu_started = time.perf_counter(), time.process_time()
        work(number)
        if number >= 3:
            wall.append(1e3 * (time.perf_counter() - started))
            cpu.append(1e3 * (time.process_time() - cpu_started))
    return {"wall_ms": round(statistics.median(wall), 2), "cpu_ms": round(statistics.median(cpu), 2)}


def measure(threads: int, matmul: str, batch_size: int, steps: int, out: Path) -> dict[str, Any]:
    """One row: step, batch and sampling under a precision and a number of threads."""
    torch.set_num_threads(threads)
    trainer = nano_trainer(batch_size, out)
    with matmul_precision(matmul, trainer.device) as rounded:
        step = median_cost(lambda _: trainer._train_step(), steps)
    fetch = median_cost(lambda number: trainer.windows.batch_at(number, batch_size, torch.Generator()), steps * 5)
    one = torch.randn(2 * batch_size, 5, 16, 8, 8), torch.randn(2 * batch_size, 5, 17, 8, 8)
    text, motion = torch.randn(2 * batch_size, 64, 128), torch.full((1,), 8.0)
    with torch.no_grad():
        call = median_cost(
            lambda _: trainer.denoise(one[0], torch.full((2 * batch_size,), 500), text, motion, one[1]),
            max(3, steps // 2),
        )
    return {
        "threads": threads,
        "matmul": "bfloat16" if rounded else "float32",
        "batch_size": batch_size,
        "parameters": sum(p.numel() for p in trainer.model.parameters()),
        "step": step,
        "samples_per_second": round(batch_size / step["wall_ms"] * 1e3, 1),
        "fetch_batch": fetch,
        "sampling_ms_per_video": round(call["wall_ms"] * SAMPLING_STEPS / batch_size, 1),
    }


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--threads", type=int, nargs="+", default=[1, 2])
    parser.add_argument("--steps", type=int, default=10)
    parser.add_argument("--batch-size", type=int, default=16)
    parser.add_argument("--out", type=Path, help="append rows to this JSONL file")
    arguments = parser.parse_args()
    import tempfile

    for threads in arguments.threads:
        for matmul in ("float32", "bfloat16"):
            with tempfile.TemporaryDirectory() as scratch:
                row = measure(threads, matmul, arguments.batch_size, arguments.steps, Path(scratch))
            row |= {
                "benchmark": "train_speed",
                **origin(),
                "machine": f"{platform.machine()}, torch {torch.__version__}",
            }
            keep(row, arguments.out)


if __name__ == "__main__":
    main()
