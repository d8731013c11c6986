"""Edit boundaries found against those that are there: real clips with labels, and rendered footage with truth.

    python benchmarks/cuts_accuracy.py                                   # ../shared/clips and 12 rendered files
    python benchmarks/cuts_accuracy.py --clips DIR --rendered 0          # real clips alone
    python benchmarks/cuts_accuracy.py --footage DIR                     # rendered files that are there already
    python benchmarks/cuts_accuracy.py --method content --stitch         # another detector, over-cuts joined again
    python benchmarks/cuts_accuracy.py --out benchmarks/results/cuts_accuracy.jsonl

A hard cut is hit by a boundary within 2 frames. A gradual transition is hit when exactly one boundary lies between its
first and its last frame. Every boundary that hits nothing is false, and counts against the kind that it was given.
`by_kind` has precision, recall and F1 per kind, whatever the hit was called, and how many hits had the right name.
Clips without a `cuts` label are not scored, and clips named alike up to `_M<number>` count as one (their mean).
`decodes` are those of the decode plan with one more judge on the clips. One JSON row per set, with what was missed.
"""

from __future__ import annotations

import argparse
import json
import platform
import re
import sys
import tempfile
from collections import Counter, defaultdict
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from kept_rows import keep

from dropletvideo.curate.stages.neighbours import FindNeighbours
from dropletvideo.curate.stages.segment import Config, build
from dropletvideo.curate.stages.stitch import GROUPS, Stitch
from dropletvideo.perception.link_look import LinkLookJudge
from dropletvideo.perception.look import LookJudge
from dropletvideo.tables.plan import Watched, measure_video, watch_video

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
    files: int = 0
    decodes: int = 0
    kinds: dict[str, Counter[str]] = field(default_factory=lambda: defaultdict(Counter))
    faults: dict[str, Any] = field(default_factory=dict)

    def row(self, name: str) -> dict[str, Any]:
        return {
            "set": name,
            **rates(self.hits, self.missed, self.false),
            "hits": round(self.hits, 2),
            "missed": round(self.missed, 2),
            "false": round(self.false, 2),
            "by_kind": {
                kind: {
                    **rates(count["hits"], count["missed"], count["false"]),
                    "true": count["hits"] + count["missed"],
                    "named_right": count["named"],
                }
                for kind, count in sorted(self.kinds.items())
            },
            "frames": self.frames,
            "decodes": self.decodes,
            "files": self.files,
            "judge_cpu_ms_per_frame": round(1000 * self.seconds / max(self.frames, 1), 3),
            "faults": self.faults,
        }


def rates(hits: float, missed: float, false: float) -> dict[str, float]:
    precision, recall = hits / max(hits + false, 1e-9), hits / max(hits + missed, 1e-9)
    f1 = 2 * precision * recall / max(precision + recall, 1e-9)
    return {"precision": round(precision, 4), "recall": round(recall, 4), "f1": round(f1, 4)}


@dataclass(frozen=True)
class Finder:
    """A detector, and whether its over-cuts are joined again by the weight-free judges of `stitch`."""

    method: str
    stitch: bool

    def __call__(self, path: Path) -> tuple[list[dict[str, Any]], Watched, float]:
        """(boundaries, what the pass found, CPU seconds of the detector without decoding)."""
        config = Config.model_validate({"method": self.method, "min_seconds": 0, "max_seconds": None})
        stage = build(config)
        assert stage.judge is not None
        watched = watch_video(path, [LookJudge()], detector=stage.judge, rule=config.lengths())
        found = [vars_of(one) for one in watched.boundaries]
        if self.stitch:
            gone = joined(path, watched)
            found = [one for one in found if one["end_frame"] not in gone]
        return found, watched, watched.costs.cpu_seconds[stage.judge.name]


def vars_of(boundary: Any) -> dict[str, Any]:
    return {name: getattr(boundary, name) for name in ("frame", "end_frame", "kind")}


