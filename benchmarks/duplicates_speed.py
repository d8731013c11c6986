"""Near-duplicate search: seconds, memory and recall as the number of clips grows.

    python benchmarks/duplicates_speed.py --out benchmarks/results/duplicates_speed.jsonl

Random hashes with planted copies: 2 % of the clips are copies of another with each bit flipped with a chance of 3 %.
Prints JSON rows: recall of planted pairs, false pairs, CPU seconds, and the time that comparing all pairs would take.
"""

from __future__ import annotations

import argparse
import resource
import time
from pathlib import Path

import numpy as np
from kept_rows import keep, origin

from dropletvideo.perception.near_duplicates import distances, group

FLIPPED = 0.03
COPIES = 0.02
RADIUS = 24


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--clips", type=int, nargs="+", default=[10_000, 100_000, 1_000_000])
    parser.add_argument("--out", type=Path, help="append rows to this JSONL file")
    options = parser.parse_args()
    for count in options.clips:
        keep(measured(count) | origin(), options.out)


def measured(count: int) -> dict[str, object]:
    """One size."""
    rng = np.random.default_rng(0)
    hashes = rng.integers(0, 1 << 64, (count, 4), dtype=np.uint64)
    copies = int(count * COPIES)
    source = rng.choice(count - copies, copies, replace=False)
    flips = np.packbits(rng.random((copies, 256)) < FLIPPED, axis=1).view(np.uint64)
    hashes[-copies:] = hashes[source] ^ flips
    within = distances(hashes[source], hashes[-copies:]) <= RADIUS
    began = time.process_time()
    groups = group(hashes, RADIUS)
    seconds = time.process_time() - began
    joined = groups[source] == groups[count - copies :]
    began = time.process_time()
    distances(hashes[: min(count, 100_000)], hashes[:1])
    one_row = (time.process_time() - began) * count / min(count, 100_000)
    return {
        "benchmark": "duplicates_speed",
        "clips": count,
        "cpu_seconds": round(seconds, 2),
        "all_pairs_cpu_seconds": round(one_row * count / 2, 1),
        "recall": round(float(joined[within].mean()), 4),
        "false_groups": int((np.bincount(groups) > 1).sum() - joined.sum()),
        "peak_mib": round(resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024),
    }


if __name__ == "__main__":
    main()
