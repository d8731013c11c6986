"""The demo's yardstick: the same requests answered by the nano model that ships, which had an hour of training."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from dropletvideo.pages.grid import Column
from dropletvideo.pages.page import Page

FOLDER, SCORES = "generated-by-nano", "scores-of-nano"
METRICS = ("first_frame", "flicker", "motion", "camera")
"""Of the truth suite what the demo's report shows; all of it would double the time of scoring."""


def answer_with_shipped(out: Path, requests: Path, *, workers: int) -> dict[str, Any]:
    """Generate and score the requests with the shipped model, into `out/generated-by-nano` and `out/scores-of-nano`."""
    from dropletvideo.evaluate.score import EvaluateConfig, evaluate_manifest
    from dropletvideo.generate.batch import generate_batch

    batch = generate_batch(requests, out / FOLDER, model="nano")
    config = EvaluateConfig(metrics=METRICS, workers=workers, baselines=())
    evaluation = evaluate_manifest(batch.manifest, out / SCORES, config)
    return {"videos": batch.done, "failures": batch.failed + evaluation.num_failed}


def add_shipped(page: Page, out: Path, own: dict[str, Any], group: list[dict[str, Any]], count: int) -> None:
    """A strip per M of one group of requests, and the demo's model beside the shipped one in figures."""
    from dropletvideo import media

    shipped = json.loads((out / SCORES / "summary.json").read_text())
    page.section(
        "The same requests by the nano that ships",
        "It has the same size and was trained by `droplet train nano` for an hour on rendered shots: what more "
        "training of the same kind buys.",
    )
    strips = {
        f"M = {row['motion']:g}": media.read_video(path).frames
        for row in group
        if (path := out / FOLDER / f"{row['id']}.mp4").is_file()
    }
    page.strips(strips, caption=group[0]["prompt"] or "no prompt", count=count)
    page.table(
        [figures("trained here", own), figures("shipped nano", shipped)],
        [
            Column(key="model"),
            Column(key="motion at M=4 over M=32", digits=2),
            Column(key="first-frame PSNR, dB", digits=1),
            Column(key="asked move found, M of 16 or less", digits=2),
        ],
    )


def figures(name: str, summary: dict[str, Any]) -> dict[str, Any]:
    """A table row of one summary's own system; None where there is nothing to say."""
    system = summary["systems"]["model"]
    ratio = (system["tables"].get("motion", {}).get("consistent") or {}).get("ratio") or {}
    return {
        "model": name,
        "motion at M=4 over M=32": ratio.get("value"),
        "first-frame PSNR, dB": (system["scores"].get("first_frame_psnr") or {}).get("value"),
        "asked move found, M of 16 or less": found_share(summary),
    }


def found_share(summary: dict[str, Any]) -> float | None:
    """Share of the single-move videos with M of 16 or less in which the asked move was measured."""
    camera = summary["systems"]["model"]["tables"].get("camera")
    cells = [] if camera is None else [c for c in camera["single_move"]["by_motion"] if c["motion"] <= 16]
    count = sum(cell["count"] for cell in cells)
    return sum(cell["value"] * cell["count"] for cell in cells if cell["count"]) / count if count else None
