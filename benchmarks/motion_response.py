"""Does a trained model obey M, keep its first frame, and follow camera requests? Prints one JSON object.

    python benchmarks/motion_response.py --model runs/nano/model --shuffled runs/nano-shuffled/model

Renders first frames of scenes that no training may see (seeds from 1,000,000 up), each asking one camera move;
generates every scene at M = 4, 8, 16, 32 with equal seeds; measures the files; writes a full evaluation with
baselines beside them. `--shuffled` names a control model trained with M shuffled inside the batch, which must show no
response.

`checks` holds what a model is held to: motion in consistent flow at M=4 over M=32 of at least 1.5 with an interval
above 1; first-frame PSNR no more than 4 dB under the codec's ceiling; single moves found in 70 % of the videos at M
of 16 or less; a control whose interval holds 1. `real` rows say what the same judges find in the rendered truth: the
most a model can get.
"""

from __future__ import annotations

import argparse
import time
from pathlib import Path
from typing import Any

from kept_rows import keep, origin

from dropletvideo import runtime
from dropletvideo.evaluate.metric import ScoredRow
from dropletvideo.evaluate.metrics.camera import single_move_found
from dropletvideo.evaluate.report import write_report
from dropletvideo.evaluate.rows import MODEL, scored_row
from dropletvideo.evaluate.score import EvaluateConfig, Evaluation, evaluate_manifest
from dropletvideo.world.suite import SuiteConfig, write_suite

LEAST_RATIO = 1.5
METRICS = ("camera", "first_frame", "flicker", "motion")
CEILING_GAP_DB = 4.0
LEAST_FOUND = 0.7
MOST_MOTION_FOR_MOVES = 16.0


def main() -> None:
    options = _options()
    started = time.perf_counter()
    suite = SuiteConfig(images=options.images, seed=options.seed)
    requests = options.out / "suite" / "requests.jsonl"
    if not requests.is_file():
        write_suite(requests.parent, suite, workers=options.workers)
    report: dict[str, Any] = {"model": figures(options.model, requests, options.out / "model", options)}
    if options.shuffled:
        report["shuffled"] = figures(options.shuffled, requests, options.out / "shuffled", options)
    report["checks"] = checks(report)
    report["settings"] = {"images": options.images, "seed": options.seed, "motions": list(suite.motions)}
    report["wall_seconds"] = round(time.perf_counter() - started, 1)
    keep(report | origin() | {"machine": runtime.machine()}, options.row, indent=1)


def figures(model: str, requests: Path, out: Path, options: argparse.Namespace) -> dict[str, Any]:
    """Generate and measure the suite with one model."""
    from dropletvideo.evaluate.codec import load_codec  # torch: here, so that worker processes start without it
    from dropletvideo.generate.batch import generate_batch

    given = {"num_inference_steps": options.steps, "guidance_scale": options.guidance}
    began = time.perf_counter()
    batch = generate_batch(requests, out, model=model, **{key: v for key, v in given.items() if v is not None})
    generated = time.perf_counter() - began
    evaluation = evaluate_manifest(
        batch.manifest,
        out / "evaluation",
        EvaluateConfig(metrics=METRICS, workers=options.workers, baselines=("frozen", "ken_burns", "shuffled", "real")),
        reconstruct=load_codec(model),
        codec_name=model,
    )
    write_report(evaluation, out / "evaluation" / "report.html", title=f"Evaluation of {model}")
    return {
        "path": model,
        "generate_seconds": round(generated, 1),
        "generated_now": batch.done,
        "failed": batch.failed + evaluation.num_failed,
        **_of_system(evaluation, MODEL),
        "codec_ceiling_psnr": _score(evaluation, "codec", "first_frame_psnr"),
        "real": _of_system(evaluation, "real"),
        "report": str(evaluation.out / "report.html"),
    }


