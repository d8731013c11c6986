"""Many requests, few calls: rows of `requests.jsonl` to videos and the rows of an evaluation manifest.

A video depends on its request and seed alone, not on the rows beside it; what is done already is not done again; a row
that fails is told in `errors.jsonl` and does not stop the rest.
"""

from __future__ import annotations

import hashlib
import json
import logging
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch
from pydantic import BaseModel, ConfigDict, Field, ValidationError

from dropletvideo import runtime
from dropletvideo.data.encode import weights_digest
from dropletvideo.errors import DropletError, MediaError, RequestError
from dropletvideo.generate.pipeline import DropletVideoPipeline, to_uint8
from dropletvideo.generate.request import Fit, fit_image
from dropletvideo.media import write_video
from dropletvideo.model.folder import SHIPPED, shipped_folder

logger = logging.getLogger(__name__)

MANIFEST, ERRORS = "manifest.jsonl", "errors.jsonl"
_SIZES = ("num_frames", "height", "width", "num_inference_steps", "guidance_scale", "fit")


class GenerateRequest(BaseModel):
    """One row of `requests.jsonl`. Unknown keys are carried to the manifest untouched; None takes the model's default.

    `image` is a path, relative to the requests file; without one the video is made from the text alone.
    """

    model_config = ConfigDict(frozen=True, extra="allow")

    id: str = Field(min_length=1, pattern=r"^[^/\\]+$")
    prompt: str = ""
    image: str | None = None
    motion: float | None = Field(default=None, gt=0)
    seed: int = 0
    negative_prompt: str | None = None
    num_frames: int | None = None
    height: int | None = None
    width: int | None = None
    num_inference_steps: int | None = None
    guidance_scale: float | None = None
    fit: Fit | None = None

    def settings(self) -> dict[str, Any]:
        """What must be equal for rows to share a call."""
        return {name: getattr(self, name) for name in (*_SIZES, "negative_prompt")}


@dataclass(frozen=True)
class BatchResult:
    """Counts of a batch run and the manifest it wrote."""

    manifest: Path
    done: int
    kept: int
    failed: int


def read_requests(path: Path, defaults: Mapping[str, Any]) -> list[GenerateRequest]:
    """Rows of a JSONL file; `defaults` fill what a row leaves out.

    Raises:
        RequestError: no such file, no row, a row that is not valid (with its line), or an id used twice.
    """
    if not path.is_file():
        raise RequestError(f"{path} is no file: name a JSONL file of requests, such as droplet world suite writes")
    rows: list[GenerateRequest] = []
    for number, line in enumerate(path.read_text(encoding="utf-8").splitlines(), start=1):
        if line.strip():
            rows.append(_parsed(line, f"{path}:{number}", defaults))
    if not rows:
        raise RequestError(f"{path} holds no request")
    ids = [row.id for row in rows]
    if twice := sorted({name for name in ids if ids.count(name) > 1}):
        raise RequestError(f"{path}: ids must be unique, used twice: {', '.join(twice[:5])}")
    return rows


def _parsed(line: str, where: str, defaults: Mapping[str, Any]) -> GenerateRequest:
    try:
        row = json.loads(line)
        if not isinstance(row, dict):
            raise RequestError(f"{where}: a request is a JSON object, not {type(row).__name__}")
        given = {key: value for key, value in row.items() if value is not None}
        return GenerateRequest(**({key: value for key, value in defaults.items() if value is not None} | given))
    except (json.JSONDecodeError, ValidationError) as error:
        raise RequestError(f"{where}: not a valid request: {' '.join(str(error).split())}") from error


def run_batch(
    pipeline: DropletVideoPipeline,
    requests: Sequence[GenerateRequest],
    out: Path,
    *,
    base: Path,
    model: str,
    batch_size: int = 16,
    show: Callable[[int], None] | None = None,
) -> BatchResult:
    """Generate every request into `out/ID.mp4` and write `out/manifest.jsonl` in the order of the requests.

    `base` is the folder that image and reference paths are relative to; `model` names the weights, so that another
    model's videos are not taken for done. `show(rows)` is told of finished rows.
    """
    out.mkdir(parents=True, exist_ok=True)
    known = _manifest_rows(out / MANIFEST)
    keys = {request.id: _key(request, model, base) for request in requests}
    finished: dict[str, dict[str, Any]] = {
        request.id: known[request.id]
        for request in requests
        if known.get(request.id, {}).get("request_key") == keys[request.id] and (out / f"{request.id}.mp4").is_file()
    }
    kept = len(finished)
    errors: list[dict[str, str]] = []
    if show:
        show(kept)
    for group in _groups([request for request in requests if request.id not in finished], batch_size):
        for request, outcome in _generate_group(pipeline, group, out, base):
            if isinstance(outcome, DropletError):
                logger.warning("%s failed: %s", request.id, outcome)
                errors.append({"id": request.id, "reason": str(outcome)})
            else:
                finished[request.id] = _manifest_row(request, base, keys[request.id], pipeline)
        _write_rows(out / MANIFEST, [finished[request.id] for request in requests if request.id in finished])
        if show:
            show(len(group))
    _write_rows(out / MANIFEST, [finished[request.id] for request in requests if request.id in finished])
    _write_rows(out / ERRORS, errors)
    return BatchResult(out / MANIFEST, len(finished) - kept, kept, len(errors))


