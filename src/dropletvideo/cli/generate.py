"""`droplet generate`: an image and a sentence in, a video out."""

from __future__ import annotations

import json
import time
from pathlib import Path
from typing import TYPE_CHECKING, Any

import typer

from dropletvideo.cli import generate_options as options

if TYPE_CHECKING:
    from dropletvideo.generate.opened import Setup


def generate(  # noqa: PLR0917 - the options of the verb
    out: options.Out = None,
    model: options.Model = None,
    image: options.Image = None,
    last_image: options.LastImage = None,
    keyframes: options.Keyframes = None,
    video: options.Video = None,
    prompts: options.Prompts = None,
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
    scheduler: options.Scheduler = None,
    noise_aug: options.NoiseAug = None,
    dynamic_guidance: options.DynamicGuidance = None,
    guidance_rescale: options.GuidanceRescale = None,
    chunk_frames: options.ChunkFrames = None,
    overlap: options.Overlap = None,
    batch: options.Batch = None,
    batch_size: options.BatchSize = 16,
    source: options.Source = None,
    sidecar: options.Sidecar = False,
    lora: options.Lora = None,
    memory: options.Memory = None,
    dry_run: options.DryRun = False,
    device: options.Device = None,
    dtype: options.Dtype = None,
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
    asked = _read_values({name: value for name, value in asked.items() if value is not None})
    from dropletvideo import runtime
    from dropletvideo.cli.libraries import quiet_libraries

    runtime.set_up_logging()
    quiet_libraries()
    runtime.stop_on_terminate()
    if source is not None:
        run = {name: given[name] for name in _RUN if given[name]}
        facts = _repeat(source, out, model, {**asked, **run}, sidecar)
    elif dry_run:
        _say_plan(batch, _setup(given), asked, batch_size, as_json)
        return
    elif batch is not None:
        _answer_batch(batch, out, _setup(given), asked, batch_size, sidecar, as_json)
        return
    else:
        facts = _make_one(out, _setup(given), asked, sidecar)
    typer.echo(json.dumps(facts, indent=2) if as_json else f"{facts['out']}  ({facts['seconds']:.1f} s)")


def _setup(given: dict[str, Any]) -> Setup:
    from dropletvideo.generate.lora import parse_lora
    from dropletvideo.generate.opened import Setup

    return Setup(
        model=given["model"] or "nano",
        loras=tuple(parse_lora(text) for text in given["lora"] or ()),
        device=given["device"] or "auto",
        dtype=given["dtype"] or "auto",
        memory=given["memory"] or "high",
    )


_ASKED = (
    "image",
    "last_image",
    "keyframes",
    "video",
    "prompts",
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
    "scheduler",
    "noise_aug",
    "dynamic_guidance",
    "guidance_rescale",
    "chunk_frames",
    "overlap",
)
"""Options that are keys of a request; `frames` is its `num_frames`."""
_RUN = ("batch", "lora", "device", "dtype", "memory", "dry_run")
"""Options that --from does not take: the file says them."""


def _read_values(asked: dict[str, Any]) -> dict[str, Any]:
    """Options that are written out in text as the values they stand for."""
    if "keyframes" in asked:
        asked["keyframes"] = _keyframes(asked["keyframes"])
    if "prompts" in asked:
        asked["prompts"] = _time_line(asked["prompts"])
    return asked


def _keyframes(words: list[str]) -> dict[int, str]:
    from dropletvideo.errors import RequestError

    found: dict[int, str] = {}
    for word in words:
        number, equals, path = word.partition("=")
        if not equals or not path or not number.strip().removeprefix("-").isdigit():
            raise RequestError(f"--keyframe {word}: give FRAME=FILE, such as --keyframe 40=middle.png")
        if int(number) in found:
            raise RequestError(f"--keyframe {word}: frame {number} is given twice")
        found[int(number)] = path
    return found


def _time_line(text: str) -> list[Any]:
    """Entries from JSON, or from a file of JSON, of JSON lines, or of one prompt a line."""
    from dropletvideo.errors import RequestError

    is_inline = text.lstrip().startswith("[")
    if not is_inline:
        try:
            text, name = Path(text).read_text(encoding="utf-8"), text
        except (OSError, UnicodeDecodeError) as error:
            raise RequestError(f"--prompts {text}: cannot be read ({error}); give a file or JSON") from error
    else:
        name = "JSON"
    try:
        if text.lstrip().startswith("["):
            entries = json.loads(text)
        else:
            lines = [line for line in text.splitlines() if line.strip()]
            entries = [json.loads(line) if line.lstrip().startswith("{") else line.strip() for line in lines]
    except json.JSONDecodeError as error:
        raise RequestError(f"--prompts {name}: is not valid JSON ({error})") from error
    return list(entries)


def _answer_batch(
    requests: Path, out: Path | None, setup: Setup, asked: dict[str, Any], batch_size: int, sidecar: bool, as_json: bool
) -> None:
    from dropletvideo.errors import RequestError
    from dropletvideo.generate.batch import ERRORS, generate_batch

    if out is None:
        raise RequestError("--batch needs --out DIR, the folder of the videos")
    if out.is_file():
        raise RequestError(f"--out {out}: is a file; with --batch give a folder")
    asked = _from_here(asked)
    result = generate_batch(requests, out, setup=setup, batch_size=batch_size, sidecar=sidecar, **asked)
    if as_json:
        typer.echo(json.dumps({**vars(result), "manifest": str(result.manifest)}, indent=2))
    else:
        typer.echo(f"{result.done} videos made, {result.kept} kept, {result.failed} failed: {result.manifest}")
    if result.failed:
        typer.echo(f"{result.failed} requests failed; see {out / ERRORS}", err=True)
        raise typer.Exit(3)


def _say_plan(batch: Path | None, setup: Setup, asked: dict[str, Any], batch_size: int, as_json: bool) -> None:
    from dropletvideo.generate.asked import parse_request, read_requests
    from dropletvideo.generate.dry_run import plan_requests

    if batch is None:
        plan = plan_requests(setup, [parse_request(asked, "request")])
    else:
        requests, _ = read_requests(batch, _from_here(asked))
        plan = plan_requests(setup, requests, base=batch.parent, batch_size=batch_size)
    typer.echo(json.dumps(plan.facts(), indent=2) if as_json else "\n".join(plan.lines()))
    if plan.failures:
        raise typer.Exit(3)


def _from_here(asked: dict[str, Any]) -> dict[str, Any]:
    """Files named on the command line lie relative to the working folder, those of rows to the requests file."""
    paths: dict[str, Any] = {
        name: str(Path(asked[name]).resolve()) for name in ("image", "last_image", "video") if name in asked
    }
    frames = {number: str(Path(name).resolve()) for number, name in asked.get("keyframes", {}).items()}
    return {**asked, **paths, **({"keyframes": frames} if frames else {})}


def _make_one(out: Path | None, setup: Setup, asked: dict[str, Any], sidecar: bool) -> dict[str, Any]:
    """Generate and write one video; gives what it is and what it cost."""
    from dropletvideo.generate.single import generate_file

    target = _video_path(out)
    started = time.perf_counter()
    provenance = generate_file(target, asked, setup, sidecar=sidecar)
    return _facts(target, provenance, started)


def _repeat(source: Path, out: Path | None, model: str | None, asked: dict[str, Any], sidecar: bool) -> dict[str, Any]:
    from dropletvideo.errors import RequestError
    from dropletvideo.generate.single import repeat_file

    video = asked.pop("video", None)
    if asked:
        names = ", ".join(f"--{name.replace('_', '-')}" for name in asked)
        raise RequestError(
            f"--from repeats a file as it was made: leave out {names}, or make a new video without --from"
        )
    target = _video_path(out)
    if target.resolve() == source.resolve():
        raise RequestError(f"--out {target}: is the file to repeat; name another one")
    started = time.perf_counter()
    provenance = repeat_file(source, target, model=model, video=video, sidecar=sidecar)
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

    if out is None:
        raise RequestError("--out FILE.mp4 is missing: name the video")
    if out.is_dir():
        raise RequestError(
            f"--out {out}: is a folder; give a file such as {out / 'video.mp4'} (a folder goes with --batch)"
        )
    return out
