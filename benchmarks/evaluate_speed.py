"""How long the weight-free metrics take against decoding alone, in the same run, and the share of each.

    python benchmarks/evaluate_speed.py --clips 8 --row benchmarks/results/evaluate_speed.jsonl

Clips are rendered, 85 frames at 672x384, and cost is processor time with one thread. All metrics of the truth suite
run in one pass, whose time by judge is that of the pass itself; a metric's share is that of its judges, each divided
among the metrics that read it. `growth` has the factor over the first 1, 2, 4, ... clips, and `memory_mib` what the
process held after them: both say whether more clips would change it. Decodes of a video are counted, not assumed; the
reference that some metrics compare with is decoded beside it.

Columns of other benchmarks that need no weights either (`published`) are measured apart, on the first
`--published-clips`: how they are computed is their authors' and cannot be changed without changing the number.
"""

from __future__ import annotations

import argparse
import os
import sys
import tempfile
import time
from collections import defaultdict
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

import cv2
import numpy as np
from kept_rows import keep

from dropletvideo import media, runtime
from dropletvideo.evaluate.manifest import ManifestRow
from dropletvideo.evaluate.measuring import asked_row
from dropletvideo.evaluate.metric import Metric, judges_of, load_metrics
from dropletvideo.evaluate.suite import metrics_of
from dropletvideo.perception.judge import Features, Judge
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
    with tempfile.TemporaryDirectory() as temporary:
        folder = options.folder or Path(temporary)
        folder.mkdir(parents=True, exist_ok=True)
        rows = [_clip(folder, number) for number in range(options.clips)]
        if options.render_only:
            return
        own = metrics_of("truth")
        found = figures(rows, own)
        if options.published_clips:
            found["published"] = published(rows[: options.published_clips], own)
    report = {
        "command": "python benchmarks/evaluate_speed.py " + " ".join(sys.argv[1:]),
        "machine": runtime.machine(),
        "clips": options.clips,
        "frames": FRAMES,
        "size": f"{WIDTH}x{HEIGHT}",
        "limit": MOST,
        **found,
    }
    keep(report, options.row, indent=1)


def figures(rows: Sequence[ManifestRow], metrics: Sequence[Metric]) -> dict[str, Any]:
    """Seconds of decoding and of all metrics, their ratio, what each takes, and how both grow with the clips."""
    judges = judges_of(metrics)
    decode, whole, memory, decodes = [], [], [], 0
    costs: defaultdict[str, float] = defaultdict(float)
    for row in rows:
        decode.append(min(_seconds(lambda row=row: _decode(row))[0] for _ in range(2)))  # type: ignore[misc]
        seconds, watched = _seconds(lambda row=row: _watch(row, judges))  # type: ignore[misc]
        whole.append(seconds)
        memory.append(_memory_mib())
        decodes += watched.decodes
        _add(costs, watched.costs.cpu_seconds)
    costs["asked pictures, opening files"] = sum(whole) - sum(costs.values())
    counts = sorted({2**k for k in range(len(rows).bit_length()) if 2**k <= len(rows)} | {len(rows)})
    return {
        "decode_seconds_per_clip": round(sum(decode) / len(rows), 3),
        "metrics_seconds_per_clip": round(sum(whole) / len(rows), 3),
        "times_decoding": round(sum(whole) / sum(decode), 2),
        "holds": sum(whole) / sum(decode) <= MOST,
        "most_times_of_one_clip": round(max(one / other for one, other in zip(whole, decode, strict=True)), 2),
        "decodes_per_clip": decodes / len(rows),
        "growth": {str(n): round(sum(whole[:n]) / sum(decode[:n]), 2) for n in counts},
        "memory_mib": {str(n): memory[n - 1] for n in counts},
        "share_of_judges": _shares(costs),
        "share_of_metrics": _shares(_of_metrics(costs, metrics)),
        "metrics": {metric.name: [judge.name for judge in metric.judges] for metric in metrics},
    }


def published(rows: Sequence[ManifestRow], own: Sequence[Metric]) -> dict[str, Any]:
    """The same for the weight-free metrics outside the truth suite, whose judges run in a pass of their own."""
    names = {metric.name for metric in own}
    metrics = [metric for metric in load_metrics() if metric.name not in names and not metric.weights]
    judges = judges_of(metrics)
    decode = sum(_seconds(lambda row=row: _decode(row))[0] for row in rows)  # type: ignore[misc]
    costs: defaultdict[str, float] = defaultdict(float)
    whole = 0.0
    for row in rows:
        seconds, watched = _seconds(lambda row=row: _watch(row, judges))  # type: ignore[misc]
        whole += seconds
        _add(costs, watched.costs.cpu_seconds)
    return {
        "clips": len(rows),
        "seconds_per_clip": round(whole / len(rows), 3),
        "times_decoding": round(whole / decode, 2),
        "share_of_judges": _shares(costs),
        "metrics": [metric.name for metric in metrics],
    }


def _add(costs: defaultdict[str, float], more: Mapping[str, float]) -> None:
    for name, cost in more.items():
        costs[name] += cost


def _of_metrics(costs: Mapping[str, float], metrics: Sequence[Metric]) -> dict[str, float]:
    """Seconds of judges and backbones divided among the metrics that read them; the decode is everyone's."""
    found: defaultdict[str, float] = defaultdict(float)
    for name, cost in costs.items():
        readers = [metric for metric in metrics if name in {each for judge in metric.judges for each in _parts(judge)}]
        for metric in readers:
            found[metric.name] += cost / len(readers)
        if not readers:
            found[name] += cost
    return found


def _parts(judge: Judge) -> tuple[str, ...]:
    """The names under which a judge's time is counted."""
    return (judge.name, f"backbone:{judge.needs.backbone}") if isinstance(judge.needs, Features) else (judge.name,)


def _shares(costs: Mapping[str, float]) -> dict[str, float]:
    total = sum(costs.values()) or 1.0
    return {name: round(cost / total, 3) for name, cost in sorted(costs.items(), key=lambda pair: -pair[1])}


def _memory_mib() -> float:
    """What this process holds now."""
    pages = int(Path("/proc/self/statm").read_text(encoding="ascii").split()[1])
    return round(pages * os.sysconf("SC_PAGE_SIZE") / 2**20, 1)


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
    """A rendered clip, enlarged to the size asked for; rendered anew unless the folder has it."""
    world = WorldConfig.validation().model_copy(update={"seconds": (FRAMES / RATE,) * 2, "source_rates": (RATE,)})
    shot = draw_shot(SEED + number, world)
    path = folder / f"{number}.mp4"
    if not path.is_file():
        small = render_shot(shot, RENDER_HEIGHT, RENDER_WIDTH, times=np.arange(FRAMES) / RATE).frames
        frames = media.resize(small, size=(HEIGHT, WIDTH))
        media.write_image(folder / f"{number}.png", frames[0])
        media.write_video(path, frames, playback_fps=RATE, crf=18)
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
    parser.add_argument("--folder", type=Path, help="where rendered clips are kept for the next run")
    parser.add_argument("--render-only", action="store_true", help="render clips into --folder and stop")
    parser.add_argument("--published-clips", type=int, default=0, help="clips on which those of others are measured")
    parser.add_argument("--row", type=Path, help="append the report to this JSONL file")
    return parser.parse_args()


if __name__ == "__main__":
    main()
