"""Many requests, few calls: rows of `requests.jsonl` to videos and the rows of an evaluation manifest.

A video depends on its request and seed alone, not on the rows beside it; what is done already is not done again; a row
that fails is told in `errors.jsonl` and does not stop the rest.
"""

from __future__ import annotations

import hashlib
import logging
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from dropletvideo import runtime
from dropletvideo.errors import DropletError
from dropletvideo.files import JsonLines, write_json_lines
from dropletvideo.generate.answer import Frames, Prepared, answer, prepare, write_answer
from dropletvideo.generate.asked import GenerateRequest, read_requests
from dropletvideo.generate.opened import OpenModel, Setup, open_model
from dropletvideo.tables.lock import locked

logger = logging.getLogger(__name__)

MANIFEST, ERRORS = "manifest.jsonl", "errors.jsonl"
_PATHS = ("image", "last_image", "video", "reference_video")
Outcome = tuple[GenerateRequest, Prepared | Exception]


@dataclass(frozen=True)
class BatchResult:
    """Counts of a batch run and the manifest it wrote."""

    manifest: Path
    done: int
    kept: int
    failed: int


@dataclass(frozen=True, kw_only=True)
class BatchPlan:
    """Where a batch reads and writes.

    Attributes:
        out: folder of the videos and the manifest.
        base: folder that image and reference paths are relative to.
        batch_size: most videos in one call.
        sidecar: write provenance beside the videos.
    """

    out: Path
    base: Path = Path()
    batch_size: int = 16
    sidecar: bool = False


def run_batch(
    model: OpenModel,
    requests: Sequence[GenerateRequest],
    plan: BatchPlan,
    *,
    faults: Sequence[Mapping[str, str]] = (),
    show: Callable[[int], None] | None = None,
) -> BatchResult:
    """Generate every request into `out/ID.mp4` and write `out/manifest.jsonl` in the order of the requests.

    A group of rows that fails as one call is tried again row by row. `faults` are rows that were no requests; they
    stand in `errors.jsonl` with those that fail here. `show(rows)` is told of finished rows.

    Raises:
        CatalogLocked: another run writes this folder.
    """
    with locked(plan.out):
        return _run(model, requests, plan, [dict(fault) for fault in faults], show or (lambda _: None))


def generate_batch(
    requests_path: Path,
    out: Path,
    *,
    model: str | Path = "nano",
    setup: Setup | None = None,
    batch_size: int = 16,
    sidecar: bool = False,
    **defaults: Any,
) -> BatchResult:
    """Answer a requests file with a model folder (or "nano"), with a progress bar; see `run_batch`.

    `defaults` (`num_frames, height, width, num_inference_steps, guidance_scale, seed, motion, ...`) hold for rows that
    do not say otherwise; `setup` says device and precision, and wins over `model`.

    Raises:
        RequestError: the requests file is missing or holds no valid row.
        WeightsError: the model folder is missing or damaged.
    """
    requests, faults = read_requests(requests_path, defaults)
    opened = open_model(setup or Setup(model=str(model)))
    plan = BatchPlan(out=out, base=requests_path.parent, batch_size=batch_size, sidecar=sidecar)
    with runtime.progress("generating", total=len(requests)) as bar:
        return run_batch(opened, requests, plan, faults=faults, show=bar.advance)


def _run(
    model: OpenModel,
    requests: Sequence[GenerateRequest],
    plan: BatchPlan,
    errors: list[dict[str, str]],
    show: Callable[[int], None],
) -> BatchResult:
    _sweep(plan.out)
    known = _manifest_rows(plan.out / MANIFEST)
    keys = {request.id: _key(request, model, plan) for request in requests}
    finished: dict[str, dict[str, Any]] = {
        request.id: known[request.id]
        for request in requests
        if known.get(request.id, {}).get("request_key") == keys[request.id]
        and (plan.out / f"{request.id}.mp4").is_file()
    }
    kept = len(finished)
    show(kept)

    def save() -> None:
        _write_rows(plan.out / MANIFEST, [finished[request.id] for request in requests if request.id in finished])
        _write_rows(plan.out / ERRORS, errors)

    save()
    for outcomes in _answered(model, [request for request in requests if request.id not in finished], plan):
        for request, outcome in outcomes:
            if isinstance(outcome, Exception):
                reason = str(outcome) if isinstance(outcome, DropletError) else f"{type(outcome).__name__}: {outcome}"
                logger.warning("%s failed: %s", request.id, reason)
                errors.append({"id": request.id, "reason": reason})
            else:
                finished[request.id] = _manifest_row(request, outcome, plan, keys[request.id])
        save()
        show(len(outcomes))
    return BatchResult(plan.out / MANIFEST, len(finished) - kept, kept, len(errors))


