"""Integral spatio-temporal consistency of rendered truth beside every baseline, per asked move.

    python benchmarks/consistency_truth.py --count 8 --first-seed 1000000 --work OUT     # truth as the answer
    python benchmarks/consistency_truth.py --small --count 4 --work OUT64          # 64x64, as the shipped model sees
    python benchmarks/consistency_truth.py --coding --count 2 --kinds move --work OUT       # truth, coded anew
    droplet generate --model nano --batch OUT64/requests.jsonl --out ANSWERS
    python benchmarks/consistency_truth.py --manifest ANSWERS/manifest.jsonl --name nano --work OUT64-nano

Writes the requests of `world/consistency_suite.py`, answers them with the scene's own continuation (or takes another
folder's answers), scores answers and baselines alike, and prints JSON rows: one per asked move or kind of request with
the mean of every part, the 95 % interval of the score, and for each baseline whether the intervals lie apart. Constants
were fixed on seeds from 1,200,000 up.
"""

from __future__ import annotations

import argparse
import json
import sys
import time
from pathlib import Path

import cv2
import numpy as np
from kept_rows import keep, on_one_core

from dropletvideo.evaluate.aggregate import mean_estimate
from dropletvideo.evaluate.metric import load_metric
from dropletvideo.evaluate.rows import scores_of
from dropletvideo.evaluate.score import EvaluateConfig, evaluate_manifest
from dropletvideo.media import probe, read_video, stream, write_video
from dropletvideo.perception.camera import CameraJudge
from dropletvideo.perception.consistency import ConsistencyJudge
from dropletvideo.tables.plan import measure_video
from dropletvideo.world.consistency_suite import KINDS, ConsistencySuite, draw_requests, write_consistency_suite
from dropletvideo.world.render import render_shot

METRICS = ("geometry", "revisit", "emergence", "plot", "causality", "consistency")
BASELINES = ("frozen", "ken_burns", "shuffled", "reversed")
CODINGS = (
    {"as it is": (None, 1.0)} | {f"crf {crf}": (crf, 1.0) for crf in (18, 23, 28, 35, 42)} | {"half size": (12, 0.5)}
)
"""Name to crf and size of a second coding."""
COSTS = {"consistency": [ConsistencyJudge()], "camera": [CameraJudge()], "both": [ConsistencyJudge(), CameraJudge()]}
PARTS = ("delivered", "geometry", "revisit", "revisit_closing", "emergence", "plot", "causality")


def truth_manifest(work: Path, config: ConsistencySuite, each: int | None) -> Path:
    """Requests of a suite (the first `each` of a kind), answered by their own references."""
    requests = work / "requests.jsonl"
    if not requests.exists():
        write_consistency_suite(work, config)
    manifest = work / "manifest.jsonl"
    rows = [json.loads(line) for line in requests.read_text().splitlines()]
    rows = [row for row in rows if each is None or int(row["group"].rsplit("-", 1)[1]) < each]
    manifest.write_text("".join(json.dumps(row | {"video": row["reference_video"]}) + "\n" for row in rows))
    return manifest


def coded_manifest(manifest: Path) -> Path:
    """The same rows, each with its video in every coding."""
    lines = []
    for row in (json.loads(line) for line in manifest.read_text().splitlines()):
        for name, (crf, scale) in CODINGS.items():
            video = manifest.parent / row["video"]
            if crf is not None:
                frames, rate = read_video(video).frames, probe(video).source_fps
                height, width = (round(side * scale / 2) * 2 for side in frames.shape[1:3])
                video = video.with_name(f"{video.stem}-{name.replace(' ', '')}.mp4")
                small = [cv2.resize(frame, (width, height), interpolation=cv2.INTER_AREA) for frame in frames]
                write_video(video, np.stack(small), playback_fps=rate, crf=crf)
            row_of = row | {"id": f"{row['id']}-{name}", "video": str(video), "coding": name}
            lines.append(json.dumps(row_of | {"reference_video": None}) + "\n")
    path = manifest.with_name("coded.jsonl")
    path.write_text("".join(lines))
    return path


def key_of(row):
    """What a row counts for: its coding, its single move, or else its kind (an orbit with its angle)."""
    if "coding" in row.extra:
        return row.extra["coding"]
    kind = row.extra.get("kind", "move")
    if kind == "orbit":
        return f"orbit {round(row.camera[0].amount)}"
    return row.moves[0] if kind == "move" else kind


def evaluated(manifest: Path, work: Path, baselines: tuple[str, ...]):
    """Evaluations of the rows; those that ask for tracking apart, as they alone need the camera judge."""
    rows = [json.loads(line) for line in manifest.read_text().splitlines()]
    parts = []
    for name, judged, wanted in (("evaluation", METRICS, False), ("evaluation-tracking", (*METRICS, "camera"), True)):
        some = [row for row in rows if any(ask["move"] == "tracking" for ask in row["camera"]) == wanted]
        if some:
            file = manifest.with_name(f"{name}.jsonl")
            file.write_text("".join(json.dumps(row) + "\n" for row in some))
            how = EvaluateConfig(metrics=judged, baselines=baselines, timeout_seconds=None)
            parts.append(evaluate_manifest(file, work / name, how))
    return parts