def joined(path: Path, watched: Watched) -> set[int]:
    """First frames of the clips that `stitch` joins to the one before."""
    rows = [{**clip, "video_id": str(path), "clip_id": str(number)} for number, clip in enumerate(watched.clips)]
    before = FindNeighbours()(rows)
    rows = [{**row, **own} for row, own in zip(rows, before, strict=True)]
    spans = [(row["start_frame"], row["end_frame"]) for row in rows]
    links = measure_video(path, [LinkLookJudge()], spans=spans, rows=rows) if spans else []
    told = [{**row, **link} for row, link in zip(rows, links, strict=True)]
    kept = {one["start_frame"] for one in Stitch({"look": GROUPS["look"]}, 0.0)(told)}
    return {row["start_frame"] for row in rows} - kept


def score(tally: Tally, finder: Finder, path: Path, truth: list[tuple[int, int, str]], weight: float = 1.0) -> None:
    """Compare one file; `truth` holds (first, last, kind)."""
    found, watched, seconds = finder(path)
    tally.frames += watched.num_frames
    tally.decodes += watched.decodes
    tally.files += 1
    tally.seconds += seconds
    used: set[int] = set()
    missed = []
    for first, last, kind in truth:
        slack = CUT_TOLERANCE if kind == "cut" else 0
        inside = [k for k, one in enumerate(found) if k not in used and first - slack <= one["frame"] <= last + slack]
        is_hit = len(inside) == 1 or (kind == "cut" and len(inside) > 1)
        tally.kinds[kind]["hits" if is_hit else "missed"] += 1
        if is_hit:
            used.add(inside[0])
            tally.hits += weight
            tally.kinds[kind]["named"] += found[inside[0]]["kind"] == kind
        else:
            missed.append([first, last, kind])
            tally.missed += weight
    false = [[one["frame"], one["end_frame"], one["kind"]] for k, one in enumerate(found) if k not in used]
    tally.false += weight * len(false)
    for _, _, kind in false:
        tally.kinds[kind]["false"] += 1
    if missed or false:
        tally.faults[path.name] = {"missed": missed, "false": false}


def real_clips(folder: Path, finder: Finder) -> dict[str, Any]:
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
            score(tally, finder, folder / name, sorted(cuts + gradual), weight=1 / len(names))
    return tally.row("real clips")


def rendered(folder: Path, finder: Finder) -> dict[str, Any]:
    """Row of the rendered files in `folder`."""
    tally = Tally()
    for path in sorted(folder.glob("*.mp4")):
        truth = json.loads(path.with_suffix(".truth.json").read_text(encoding="utf-8"))["boundaries"]
        score(tally, finder, path, [(one["frame"], one["end_frame"], one["kind"]) for one in truth])
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
    parser.add_argument("--method", default="shots", choices=("shots", "content", "transnet"))
    parser.add_argument("--stitch", action="store_true", help="join over-cuts by the weight-free judges")
    parser.add_argument("--out", type=Path)
    arguments = parser.parse_args()
    finder = Finder(arguments.method, arguments.stitch)
    rows = []
    if (arguments.clips / "labels.json").exists():
        rows.append(real_clips(arguments.clips, finder))
    with tempfile.TemporaryDirectory() as made:
        folder = arguments.footage or Path(made)
        if arguments.rendered and not list(folder.glob("*.mp4")):
            from dropletvideo.world.footage import write_footage

            size = (arguments.size[0], arguments.size[1]) if arguments.size else None
            write_footage(folder, arguments.seed, arguments.rendered, size=size)
        if list(folder.glob("*.mp4")):
            rows.append(rendered(folder, finder))
    command = re.sub(r"(--(?:footage|clips|out)) \S*/", r"\1 ", "python " + " ".join(sys.argv))
    for row in rows:
        keep(row | {"command": command, "machine": platform.processor() or platform.machine()}, arguments.out)


if __name__ == "__main__":
    main()
