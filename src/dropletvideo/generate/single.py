"""One request to one file."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import torch

from dropletvideo import runtime
from dropletvideo.generate.pipeline import DropletVideoPipeline, to_uint8
from dropletvideo.generate.request import fit_image, settings_of
from dropletvideo.media import read_image, write_video


def generate_file(model: str, out: Path, image: Path | None, asked: Mapping[str, Any]) -> dict[str, Any]:
    """Generate a video, write it with its request in the metadata tag, and give the request with defaults filled in.

    Args:
        model: model folder, or "nano".
        out: the file; it appears whole or not at all.
        image: first frame, None for text alone.
        asked: `prompt, negative_prompt, motion, num_frames, height, width, num_inference_steps, guidance_scale, fit,
            seed`; None is the model's default.

    Raises:
        WeightsError: the model is missing or damaged.
        MediaError: the image cannot be read, or the file not be written.
        RequestError: a size or number that is not valid.
    """
    picture = read_image(image) if image is not None else None  # before the model: a wrong path is told at once
    pipeline = DropletVideoPipeline.from_pretrained(model)
    pipeline.set_progress_bar_config(disable=True)
    given = {key: value for key, value in asked.items() if key not in ("seed", "prompt", "motion")}
    settings = settings_of(pipeline.defaults, prompt_suffix="default", **given)
    fitted = fit_image(picture, settings.height, settings.width, settings.fit) if picture is not None else None
    motion = asked["motion"] if asked.get("motion") is not None else pipeline.defaults.motion
    with runtime.progress("generating", total=settings.num_inference_steps) as bar:

        def advance(_pipeline: Any, _number: int, _timestep: int, _tensors: Any) -> None:
            bar.advance()

        frames = pipeline(
            image=fitted,
            prompt=asked["prompt"],
            motion=motion,
            generator=torch.Generator().manual_seed(int(asked.get("seed") or 0)),
            output_type="np",
            callback_on_step_end=advance,
            **given,
        ).frames
    request = {
        "model": model,
        "image": str(image) if image is not None else None,
        "prompt": asked["prompt"],
        "motion": motion,
        "seed": int(asked.get("seed") or 0),
        **settings.model_dump(),
    }
    write_video(out, to_uint8(frames)[0], playback_fps=pipeline.defaults.playback_fps, metadata={"request": request})
    return request