def _answered(model: OpenModel, requests: Sequence[GenerateRequest], plan: BatchPlan) -> Iterator[list[Outcome]]:
    """Outcomes as calls end: videos are written by then. Images are in memory for the call alone."""
    for same in _groups(requests):
        for at in range(0, len(same), plan.batch_size):
            ready: list[tuple[GenerateRequest, Prepared]] = []
            outcomes: list[Outcome] = []
            for request in same[at : at + plan.batch_size]:
                try:
                    ready.append((request, prepare(request, model.known, plan.base)))
                except DropletError as error:
                    outcomes.append((request, error))
            yield outcomes + _made(model, ready, plan)


def _made(model: OpenModel, ready: Sequence[tuple[GenerateRequest, Prepared]], plan: BatchPlan) -> list[Outcome]:
    """Make and write the rows of one call; where the call fails, each row alone, so that only the bad ones fail."""
    if not ready:
        return []
    rows = [row for _, row in ready]
    try:
        videos = answer(model, rows)
        if len(ready) == 1:
            return [_written(model, rows, 0, ready[0][0], videos, plan)]
    except Exception as error:  # the runner: whatever one row does, the others go on
        if len(ready) == 1:
            return [(ready[0][0], error)]
        logger.warning("a call of %d rows failed (%s); trying them one by one", len(ready), error)
        return [outcome for one in ready for outcome in _made(model, [one], plan)]
    return [_written(model, rows, place, request, videos, plan) for place, (request, _) in enumerate(ready)]


def _written(
    model: OpenModel,
    rows: Sequence[Prepared],
    place: int,
    request: GenerateRequest,
    videos: Sequence[Frames],
    plan: BatchPlan,
) -> Outcome:
    try:
        write_answer(plan.out / f"{request.id}.mp4", videos[place], model, rows, place, sidecar=plan.sidecar)
    except DropletError as error:
        return request, error
    return request, rows[place]


def _groups(requests: Sequence[GenerateRequest]) -> list[list[GenerateRequest]]:
    """Requests of equal settings, in order of their first."""
    by_settings: dict[str, list[GenerateRequest]] = {}
    for request in requests:
        by_settings.setdefault(request.group_key(), []).append(request)
    return list(by_settings.values())


def _manifest_row(request: GenerateRequest, row: Prepared, plan: BatchPlan, key: str) -> dict[str, Any]:
    """The row that evaluation reads: the request, where its video lies, and what the defaults came to."""
    asked = request.model_dump(exclude_none=True, exclude={"prompt_suffix"}, mode="json")
    for name in _PATHS:
        if asked.get(name):
            asked[name] = str((plan.base / asked[name]).resolve())
    if "keyframes" in asked:
        asked["keyframes"] = {at: str((plan.base / name).resolve()) for at, name in asked["keyframes"].items()}
    if "video" in asked:
        asked["continues"] = asked.pop("video")  # `video` is what was made
    if "prompts" in asked:
        asked["timeline"] = asked.pop("prompts")
        asked["prompt"] = " ".join(part["prompt"] for part in asked["timeline"])
    return {
        **asked,
        "id": request.id,
        "video": f"{request.id}.mp4",
        "motion": row.request.motion,
        "fit": row.request.fit,
        "request_key": key,
    }


def _key(request: GenerateRequest, model: OpenModel, plan: BatchPlan) -> str:
    """Identity of a request to a model with its defaults, the content of its files included."""
    defaults = model.pipeline.defaults
    if request.speed is None:  # the curve decides nothing else
        defaults = defaults.model_copy(update={"motion_calibration": None})
    how = [
        model.made_with["dtype"],
        model.made_with["memory"],
        *(f"{lora.digest}:{lora.scale}" for lora in model.loras),
        defaults.model_dump_json(),
    ]
    digest = hashlib.blake2b(f"{model.note.digest}\n{how}\n{request.model_dump_json()}".encode(), digest_size=12)
    for name in request.files():
        path = plan.base / name
        if path.is_file():
            digest.update(path.read_bytes())
    return digest.hexdigest()


def _manifest_rows(path: Path) -> dict[str, dict[str, Any]]:
    """Rows of an earlier run by id."""
    return {str(row.get("id")): row for _, row in JsonLines(path).read()}


def _write_rows(path: Path, rows: Sequence[Mapping[str, Any]]) -> None:
    """Write a JSONL file whole; no rows, no file."""
    if not rows:
        path.unlink(missing_ok=True)
        return
    write_json_lines(path, rows)


def _sweep(out: Path) -> None:
    """Remove what a killed run left half-written; the lock says that no other run writes here."""
    for path in out.glob(".*.partial*"):
        path.unlink(missing_ok=True)
