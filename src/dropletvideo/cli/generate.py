"""`droplet generate`: an image and a sentence in, a video out."""

from __future__ import annotations

import json
import time
from pathlib import Path
from typing import TYPE_CHECKING, Any

import typer

from dropletvideo.cli import generate_options as options

if TYPE_CHECKING:
    from dropletvideo.generate.answer import Setup


def generate(  # noqa: PLR0917 - the options of the verb
    out: options.Out = None,
    model: options.Model = None,
    image: options.Image = None,
    prompt: options.Prompt = None,
    negative_prompt: options.NegativePrompt = None,
    prompt_suffix: options.PromptSuffix = None,
    motion: options.Motion = None,
    speed: options.Speed = None,
    frames: options.Frames = None,
    height: options.Height = None,
    width: options.Width = None,
    num_inference_steps: options.Steps = None,
    guidance_scale: options.Guidance = None,
    max_sequence_length: options.TextLength = None,
    seed: options.Seed = None,
    fit: options.Fit = None,
    frame_fix: options.FrameFix = None,
    batch: options.Batch = None,
    batch_size: options.BatchSize = 16,
    source: options.Source = None,
    sidecar: options.Sidecar = False,
    device: options.Device = "auto",
    dtype: options.Dtype = "auto",
    as_json: options.AsJson = False,
) -> None:
    """Make a video from an image and a sentence, with the strength of motion under control.

    What is left out is the model's own default. The file carries its request and images: `droplet inspect` shows them,
    --from repeats it. With --batch, OUT/manifest.jsonl is what droplet evaluate takes; videos that are there already
    are kept.

    Example: droplet generate --image first.png --prompt "The camera pans left." --motion 8 --out pan.mp4

    Example: droplet generate --model runs/nano --batch requests.jsonl --out generated/

    Example: droplet generate --from pan.mp4 --out again.mp4
    """
    given = dict(locals())
    asked = {name: given[name] for name in _ASKED} | {"num_frames": frames}
    asked = {name: value for name, value in asked.items() if value is not None}
    from dropletvideo import runtime
    from dropletvideo.cli.libraries import quiet_libraries
    from dropletvideo.generate.answer import Setup

    runtime.set_up_logging()
    quiet_libraries()
    runtime.stop_on_terminate()
    if source is not None:
        facts = _repeat(source, out, model, asked, batch, sidecar)
    elif batch is not None:
        _answer_batch(
            batch, out, Setup(model=model or "nano", device=device, dtype=dtype), asked, batch_size, sidecar, as_json
        )
        return
    else:
        facts = _make_one(out, Setup(model=model or "nano", device=device, dtype=dtype), asked, sidecar)
    typer.echo(json.dumps(facts, indent=2) if as_json else f"{facts['out']}  ({facts['seconds']:.1f} s)")


_ASKED = (
    "image",
    "prompt",
    "negative_prompt",
    "prompt_suffix",
    "motion",
    "speed",
    "height",
    "width",
    "num_inference_steps",
    "guidance_scale",
    "max_sequence_length",
    "seed",
    "fit",
    "frame_fix",
)
"""Options that are keys of a request; `frames` is its `num_frames`."""


def _answer_batch(
    requests: Path, out: Path | None, setup: Setup, asked: dict[str, Any], batch_size: int, sidecar: bool, as_json: bool
) -> None:
    from dropletvideo.errors import RequestError
    from dropletvideo.generate.batch import ERRORS, generate_batch

    if out is None:
        raise RequestError("--batch needs --out DIR, the folder of the videos")
    if out.is_file():
        raise RequestError(f"--out {out}: is a file; with --batch give a folder")
    result = generate_batch(requests, out, setup=setup, batch_size=batch_size, sidecar=sidecar, **asked)
    if as_json:
        typer.echo(json.dumps({**vars(result), "manifest": str(result.manifest)}, indent=2))
    else:
        typer.echo(f"{result.done} videos made, {result.kept} kept, {result.failed} failed: {result.manifest}")
    if result.failed:
        typer.echo(f"{result.failed} requests failed; see {out / ERRORS}", err=True)
        raise typer.Exit(3)


def _make_one(out: Path | None, setup: Setup, asked: dict[str, Any], sidecar: bool) -> dict[str, Any]:
    """Generate and write one video; gives what it is and what it cost."""
    from dropletvideo.generate.single import generate_file

    target = _video_path(out)
    started = time.perf_counter()
    provenance = generate_file(target, asked, setup, sidecar=sidecar)
    return _facts(target, provenance, started)


def _repeat(
    source: Path, out: Path | None, model: str | None, asked: dict[str, Any], batch: Path | None, sidecar: bool
) -> dict[str, Any]:
    from dropletvideo.errors import RequestError
    from dropletvideo.generate.single import repeat_file

    if asked or batch is not None:
        names = ", ".join(f"--{name.replace('_', '-')}" for name in [*asked, *(["batch"] if batch else [])])
        raise RequestError(
            f"--from repeats a file as it was made: leave out {names}, or make a new video without --from"
        )
    target = _video_path(out)
    if target.resolve() == source.resolve():
        raise RequestError(f"--out {target}: is the file to repeat; name another one")
    started = time.perf_counter()
    provenance = repeat_file(source, target, model=model, sidecar=sidecar)
    same = target.read_bytes() == source.read_bytes()
    return {**_facts(target, provenance, started), "same_bytes": same}


def _facts(out: Path, provenance: Any, started: float) -> dict[str, Any]:
    told = provenance.model_dump(mode="json")
    return {
        "out": str(out),
        "model": told["model"]["name"],
        "model_digest": told["model"]["digest"],
        "request": told["request"],
        "seconds": round(time.perf_counter() - started, 3),
    }


def _video_path(out: Path | None) -> Path:
    from dropletvideo.errors import RequestError
    from dropletvideo.media import VIDEO_SUFFIXES

    if out is None:
        raise RequestError("--out FILE.mp4 is missing: name the video")
    if out.is_dir():
        raise RequestError(
            f"--out {out}: is a folder; give a file such as {out / 'video.mp4'} (a folder goes with --batch)"
        )
    if out.suffix.lower() not in VIDEO_SUFFIXES:
        raise RequestError(f"--out {out}: needs a video suffix such as .mp4 (a folder goes with --batch)")
    return out
