"""What faults of a video cost the camera judge: F1 of the asked moves, clean and with faults of growing size.

    python benchmarks/camera_faults.py --count 3 --out benchmarks/results/camera_faults.jsonl

Clips of the consistency suite's world (208x160, 25 frames at 8 per second), faults of `evaluate/faults.py`, coded with
crf 12. `f1` counts every name; `f1_without_shake` leaves `shake` out, which is what jitter is. Prints JSON rows.
"""

from __future__ import annotations

import argparse
from pathlib import Path

import cv2
import numpy as np
from camera_accuracy import RATE, coded, judged
from kept_rows import keep, origin

from dropletvideo.evaluate.camera_match import match_moves
from dropletvideo.evaluate.faults import FRAME_FAULTS, Clip
from dropletvideo.perception.camera import CameraJudge
from dropletvideo.world.consistency_suite import ConsistencySuite, draw_requests
from dropletvideo.world.render import render_shot

MOVES = ("pan_left", "tilt_up", "truck_right", "pedestal_down", "dolly_in", "dolly_out", "zoom_in", "arc_left")
LEVELS = {"none": (0.0,), "flicker": (0.25, 0.5, 1.0), "noise": (0.25, 1.0), "blur": (0.25, 1.0), "jitter": (0.25, 1.0)}
HEIGHT, WIDTH, NUM_FRAMES, CRF = 160, 208, 25, 12


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--seed", type=int, default=500_000)
    parser.add_argument("--count", type=int, default=3, help="clips per move")
    parser.add_argument("--out", type=Path, help="append the rows to this JSONL file")
    options = parser.parse_args()
    cv2.setNumThreads(1)
    size = {"height": HEIGHT, "width": WIDTH, "num_frames": NUM_FRAMES}
    suite = ConsistencySuite(count=options.count, kinds=("move",), moves=MOVES, seed=options.seed, **size)
    scores = {(fault, level): [] for fault, levels in LEVELS.items() for level in levels}
    for number, request in enumerate(draw_requests(suite)):
        indices = np.round(np.arange(NUM_FRAMES) * request.shot.source_fps / RATE).astype(int)
        indices = np.minimum(indices, request.shot.num_frames - 1)
        clip = Clip(render_shot(request.shot, HEIGHT, WIDTH, frame_indices=indices).frames, options.seed + number)
        asked = [move.move for move in request.shot.path.moves]
        for (fault, level), found in scores.items():
            frames, row = coded(clip.frames if fault == "none" else FRAME_FAULTS[fault](clip, level), CRF)
            moves = judged(frames, row, np.arange(NUM_FRAMES) / RATE)[0]["camera_moves"]
            steady = [move for move in moves if move != "shake"]
            found.append((match_moves(asked, moves).f1, match_moves(asked, steady).f1))
    taken = {
        "clips": options.count * len(MOVES),
        "seed": options.seed,
        **origin(f"python benchmarks/camera_faults.py --seed {options.seed} --count {options.count}"),
        "judge_version": CameraJudge.version,
    }
    for (fault, level), found in scores.items():
        every, steady = np.mean(found, axis=0).round(3).tolist()
        keep({"fault": fault, "level": level, "f1": every, "f1_without_shake": steady} | taken, options.out)


if __name__ == "__main__":
    main()
