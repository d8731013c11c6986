"""Flow and motion scores against the exact flow of rendered shots, at short side 256 and 8 frames per second.

    python benchmarks/motion_accuracy.py                       # 24 shots of evaluation seeds
    python benchmarks/motion_accuracy.py --shots 60 --out benchmarks/results/motion_accuracy.jsonl

Each shot is rendered at 8 frames per second, written as h264 with the compression that its seed drew, decoded again,
and measured by the judges. One JSON row: endpoint error of the flow in pixels (points that stay in sight; all of them,
and those that pass the forward-backward check), and the error of `motion_score` and `motion_score_consistent` against
the score that the exact flow has.
"""

from __future__ import annotations

import argparse
import platform
import sys
import tempfile
from pathlib import Path
from typing import Any

import numpy as np
from kept_rows import keep

from dropletvideo.media import read_video, write_video
from dropletvideo.perception.consistent_flow import ConsistentFlow, consistent_flow
from dropletvideo.perception.flow import gray
from dropletvideo.perception.judge import Chunk
from dropletvideo.perception.motion import MotionJudge
from dropletvideo.tables.plan import measure_video
from dropletvideo.world.config import WorldConfig
from dropletvideo.world.render import RenderedShot, render_shot
from dropletvideo.world.shot import draw_shot

SEED = 1_000_700
RATE, SIDE, SECONDS = 8.0, 256, 1.5


def measure(seed: int, folder: Path) -> dict[str, Any]:
    """Errors of one shot."""
    shot = draw_shot(seed, WorldConfig.validation())
    height, width = shot.delivery_shape
    scale = SIDE / min(height, width)
    height, width = round(height * scale), round(width * scale)
    times = np.arange(0, min(SECONDS, shot.seconds - 0.05), 1 / RATE)
    made = render_shot(shot, height, width, times=times, flow=True)
    path = folder / f"{seed}.mp4"
    write_video(path, made.frames, playback_fps=RATE, crf=shot.crf)
    assert made.flow is not None
    length = np.linalg.norm(made.flow, axis=-1)
    true_score = float(length.mean()) * RATE / float(np.hypot(height, width))
    found = measure_video(path, [MotionJudge(), ConsistentFlow()])[0]
    return {
        "seed": seed,
        "crf": shot.crf,
        "true_score": true_score,
        "score": found["motion_score"],
        "score_consistent": found["motion_score_consistent"],
        "consistent_share": found["consistent_share"],
    } | endpoint_errors(made, path)


def endpoint_errors(made: RenderedShot, path: Path) -> dict[str, float]:
    """Median and mean endpoint error in pixels over points in sight, and over those that lead home again."""
    assert made.flow is not None
    assert made.occluded is not None
    run = read_video(path)
    chunk = Chunk(frames=run.frames, times=run.times, indices=run.indices)
    errors, sure = [], []
    for k, true in enumerate(made.flow):
        pair = consistent_flow(gray(chunk.frames[k]), gray(chunk.frames[k + 1]))
        error = np.linalg.norm(pair.flow - true, axis=-1)
        errors.append(error[~made.occluded[k]])
        sure.append(error[~made.occluded[k] & pair.consistent])
    every, consistent = np.concatenate(errors), np.concatenate(sure)
    return {
        "epe_median": float(np.median(every)),
        "epe_mean": float(every.mean()),
        "epe_consistent_mean": float(consistent.mean()) if len(consistent) else float("nan"),
    }


def relative_error(rows: list[dict[str, Any]], name: str) -> list[float]:
    """Sorted |found / true - 1| over shots that move by more than a hundredth of the diagonal a second."""
    moving = [row for row in rows if row["true_score"] > 0.01 and row[name] is not None]
    return sorted(abs(row[name] / row["true_score"] - 1) for row in moving)


def summary(rows: list[dict[str, Any]]) -> dict[str, Any]:
    """One row over all shots."""
    scores = np.array([[row["true_score"], row["score"]] for row in rows])
    ranks = scores.argsort(axis=0).argsort(axis=0)
    still = [abs(row["score"] - row["true_score"]) for row in rows if row["true_score"] <= 0.01]
    return {
        "shots": len(rows),
        "epe_median_px": round(float(np.median([row["epe_median"] for row in rows])), 3),
        "epe_mean_px": round(float(np.mean([row["epe_mean"] for row in rows])), 3),
        "epe_consistent_mean_px": round(float(np.nanmean([row["epe_consistent_mean"] for row in rows])), 3),
        "consistent_share": round(float(np.mean([row["consistent_share"] for row in rows])), 3),
        "score_error_median": round(float(np.median(relative_error(rows, "score"))), 3),
        "score_error_p90": round(float(np.percentile(relative_error(rows, "score"), 90)), 3),
        "consistent_score_error_median": round(float(np.median(relative_error(rows, "score_consistent"))), 3),
        "score_rank_correlation": round(float(np.corrcoef(ranks.T)[0, 1]), 3),
        "still_error_max": round(max(still, default=0.0), 4),
    }


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--shots", type=int, default=24)
    parser.add_argument("--seed", type=int, default=SEED)
    parser.add_argument("--out", type=Path)
    arguments = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        rows = [measure(arguments.seed + k, Path(folder)) for k in range(arguments.shots)]
    worst = sorted(rows, key=lambda row: -abs((row["score"] or 0) / max(row["true_score"], 0.01) - 1))[:3]
    row = summary(rows) | {"worst": worst, "command": "python " + " ".join(sys.argv), "machine": platform.machine()}
    keep(row, arguments.out)


if __name__ == "__main__":
    main()
