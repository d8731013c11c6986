"""Overlay text against the titles of rendered footage: precision and recall over shots.

    droplet world footage --preset validation --count 24 --seed 1000400 --out raw/
    python benchmarks/overlay_text_accuracy.py raw/

A shot counts as titled by its truth file, and as found where text stands in at least half of its moments. Shots are the
true ones, without two frames at each end. One JSON row.
"""

from __future__ import annotations

import argparse
import json
from pathlib import Path

from dropletvideo.perception.overlay_text import OverlayTextJudge
from dropletvideo.tables.plan import measure_video

LEAST_FRAMES, EDGE = 12, 2


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("folder", type=Path)
    folder = parser.parse_args().folder
    counts = {(told, found): 0 for told in (True, False) for found in (True, False)}
    for path in sorted(folder.glob("*.truth.json")):
        truth = json.loads(path.read_text(encoding="utf-8"))
        shots = [(shot["start_frame"] + EDGE, shot["end_frame"] - EDGE) for shot in truth["shots"]]
        shots = [shot for shot in shots if shot[1] - shot[0] >= LEAST_FRAMES]
        video = path.with_name(path.name.replace(".truth.json", ".mp4"))
        for (start, end), row in zip(shots, measure_video(video, [OverlayTextJudge()], spans=shots), strict=True):
            told = any(title["start"] < end - EDGE and title["end"] > start + EDGE for title in truth["titles"])
            counts[told, row["overlay_text_share"] >= 0.5] += 1
    right, missed, wrong = counts[True, True], counts[True, False], counts[False, True]
    row = {
        "folder": folder.name,
        "shots": sum(counts.values()),
        "titled": right + missed,
        "precision": right / max(1, right + wrong),
        "recall": right / max(1, right + missed),
    }
    print(json.dumps(row))


if __name__ == "__main__":
    main()
