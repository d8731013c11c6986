"""What is weak, in plain sentences made from the summary: a report says it before a reader has to find it."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from typing import Any

from dropletvideo.evaluate.rows import MODEL
from dropletvideo.evaluate.summary import SCORED_VIDEO_FAILED, SYSTEM_LABELS, trivial_wins

FEW_CLUSTERS = 8
LOW_SHARE = 0.5
LOW_FOUND = 0.5
CEILING_GAP_DB = 4.0


def weak_points(summary: Mapping[str, Any]) -> list[str]:
    """Sentences on the model's videos and on the measurement itself; empty where nothing is known to be weak."""
    checks: tuple[Callable[[Mapping[str, Any]], Iterator[str]], ...] = (
        _failures,
        _few_images,
        _missing,
        _absent,
        _mixed_sizes,
        _nothing_happens,
        _trivial,
        _metrics_that_prefer_frozen,
        _first_frame,
        _motion,
        _camera,
        _not_made,
    )
    return [sentence for check in checks for sentence in check(summary)]


def _failures(summary: Mapping[str, Any]) -> Iterator[str]:
    for system, found in summary["systems"].items():
        if found["failed"]:
            yield (
                f"{found['failed']} of {found['rows']} videos of {SYSTEM_LABELS[system]} failed and have no score, "
                f"first reason: {found['failures'][0]['reason']}"
            )


def _few_images(summary: Mapping[str, Any]) -> Iterator[str]:
    counts = [estimate["clusters"] for estimate in _model(summary).get("scores", {}).values()]
    if counts and max(counts) < FEW_CLUSTERS:
        images = "image or prompt" if max(counts) == 1 else "images or prompts"
        yield f"Only {max(counts)} independent {images}: the intervals are wide and not to be trusted far."


def _missing(summary: Mapping[str, Any]) -> Iterator[str]:
    labels = {column["name"]: column["label"] for column in summary["columns"]}
    reasons: dict[str, str] = {}
    for each in _model(summary).get("missing", ()):
        reasons.setdefault(each["column"], each["reason"])
    alike: dict[tuple[int, int, str], list[str]] = {}
    for name, estimate in _model(summary).get("scores", {}).items():
        if estimate["missing"]:
            total = estimate["missing"] + estimate["count"]
            why = f" ({reasons[name]})" if name in reasons else ""
            alike.setdefault((estimate["missing"], total, why), []).append(labels[name])
    for (missing, total, why), names in alike.items():
        is_are = "is" if len(names) == 1 else "are"
        yield f"{', '.join(names)} {is_are} missing for {missing} of {total} videos{why}; they are left out."
    for each in _model(summary).get("not_scored", ()):
        yield f"{each['metric']} is not scored for {each['count']} videos: {each['reason']}."


def _absent(summary: Mapping[str, Any]) -> Iterator[str]:
    absent = summary.get("absent", ())
    if absent:
        yield f"{len(absent)} metrics are absent, most for missing weights: {', '.join(a['metric'] for a in absent)}."


def _mixed_sizes(summary: Mapping[str, Any]) -> Iterator[str]:
    protocol = summary.get("protocol", {})
    for what, key in (("size", "sizes"), ("length", "lengths")):
        found = protocol.get(key, {})
        if len(found) > 1:
            counts = ", ".join(f"{name} ({count})" for name, count in found.items())
            yield f"The videos differ in {what}, which some scores depend on: {counts}."


def _nothing_happens(summary: Mapping[str, Any]) -> Iterator[str]:
    """A frozen video is perfect in many scores."""
    frozen = _model(summary).get("frozen_videos")
    if frozen:
        yield f"{frozen} of the model's videos repeat one frame throughout: what a frozen picture wins says nothing."


def _trivial(summary: Mapping[str, Any]) -> Iterator[str]:
    beaten: dict[str, list[str]] = {}
    for win in trivial_wins(summary, MODEL):
        beaten.setdefault(SYSTEM_LABELS[win["baseline"]], []).append(win["column"]["label"])
    for baseline, labels in beaten.items():
        yield f"The {baseline} baseline, which needs no model, does better in: {', '.join(labels)}."


def _metrics_that_prefer_frozen(summary: Mapping[str, Any]) -> Iterator[str]:
    labels = sorted({win["column"]["label"] for win in trivial_wins(summary, "real") if win["baseline"] == "frozen"})
    if labels:
        yield f"A frozen picture beats the real clip in (read beside motion): {', '.join(labels)}."


def _first_frame(summary: Mapping[str, Any]) -> Iterator[str]:
    own, ceiling = (_score(summary, system, "first_frame_psnr") for system in (MODEL, "codec"))
    if own is not None and ceiling is not None and own < ceiling - CEILING_GAP_DB:
        yield f"First-frame PSNR, {own:.1f} dB, is {ceiling - own:.1f} dB under the codec's ceiling."


def _motion(summary: Mapping[str, Any]) -> Iterator[str]:
    share = _score(summary, MODEL, "consistent_share")
    if share is not None and share < LOW_SHARE:
        yield f"Flow is consistent on only {share:.0%} of the pixels: the motion figures speak for that part alone."
    response = _model(summary).get("tables", {}).get("motion", {}).get("consistent")
    if response is None:
        return
    ratio = response["ratio"]
    if ratio["value"] is None:
        yield "The ratio of motion at the lowest to the highest M cannot be told: nothing moves, or a level is missing."
    elif ratio["low"] is not None and ratio["low"] <= 1.0:
        yield f"Motion at the lowest M is not surely above that at the highest: ratio {_interval(ratio)}."
    elif response["ratio_of_time"] and ratio["value"] < 0.5 * response["ratio_of_time"]:
        yield (
            f"Motion answers to M too weakly: ratio {_interval(ratio)}, "
            f"where {response['ratio_of_time']:.3g} times as much time passes per frame."
        )


def _camera(summary: Mapping[str, Any]) -> Iterator[str]:
    table = _model(summary).get("tables", {}).get("camera")
    if not table:
        return
    corrected = table["f1_chance_corrected"]
    if corrected is not None and corrected <= 0:
        policy = " + ".join(table["best_constant_policy"]["moves"])
        yield f"The camera follows requests no better than a model that always answers with {policy}."
    for line in table["per_move"]:
        if line["recall"] is not None and line["recall"] < LOW_FOUND:
            yield f"{line['move']} was found in {line['found']} of the {line['asked']} videos that asked for it."


def _not_made(summary: Mapping[str, Any]) -> Iterator[str]:
    for system, found in summary["systems"].items():
        reasons = [reason for reason in found["not_made"] if reason["reason"] != SCORED_VIDEO_FAILED]
        if reasons:
            count = sum(reason["count"] for reason in reasons)
            yield f"No {SYSTEM_LABELS[system]} baseline for {count} videos, most often: {reasons[0]['reason']}"


def _model(summary: Mapping[str, Any]) -> Mapping[str, Any]:
    model: Mapping[str, Any] = summary["systems"].get(MODEL, {})
    return model


def _score(summary: Mapping[str, Any], system: str, column: str) -> float | None:
    estimate = summary["systems"].get(system, {}).get("scores", {}).get(column)
    return None if estimate is None else estimate["value"]


def _interval(estimate: Mapping[str, Any]) -> str:
    if estimate["low"] is None:
        return f"{estimate['value']:.2f}"
    return f"{estimate['value']:.2f} [{estimate['low']:.2f}, {estimate['high']:.2f}]"