def checks(report: dict[str, Any]) -> dict[str, dict[str, Any]]:
    """Each figure that a model is held to, with its limit and whether it holds."""
    model = report["model"]
    ratio, found = model["ratio_consistent"], model["moves_found"]["found"]
    own, ceiling = model["first_frame_psnr"]["value"], (model["codec_ceiling_psnr"] or {}).get("value")
    gap = None if own is None or ceiling is None else ceiling - own
    held = {
        "motion_ratio": _check(ratio["value"], f">= {LEAST_RATIO}", lambda value: value >= LEAST_RATIO),
        "motion_ratio_interval_low": _check(ratio["low"], "> 1", lambda value: value > 1.0),
        "first_frame_gap_db": _check(gap, f"<= {CEILING_GAP_DB}", lambda value: value <= CEILING_GAP_DB),
        "single_moves_found": _check(found["value"], f">= {LEAST_FOUND}", lambda value: value >= LEAST_FOUND),
    }
    if "shuffled" in report:
        control = report["shuffled"]["ratio_consistent"]
        low = control["low"] if control["low"] is not None else control["value"]
        held["shuffled_ratio_interval_low"] = _check(low, "<= 1", lambda value: value <= 1.0)
        held["shuffled_ratio"] = _check(control["value"], f"< {LEAST_RATIO}", lambda value: value < LEAST_RATIO)
    return held


def _check(value: float | None, limit: str, holds: Any) -> dict[str, Any]:
    return {"value": value, "limit": limit, "holds": value is not None and bool(holds(value))}


def _of_system(evaluation: Evaluation, system: str) -> dict[str, Any]:
    """Response to M, first frame and moves found of one system."""
    motion = evaluation.summary["systems"].get(system, {}).get("tables", {}).get("motion", {})
    told = [
        scored_row(result, evaluation.metrics)
        for result in evaluation.results
        if result.system == system and result.error is None and result.measures.get("camera_moves") is not None
    ]
    return {
        "ratio_consistent": motion.get("consistent", {}).get("ratio"),
        "ratio_plain": motion.get("plain", {}).get("ratio"),
        "motion_by_M": motion.get("consistent", {}).get("levels"),
        "spearman": motion.get("consistent", {}).get("spearman"),
        "falling_share": motion.get("consistent", {}).get("falling_share"),
        "consistent_share": _score(evaluation, system, "consistent_share"),
        "consistent_share_by_M": _share_by_motion(told),
        "first_frame_psnr": _score(evaluation, system, "first_frame_psnr"),
        "moves_found": single_move_found(told, max_motion=MOST_MOTION_FOR_MOVES),
        "moves_found_all_M": single_move_found(told)["found"],
        "camera_f1_chance_corrected": evaluation.summary["systems"]
        .get(system, {})
        .get("tables", {})
        .get("camera", {})
        .get("f1_chance_corrected"),
    }


def _share_by_motion(told: list[ScoredRow]) -> dict[str, float]:
    """Mean share of consistent pixels at each M."""
    shares: dict[float, list[float]] = {}
    for each in told:
        if each.row.motion is not None and each.measures.get("consistent_share") is not None:
            shares.setdefault(each.row.motion, []).append(each.measures["consistent_share"])
    return {f"{motion:g}": sum(values) / len(values) for motion, values in sorted(shares.items())}


def _score(evaluation: Evaluation, system: str, column: str) -> dict[str, Any] | None:
    scores = evaluation.summary["systems"].get(system, {}).get("scores", {})
    return scores.get(column)


def _options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--model", default="nano", help="model folder, or nano")
    parser.add_argument("--shuffled", help="control model, trained with M shuffled inside the batch")
    parser.add_argument("--out", type=Path, default=Path("out/motion_response"), help="working folder")
    parser.add_argument("--images", type=int, default=16)
    parser.add_argument("--seed", type=int, default=1_000_000, help="first scene seed, 1,000,000 or more")
    parser.add_argument("--steps", type=int, help="sampling steps; the model's default if left out")
    parser.add_argument("--guidance", type=float, help="guidance scale; the model's default if left out")
    parser.add_argument("--workers", type=int, default=1)
    parser.add_argument("--row", type=Path, help="append the report to this JSONL file")
    return parser.parse_args()


if __name__ == "__main__":
    main()
