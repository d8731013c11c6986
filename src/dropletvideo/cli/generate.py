"""`droplet generate`: an image and a sentence in, a video out."""

from __future__ import annotations

import json
import time
from pathlib import Path
from typing import Annotated, Any

import typer


def generate(  # noqa: PLR0917 - the options of the verb
    out: Annotated[Path, typer.Option("--out", "-o", help="the video (.mp4), or with --batch a folder")],
    model: Annotated[str, typer.Option("--model", metavar="DIR|nano", help="model folder")] = "nano",
    image: Annotated[Path | None, typer.Option("--image", help="first frame; left out, the text alone decides")] = None,
    prompt: Annotated[str, typer.Option("--prompt", help="what is seen and what the camera does")] = "",
    negative_prompt: Annotated[str | None, typer.Option("--negative-prompt", help="what to keep away from")] = None,
    motion: Annotated[
        float | None, typer.Option("--motion", metavar="M", help="frames per second of the scene: low is fast")
    ] = None,
    frames: Annotated[int | None, typer.Option("--frames", help="number of frames, 4k+1")] = None,
    height: Annotated[int | None, typer.Option("--height", help="multiple of 16")] = None,
    width: Annotated[int | None, typer.Option("--width", help="multiple of 16")] = None,
    steps: Annotated[int | None, typer.Option("--steps", help="sampling steps")] = None,
    guidance: Annotated[float | None, typer.Option("--guidance", help="weight of the prompt; 1 is off")] = None,
    seed: Annotated[int, typer.Option("--seed", help="the same seed and request give the same video")] = 0,
    fit: Annotated[
        str | None, typer.Option("--fit", metavar="crop|pad|stretch", help="image of another aspect")
    ] = None,
    batch: Annotated[
        Path | None, typer.Option("--batch", metavar="REQUESTS.jsonl", help="answer many requests")
    ] = None,
    batch_size: Annotated[int, typer.Option("--batch-size", min=1, help="videos at once, with --batch")] = 16,
    as_json: Annotated[bool, typer.Option("--json", help="print the result as JSON")] = False,
) -> None:
    """Make a video from an image and a sentence, with the strength of motion under control.

    What is left out is the model's own default. With --batch, OUT/manifest.jsonl is what droplet evaluate takes; videos
    that are there already are kept.

    Example: droplet generate --model nano --image first.png --prompt "The camera pans left." --motion 8 --out pan.mp4

    Example: droplet generate --model runs/nano --batch requests.jsonl --out generated/
    """
    from dropletvideo import runtime
    from dropletvideo.cli.libraries import quiet_libraries

    runtime.set_up_logging()
    quiet_libraries()
    asked = {
        "negative_prompt": negative_prompt,
        "motion": motion,
        "num_frames": frames,
        "height": height,
        "width": width,
        "num_inference_steps": steps,
        "guidance_scale": guidance,
        "seed": seed,
        "fit": fit,
    }
    if batch is not None:
        _answer_batch(batch, out, model, batch_size, {**asked, "prompt": prompt or None}, as_json)
        return
    facts = _make_one(model, out, image, {**asked, "prompt": prompt})
    typer.echo(json.dumps(facts, indent=2) if as_json else f"{out}  ({facts['seconds']:.1f} s)", err=False)


def _answer_batch(requests: Path, out: Path, model: str, batch_size: int, asked: dict[str, Any], as_json: bool) -> None:
    from dropletvideo.generate.batch import generate_batch

    result = generate_batch(requests, out, model=model, batch_size=batch_size, **asked)
    if as_json:
        typer.echo(json.dumps({**vars(result), "manifest": str(result.manifest)}, indent=2))
    else:
        typer.echo(f"{result.done} videos made, {result.kept} kept, {result.failed} failed: {result.manifest}")
    if result.failed:
        typer.echo(f"{result.failed} requests failed; see {out / 'errors.jsonl'}", err=True)
        raise typer.Exit(3)


def _make_one(model: str, out: Path, image: Path | None, asked: dict[str, Any]) -> dict[str, Any]:
    """Generate and write one video; gives what it is and what it cost."""
    from dropletvideo.errors import RequestError
    from dropletvideo.generate.single import generate_file
    from dropletvideo.media import VIDEO_SUFFIXES

    if out.suffix.lower() not in VIDEO_SUFFIXES:
        raise RequestError(f"--out {out}: needs a video suffix such as .mp4 (a folder goes with --batch)")
    started = time.perf_counter()
    request = generate_file(model, out, image, asked)
    return {"out": str(out), "model": model, "request": request, "seconds": round(time.perf_counter() - started, 3)}
