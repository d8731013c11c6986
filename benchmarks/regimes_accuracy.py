"""Motion regimes found against those that are there: shots of rendered footage whose camera changes its move.

    python benchmarks/regimes_accuracy.py                                # 12 rendered files
    python benchmarks/regimes_accuracy.py --footage DIR                  # rendered files that are there already
    python benchmarks/regimes_accuracy.py --min-strength 1.5 --out benchmarks/results/regimes_accuracy.jsonl

Each true shot is measured apart, without its blended frames. A true change is the start or end of a camera move (shake
left aside) or of a speed ramp, at least 0.6 s from the shot's ends; changes within 0.3 s count as one. It is found by a
split within 0.4 s, each used once. Splits that hit nothing are false: an arc of many degrees, or a subject that stops,
changes the flow without a change of the camera's move, and counts as false here all the same.
"""

from __future__ import annotations

import argparse
import json
import platform
import re
import sys
import tempfile
from pathlib import Path
from typing import Any

from kept_rows import keep

from dropletvideo.curate.stages.motion_regimes import Config
from dropletvideo.perception.motion_changes import SHORTEST_SECONDS, MotionChangesJudge
from dropletvideo.tables.plan import measure_video

SEED = 1_000_600
TOLERANCE_SECONDS, ONE_SECONDS = 0.4, 0.3


def true_changes(shot: dict[str, Any], span: tuple[int, int], source_fps: float) -> list[float]:
    """Seconds on the file's clock at which the motion of a shot changes."""
    moments = [move[end] for move in shot["moves"] if move["move"] != "shake" for end in ("start", "end")]
    moments += [effect["start"] for effect in shot["effects"] if effect["effect"] == "speed_ramp"]
    first, last = span[0] / source_fps + SHORTEST_SECONDS, span[1] / source_fps - SHORTEST_SECONDS
    found: list[float] = []
    for moment in sorted(shot["start_frame"] / source_fps + moment for moment in moments):
        if first <= moment <= last and (not found or moment - found[-1] > ONE_SECONDS):
            found.append(moment)
    return found


def spans_of(truth: dict[str, Any]) -> list[tuple[int, int]]:
    """Frames of each shot that are of no transition."""
    spans = []
    for shot in truth["shots"]:
        start, end = shot["start_frame"], shot["end_frame"]
        for edge in truth["boundaries"]:
            if edge["frame"] <= start < edge["end_frame"]:
                start = edge["end_frame"]
            if edge["frame"] < end <= edge["end_frame"]:
                end = edge["frame"]
        spans.append((start, max(end, start + 1)))
    return spans


def score(path: Path, min_strength: float, totals: dict[str, int]) -> None:
    truth = json.loads(path.with_suffix(".truth.json").read_text(encoding="utf-8"))
    spans, rate = spans_of(truth), truth["fps"]
    rows = measure_video(path, [MotionChangesJudge()], spans=spans)
    for shot, span, row in zip(truth["shots"], spans, rows, strict=True):
        if row["motion_changes"] is None:
            totals["too_short"] += 1
            continue
        totals["shots"] += 1
        found = [frame / rate for frame, strength in row["motion_changes"] if strength >= min_strength]
        for moment in true_changes(shot, span, rate):
            near = [one for one in found if abs(one - moment) <= TOLERANCE_SECONDS]
            totals["hits" if near else "missed"] += 1
            if near:
                found.remove(min(near, key=lambda one: abs(one - moment)))
        totals["false"] += len(found)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--footage", type=Path, help="folder of rendered files; made anew where missing")
    parser.add_argument("--rendered", type=int, default=12, help="files to render")
    parser.add_argument("--seed", type=int, default=SEED)
    parser.add_argument("--min-strength", type=float, default=Config().min_strength)
    parser.add_argument("--out", type=Path)
    arguments = parser.parse_args()
    totals = dict.fromkeys(("shots", "too_short", "hits", "missed", "false"), 0)
    with tempfile.TemporaryDirectory() as made:
        folder = arguments.footage or Path(made)
        if not list(folder.glob("*.mp4")):
            from dropletvideo.world.footage import write_footage

            write_footage(folder, arguments.seed, arguments.rendered)
        for path in sorted(folder.glob("*.mp4")):
            score(path, arguments.min_strength, totals)
    precision = totals["hits"] / max(1, totals["hits"] + totals["false"])
    recall = totals["hits"] / max(1, totals["hits"] + totals["missed"])
    row = {
        "benchmark": "regimes_accuracy",
        "min_strength": arguments.min_strength,
        "precision": round(precision, 4),
        "recall": round(recall, 4),
        "f1": round(2 * precision * recall / max(precision + recall, 1e-9), 4),
        **totals,
        "command": re.sub(r"(--(?:footage|out)) \S*/", r"\1 ", "python " + " ".join(sys.argv)),
        "machine": platform.processor() or platform.machine(),
    }
    keep(row, arguments.out)


if __name__ == "__main__":
    main()
