"""The metrics themselves, held against rendered truth: faults of growing size, and no fault under every camera move.

Clips are rendered from evaluation seeds, faults are put in (`faulty_videos.py`), and everything is scored like any
manifest; `claims.py` holds the scores to what `expected.py` claims. A run that was stopped goes on where it was.
"""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from dropletvideo.evaluate.claims import judge_scores
from dropletvideo.evaluate.faulty_videos import ValidationConfig, write_faulty_videos
from dropletvideo.evaluate.rows import scores_of
from dropletvideo.evaluate.score import EvaluateConfig, Evaluation, evaluate_manifest
from dropletvideo.files import write_json


def validate(out: Path | str, config: ValidationConfig, evaluate: EvaluateConfig | None = None) -> dict[str, Any]:
    """Render, score and judge; writes `manifest.jsonl`, `evaluation/` and `validation.json` into `out`.

    Raises:
        ConfigError: the world gives no clip of a wanted kind.
    """
    out = Path(out)
    evaluate = evaluate or EvaluateConfig(metrics=config.metrics)
    evaluate = evaluate.model_copy(update={"baselines": ()})
    manifest = write_faulty_videos(out, config, evaluate)
    evaluation = evaluate_manifest(manifest, out / "evaluation", evaluate)
    rows = scored_rows(evaluation)
    faulty = {row["group"] for row in rows if row["fault"] in config.faults}
    found = judge_scores(rows) | {
        "columns": {column["name"]: column for column in evaluation.summary["columns"]},
        "videos": len(rows),
        "clips": len({row["group"] for row in rows}),
        "clips_with_faults": {
            kind: len({row["group"] for row in rows if row["kind"] == kind} & faulty)
            for kind in ("move", "return", "event")
        },
        "failed": evaluation.num_failed,
        "seed": config.seed,
        "levels": config.levels,
        "size": [config.height, config.width],
        "protocol": evaluation.summary["protocol"],
    }
    write_json(out / "validation.json", found, indent=1, default=str)
    return found


def scored_rows(evaluation: Evaluation) -> list[dict[str, Any]]:
    """Fault, level, kind, move, clip and scores of every video that could be scored."""
    return [
        {
            **{key: result.row.extra[key] for key in ("fault", "level", "kind", "move")},
            "group": result.row.cluster,
            "scores": scores_of(result, evaluation.metrics).values,
        }
        for result in evaluation.results
        if result.error is None
    ]


def row_of(found: Mapping[str, Any]) -> dict[str, Any]:
    """What `validate` found as one line of results: counts, the claims that do not hold, and zero-fault values."""
    claims = found["claims"]
    told = ("fault", "column", "wanted", "spearman", "change", "change_low", "change_high", "floor", "keeps_to")
    return {
        **{name: found[name] for name in ("videos", "clips", "clips_with_faults", "failed", "seed", "levels", "size")},
        "claims": len(claims),
        "hold": sum(claim["holds"] for claim in claims),
        "hold_and_sure": sum(claim["holds"] and claim["is_sure"] for claim in claims),
        "fail_and_sure": sum(not claim["holds"] and claim["is_sure"] for claim in claims),
        "broken": [{name: claim[name] for name in (*told, "sure", "clips")} for claim in claims if not claim["holds"]],
        "zero": found["zero"],
    }
