"""What the demo costs from a cold start: wall seconds of the whole and of each step, peak memory, and what it reached.

    python benchmarks/demo_time.py --quick
    python benchmarks/demo_time.py --out benchmarks/results/demo_time.jsonl

Runs `droplet demo` in a fresh folder as its own process and prints one JSON row. The promise, on two cores with
8 GiB free: 12 minutes for the whole demo, 3 for the quick one.
"""

from __future__ import annotations

import argparse
import json
import resource
import subprocess
import sys
import tempfile
import time
from pathlib import Path

from kept_rows import keep, origin

from dropletvideo import runtime

PROMISED_MINUTES = {"full": 12.0, "quick": 3.0}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--quick", action="store_true")
    parser.add_argument("--videos", type=Path, help="real videos instead of rendered footage")
    parser.add_argument("--train-all", action="store_true", help="train codec and text encoder too")
    parser.add_argument("--keep", type=Path, help="folder of the demo, to look at; else thrown away")
    parser.add_argument("--out", type=Path, help="append the row to this JSONL file")
    options = parser.parse_args()
    given = ["--quick"] * options.quick + ["--train-all"] * options.train_all
    given += ["--videos", str(options.videos)] if options.videos else []
    with tempfile.TemporaryDirectory() as scratch:
        row = measured(given, options.keep or Path(scratch) / "demo")
    keep(row, options.out)


def measured(given: list[str], folder: Path) -> dict[str, object]:
    """One run and its row.

    Raises:
        SystemExit: the demo failed.
    """
    began = time.perf_counter()
    command = [sys.executable, "-m", "dropletvideo.cli", "demo", *given, "--out", str(folder)]
    code = subprocess.run(command, check=False).returncode
    wall = time.perf_counter() - began
    if code not in (0, 3):
        raise SystemExit(f"the demo ended with code {code}")
    record = json.loads((folder / "demo.json").read_text())
    plan = "quick" if "--quick" in given else "full"
    steps = record["steps"]
    return {
        "benchmark": "demo_time",
        "plan": plan,
        "wall_seconds": round(wall, 1),
        "promised_seconds": PROMISED_MINUTES[plan] * 60 if given in ([], ["--quick"]) else None,
        "steps_seconds": {name: step["seconds"] for name, step in steps.items()},
        "training_steps": steps["train"].get("steps"),
        "held_out_loss": steps["train"].get("held_out_loss"),
        "peak_mib_of_one_process": round(resource.getrusage(resource.RUSAGE_CHILDREN).ru_maxrss / 1024),
        **origin(),
        "machine": runtime.machine(),
    }


if __name__ == "__main__":
    main()
