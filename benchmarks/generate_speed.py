"""How fast generation is: JSON rows with device and command.

    python benchmarks/generate_speed.py [--out benchmarks/results/generate_speed.jsonl]     # CPU: toy and nano
    python benchmarks/generate_speed.py --size 5b [--steps 50]                              # one CUDA device

On a CPU the first rows set this package beside diffusers' own CogVideoX pipelines with the same size of transformer,
codec, text encoder and scheduler, call by call in turn: text to video beside text to video; image to video beside
diffusers' video-to-video, which does the same codec work (it reads all frames, as the released model wants), and beside
its image-to-video, which reads one. CPU seconds are compared, so that a busy machine does not falsify them much. Then
come the variants: eager, compiled, each cache, each memory preset, with the PSNR of the frames against eager. They are
of nano as it ships, or of a 5B of random weights; a cache that waits for steps that resemble each other finds few of
them in a random model.
"""

from __future__ import annotations

import argparse
import json
import shutil
import statistics
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import torch
from diffusers import (
    AutoencoderKLCogVideoX,
    CogVideoXImageToVideoPipeline,
    CogVideoXPipeline,
    CogVideoXTransformer3DModel,
    CogVideoXVideoToVideoPipeline,
)
from kept_rows import processor
from PIL import Image
from transformers import T5Config, T5EncoderModel

from dropletvideo.generate.memory import MEMORY_PRESETS, apply_memory_preset, estimate
from dropletvideo.generate.pipeline import DropletVideoPipeline
from dropletvideo.generate.request import settings_of
from dropletvideo.model.caching import CACHES, enable_cache, measure_magnitude_ratios
from dropletvideo.model.folder import ModelFolder, load_model_folder
from dropletvideo.model.presets import droplet_5b, nano
from dropletvideo.model.transformer import DropletVideoTransformer3DModel
from dropletvideo.world.config import WorldConfig
from dropletvideo.world.render import render_shot
from dropletvideo.world.shot import draw_shot

COMMAND = " ".join(["python", *sys.argv])
TOY = {
    **nano().transformer,
    "num_attention_heads": 4,
    "attention_head_dim": 16,
    "time_embed_dim": 32,
    "num_layers": 2,
}
SIZES = {"toy": TOY, "nano": dict(nano().transformer), "5b": dict(droplet_5b().transformer)}
SMALL_VAE = {"block_out_channels": (16, 32, 32, 32), "layers_per_block": 1, "norm_num_groups": 8}
RELEASED_VAE = {"block_out_channels": (128, 256, 256, 512), "layers_per_block": 3, "scaling_factor": 0.7}
XXL = {"vocab_size": 32128, "d_model": 4096, "d_kv": 64, "d_ff": 10240, "num_layers": 24, "num_heads": 64}
THEIRS = {
    "text-to-video": (CogVideoXPipeline, 16),
    "video-to-video": (CogVideoXVideoToVideoPipeline, 16),
    "image-to-video": (CogVideoXImageToVideoPipeline, 32),
}
ROWS: list[dict[str, Any]] = []


def device_name(device: str) -> str:
    """The GPU's name, or the processor's where the system tells it."""
    if device == "cuda":
        return torch.cuda.get_device_name()
    return f"{torch.get_num_threads()} threads of {processor()}"


def row(device: str, **facts: Any) -> None:
    """Keep and print one row."""
    taken = datetime.now(UTC).date().isoformat()
    ROWS.append({"taken": taken, "command": COMMAND, "device": device_name(device), **facts})
    print(json.dumps(ROWS[-1]), flush=True)


def built(size: str, device: str, dtype: torch.dtype) -> DropletVideoPipeline:
    """A pipeline with random weights and the classes of the released one (nano: its own transformer)."""
    torch.manual_seed(0)
    others = load_model_folder("nano", parts=["tokenizer", "scheduler", "text_encoder", "transformer"])
    fields = RELEASED_VAE if size == "5b" else SMALL_VAE
    with torch.device(device):
        text_encoder = others.text_encoder
        if size == "5b":
            torch.set_default_dtype(dtype)
            text_encoder = T5EncoderModel(T5Config(**XXL, feed_forward_proj="gated-gelu"))
        transformer = others.transformer if size == "nano" else DropletVideoTransformer3DModel(**SIZES[size])
        vae = AutoencoderKLCogVideoX(**{"latent_channels": 16, "scaling_factor": 1.0} | fields)
        torch.set_default_dtype(torch.float32)
    vae.num_sample_frames_batch_size = 4
    for part in (text_encoder, transformer, vae):
        torch.nn.Module.to(part, device=device, dtype=dtype).eval().requires_grad_(False)
    parts = {**others.parts, "text_encoder": text_encoder, "transformer": transformer, "vae": vae}
    defaults = droplet_5b().defaults if size == "5b" else nano().defaults
    pipeline = DropletVideoPipeline.from_folder(ModelFolder(defaults=defaults, parts=parts))
    pipeline.set_progress_bar_config(disable=True)
    return pipeline


