"""What an evaluation would do: which metrics run, which are absent and why, how many videos must be decoded."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from dropletvideo.evaluate.manifest import read_manifest
from dropletvideo.evaluate.rows import MODEL, RowFile
from dropletvideo.evaluate.score import EvaluateConfig, make_plan, present_metrics


def what_would_run(manifest: Path | str, out: Path | str, config: EvaluateConfig) -> dict[str, Any]:
    """Counts and names; nothing is written or decoded, and baselines, which are made on the way, are not counted.

    Raises:
        RequestError: the manifest is not valid.
        ConfigError: a metric or suite is unknown.
    """
    metrics, absent = present_metrics(config)
    rows = read_manifest(manifest)
    plan = make_plan([(MODEL, row) for row in rows], metrics, Path(out), RowFile(Path(out) / "rows.jsonl"))
    return {
        "rows": len(rows),
        "videos_missing": len(plan.unreadable),
        "to_measure": len(plan.tasks),
        "known": sum(name is None for name in plan.task_of) - len(plan.unreadable),
        "metrics": [metric.name for metric in metrics],
        "absent": [{"metric": each.metric.name, "reason": each.reason} for each in absent],
        "baselines": list(config.baselines),
    }
