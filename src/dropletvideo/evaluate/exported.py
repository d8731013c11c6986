"""Results in VBench's own format: `results_eval_results.json` and `results_full_info.json`, as its tools read them.

`{dimension: [overall, [{"video_path", "video_results"[, ...]}, ...]]}`. What else a dimension writes for a video comes
from its metric (`Metric.exported`). Two things differ on purpose: names hold no time with colons, which is no file name
everywhere, and a value that is not there is null, where the published tool writes NaN, which is not JSON.
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from dropletvideo.evaluate.metric import Column, Metric, ScoredRow
from dropletvideo.evaluate.rows import MODEL, scored_row
from dropletvideo.evaluate.score import Evaluation
from dropletvideo.files import write_text

NAME = "results"


def write_vbench(evaluation: Evaluation, folder: Path) -> list[Path]:
    """Write both files where a metric of a VBench dimension ran; returns their paths, none otherwise."""
    chosen = [(metric, column) for metric in evaluation.metrics if (column := _compat_column(metric)) is not None]
    if not chosen:
        return []
    scored = [
        scored_row(result, evaluation.metrics, evaluation.out)
        for result in evaluation.results
        if result.system == MODEL and result.error is None
    ]
    scores = evaluation.summary["systems"][MODEL]["scores"]
    results = {
        str(metric.dimension): _dimension(metric, column, scored, scores.get(column.name, {}))
        for metric, column in chosen
    }
    written = {"eval_results": results, "full_info": _full_info(scored)}
    return [_write(folder / f"{NAME}_{kind}.json", content) for kind, content in written.items()]


def _compat_column(metric: Metric) -> Column | None:
    """The column that carries the published number of a dimension."""
    if metric.dimension is None:
        return None
    return next((column for column in metric.columns if (column.flavour or metric.flavour) == "compat"), None)


def _dimension(metric: Metric, column: Column, scored: Sequence[ScoredRow], estimate: dict[str, Any]) -> list[Any]:
    videos: list[dict[str, Any]] = []
    for each in scored:
        if not metric.asked_of(each.row) or column.name not in each.scores:
            continue
        line: dict[str, Any] = {"video_path": str(each.row.video), "video_results": each.scores[column.name]}
        videos.append(line | (metric.exported(each) if metric.exported else {}))
    classes = _class_means(videos)
    return [estimate.get("value"), *([classes] if classes else []), videos]


def _class_means(videos: Sequence[dict[str, Any]]) -> dict[str, float]:
    """Mean by what was asked, which camera motion alone writes, between its overall value and its videos."""
    classes: dict[str, list[float]] = {}
    for video in videos:
        if video.get("prompt_type") and video["video_results"] is not None:
            classes.setdefault(video["prompt_type"], []).append(float(video["video_results"]))
    return {name: sum(values) / len(values) for name, values in sorted(classes.items())}


def _full_info(scored: Sequence[ScoredRow]) -> list[dict[str, Any]]:
    """The list as it was scored: one entry per prompt with its videos."""
    entries: dict[str, dict[str, Any]] = {}
    for each in scored:
        row = each.row
        prompt = row.prompt_original or row.prompt
        entry = entries.setdefault(
            prompt,
            {
                "prompt_en": prompt,
                "dimension": list(row.dimensions or ()),
                "image_type": row.extra.get("image_type"),
                "image_name": row.image.name if row.image else row.group,
                "video_list": [],
            },
        )
        entry["video_list"].append(str(row.video))
    return list(entries.values())


def _write(path: Path, content: Any) -> Path:
    write_text(path, json.dumps(content, indent=4, ensure_ascii=False, allow_nan=False) + "\n")
    return path