def picture(pipeline: DropletVideoPipeline) -> Image.Image:
    """A rendered still at the model's size."""
    defaults, shot = pipeline.defaults, draw_shot(1002, WorldConfig.training())
    return Image.fromarray(render_shot(shot, defaults.height, defaults.width, frame_indices=[0]).frames[0])


def ours(pipeline: DropletVideoPipeline, steps: int, *, with_image: bool = True) -> Callable[[], torch.Tensor]:
    """One whole call: B,F,3,H,W in [0, 1]."""
    image = picture(pipeline) if with_image else None
    return lambda: (
        pipeline(
            image=image,
            prompt="The camera pans left.",
            num_inference_steps=steps,
            generator=torch.Generator().manual_seed(0),
            output_type="pt",
        ).frames
    )


def theirs(pipeline: DropletVideoPipeline, size: str, steps: int, kind: str) -> Callable[[], torch.Tensor]:
    """The same request to diffusers' own pipeline with a transformer of the same size."""
    torch.manual_seed(0)
    known = set(CogVideoXTransformer3DModel.__init__.__wrapped__.__code__.co_varnames)
    fields = {name: value for name, value in SIZES[size].items() if name in known}
    pipeline_class, channels = THEIRS[kind]
    transformer = CogVideoXTransformer3DModel(**fields | {"in_channels": channels}).eval()
    other = pipeline_class(pipeline.tokenizer, pipeline.text_encoder, pipeline.vae, transformer, pipeline.scheduler)
    other.set_progress_bar_config(disable=True)
    defaults, image = pipeline.defaults, picture(pipeline)
    given: dict[str, Any] = {"num_frames": defaults.num_frames}
    if kind == "image-to-video":
        given["image"] = image
    elif kind == "video-to-video":
        given = {"video": [image] * defaults.num_frames, "strength": 1.0}
    return lambda: (
        other(
            prompt="The camera pans left.",
            negative_prompt=defaults.negative_prompt,
            height=defaults.height,
            width=defaults.width,
            num_inference_steps=steps,
            guidance_scale=defaults.guidance_scale,
            max_sequence_length=defaults.text_length,
            generator=torch.Generator().manual_seed(0),
            output_type="pt",
            **given,
        ).frames
    )


def side_by_side(size: str, steps: int, rounds: int) -> None:
    """Ours and theirs in turn; one row."""
    pipeline = built(size, "cpu", torch.float32)
    calls = {"ours": ours(pipeline, steps), "ours, text alone": ours(pipeline, steps, with_image=False)}
    calls |= {kind: theirs(pipeline, size, steps, kind) for kind in THEIRS}
    beside = {kind: "ours, text alone" if kind == "text-to-video" else "ours" for kind in THEIRS}
    whole: dict[str, list[float]] = {name: [] for name in calls}
    step: dict[str, list[float]] = {name: [] for name in calls}
    for number in range(rounds + 1):
        for name, call in calls.items():
            with step_times(pipeline.scheduler, time.process_time) as gaps:
                started = time.process_time()
                call()
            if number:  # the first round warms up
                whole[name].append(time.process_time() - started)
                step[name].append(statistics.median(gaps()))
    defaults = pipeline.defaults
    row(
        "cpu",
        what="one call beside diffusers' own pipelines",
        size=size,
        num_frames=defaults.num_frames,
        height=defaults.height,
        width=defaults.width,
        num_inference_steps=steps,
        rounds=rounds,
        cpu_seconds={name: round(statistics.median(values), 4) for name, values in whole.items()},
        cpu_seconds_per_step={name: round(statistics.median(values), 5) for name, values in step.items()},
        ratio={kind: ratio(whole[own], whole[kind]) for kind, own in beside.items()},
        ratio_per_step={kind: ratio(step[own], step[kind]) for kind, own in beside.items()},
    )


def ratio(first: list[float], second: list[float]) -> float:
    """Median over rounds of first to second; the two of a round ran one after the other."""
    return round(statistics.median(one / other for one, other in zip(first, second, strict=True)), 3)


@contextmanager
def step_times(scheduler: Any, clock: Callable[[], float]) -> Iterator[Callable[[], list[float]]]:
    """Times between the scheduler's steps; the answer is a function, to be asked afterwards."""
    marks: list[float] = []
    original = scheduler.step

    def marked(*args: Any, **kwargs: Any) -> Any:
        marks.append(clock())
        return original(*args, **kwargs)

    scheduler.step = marked
    try:
        yield lambda: np.diff(marks).tolist()
    finally:
        del scheduler.step


def psnr(frames: torch.Tensor, eager: torch.Tensor) -> float | None:
    """Decibels against the eager frames; None where they are equal."""
    error = float((frames.float() - eager.float()).square().mean())
    return round(-10 * np.log10(error), 2) if error else None


