"""Long videos: what seams between chunks cost, and that memory does not grow with length.

    python benchmarks/long_video_seams.py --model nano --images 4 --row benchmarks/results/long_video.jsonl

For every overlap, long videos of rendered first frames are streamed and measured by `generate.seams`. Seams are told
with blending and without it (each chunk simply continued). Memory: what a video of 40 chunks adds while it goes by.
"""

from __future__ import annotations

import argparse
import resource
import time
from dataclasses import asdict
from pathlib import Path

import numpy as np
from kept_rows import keep, origin

from dropletvideo import runtime


def main() -> None:
    options = _options()
    started = time.perf_counter()
    rows = [_seams(options, overlap) for overlap in options.overlaps]
    report = {
        "benchmark": "long_video_seams",
        "model": options.model,
        "seams": rows,
        "memory": _memory(options),
        "wall_seconds": round(time.perf_counter() - started, 1),
        **origin(),
        "machine": runtime.machine(),
    }
    keep(report, options.row, indent=1)


def _seams(options: argparse.Namespace, overlap: int) -> dict:
    """Mean ratios over all images for one overlap; `unblended` continues each chunk without fading."""
    from dropletvideo.generate import chunks
    from dropletvideo.generate.seams import measure_seams

    blend = chunks.blend
    row: dict = {"overlap": overlap}
    for name, fade in (("blended", blend), ("unblended", _unblended)):
        chunks.blend = fade
        reports = []
        for number in range(options.images):
            pipe, job = _job(options, 1_000_100 + number, overlap)
            reports.append(asdict(measure_seams(pipe.stream(job), job.seams)))
        row[name] = {
            f"{kind}_{figure}": round(float(np.mean([report[kind][figure] for report in reports])), 3)
            for kind in ("step", "jerk")
            for figure in ("ratio", "worst")
        }
    chunks.blend = blend
    return row


def _unblended(before, _after):
    return before


_PIPES: dict = {}


def _job(options: argparse.Namespace, seed: int, overlap: int):
    from dropletvideo.generate.pipeline import DropletVideoPipeline
    from dropletvideo.world.captions import caption_of
    from dropletvideo.world.config import WorldConfig
    from dropletvideo.world.render import render_shot
    from dropletvideo.world.shot import draw_shot

    if options.model not in _PIPES:
        _PIPES[options.model] = DropletVideoPipeline.from_pretrained(options.model)
        _PIPES[options.model].set_progress_bar_config(disable=True)
    pipe = _PIPES[options.model]
    shot = draw_shot(seed, WorldConfig.training())
    job = pipe.prepare(
        image=render_shot(shot, 64, 64, frame_indices=[0]).frames[0],
        prompt=caption_of(shot)["short"],
        motion=16.0,
        seed=seed,
        num_frames=options.frames,
        num_inference_steps=options.steps,
        overlap=overlap,
    )
    return pipe, job


def _memory(options: argparse.Namespace) -> dict[str, float]:
    """Resident megabytes while a video of 40 chunks goes by: at the 4th, and what is added until the last; beside it
    what its frames would take if they were kept.
    """
    pipe, job = _job(argparse.Namespace(model=options.model, frames=12 * 40 + 5, steps=2), 1_000_100, 5)
    resident, kept = [], 0
    for run in pipe.stream(job):
        resident.append(_resident_megabytes())
        kept += run.size * 4
    return {
        "chunks": len(resident),
        "at_chunk_4_megabytes": round(resident[3], 1),
        "added_until_the_last_megabytes": round(resident[-1] - resident[3], 1),
        "frames_if_kept_megabytes": round(kept / 2**20, 1),
    }


def _resident_megabytes() -> float:
    pages = int(Path("/proc/self/statm").read_text().split()[1])
    return pages * resource.getpagesize() / 2**20


def _options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--model", default="nano")
    parser.add_argument("--images", type=int, default=4)
    parser.add_argument("--frames", type=int, default=65)
    parser.add_argument("--steps", type=int, default=12)
    parser.add_argument("--overlaps", type=int, nargs="+", default=[1, 5, 9])
    parser.add_argument("--row", type=Path, help="append the report to this JSONL file")
    return parser.parse_args()


if __name__ == "__main__":
    main()
