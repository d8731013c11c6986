"""Long videos: what seams between chunks cost, and that memory does not grow with length.

    python benchmarks/long_video_seams.py --model nano --images 4 --row benchmarks/results/long_video.jsonl

For every overlap, long videos of rendered first frames are streamed and measured by `generate.seams`. Seams are told
with blending and without it (each chunk simply continued), and against the same places of the true shots. Memory: the
greatest resident size while a video of 4 and of 16 chunks goes by, in two processes of their own.
"""

from __future__ import annotations

import argparse
import json
import resource
import subprocess
import sys
import time
from dataclasses import asdict
from datetime import UTC, datetime
from pathlib import Path

import numpy as np

from dropletvideo import runtime


def main() -> None:
    options = _options()
    if options.peak_of:
        print(json.dumps(_peak(options.model, options.peak_of, options.steps)))
        return
    started = time.perf_counter()
    rows = [_seams(options, overlap) for overlap in options.overlaps]
    report = {
        "benchmark": "long_video_seams",
        "model": options.model,
        "seams": rows,
        "memory": _memory(options),
        "wall_seconds": round(time.perf_counter() - started, 1),
        "machine": runtime.machine(),
        "command": " ".join(["python", *sys.argv]),
        "date": datetime.now(UTC).date().isoformat(),
    }
    print(json.dumps(report, indent=1))
    if options.row:
        options.row.parent.mkdir(parents=True, exist_ok=True)
        with options.row.open("a") as file:
            file.write(json.dumps(report) + "\n")


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
    """Greatest resident megabytes of streaming 4 and 16 chunks, each in a fresh process."""
    peaks = {}
    for count in (4, 16):
        command = [sys.executable, __file__, "--model", options.model, "--steps", "2", "--peak-of", str(count)]
        answer = subprocess.run(command, check=True, capture_output=True, text=True).stdout.splitlines()[-1]
        peaks[f"{count}_chunks_megabytes"] = json.loads(answer)["megabytes"]
    return peaks


def _peak(model: str, count: int, steps: int) -> dict[str, float]:
    options = argparse.Namespace(model=model, frames=12 * count + 5, steps=steps)
    pipe, job = _job(options, 1_000_100, 5)
    assert len(job.chunks) == count
    written = sum(len(run) for run in pipe.stream(job))
    assert written == job.settings.num_frames
    return {"megabytes": round(resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024, 1)}


def _options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--model", default="nano")
    parser.add_argument("--images", type=int, default=4)
    parser.add_argument("--frames", type=int, default=65)
    parser.add_argument("--steps", type=int, default=12)
    parser.add_argument("--overlaps", type=int, nargs="+", default=[1, 5, 9])
    parser.add_argument("--peak-of", type=int, help="only tell the peak memory of so many chunks")
    parser.add_argument("--row", type=Path, help="append the report to this JSONL file")
    return parser.parse_args()


if __name__ == "__main__":
    main()
