"""How long `droplet select` takes as a data set grows: a whole process each, from its start to the funnel on screen.

    python benchmarks/select_speed.py --out benchmarks/results/select_speed.jsonl

Data sets are generated in the real layout (parts of 20,000 rows, every stage of the recipe, random values of a fixed
seed), not measured from videos. Each row is the best of `--rounds` processes: CPU and wall seconds and peak memory of
one command over the parts as a run leaves them, and over the table that `droplet compact` writes.
"""

from __future__ import annotations

import argparse
import resource
import shutil
import subprocess
import sys
import tempfile
import time
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
from kept_rows import keep, origin

from dropletvideo.curate.recipe import load_recipe
from dropletvideo.curate.shipped import shipped_selections
from dropletvideo.files import write_file
from dropletvideo.moves import CAMERA_CLASSES
from dropletvideo.tables.catalog import VIDEO_TABLE_COLUMNS, Catalog
from dropletvideo.tables.clips import CLIP_COLUMNS, DIGEST, STATE, digest_of
from dropletvideo.tables.order import Level, order
from dropletvideo.tables.parts import PART_ROWS, arrow_type, part_path
from dropletvideo.tables.views import compact

CLIPS_PER_VIDEO = 10
CALL = """
import atexit, re, sys
from pathlib import Path
from dropletvideo.cli.__main__ import main
peak = lambda: re.search(r"VmHWM:\\s+(\\d+)", Path("/proc/self/status").read_text())[1]
atexit.register(lambda: sys.stderr.write(peak()))
main()
"""
RANGES = {
    "start_frame": (0, 9000), "duration_seconds": (1, 90), "motion_score": (0, 0.2), "flow_2fps_px": (0, 20),
    "raft_flow_2fps_px": (0, 20), "brightness": (0, 255), "luma_darkest80": (0, 200), "luma_brightest80": (20, 255),
    "aesthetic_v1_mean": (3, 7), "aesthetic_v2_mean": (3, 7), "dover_technical_raw": (0, 0.3),
    "camera_confidence": (0, 1), "overlay_text_share": (0, 1), "nsfw_score": (-0.2, 0.01),
    "height": (360, 1080), "width": (640, 1920),
}  # fmt: skip


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--clips", type=int, nargs="+", default=[100_000, 1_000_000])
    parser.add_argument("--recipe", default="miradata")
    parser.add_argument("--selections", nargs="+", default=["miradata-tier3", "dropletvideo"])
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--keep", type=Path, help="make the data sets here and leave them")
    parser.add_argument("--out", type=Path, help="append rows to this JSONL file")
    options = parser.parse_args()
    place = options.keep or Path(tempfile.mkdtemp(prefix="select_speed."))
    for count in options.clips:
        root = place / f"clips-{count}"
        if not (root / "dataset.json").exists():
            generate(root, count, options.recipe)
        shutil.rmtree(root / "wide", ignore_errors=True)
        first = f"clip{count // 2:012d}"
        for is_compact in (False, True):
            if is_compact:
                compact(root)
            for name in options.selections:
                for more in ([], ["--why", first]):
                    found = best(root, name, more, options.rounds)
                    size = {"clips": count, "is_compact": is_compact}
                    made = origin("python benchmarks/select_speed.py")
                    keep({"benchmark": "select_speed"} | found | size | made, options.out)
    if options.keep is None:
        shutil.rmtree(place)


