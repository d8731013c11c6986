"""Edit boundaries found against those that are there: real clips with labels, and rendered footage with truth.

    python benchmarks/cuts_accuracy.py                                   # ../shared/clips and 12 rendered files
    python benchmarks/cuts_accuracy.py --clips DIR --rendered 0          # real clips alone
    python benchmarks/cuts_accuracy.py --footage DIR                     # rendered files that are there already
    python benchmarks/cuts_accuracy.py --out benchmarks/results/cuts_accuracy.jsonl

A hard cut is hit by a boundary within 2 frames. A gradual transition is hit when exactly one boundary lies between its
first and its last frame. Every boundary that hits nothing is false. Clips without a `cuts` label are not scored, and
clips named alike up to `_M<number>` count as one (their mean). One JSON row per set, with what was missed.
"""

from __future__ import annotations

import argparse
import json
import platform
import re
import sys
import tempfile
import time
from collections import Counter, defaultdict
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from dropletvideo.media import stream
from dropletvideo.perception.cuts import ShotBoundaries
from dropletvideo.perception.judge import Chunk, Frames

CUT_TOLERANCE = 2
SEED = 1_000_400
"""First seed of the files rendered for this report; the limits of the detector were set on seeds below 10,000."""


@dataclass
class Tally:
    """Counts over a set; `weight` of a clip is below 1 where several clips count as one."""

    hits: float = 0.0
    missed: float = 0.0
    false: float = 0.0
    frames: int = 0
    seconds: float = 0.0
    missed_kinds: Counter[str] = field(default_factory=Counter)
    kinds: Counter[str] = field(default_factory=Counter)
    faults: dict[str, Any] = field(default_factory=dict)

    def row(self, name: str) -> dict[str, Any]:
        precision = self.hits / max(self.hits + self.false, 1e-9)
        recall = self.hits / max(self.hits + self.missed, 1e-9)
        return {
            "set": name,
            "precision": round(precision, 4),
            "recall": round(recall, 4),
            "f1": round(2 * precision * recall / max(precision + recall, 1e-9), 4),
            "hits": round(self.hits, 2),
            "missed": round(self.missed, 2),
            "false": round(self.false, 2),
            "recall_by_kind": {
                kind: round(1 - self.missed_kinds[kind] / count, 4) for kind, count in sorted(self.kinds.items())
            },
            "frames": self.frames,
            "judge_cpu_ms_per_frame": round(1000 * self.seconds / max(self.frames, 1), 3),
            "faults": self.faults,
        }


def find(path: Path) -> tuple[list[dict[str, Any]], int, float]:
    """(boundaries, frames of the file, CPU seconds of the judge without decoding)."""
    judge = ShotBoundaries()
    needs = judge.needs
    assert isinstance(needs, Frames)
    state, frames, seconds = judge.start({}), 0, 0.0
    for run in stream(path, rate=needs.rate, short_side=needs.short_side, colour=needs.colour):
        began = time.process_time()
        judge.update(state, Chunk(frames=run.frames, times=run.times, indices=run.indices))
        seconds += time.process_time() - began
        frames += len(run)
    return judge.finish(state)["boundaries"], frames, seconds


def score(tally: Tally, path: Path, truth: list[tuple[int, int, str]], weight: float = 1.0) -> None:
    """Compare one file; `truth` holds (first, last, kind)."""
    found, frames, seconds = find(path)
    tally.frames += frames
    tally.seconds += seconds
    used: set[int] = set()
    missed = []
    for first, last, kind in truth:
        slack = CUT_TOLERANCE if kind == "cut" else 0
        inside = [k for k, one in enumerate(found) if k not in used and first - slack <= one["frame"] <= last + slack]
        is_hit = len(inside) == 1 or (kind == "cut" and len(inside) > 1)
        tally.kinds[kind] += 1
        if is_hit:
            used.add(inside[0])
            tally.hits += weight
        else:
            missed.append([first, last, kind])
            tally.missed_kinds[kind] += 1
            tally.missed += weight
    false = [[one["frame"], one["end_frame"], one["kind"]] for k, one in enumerate(found) if k not in used]
    tally.false += weight * len(false)
    if missed or false:
        tally.faults[path.name] = {"missed": missed, "false": false}


def real_clips(folder: Path) -> dict[str, Any]:
    """Row of the labelled clips in `folder`."""
    labels = json.loads((folder / "labels.json").read_text(encoding="utf-8"))["clips"]
    groups: dict[str, list[str]] = defaultdict(list)
    for name, label in labels.items():
        if "cuts" in label and (folder / name).exists():
            groups[re.sub(r"_M\d+\.", ".", name)].append(name)
    tally = Tally()
    for names in groups.values():
        for name in names:
            cuts = [(frame, frame, "cut") for frame in labels[name]["cuts"]]
            gradual = [(first, last, "gradual") for first, last in labels[name].get("gradual", [])]
            score(tally, folder / name, sorted(cuts + gradual), weight=1 / len(names))
    return tally.row("real clips")


def rendered(folder: Path) -> dict[str, Any]:
    """Row of the rendered files in `folder`."""
    tally = Tally()
    for path in sorted(folder.glob("*.mp4")):
        truth = json.loads(path.with_suffix(".truth.json").read_text(encoding="utf-8"))["boundaries"]
        score(tally, path, [(one["frame"], one["end_frame"], one["kind"]) for one in truth])
    return tally.row("rendered footage")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--clips", type=Path, default=Path(__file__).parents[2] / "shared" / "clips")
    parser.add_argument("--footage", type=Path, help="folder of rendered files; made anew where missing")
    parser.add_argument("--rendered", type=int, default=12, help="files to render")
    parser.add_argument("--seed", type=int, default=SEED)
    parser.add_argument(
        "--size", type=int, nargs=2, metavar=("HEIGHT", "WIDTH"), help="of rendered files; else as drawn"
    )
    parser.add_argument("--out", type=Path)
    arguments = parser.parse_args()
    rows = []
    if (arguments.clips / "labels.json").exists():
        rows.append(real_clips(arguments.clips))
    with tempfile.TemporaryDirectory() as made:
        folder = arguments.footage or Path(made)
        if arguments.rendered and not list(folder.glob("*.mp4")):
            from dropletvideo.world.footage import write_footage

            size = (arguments.size[0], arguments.size[1]) if arguments.size else None
            write_footage(folder, arguments.seed, arguments.rendered, size=size)
        if list(folder.glob("*.mp4")):
            rows.append(rendered(folder) | {"files": len(list(folder.glob("*.mp4")))})
    command = "python " + " ".join(sys.argv)
    for row in rows:
        line = json.dumps(row | {"command": command, "machine": platform.processor() or platform.machine()})
        print(line)
        if arguments.out:
            arguments.out.parent.mkdir(parents=True, exist_ok=True)
            with arguments.out.open("a", encoding="utf-8") as file:
                file.write(line + "\n")


if __name__ == "__main__":
    main()
