"""A trained camera classifier beside the weight-free judge and the commonest class, on the same rendered files.

    droplet train-classifier --out runs/classes --first-seed 500000
    python benchmarks/camera_classifier_accuracy.py runs/classes --videos bench/ --count 60

Files of seeds from 1,000,000 up, every class as often as the others, 8 frames per second, the middle square of at
most 192 px, compressed with their own crf. The weight-free answer is that of `droplet measure`, where a file with an
edit inside is C6. Files and weight-free answers stay in `--videos` for the next network. JSON rows.
"""

from __future__ import annotations

import argparse
import json
from pathlib import Path

import cv2
import numpy as np
from kept_rows import keep, origin

from dropletvideo import media
from dropletvideo.data.label_score import score_classes
from dropletvideo.evaluate.measure import measure_file
from dropletvideo.perception.camera_class_swin import CLASSES, SwinCameraJudge
from dropletvideo.tables.plan import measure_video
from dropletvideo.train.classifier_clips import held_out_shots

RATE, SIDE = 8.0, 192


def write_file(path, shots, number):
    """Render a clip's frames at 8 per second."""
    clip = shots[number]
    source = getattr(clip, "shot", None) or clip.cut
    side = min(SIDE, source.height, source.width) // 2 * 2
    indices = np.arange(0, clip.count, max(clip.source_fps / RATE, 1.0)).round().astype(int)
    frames = clip.read(indices[indices < clip.count].tolist(), side)
    media.write_video(path, frames, playback_fps=min(RATE, clip.source_fps), crf=source.crf)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("classifier", type=Path, nargs="?", help="folder that droplet train-classifier wrote")
    parser.add_argument("--videos", type=Path, required=True, help="folder of the files, filled on first use")
    parser.add_argument("--first-seed", type=int, default=1_000_000)
    parser.add_argument("--count", type=int, default=60)
    parser.add_argument("--out", type=Path, help="append the rows to this JSONL file")
    options = parser.parse_args()
    cv2.setNumThreads(1)
    options.videos.mkdir(parents=True, exist_ok=True)
    known_path = options.videos / "weight_free.json"
    known = json.loads(known_path.read_text()) if known_path.is_file() else {}
    shots = held_out_shots("validation", options.first_seed, options.count)
    answers = {"weight-free": [], "learned": []}
    for number in range(options.count):
        seed = options.first_seed + number
        path = options.videos / f"{seed}.mp4"
        if not path.is_file():
            write_file(path, shots, number)
        if path.name not in known:
            known[path.name] = measure_file(path)["camera_class"]
            known_path.write_text(json.dumps(known))
        true = (CLASSES[seed % len(CLASSES)],)
        answers["weight-free"].append((true, known[path.name]))
        if options.classifier is not None:
            (row,) = measure_video(path, [SwinCameraJudge(options.classifier)])
            answers["learned"].append((true, row["camera_class_learned"]))
    for name, pairs in answers.items():
        if pairs:
            keep({"judge": name, **score_classes(pairs).as_dict()} | origin(), options.out)


if __name__ == "__main__":
    main()