def best(root: Path, name: str, more: list[str], rounds: int) -> dict[str, Any]:
    """The process of least CPU time of some."""
    assert name in shipped_selections(), f"{name} is no shipped selection"
    call = [sys.executable, "-c", CALL, "select", str(root), "--selection", name, *more]
    runs = []
    for _ in range(rounds):
        before, began = resource.getrusage(resource.RUSAGE_CHILDREN), time.perf_counter()
        done = subprocess.run(call, check=True, capture_output=True, text=True)
        seconds, after = time.perf_counter() - began, resource.getrusage(resource.RUSAGE_CHILDREN)
        cpu = after.ru_utime - before.ru_utime + after.ru_stime - before.ru_stime
        runs.append((cpu, seconds, int(done.stderr.split()[-1]) / 1024, done.stdout))
    cpu, wall, memory, said = min(runs)
    lines = [line for line in said.splitlines() if " keeps " in line or ": dropped" in line or ": kept" in line]
    return {
        "selection": name, "asked": "why" if more else "funnel", "cpu_seconds": round(cpu, 3),
        "wall_seconds": round(wall, 3), "peak_mib": round(memory), "said": lines[0],
    }  # fmt: skip


def generate(root: Path, count: int, recipe: str) -> None:
    """A data set of `count` clips with every stage of a recipe, as a run would have left it."""
    rng = np.random.default_rng(0)
    levels = order(load_recipe(recipe).build())
    catalog = Catalog.create_or_open(root)
    catalog.make_current(levels)
    level = levels[-1]
    videos = -(-count // CLIPS_PER_VIDEO)
    for number, first in enumerate(range(0, videos, PART_ROWS)):
        rows = np.arange(first, min(first + PART_ROWS, videos))
        given = {
            "video_number": rows,
            "video_id": [f"video{row:011d}" for row in rows],
            "video_path": [f"/videos/{row:011d}.mp4" for row in rows],
        }
        save(part_path(root / "videos", number), VIDEO_TABLE_COLUMNS, given, rng, {})
    for number, first in enumerate(range(0, count, PART_ROWS)):
        _clips_part(root, level, number, np.arange(first, min(first + PART_ROWS, count)), rng)


def _clips_part(root: Path, level: Level, number: int, rows: Any, rng: np.random.Generator) -> None:
    ids = [f"clip{row:012d}" for row in rows]
    facts = {DIGEST: digest_of(ids)}
    given = {
        "clip_id": ids,
        "video_number": rows // CLIPS_PER_VIDEO,
        "video_id": [f"video{row // CLIPS_PER_VIDEO:011d}" for row in rows],
        "time_base": ["1/30"] * len(rows),
    }
    save(part_path(root / "clips" / level.fingerprint, number), CLIP_COLUMNS, given, rng, facts)
    for group in level.groups.values():
        columns = {**group.columns, STATE: str}
        given = {STATE: ["done"] * len(rows), "duplicate_of": [None if row % 20 else ids[0] for row in rows]}
        given["camera_class"] = rng.choice(list(CAMERA_CLASSES), len(rows)).tolist()
        path = part_path(root / "columns" / group.folder, number)
        save(path, columns, {"_rows": rows, **given}, rng, facts)


def save(
    path: Path, columns: Mapping[str, Any], given: Mapping[str, Any], rng: np.random.Generator, facts: Any
) -> None:
    """A part; columns that are not given get random values of their type."""
    count = len(next(iter(given.values())))
    schema = pa.schema([(name, arrow_type(kind)) for name, kind in columns.items()])
    arrays = [
        pa.array(given[field.name] if field.name in given else values(field, count, rng), type=field.type)
        for field in schema
    ]
    table = pa.Table.from_arrays(arrays, schema=schema.with_metadata(facts))
    write_file(path, lambda file: pq.write_table(table, file, compression="zstd"))


def values(field: Any, count: int, rng: np.random.Generator) -> Any:
    """Random values of a column; texts are as long as short captions."""
    low, high = RANGES.get(field.name, (0, 1000))
    if pa.types.is_floating(field.type):
        return rng.uniform(low, high, count)
    if pa.types.is_integer(field.type):
        return rng.integers(int(low), int(high) + 1, count)
    if pa.types.is_boolean(field.type):
        return rng.random(count) < 0.5
    if pa.types.is_string(field.type):
        words = rng.integers(0, 1 << 40, count)
        return [f"{word:x} words that stand for what a text of this column would be" for word in words]
    return [None] * count


if __name__ == "__main__":
    main()
