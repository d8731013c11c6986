"""One request to one file, and a file made once more from what it says of itself."""

from __future__ import annotations

import logging
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from typing import Any

import torch

from dropletvideo import runtime
from dropletvideo.errors import RequestError, WeightsError
from dropletvideo.generate.answer import Prepared, answer, job_for, prepare, same_call, write_answer
from dropletvideo.generate.asked import GenerateRequest, parse_request
from dropletvideo.generate.lora import LoraChoice
from dropletvideo.generate.opened import OpenModel, Setup, open_model
from dropletvideo.generate.provenance import Provenance, check_container, file_digest, model_digest, read_provenance
from dropletvideo.media import probe, read_image

logger = logging.getLogger(__name__)


def generate_file(
    out: str | Path,
    asked: GenerateRequest | Mapping[str, Any],
    setup: Setup | None = None,
    *,
    sidecar: bool = False,
) -> Provenance:
    """Generate one video; the file appears whole or not at all. Gives the request with every default filled in.

    Args:
        out: the file; an mp4 carries its provenance, another container needs `sidecar`.
        asked: fields of `GenerateRequest`; None is the model's default.
        setup: model, device, precision.
        sidecar: write the provenance beside the file, not into it.

    Raises:
        WeightsError: the model is missing or damaged.
        MediaError: an image cannot be read, or the file not be written.
        RequestError: a size or number that is not valid.
    """
    path = Path(out)
    request = asked if isinstance(asked, GenerateRequest) else parse_request(asked, "request")
    check_container(path, sidecar=sidecar)
    for name in (request.image, request.last_image, *(request.keyframes or {}).values()):
        if name is not None:
            read_image(name)  # before the model: a wrong path is told at once
    if request.video is not None:
        probe(request.video)
    model = open_model(setup or Setup())
    return _make(path, model, [prepare(request, model.known)], 0, sidecar=sidecar)


def repeat_file(
    source: str | Path,
    out: str | Path,
    *,
    model: str | None = None,
    video: str | Path | None = None,
    sidecar: bool = False,
) -> Provenance:
    """Make a file once more from what it says of itself: bit for bit on the same machine.

    Args:
        source: a file that was generated here.
        out: the new file.
        model: where the model lies now; the name in the file without.
        video: where the video lies that it went on from; the name in the file without.

    Raises:
        RequestError: `source` carries no request, or the video that it went on from is not that one.
        WeightsError: the model's digest is not that of the file's model.
    """
    check_container(Path(out), sidecar=sidecar)
    record = read_provenance(source)
    noted = record.provenance
    name = model or noted.model.name
    digest = model_digest(name)
    if digest != noted.model.digest:
        raise WeightsError(
            f"{name}: is not the model of {source}: digest {digest}, the file was made with {noted.model.digest} "
            f"({noted.model.name}); name that model with --model"
        )
    given = _given_video(source, noted, video)
    made = noted.made_with
    with _threads(made.get("threads")):
        opened = open_model(
            Setup(
                model=name,
                device=_device(made.get("device")),
                dtype=str(made.get("dtype", "float32")),
                memory=made.get("memory", "high"),
                loras=tuple(LoraChoice(Path(lora.name), lora.scale) for lora in noted.loras),
            )
        )
        if opened.loras != noted.loras:
            raise WeightsError(
                f"{source}: was made with another LoRA than {', '.join(lora.name for lora in noted.loras)}"
            )
        _tell_differences(source, made, opened.made_with)
        opened = replace(opened, note=noted.model)
        row = Prepared(_settled(noted.request, str(source)), record.pictures, given)
        return _make(Path(out), opened, same_call(row, noted.call), noted.call.place, sidecar=sidecar)


def _make(path: Path, model: OpenModel, rows: list[Prepared], place: int, *, sidecar: bool) -> Provenance:
    with runtime.progress("generating", total=job_for(model.pipeline.defaults, rows).num_steps) as bar:
        videos = answer(model, rows, bar.advance)
        return write_answer(path, videos[place], model, rows, place, sidecar=sidecar)


def _given_video(source: str | Path, noted: Provenance, video: str | Path | None) -> Path | None:
    if noted.video is None:
        return None
    path = Path(video or noted.video.name)
    if not path.is_file():
        raise RequestError(f"{source} goes on from {path}, which is not there: name it with --video")
    if file_digest(path) != noted.video.digest:
        raise RequestError(f"{path}: is not the video that {source} goes on from: its content differs")
    return path


def _settled(request: Mapping[str, Any], source: str) -> GenerateRequest:
    """A kept request: its speed has become an M already and stands beside it for the reader alone."""
    without = {key: value for key, value in request.items() if key != "speed"}
    return parse_request(without, source).model_copy(update={"speed": request.get("speed")})


def _device(name: object) -> str:
    """Where a file was made, by the name that is kept in it: a GPU's own name stands for "cuda"."""
    return str(name) if name in ("cpu", "mps") else "cuda"


@contextmanager
def _threads(count: int | None) -> Iterator[None]:
    """As many threads as then: sums round by how they are split."""
    before = torch.get_num_threads()
    torch.set_num_threads(count or before)
    try:
        yield
    finally:
        torch.set_num_threads(before)


def _tell_differences(source: str | Path, made: Mapping[str, Any], now: Mapping[str, Any]) -> None:
    changed = [f"{name} {made[name]} then, {now.get(name)} now" for name in made if made[name] != now.get(name)]
    if changed:
        logger.warning("%s was made elsewhere (%s): the last digits may differ", source, "; ".join(changed))