def generate_batch(
    requests_path: Path, out: Path, *, model: str | Path, batch_size: int = 16, **defaults: Any
) -> BatchResult:
    """Answer a requests file with a model folder (or "nano"), with a progress bar; see `run_batch`.

    `defaults` (`num_frames, height, width, num_inference_steps, guidance_scale, seed, motion, ...`) hold for rows that
    do not say otherwise.

    Raises:
        RequestError: the requests file is missing or not valid.
        WeightsError: the model folder is missing or damaged.
    """
    requests = read_requests(requests_path, defaults)
    pipeline = DropletVideoPipeline.from_pretrained(model)
    pipeline.set_progress_bar_config(disable=True)
    with runtime.progress("generating", total=len(requests)) as bar:
        return run_batch(
            pipeline,
            requests,
            out,
            base=requests_path.parent,
            model=model_identity(model),
            batch_size=batch_size,
            show=bar.advance,
        )


def model_identity(model: str | Path) -> str:
    """Name and digest of the transformer's weights."""
    folder = shipped_folder(str(model)) if str(model) in SHIPPED else Path(model)
    return weights_digest(folder, ("transformer", "vae", "text_encoder"))


def _groups(requests: Sequence[GenerateRequest], batch_size: int) -> list[list[GenerateRequest]]:
    """Requests of equal settings, at most `batch_size` a group, in order of their first."""
    by_settings: dict[str, list[GenerateRequest]] = {}
    for request in requests:
        by_settings.setdefault(json.dumps(request.settings()), []).append(request)
    return [same[at : at + batch_size] for same in by_settings.values() for at in range(0, len(same), batch_size)]


def _generate_group(
    pipeline: DropletVideoPipeline, group: Sequence[GenerateRequest], out: Path, base: Path
) -> list[tuple[GenerateRequest, DropletError | None]]:
    """One call for all rows whose image can be read; each row's outcome."""
    outcomes: list[tuple[GenerateRequest, DropletError | None]] = []
    images: dict[str, Any] = {}
    ready: list[GenerateRequest] = []
    defaults = pipeline.defaults
    for request in group:
        try:
            if request.image is not None and request.image not in images:
                height, width = request.height or defaults.height, request.width or defaults.width
                images[request.image] = fit_image(
                    base / request.image, height, width, request.fit or defaults.image_fit
                )
            ready.append(request)
        except MediaError as error:
            outcomes.append((request, error))
    if not ready:
        return outcomes
    try:
        frames = pipeline(
            image=[images[request.image] if request.image is not None else None for request in ready],
            prompt=[request.prompt for request in ready],
            motion=[request.motion or defaults.motion for request in ready],
            generator=[torch.Generator().manual_seed(request.seed) for request in ready],
            output_type="np",
            **ready[0].settings(),
        ).frames
    except RequestError as error:
        return outcomes + [(request, error) for request in ready]
    for request, video in zip(ready, to_uint8(frames), strict=True):
        try:
            write_video(
                out / f"{request.id}.mp4",
                video,
                playback_fps=defaults.playback_fps,
                metadata={"request": request.model_dump(exclude_none=True)},
            )
            outcomes.append((request, None))
        except MediaError as error:
            outcomes.append((request, error))
    return outcomes


def _manifest_row(request: GenerateRequest, base: Path, key: str, pipeline: DropletVideoPipeline) -> dict[str, Any]:
    """The row that evaluation reads: the request, where its video lies, and what the defaults came to."""
    row = request.model_dump(exclude_none=True)
    for name in ("image", "reference_video"):
        if row.get(name):
            row[name] = str((base / row[name]).resolve())
    return {
        **row,
        "id": request.id,
        "video": f"{request.id}.mp4",
        "motion": request.motion or pipeline.defaults.motion,
        "fit": request.fit or pipeline.defaults.image_fit,
        "request_key": key,
    }


def _key(request: GenerateRequest, model: str, base: Path) -> str:
    """Identity of a request to a model, the image's content included."""
    digest = hashlib.blake2b(f"{model}\n{request.model_dump_json()}".encode(), digest_size=12)
    image = base / request.image if request.image else None
    if image is not None and image.is_file():
        digest.update(image.read_bytes())
    return digest.hexdigest()


def _manifest_rows(path: Path) -> dict[str, dict[str, Any]]:
    """Rows of an earlier run by id; a torn line is passed over."""
    rows: dict[str, dict[str, Any]] = {}
    for line in path.read_text(encoding="utf-8").splitlines() if path.is_file() else []:
        try:
            row = json.loads(line)
        except json.JSONDecodeError:
            continue
        rows[str(row.get("id"))] = row
    return rows


def _write_rows(path: Path, rows: Sequence[Mapping[str, Any]]) -> None:
    """Write a JSONL file whole; no rows, no file."""
    if not rows:
        path.unlink(missing_ok=True)
        return
    temporary = path.with_suffix(".tmp")
    temporary.write_text("".join(json.dumps(row, ensure_ascii=False) + "\n" for row in rows), encoding="utf-8")
    temporary.replace(path)
