"""What curation keeps beside the measured tables: `selections/<name>.yaml` and `runs.jsonl`."""

from __future__ import annotations

import re
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import yaml

from dropletvideo.curate.recipe import checked, hint, yaml_mapping
from dropletvideo.curate.selection import Selection
from dropletvideo.curate.shipped import shipped_selection, shipped_selections
from dropletvideo.errors import ConfigError
from dropletvideo.files import JsonLines, write_text

RUNS = "runs.jsonl"
_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9_-]*")


def selection_names(root: Path) -> list[str]:
    """Selections that the data set holds."""
    return sorted(path.stem for path in (root / "selections").glob("*.yaml"))


def selection_path(root: Path, name: str) -> Path:
    """Where a selection lies.

    Raises:
        ConfigError: the name is no file name.
    """
    if not _NAME.fullmatch(name):
        raise ConfigError(f"selection name {name!r} is not valid: use letters, digits, '_' and '-'")
    return root / "selections" / f"{name}.yaml"


def load_selection(root: Path, name: str) -> Selection:
    """A selection by its name: the data set's own, else one that comes with the package.

    Raises:
        ConfigError: no selection of that name, or a file that does not hold one.
    """
    path = selection_path(root, name)
    if path.is_file():
        return read_selection(path)
    if name in shipped_selections():
        return shipped_selection(name)
    known = sorted({*selection_names(root), *shipped_selections()})
    raise ConfigError(f"{root} has no selection {name!r}{hint(name, known)}; droplet select makes one")


def read_selection(path: Path) -> Selection:
    """A selection from a YAML file."""
    try:
        text = path.read_text(encoding="utf-8")
    except OSError as error:
        raise ConfigError(f"{path} cannot be read ({error.strerror})") from error
    return checked(Selection, yaml_mapping(text, str(path)), "")


def store_selection(root: Path, name: str, selection: Selection) -> Path:
    """Write a selection; one of the same name is replaced."""
    path = selection_path(root, name)
    plain = selection.model_dump(mode="json", exclude_defaults=True)
    write_text(path, yaml.safe_dump(plain, sort_keys=False, allow_unicode=True))
    return path


def note_run(root: Path, run: Mapping[str, Any]) -> None:
    """Add a run to `runs.jsonl`."""
    JsonLines(root / RUNS).append(run)


def read_runs(root: Path) -> list[dict[str, Any]]:
    """All runs noted, oldest first."""
    return [run for _, run in JsonLines(root / RUNS).read()]
