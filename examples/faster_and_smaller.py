"""What a request will cost by memory preset, and what each step cache saves and changes.

python examples/faster_and_smaller.py --model nano --prompt "The camera pans left."
"""

import argparse
import time
from collections.abc import Callable

import torch

from dropletvideo.generate.memory import MEMORY_PRESETS, estimate
from dropletvideo.generate.pipeline import DropletVideoPipeline
from dropletvideo.generate.request import settings_of
from dropletvideo.model.caching import CACHES, enable_cache, measure_magnitude_ratios


def psnr(frames: torch.Tensor, reference: torch.Tensor) -> float:
    """Decibels; infinite where they are equal."""
    return float(-10 * torch.log10((frames - reference).square().mean()))


def main() -> None:
    """Print one line per way."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--model", default="nano")
    parser.add_argument("--prompt", default="The camera pans left.")
    parser.add_argument("--steps", type=int, default=20)
    options = parser.parse_args()
    pipeline = DropletVideoPipeline.from_pretrained(options.model)
    pipeline.set_progress_bar_config(disable=True)

    settings = settings_of(pipeline.defaults, num_inference_steps=options.steps)
    for preset in MEMORY_PRESETS:
        print("\n".join(estimate(pipeline, settings, preset).lines()[1:2]))

    def make() -> torch.Tensor:
        return pipeline(prompt=options.prompt, num_inference_steps=options.steps, seed=0).frames

    def timed(call: Callable[[], torch.Tensor]) -> tuple[torch.Tensor, float]:
        started = time.perf_counter()
        return call(), time.perf_counter() - started

    eager, seconds = timed(make)
    print(f"eager: {seconds:.2f} s")
    ratios = measure_magnitude_ratios(pipeline.transformer, make)
    for name in CACHES:
        needs = {"magnitude_ratios": ratios, "num_inference_steps": options.steps} if name == "magcache" else {}
        enable_cache(pipeline.transformer, name, **needs)
        frames, seconds = timed(make)
        pipeline.transformer.disable_cache()
        print(f"{name}: {seconds:.2f} s, {psnr(frames, eager):.1f} dB to eager")


if __name__ == "__main__":
    main()
