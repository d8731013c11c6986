"""The model folder: the released diffusers-style layout, loaded and saved unchanged.

    MODEL/model_index.json, droplet.json, scheduler/, text_encoder/, tokenizer/, transformer/, vae/

`droplet.json` holds `ModelDefaults`; a folder without it has those of the released 5B. The name "nano" stands for the
folder that ships with this package.
"""

from __future__ import annotations

import json
import os
import shutil
from collections.abc import Collection, Mapping
from dataclasses import dataclass, field
from importlib import resources
from pathlib import Path
from typing import Any

import torch
from pydantic import ValidationError

from dropletvideo.errors import WeightsError
from dropletvideo.model import parts as model_parts
from dropletvideo.model.presets import ModelDefaults, nano
from dropletvideo.model.transformer import DropletVideoTransformer3DModel

PARTS = ("scheduler", "text_encoder", "tokenizer", "transformer", "vae")
SHIPPED = ("nano",)
INDEX_FILE, DEFAULTS_FILE = "model_index.json", "droplet.json"


@dataclass
class ModelFolder:
    """A model's parts and defaults. A part that the folder lacks raises `WeightsError` when it is asked for."""

    defaults: ModelDefaults
    parts: dict[str, Any] = field(default_factory=dict)
    path: Path | None = None
    index: Mapping[str, Any] = field(default_factory=dict)

    @property
    def transformer(self) -> DropletVideoTransformer3DModel:
        """The diffusion transformer."""
        transformer: DropletVideoTransformer3DModel = self._part("transformer")
        return transformer

    @property
    def vae(self) -> Any:
        """`AutoencoderKLCogVideoX` or `PatchCodec`."""
        return self._part("vae")

    @property
    def text_encoder(self) -> Any:
        """`T5EncoderModel`."""
        return self._part("text_encoder")

    @property
    def tokenizer(self) -> Any:
        """`T5Tokenizer`."""
        return self._part("tokenizer")

    @property
    def scheduler(self) -> Any:
        """A diffusers scheduler."""
        return self._part("scheduler")

    def _part(self, name: str) -> Any:
        if name not in self.parts:
            hint = "train one with: droplet train nano" if name == "transformer" else "copy it there"
            raise WeightsError(f"{self.path or 'this model'}: has no part {name!r}; {hint}")
        return self.parts[name]


def shipped_folder(name: str) -> Path:
    """Folder of a model that ships with this package."""
    return Path(str(resources.files("dropletvideo.model"))) / "pretrained" / name


def load_model_folder(
    path: str | Path,
    *,
    parts: Collection[str] = PARTS,
    dtype: torch.dtype = torch.float32,
    device: torch.device | str = "cpu",
    without_motion: bool = False,
) -> ModelFolder:
    """Load a model folder, every tensor checked by name and shape; networks come in eval mode.

    Args:
        path: a folder, or "nano" for the one that ships with this package.
        parts: which to load; training from cached latents needs no codec.
        dtype: of all networks.
        device: of all networks.
        without_motion: accept a transformer that never had the motion condition (CogVideoX-Fun InP) and start it at
            zero. Otherwise such weights are refused: they would run with random motion layers.

    Raises:
        WeightsError: the folder or a part is missing, damaged or of another model.
    """
    folder = shipped_folder(str(path)) if str(path) in SHIPPED else Path(path).expanduser()
    if not folder.is_dir():
        raise WeightsError(f"{folder}: is no model folder; name one, or one of: {', '.join(SHIPPED)}")
    index = _read_json(folder / INDEX_FILE) if (folder / INDEX_FILE).is_file() else {}
    loaded = {name: _load_part(folder / name, name, without_motion) for name in parts if (folder / name).is_dir()}
    if not loaded:
        raise WeightsError(f"{folder}: holds none of {', '.join(parts)}; is it a model folder?")
    for part in loaded.values():
        if isinstance(part, torch.nn.Module):
            # diffusers' own `to` warns of an empty list of float32 modules
            torch.nn.Module.to(part, device=device, dtype=dtype).eval().requires_grad_(False)
    return ModelFolder(defaults=load_defaults(folder), parts=loaded, path=folder, index=index)


def load_defaults(folder: Path) -> ModelDefaults:
    """The defaults of a folder.

    Raises:
        WeightsError: `droplet.json` is not valid.
    """
    path = folder / DEFAULTS_FILE
    if not path.is_file():
        return ModelDefaults()
    try:
        return ModelDefaults.model_validate_json(path.read_text())
    except ValidationError as error:
        raise WeightsError(f"{path}: is not valid: {error}") from error


def save_model_folder(folder: ModelFolder, path: str | Path) -> Path:
    """Write a model folder in the released layout; it appears whole or not at all. Gives the path written.

    An existing model folder there is replaced.

    Raises:
        WeightsError: something else is at this path.
    """
    target = Path(path).expanduser()
    if target.exists() and not (target / INDEX_FILE).is_file():
        raise WeightsError(f"{target}: exists and is no model folder; name another place")
    partial = target.with_name(f"{target.name}.partial")
    shutil.rmtree(partial, ignore_errors=True)
    partial.mkdir(parents=True)
    index = dict(folder.index) or {"_class_name": "DropletVideoPipeline"}
    for name, part in folder.parts.items():
        source = folder.path / name if folder.path else None
        index[name] = model_parts.save(part, name, partial / name, stored_as=index.get(name), source=source)
    _write_json(partial / INDEX_FILE, index)
    (partial / DEFAULTS_FILE).write_text(folder.defaults.model_dump_json(indent=2) + "\n")
    _replace(partial, target)
    return target


def new_nano_folder(transformer: DropletVideoTransformer3DModel, source: str | Path = "nano") -> ModelFolder:
    """A nano model of a freshly trained transformer and the codec, text encoder and scheduler of `source`."""
    others = load_model_folder(source, parts=[name for name in PARTS if name != "transformer"])
    return ModelFolder(
        defaults=others.defaults if (others.path and (others.path / DEFAULTS_FILE).is_file()) else nano().defaults,
        parts={**others.parts, "transformer": transformer},
        path=others.path,
        index=others.index,
    )


def _load_part(folder: Path, name: str, without_motion: bool) -> Any:
    if name == "transformer":
        return model_parts.load_transformer(folder, without_motion=without_motion)
    loaders = {
        "vae": model_parts.load_vae,
        "text_encoder": model_parts.load_text_encoder,
        "tokenizer": model_parts.load_tokenizer,
        "scheduler": model_parts.load_scheduler,
    }
    if name not in loaders:
        raise WeightsError(f"{folder}: {name!r} is no part of a model folder; parts are {', '.join(PARTS)}")
    return loaders[name](folder)


def _replace(partial: Path, target: Path) -> None:
    """Put the finished folder in place; an older one is gone only after the new one stands."""
    if not target.exists():
        partial.rename(target)
        return
    old = target.with_name(f"{target.name}.old")
    shutil.rmtree(old, ignore_errors=True)
    target.rename(old)
    partial.rename(target)
    shutil.rmtree(old)


def _read_json(path: Path) -> dict[str, Any]:
    try:
        content: dict[str, Any] = json.loads(path.read_text())
    except (OSError, json.JSONDecodeError) as error:
        raise WeightsError(f"{path}: cannot be read as JSON ({error})") from error
    return content


def _write_json(path: Path, content: Mapping[str, Any]) -> None:
    with path.open("w") as file:
        json.dump(dict(content), file, indent=2)
        file.write("\n")
        file.flush()
        os.fsync(file.fileno())
