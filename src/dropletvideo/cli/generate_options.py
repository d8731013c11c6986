"""Options of `droplet generate`; each is named like the batch row's key and the Python argument, but for --frames."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

_WHAT, _HOW, _MANY, _RUN = "What is seen", "How it is made", "Many videos", "Running"

Out = Annotated[
    Path | None, typer.Option("--out", "-o", metavar="FILE|DIR", help="the video (.mp4), or with --batch a folder")
]
Model = Annotated[str | None, typer.Option("--model", metavar="DIR|nano", help="model folder [nano]")]
Image = Annotated[
    str | None,
    typer.Option("--image", metavar="FILE", help="first frame; without one the text decides", rich_help_panel=_WHAT),
]
LastImage = Annotated[
    str | None, typer.Option("--last-image", metavar="FILE", help="last frame", rich_help_panel=_WHAT)
]
Keyframes = Annotated[
    list[str] | None,
    typer.Option(
        "--keyframes",
        "--keyframe",
        metavar="FRAME=FILE",
        help="an image at a frame, -1 is the last; once for each",
        rich_help_panel=_WHAT,
    ),
]
Video = Annotated[
    str | None,
    typer.Option("--video", metavar="FILE", help="go on from it; --frames counts its own too", rich_help_panel=_WHAT),
]
Prompts = Annotated[
    str | None,
    typer.Option(
        "--prompts",
        metavar="FILE|JSON",
        help="a time line, [{prompt, motion, num_frames}], instead of --prompt and --frames",
        rich_help_panel=_WHAT,
    ),
]
Prompt = Annotated[
    str | None, typer.Option("--prompt", help="what is seen and what the camera does", rich_help_panel=_WHAT)
]
NegativePrompt = Annotated[
    str | None, typer.Option("--negative-prompt", help="what to keep away from", rich_help_panel=_WHAT)
]
PromptSuffix = Annotated[
    str | None, typer.Option("--prompt-suffix", help='put after the prompt; "" is none', rich_help_panel=_WHAT)
]
Motion = Annotated[
    float | None,
    typer.Option("--motion", metavar="M", help="frames per second of the scene: low is fast", rich_help_panel=_WHAT),
]
Speed = Annotated[
    float | None,
    typer.Option("--speed", help="0 slowest to 1 fastest, in measured motion", rich_help_panel=_WHAT),
]
Frames = Annotated[int | None, typer.Option("--frames", help="number of frames", rich_help_panel=_HOW)]
Height = Annotated[int | None, typer.Option("--height", help="pixels, multiple of 16", rich_help_panel=_HOW)]
Width = Annotated[int | None, typer.Option("--width", help="pixels, multiple of 16", rich_help_panel=_HOW)]
Steps = Annotated[
    int | None, typer.Option("--num-inference-steps", "--steps", help="sampling steps", rich_help_panel=_HOW)
]
Guidance = Annotated[
    float | None,
    typer.Option("--guidance-scale", "--guidance", help="weight of the prompt; 1 is off", rich_help_panel=_HOW),
]
TextLength = Annotated[
    int | None, typer.Option("--max-sequence-length", help="text tokens that are read", rich_help_panel=_HOW)
]
Seed = Annotated[
    int | None, typer.Option("--seed", help="the same seed and request give the same video [0]", rich_help_panel=_HOW)
]
Fit = Annotated[
    str | None, typer.Option("--fit", metavar="crop|pad|stretch", help="image of another aspect", rich_help_panel=_HOW)
]
FrameFix = Annotated[
    str | None,
    typer.Option(
        "--frame-fix", metavar="exact|legacy", help="legacy: the published code's frame count", rich_help_panel=_HOW
    ),
]
Scheduler = Annotated[
    str | None, typer.Option("--scheduler", metavar="ddim|dpm++|unipc", help="sampler", rich_help_panel=_HOW)
]
NoiseAug = Annotated[
    float | None,
    typer.Option("--noise-aug", help="noise on given images: more motion, less likeness", rich_help_panel=_HOW),
]
DynamicGuidance = Annotated[
    bool | None,
    typer.Option("--dynamic-guidance/--no-dynamic-guidance", help="guidance rises over steps", rich_help_panel=_HOW),
]
GuidanceRescale = Annotated[
    float | None,
    typer.Option("--guidance-rescale", help="0 to 1, against burnt colours of high guidance", rich_help_panel=_HOW),
]
ChunkFrames = Annotated[
    int | None, typer.Option("--chunk-frames", help="frames made at once in a long video, 4k+1", rich_help_panel=_HOW)
]
Overlap = Annotated[
    int | None, typer.Option("--overlap", help="frames that a chunk sees of the one before, 4k+1", rich_help_panel=_HOW)
]
Memory = Annotated[
    str | None,
    typer.Option("--memory", metavar="high|balanced|low", help="low: slower, needs least", rich_help_panel=_RUN),
]
DryRun = Annotated[
    bool,
    typer.Option("--dry-run", help="check, and say memory and time per step without a video", rich_help_panel=_RUN),
]
Lora = Annotated[
    list[str] | None,
    typer.Option("--lora", metavar="PATH[:scale]", help="a LoRA on the model; once for each", rich_help_panel=_RUN),
]
Batch = Annotated[
    Path | None, typer.Option("--batch", metavar="REQUESTS.jsonl", help="answer many requests", rich_help_panel=_MANY)
]
BatchSize = Annotated[
    int, typer.Option("--batch-size", min=1, help="videos at once, with --batch", rich_help_panel=_MANY)
]
Source = Annotated[
    Path | None,
    typer.Option(
        "--from", metavar="FILE.mp4", help="make a generated file once more, bit for bit", rich_help_panel=_MANY
    ),
]
Sidecar = Annotated[
    bool, typer.Option("--sidecar", help="keep the request beside the video, not inside", rich_help_panel=_RUN)
]
Device = Annotated[
    str | None, typer.Option("--device", metavar="auto|cpu|cuda|cuda:N|mps", help="where", rich_help_panel=_RUN)
]
Dtype = Annotated[
    str | None,
    typer.Option("--dtype", metavar="auto|float32|bfloat16|float16", help="number type", rich_help_panel=_RUN),
]
AsJson = Annotated[bool, typer.Option("--json", help="print the result as JSON", rich_help_panel=_RUN)]