def measured(pipeline: DropletVideoPipeline, steps: int, device: str) -> tuple[torch.Tensor, dict[str, Any]]:
    """Frames of a warm call, and its times, peak memory and block calls."""
    calls = {"block": 0, "attention": 0}

    def count(name: str) -> Callable[..., None]:
        return lambda *_: calls.update({name: calls[name] + 1})

    blocks = pipeline.transformer.transformer_blocks
    is_counted = blocks[0]._compiled_call_impl is None  # a hook inside a compiled block would break its graph
    hooks = [block.ff.register_forward_hook(count("block")) for block in blocks if is_counted]
    hooks += [block.attn1.to_q.register_forward_hook(count("attention")) for block in blocks if is_counted]
    ours(pipeline, steps if pipeline.transformer.is_cache_enabled else 1)()  # warms up
    calls.update(block=0, attention=0)
    if device == "cuda":
        torch.cuda.reset_peak_memory_stats()
        torch.cuda.synchronize()
    clock = time.perf_counter if device == "cuda" else time.process_time
    with step_times(pipeline.scheduler, clock) as gaps:
        started = clock()
        frames = ours(pipeline, steps)().cpu()
        total = clock() - started
    for hook in hooks:
        hook.remove()
    return frames, {
        "clock": "wall" if device == "cuda" else "cpu",
        "seconds": round(total, 3),
        "seconds_per_step": round(statistics.mean(gaps()), 4),
        "peak_bytes": torch.cuda.max_memory_allocated() if device == "cuda" else None,
        "block_calls": calls["block"] if is_counted else None,
        "attention_calls": calls["attention"] if is_counted else None,
    }


def nano_as_shipped() -> DropletVideoPipeline:
    """The shipped model, on the CPU."""
    pipeline = DropletVideoPipeline.from_pretrained("nano")
    pipeline.set_progress_bar_config(disable=True)
    return pipeline


def variants(size: str, steps: int, device: str, dtype: torch.dtype, only: list[str] | None) -> None:
    """One row each: eager, compiled, caches, presets."""
    names = ["eager", "compiled", *CACHES, *MEMORY_PRESETS]
    make = nano_as_shipped if size == "nano" else partial(built, size, device, dtype)
    pipeline = make()
    eager, facts = measured(pipeline, steps, device)
    for name in names if only is None else ["eager", *only]:
        if name == "compiled" and device == "cpu" and shutil.which("g++") is None:
            print("no C++ compiler here: the compiled row is not measured", file=sys.stderr)
            continue
        if name in MEMORY_PRESETS:
            pipeline = make() if device == "cpu" else built(size, "cpu", dtype)
            apply_memory_preset(pipeline, name, device)
        elif name == "compiled":
            pipeline.transformer.compile_repeated_blocks()
        elif name in CACHES:
            _enable(pipeline, name, steps)
        frames, facts = (eager, facts) if name == "eager" else measured(pipeline, steps, device)
        preset = name if name in MEMORY_PRESETS else "high"
        expected = estimate(pipeline, settings_of(pipeline.defaults), preset).peak_bytes
        defaults = pipeline.defaults
        row(
            device,
            what=f"variant {name}",
            size=size,
            dtype=str(dtype).removeprefix("torch."),
            num_frames=defaults.num_frames,
            height=defaults.height,
            width=defaults.width,
            num_inference_steps=steps,
            **facts,
            peak_bytes_estimated=expected,
            psnr_to_eager=psnr(frames, eager),
        )
        if name in CACHES:
            pipeline.transformer.disable_cache()
        if name == "compiled":
            pipeline = make()


def _enable(pipeline: DropletVideoPipeline, name: str, steps: int) -> None:
    options: dict[str, Any] = {}
    if name == "magcache":
        ratios = measure_magnitude_ratios(pipeline.transformer, ours(pipeline, steps))
        options = {"magnitude_ratios": ratios, "num_inference_steps": steps}
    enable_cache(pipeline.transformer, name, **options)


def main() -> None:
    """Measure and write."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--size", choices=["small", "5b"], default="small", help="small: toy and nano on the CPU")
    parser.add_argument("--steps", type=int, help="sampling steps (small: 10, 5b: 50)")
    parser.add_argument("--rounds", type=int, default=7, help="calls of each pipeline side by side")
    parser.add_argument("--only", nargs="*", help="of the variants: compiled, a cache, a memory preset")
    parser.add_argument("--out", type=Path, help="JSONL file to write the rows to")
    options = parser.parse_args()
    if options.size == "5b":
        if not torch.cuda.is_available():
            print("no CUDA device here: the 5B rows are not measured", file=sys.stderr)
            return
        variants("5b", options.steps or 50, "cuda", torch.bfloat16, options.only)
    else:
        for size in ("toy", "nano"):
            side_by_side(size, options.steps or 10, options.rounds)
        variants("nano", options.steps or 20, "cpu", torch.float32, options.only)
    if options.out:
        options.out.parent.mkdir(parents=True, exist_ok=True)
        options.out.write_text("".join(json.dumps(found) + "\n" for found in ROWS), encoding="utf-8")


if __name__ == "__main__":
    main()
