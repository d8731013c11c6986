"""Selections that come with the package, usable on any data set by their name: files of `recipes/selections/`."""

from __future__ import annotations

from importlib import resources
from importlib.resources.abc import Traversable

import yaml

from dropletvideo.curate.selection import Selection


def shipped_selections() -> list[str]:
    """Names of the selections that come with the package."""
    return sorted(f.name.removesuffix(".yaml") for f in _folder().iterdir() if f.name.endswith(".yaml"))


def shipped_selection(name: str) -> Selection:
    """One of them; `name` is one of `shipped_selections`."""
    return Selection.model_validate(yaml.safe_load(shipped_text(name)))


def shipped_text(name: str) -> str:
    """Its file as it is shipped, comments and all."""
    return _folder().joinpath(f"{name}.yaml").read_text(encoding="utf-8")


def _folder() -> Traversable:
    return resources.files("dropletvideo.recipes").joinpath("selections")
