"""How long the metrics of the truth suite take against decoding alone, in the same run, and the share of each judge.

    python benchmarks/evaluate_speed.py --clips 8 --row benchmarks/results/evaluate_speed.jsonl

Clips are rendered, 85 frames at 672x384, and cost is processor time with one thread. `growth` has the factor over the
first 1, 2, 4, ... clips: it says whether more clips would change it. Decodes of a video are counted, not assumed; the
reference that some metrics compare with is decoded beside it.
"""

from __future__ import annotations

import argparse
import json
import sys
import tempfile
import time
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import cv2
import numpy as np

from dropletvideo import media, runtime
from dropletvideo.evaluate.manifest import ManifestRow
from dropletvideo.evaluate.measuring import asked_row
from dropletvideo.evaluate.metric import Metric, judges_of
from dropletvideo.evaluate.suite import metrics_of
from dropletvideo.perception.judge import Judge
from dropletvideo.tables.plan import Watched, watch_video
from dropletvideo.world.config import EVALUATION_SEED_START, WorldConfig
from dropletvideo.world.render import render_shot
from dropletvideo.world.shot import draw_shot

FRAMES, HEIGHT, WIDTH, RATE = 85, 384, 672, 24.0
RENDER_HEIGHT, RENDER_WIDTH = 192, 336
MOST = 15.0
SEED = EVALUATION_SEED_START + 300_000


def main() -> None:
    """Render, measure, print, append."""
    options = _options()
    cv2.setNumThreads(1)
    with tempfile.TemporaryDirectory() as folder:
        rows = [_clip(Path(folder), number) for number in range(options.clips)]
        metrics = metrics_of("truth")
        found = figures(rows, metrics)
    report = {
        "command": "python benchmarks/evaluate_speed.py " + " ".join(sys.argv[1:]),
        "machine": runtime.machine(),
        "clips": options.clips,
        "frames": FRAMES,
        "size": f"{WIDTH}x{HEIGHT}",
        "limit": MOST,
        **found,
    }
    print(json.dumps(report, indent=1))
    if options.row:
        with options.row.open("a", encoding="utf-8") as file:
            file.write(json.dumps(report) + "\n")


def figures(rows: Sequence[ManifestRow], metrics: Sequence[Metric]) -> dict[str, Any]:
    """Seconds of decoding and of all metrics, their ratio, and what each judge adds."""
    judges = judges_of(metrics)
    decode, whole, decodes = [], [], 0
    costs: dict[str, float] = {}
    for row in rows:
        decode.append(min(_seconds(lambda row=row: _decode(row))[0] for _ in range(2)))  # type: ignore[misc]
        seconds, watched = _seconds(lambda row=row: _watch(row, judges))  # type: ignore[misc]
        whole.append(seconds)
        decodes += watched.decodes
        for judge in judges:
            alone, _ = _seconds(lambda row=row, judge=judge: _watch(row, [judge]))  # type: ignore[misc]
            costs[judge.name] = costs.get(judge.name, 0.0) + max(0.0, alone - decode[-1])
    total = sum(costs.values()) or 1.0
    counts = sorted({2**k for k in range(len(rows).bit_length()) if 2**k <= len(rows)} | {len(rows)})
    return {
        "decode_seconds_per_clip": round(sum(decode) / len(rows), 3),
        "metrics_seconds_per_clip": round(sum(whole) / len(rows), 3),
        "times_decoding": round(sum(whole) / sum(decode), 2),
        "holds": sum(whole) / sum(decode) <= MOST,
        "decodes_per_clip": decodes / len(rows),
        "growth": {str(n): round(sum(whole[:n]) / sum(decode[:n]), 2) for n in counts},
        "share_of_judges": {name: round(cost / total, 3) for name, cost in sorted(costs.items(), key=lambda p: -p[1])},
        "metrics": {metric.name: [judge.name for judge in metric.judges] for metric in metrics},
    }


def _decode(row: ManifestRow) -> None:
    for _ in media.stream(row.video):
        pass


def _watch(row: ManifestRow, judges: Sequence[Judge]) -> Watched:
    asked = asked_row(row, judges)
    return watch_video(row.video, judges, spans=[(0, None)], rows=[asked], tolerate=(Exception,))


def _seconds(work: Callable[[], Any]) -> tuple[float, Any]:
    """Processor seconds of this process, and what the work gave."""
    began = time.process_time()
    found = work()
    return time.process_time() - began, found


def _clip(folder: Path, number: int) -> ManifestRow:
    """A rendered clip, enlarged to the size asked for."""
    world = WorldConfig.validation().model_copy(update={"seconds": (FRAMES / RATE,) * 2, "source_rates": (RATE,)})
    shot = draw_shot(SEED + number, world)
    small = render_shot(shot, RENDER_HEIGHT, RENDER_WIDTH, times=np.arange(FRAMES) / RATE).frames
    frames = media.resize(small, size=(HEIGHT, WIDTH))
    path = folder / f"{number}.mp4"
    media.write_video(path, frames, playback_fps=RATE, crf=18)
    media.write_image(folder / f"{number}.png", frames[0])
    camera = [{"move": move.move, "start": move.start, "end": move.end} for move in shot.moves]
    return ManifestRow(
        id=str(number),
        video=path,
        prompt="a scene",
        image=folder / f"{number}.png",
        camera=camera,  # type: ignore[arg-type]
        reference_video=path,
    )


def _options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--clips", type=int, default=8)
    parser.add_argument("--row", type=Path, help="append the report to this JSONL file")
    return parser.parse_args()


if __name__ == "__main__":
    main()
