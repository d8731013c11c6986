"""Weight files of a model part: finding, reading and checking every tensor by name and shape."""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path

from safetensors import SafetensorError, safe_open
from torch import Tensor

from dropletvideo.errors import WeightsError

LISTED_NAMES = 8


def weight_files(folder: Path) -> list[Path]:
    """The safetensors files of a part, in order; shards where an index file says so.

    Raises:
        WeightsError: none is there, or the index names a missing shard.
    """
    for index_path in sorted(folder.glob("*.safetensors.index.json")):
        shards = sorted(set(json.loads(index_path.read_text())["weight_map"].values()))
        missing = [name for name in shards if not (folder / name).is_file()]
        if missing:
            raise WeightsError(f"{folder}: {index_path.name} names missing files: {_some(missing)}; copy them there")
        return [folder / name for name in shards]
    files = sorted(folder.glob("*.safetensors"))
    if not files:
        raise WeightsError(f"{folder}: holds no .safetensors file; copy the weights there")
    return files


def stored_shapes(folder: Path) -> dict[str, tuple[int, ...]]:
    """Name to shape of every stored tensor, read from the headers alone."""
    shapes: dict[str, tuple[int, ...]] = {}
    for path in weight_files(folder):
        try:
            with safe_open(path, framework="pt") as file:
                shapes |= {name: tuple(file.get_slice(name).get_shape()) for name in file.keys()}  # noqa: SIM118
        except SafetensorError as error:
            raise WeightsError(f"{path}: is damaged ({error}); copy it again") from error
    return shapes


def read_tensors(folder: Path) -> dict[str, Tensor]:
    """Every stored tensor of a part."""
    tensors: dict[str, Tensor] = {}
    for path in weight_files(folder):
        with safe_open(path, framework="pt") as file:
            tensors |= {name: file.get_tensor(name) for name in file.keys()}  # noqa: SIM118
    return tensors


def check_tensors(
    folder: Path,
    expected: Mapping[str, Tensor],
    *,
    aliases: Mapping[str, str] = {},
    optional: frozenset[str] = frozenset(),
) -> None:
    """Refuse a part whose tensors differ from what the model has, by name or shape.

    Args:
        folder: of the part.
        expected: the model's state dict (on any device, the meta device too).
        aliases: expected name to the name it may have in the file, for tied weights.
        optional: expected names that may be missing.

    Raises:
        WeightsError: names of what is missing, left over or wrongly shaped.
    """
    stored = stored_shapes(folder)
    tied = set(aliases) | set(aliases.values())
    present = {name: name if name in stored else aliases.get(name, name) for name in expected}
    missing = [name for name, at in present.items() if at not in stored and name not in optional]
    left_over = [name for name in stored if name not in expected and name not in tied]
    wrong = [
        f"{name} {stored[at]} instead of {tuple(expected[name].shape)}"
        for name, at in present.items()
        if at in stored and stored[at] != tuple(expected[name].shape)
    ]
    faults = [
        f"{len(names)} {kind}: {_some(names)}"
        for kind, names in (("missing", missing), ("left over", left_over), ("wrongly shaped", wrong))
        if names
    ]
    if faults:
        raise WeightsError(
            f"{folder}: does not hold this model. Tensors {'; '.join(faults)}. Check config.json beside it"
        )


def _some(names: list[str]) -> str:
    rest = len(names) - LISTED_NAMES
    return ", ".join(names[:LISTED_NAMES]) + (f" and {rest} more" if rest > 0 else "")
