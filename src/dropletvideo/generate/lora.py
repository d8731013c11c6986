"""LoRA files on a pipeline: checked against the model first, then loaded, scaled and stacked by diffusers itself."""

from __future__ import annotations

import math
import re
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from safetensors import SafetensorError, safe_open
from torch import nn

from dropletvideo.errors import RequestError, WeightsError

WEIGHTS_FILE = "pytorch_lora_weights.safetensors"
PREFIX = "transformer."
LISTED_NAMES = 5


@dataclass(frozen=True)
class LoraChoice:
    """A LoRA file, or a folder with `pytorch_lora_weights.safetensors`, and how strongly it counts."""

    path: Path
    scale: float = 1.0

    @property
    def file(self) -> Path:
        """The weights file itself."""
        return self.path / WEIGHTS_FILE if self.path.is_dir() else self.path


def parse_lora(text: str) -> LoraChoice:
    """`PATH` or `PATH:scale`, as in `--lora style.safetensors:0.7`.

    Raises:
        RequestError: the scale is no finite number.
    """
    path, colon, scale = text.rpartition(":")
    if not colon or Path(text).exists():
        return LoraChoice(Path(text).expanduser())
    try:
        value = float(scale)
    except ValueError:
        value = math.nan
    if not math.isfinite(value):
        raise RequestError(f"lora {text!r}: {scale!r} is no scale; write PATH or PATH:0.7")
    return LoraChoice(Path(path).expanduser(), value)


def load_loras(pipeline: Any, choices: Sequence[LoraChoice]) -> list[str]:
    """Load LoRA files and add their effects, each times its scale; gives the names they go by in `set_adapters`.

    `pipeline.set_adapters(names, scales)` changes the scales later, `pipeline.unload_lora_weights()` takes all off
    again. Scale 0 is the model without it, bit for bit.

    Raises:
        WeightsError: a file is missing or damaged, or is not for this model; nothing is loaded then.
    """
    for choice in choices:
        check_lora(pipeline.transformer, choice.file)
    taken = set(getattr(pipeline.transformer, "peft_config", {}))
    names: list[str] = []
    for choice in choices:
        name = _free_name(choice, taken)
        pipeline.load_lora_weights(str(choice.file.parent), weight_name=choice.file.name, adapter_name=name)
        taken.add(name)
        names.append(name)
    if names:
        pipeline.set_adapters(names, [choice.scale for choice in choices])
    return names


def check_lora(transformer: nn.Module, file: Path) -> None:
    """Refuse a LoRA file with a layer that the model lacks or of another size.

    Raises:
        WeightsError: names of what does not fit.
    """
    shapes = _stored_shapes(file)
    weights: dict[str, tuple[int, ...]] = {
        name.removesuffix(".base_layer"): tuple(module.weight.shape)
        for name, module in transformer.named_modules()
        if isinstance(module, nn.Linear | nn.Conv2d)
    }
    faults = [fault for key, shape in shapes.items() if (fault := _fault(key, shape, shapes, weights))]
    if faults or not shapes:
        rest = len(faults) - LISTED_NAMES
        listed = "; ".join(faults[:LISTED_NAMES]) + (f" and {rest} more" if rest > 0 else "")
        raise WeightsError(f"{file}: is no LoRA for this model: {listed or 'it holds no tensor'}")


def _fault(
    key: str, shape: tuple[int, ...], shapes: dict[str, tuple[int, ...]], weights: dict[str, tuple[int, ...]]
) -> str | None:
    """What is wrong with one tensor, or None."""
    found = re.fullmatch(r"(?:transformer\.)?(?P<layer>.+)\.lora_(?P<side>[AB])(?:\.\w+)?\.weight", key)
    if found is None:
        return (
            None if key.endswith(".alpha") else f"{key} is no name of a LoRA tensor (..lora_A.weight, ..lora_B.weight)"
        )
    weight, side = weights.get(found["layer"]), found["side"]
    if weight is None:
        return f"{found['layer']} is no layer of the model"
    other = key.replace(f".lora_{side}.", f".lora_{'B' if side == 'A' else 'A'}.")
    if other not in shapes:
        return f"{other} is missing"
    expected = weight[1] if side == "A" else weight[0]
    if (shape[1] if side == "A" else shape[0]) != expected:
        return f"{key} {shape} does not fit {weight}"
    return None


def _stored_shapes(file: Path) -> dict[str, tuple[int, ...]]:
    if not file.is_file():
        raise WeightsError(f"{file}: is missing; name a LoRA file (.safetensors) or a folder with {WEIGHTS_FILE}")
    try:
        with safe_open(file, framework="pt") as tensors:
            return {name: tuple(tensors.get_slice(name).get_shape()) for name in tensors.keys()}  # noqa: SIM118
    except SafetensorError as error:
        raise WeightsError(f"{file}: is damaged or no safetensors file ({error})") from error


def _free_name(choice: LoraChoice, taken: set[str]) -> str:
    """A name for an adapter that is not in use, from the file's or its folder's name; dots would split it."""
    stem = choice.file.parent.name if choice.file.name == WEIGHTS_FILE else choice.file.stem
    base = re.sub(r"\W", "_", stem) or "lora"
    name, number = base, 2
    while name in taken:
        name, number = f"{base}_{number}", number + 1
    return name
