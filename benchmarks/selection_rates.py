"""What share of a data set's clips each shipped selection keeps, step by step.

    droplet curate CLIPS --out dataset/ --recipe miradata
    python benchmarks/selection_rates.py dataset/ --out benchmarks/results/selection_rates.jsonl

Prints a JSON row per selection. Steps over measures that the data set lacks are counted, not guessed.
"""

from __future__ import annotations

import argparse
from pathlib import Path

from kept_rows import keep, origin

from dropletvideo.curate.selection import apply
from dropletvideo.curate.shipped import shipped_selection, shipped_selections
from dropletvideo.tables.views import open_views


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("dataset", type=Path)
    parser.add_argument("--name", help="how rows call the data set [its folder]")
    parser.add_argument("--out", type=Path, help="append rows to this JSONL file")
    options = parser.parse_args()
    for name in shipped_selections():
        with open_views(options.dataset) as connection:
            funnel = apply(connection, shipped_selection(name), with_ids=False)
        row = {
            "benchmark": "selection_rates",
            "data_set": options.name or options.dataset.resolve().name,
            "selection": name,
            "clips": funnel.total,
            "kept": funnel.kept,
            "share": round(funnel.kept / funnel.total, 4) if funnel.total else None,
            "dropped": {step.condition: step.dropped for step in funnel.steps if step.is_applied},
            "not_applied": [step.condition for step in funnel.steps if not step.is_applied],
            **origin("python benchmarks/selection_rates.py dataset/"),
        }
        keep(row, options.out)


if __name__ == "__main__":
    main()
