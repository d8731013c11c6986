"""How often the camera class of real clips is one that a careful person accepts, as `droplet measure` gives it.

    python benchmarks/camera_real.py CLIPS --out benchmarks/results/camera_real.jsonl

CLIPS is a folder with video files and `labels.json`: {"clips": {file: {"classes": ["C2", "C4"], ...}}}; files without
`classes` are left out. Files that show one scene several times are given as `--one PREFIX`: they count as one clip, by
the share of them that is right. Prints a JSON row per clip and one for all.
"""

from __future__ import annotations

import argparse
import json
import sys
from pathlib import Path

import cv2
from kept_rows import keep, origin

from dropletvideo.evaluate.measure import measure_files


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("clips", type=Path)
    parser.add_argument("--one", action="append", default=["droplet_music_hall"], help="prefix of files that are one")
    parser.add_argument("--out", type=Path, help="append the rows to this JSONL file")
    options = parser.parse_args()
    cv2.setNumThreads(1)
    labels = json.loads((options.clips / "labels.json").read_text())["clips"]
    accepted = {name: label["classes"] for name, label in labels.items() if "classes" in label}
    found = {Path(path).name: row for path, row in measure_files([str(options.clips / name) for name in accepted])}
    groups, rows = {}, []
    for name, classes in accepted.items():
        told = found[name]
        right = told.get("camera_class") in classes
        group = next((prefix for prefix in options.one if name.startswith(prefix)), name)
        groups.setdefault(group, []).append(right)
        rows.append(
            {
                "clip": name,
                "accepted": classes,
                "camera_class": told.get("camera_class"),
                "camera_moves": told.get("camera_moves"),
                "unclear": [entry["moves"] for entry in told.get("camera_unclear") or ()],
                "right": right,
            }
        )
    score = sum(sum(each) / len(each) for each in groups.values())
    rows.append({"group": "all", "class_accuracy": round(score / len(groups), 3), "clips": len(groups)})
    for row in rows:
        keep(row | origin(f"python benchmarks/camera_real.py {options.clips.name}"), options.out)


if __name__ == "__main__":
    sys.exit(main())