def table(results, name):
    """One row per key: mean of every part of the answers, and IST of every system with its interval."""
    metrics = [load_metric(metric) for metric in METRICS]
    found: dict[str, dict[str, list]] = {}
    failed = [result for result in results if result.error is not None]
    if failed:
        note = f"{len(failed)} of {len(results)} videos have no scores; {failed[0].row.id}: {failed[0].error}"
        print(note, file=sys.stderr)
    for result in results:
        if result.error is not None:
            continue
        scores = scores_of(result, metrics).values
        system = name if result.system == "model" else result.system
        found.setdefault(key_of(result.row), {}).setdefault(system, []).append((result.row, scores))
    for key, systems in found.items():
        own = estimate(systems.get(name, []))
        row = {"asked": key, "videos": len(systems.get(name, [])), name: own}
        row |= {"parts": {part: mean([scores.get(part) for _, scores in systems.get(name, [])]) for part in PARTS}}
        for baseline in BASELINES:
            other = estimate(systems.get(baseline, []))
            apart = own["low"] > other["high"] if has_interval(own) and has_interval(other) else None
            row[baseline] = None if other is None else other | {"apart": apart}
        yield row


def has_interval(found):
    """Whether an estimate is of two groups or more."""
    return found is not None and found["low"] is not None


def estimate(rows):
    """Mean IST and its interval."""
    told = [(scores["ist"], row.cluster) for row, scores in rows if scores.get("ist") is not None]
    if not told:
        return None
    values = mean_estimate([value for value, _ in told], [cluster for _, cluster in told]).as_dict()
    return {"mean" if key == "value" else key: shortened(values[key]) for key in ("value", "low", "high")}


def shortened(value):
    """Three decimals; None (one group has no interval) stays."""
    return None if value is None else round(value, 3)


def mean(values):
    """Mean of what is told."""
    told = [value for value in values if value is not None]
    return round(sum(told) / len(told), 3) if told else None


def cost(work: Path):
    """CPU seconds of decoding and of each judge on 85 frames of 672x384, at 24 and 8 frames per second."""
    for rate in (24.0, 8.0):
        for move in ("pan_left", "truck_right", "dolly_in"):
            config = ConsistencySuite(
                count=1,
                seed=1_270_000,
                kinds=("move",),
                moves=(move,),
                num_frames=85,
                motion=rate,
                height=384,
                width=672,
            )
            (request,) = draw_requests(config)
            frames = render_shot(request.shot, 384, 672, times=np.arange(85) / rate).frames
            path = work / f"{move}-{rate:g}.mp4"
            write_video(path, frames, playback_fps=rate, crf=18)
            seconds = {"decoding": min(clocked(lambda path=path: list(stream(path))) for _ in range(3))}
            for name, judges in COSTS.items():
                with_it = min(clocked(lambda path=path, judges=judges: measure_video(path, judges)) for _ in range(2))
                seconds[name] = with_it - seconds["decoding"]
            yield {
                "cost": f"{move}, 85 frames, 672x384, {rate:g} per second",
                "cpu_seconds": {name: round(value, 3) for name, value in seconds.items()},
                "over_decoding": round(seconds["consistency"] / seconds["decoding"], 2),
            }


def clocked(action) -> float:
    """CPU seconds of a call."""
    started = time.process_time()
    action()
    return time.process_time() - started


def main() -> None:
    """Score and print."""
    parser = argparse.ArgumentParser()
    parser.add_argument("--count", type=int, default=8)
    parser.add_argument("--each", type=int, help="score only the first so many of each kind")
    parser.add_argument("--first-seed", type=int, default=1_000_000)
    parser.add_argument("--kinds", nargs="*", default=list(KINDS))
    parser.add_argument("--moves", nargs="*", help="only these single moves")
    parser.add_argument("--work", type=Path, required=True)
    parser.add_argument("--small", action="store_true", help="64x64, 17 frames at M=8, speeds of the training world")
    parser.add_argument("--manifest", type=Path, help="answers of a model in place of the truth")
    parser.add_argument("--coding", action="store_true", help="truth alone, by how coarsely it is coded")
    parser.add_argument("--cost", action="store_true", help="only what the judges cost beside decoding")
    parser.add_argument("--name", default="truth")
    parser.add_argument("--baselines", nargs="*", default=list(BASELINES))
    parser.add_argument("--rows", type=Path, help="append the JSON rows to this file")
    args = parser.parse_args()
    cv2.setNumThreads(1)
    size = {"num_frames": 17, "height": 64, "width": 64, "training": True} if args.small else {}
    asked = {"moves": tuple(args.moves)} if args.moves else {}
    config = ConsistencySuite(count=args.count, seed=args.first_seed, kinds=tuple(args.kinds), **size, **asked)
    args.work.mkdir(parents=True, exist_ok=True)
    if args.cost:
        print("\n".join(json.dumps(row) for row in cost(args.work)))
        return
    manifest = args.manifest or truth_manifest(args.work, config, args.each)
    manifest = coded_manifest(manifest) if args.coding else manifest
    args.baselines = [] if args.coding else args.baselines
    started = time.process_time()
    parts = evaluated(manifest, args.work, tuple(args.baselines))
    results = [result for part in parts for result in part.results]
    stamp = {
        **on_one_core("consistency_truth", {"--work", "--manifest", "--rows"}),
        "first_seed": args.first_seed,
    }
    rows = list(table(results, args.name))
    for system in ("model", *args.baselines):
        tables = parts[0].summary["systems"].get(system, {}).get("tables", {})
        some = tables.get("revisit", {}) | tables.get("causality", {})
        rows += [{"system": args.name if system == "model" else system, **some}] if some else []
    rows.append({"cpu_seconds_per_video": round((time.process_time() - started) / max(len(results), 1), 3)})
    for row in rows:
        keep(stamp | row, args.rows)


if __name__ == "__main__":
    main()
