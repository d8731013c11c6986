"""`droplet demo --train-all`: codec and text encoder trained anew, in one folder for the transformer to build on."""

from __future__ import annotations

import shutil
from pathlib import Path
from typing import Any

RECIPES = {"codec": "nano-codec", "text": "nano-text"}
PARTS = {"codec": ("vae",), "text": ("text_encoder", "tokenizer")}


def train_encoders(steps: dict[str, int], shots: int, out: Path) -> Path:
    """Train both by their shipped recipes; gives a model folder without a transformer.

    Args:
        steps: of training, for "codec" and "text".
        shots: rendered shots that the codec learns from.
        out: folder of both runs; OUT/model is the result.
    """
    from importlib import import_module

    from dropletvideo.train.recipe import KINDS, parse, read_recipe, with_settings

    for kind, recipe in RECIPES.items():
        module: Any = import_module(KINDS[kind])
        settings = [f"loop.max_steps={steps[kind]}"] + ([f"world.shots={shots}"] if kind == "codec" else [])
        content = with_settings(read_recipe(recipe), settings)
        module.run(parse(content, module.Config), out / kind)
    return join(out)


def join(out: Path) -> Path:
    """Put the trained codec, text encoder and tokenizer beside the shipped scheduler and defaults."""
    from dropletvideo.model.folder import shipped_folder

    model, scratch = out / "model", out / ".model"
    shutil.rmtree(scratch, ignore_errors=True)
    shutil.copytree(shipped_folder("nano"), scratch, ignore=shutil.ignore_patterns("transformer"))
    for kind, parts in PARTS.items():
        for part in parts:
            shutil.rmtree(scratch / part, ignore_errors=True)
            shutil.copytree(out / kind / part, scratch / part)
    shutil.rmtree(model, ignore_errors=True)
    scratch.rename(model)
    return model
