"""A curation recipe: which stages run, in which order, with which parameters; a shipped name or a YAML file.

Every key is checked before any work: an unknown one is refused with the nearest that exists. `--set a.b=c` changes
one value; the leading `stages.` may be left out (`--set segment.min_seconds=2`).
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import replace
from difflib import get_close_matches
from importlib import import_module, resources
from pathlib import Path
from pkgutil import iter_modules
from typing import Any, TypeVar

import yaml
from pydantic import BaseModel, ConfigDict, Field, ValidationError, field_validator

from dropletvideo.curate import stages as stage_folder
from dropletvideo.curate.selection import Selection
from dropletvideo.curate.shipped import shipped_selection, shipped_selections
from dropletvideo.errors import ConfigError
from dropletvideo.tables.stage import Stage

KIND = "curate"
Model = TypeVar("Model", bound=BaseModel)


class Recipe(BaseModel):
    """A resolved recipe. `stages` keeps the order of the file; `gates` hold a stage back where they do not hold.

    A selection without a body is the one of that name that comes with the package.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    kind: str = KIND
    description: str = ""
    stages: dict[str, dict[str, Any]]
    gates: dict[str, str] = Field(default_factory=dict)
    gpus: dict[str, float] = Field(default_factory=dict, description="share of a GPU on a cluster, by stage")
    timeout_seconds: float = Field(default=600.0, gt=0)
    selections: dict[str, Selection] = Field(default_factory=dict)

    @field_validator("stages", mode="before")
    @classmethod
    def _empty_is_default(cls, value: Any) -> Any:
        return {name: {} if own is None else own for name, own in value.items()} if isinstance(value, dict) else value

    @field_validator("selections", mode="before")
    @classmethod
    def _empty_is_shipped(cls, value: Any) -> Any:
        if not isinstance(value, dict):
            return value
        for name in [name for name, own in value.items() if own is None]:
            _known(name, shipped_selections(), "selections: shipped selection")
        return {name: shipped_selection(name) if own is None else own for name, own in value.items()}

    def build(self) -> list[Stage]:
        """The stages, checked and in order.

        Raises:
            ConfigError: an unknown stage or parameter, with the nearest that exists, or a value out of its range.
        """
        for key, named in (("gates", self.gates), ("gpus", self.gpus)):
            for name in named:
                _known(name, self.stages, f"{key}: stage")
        return [self._build(name, own) for name, own in self.stages.items()]

    def _build(self, name: str, own: Mapping[str, Any]) -> Stage:
        module = stage_module(name)
        config = checked(module.Config, own, f"stages.{name}")
        stage: Stage = module.build(config)
        return replace(stage, gate=self.gates.get(name, stage.gate), num_gpus=self.gpus.get(name, stage.num_gpus))


def stage_names() -> list[str]:
    """Every stage that exists: the files of `curate/stages`. Imports none of them."""
    return sorted(module.name for module in iter_modules(stage_folder.__path__))


def stage_module(name: str) -> Any:
    """The module of one stage: it has a docstring, `Config` and `build(config) -> Stage`."""
    _known(name, stage_names(), "stage")
    return import_module(f"{stage_folder.__name__}.{name}")


def recipe_names() -> list[str]:
    """Shipped curation recipes."""
    files = (f for f in resources.files("dropletvideo.recipes").iterdir() if f.name.endswith(".yaml"))
    return sorted(f.name.removesuffix(".yaml") for f in files if f"kind: {KIND}" in f.read_text(encoding="utf-8"))


def load_recipe(name_or_path: str, changes: Sequence[str] = ()) -> Recipe:
    """A shipped recipe by its name, or one from a YAML file, with `a.b=c` changes made.

    Raises:
        ConfigError: no such recipe, not valid YAML, an unknown key or a value out of range.
    """
    raw = yaml_mapping(_text_of(name_or_path), name_or_path)
    for change in changes:
        _change(raw, change)
    recipe: Recipe = checked(Recipe, raw, "")
    if recipe.kind != KIND:
        raise ConfigError(f"recipe {name_or_path}: kind={recipe.kind!r} is not a curation recipe (kind: {KIND})")
    recipe.build()
    return recipe


def _text_of(name_or_path: str) -> str:
    path = Path(name_or_path)
    if path.suffix in (".yaml", ".yml") or path.is_file():
        if not path.is_file():
            raise ConfigError(f"recipe {path} does not exist: give a file or one of {', '.join(recipe_names())}")
        return path.read_text(encoding="utf-8")
    _known(name_or_path, recipe_names(), "recipe")
    return resources.files("dropletvideo.recipes").joinpath(f"{name_or_path}.yaml").read_text(encoding="utf-8")


def yaml_mapping(text: str, name: str) -> dict[str, Any]:
    """A YAML text whose top level is keys and values."""
    try:
        raw = yaml.safe_load(text)
    except yaml.YAMLError as error:
        raise ConfigError(f"{name} is not valid YAML: {' '.join(str(error).split())}") from error
    if not isinstance(raw, dict):
        raise ConfigError(f"{name} must hold keys and values, not {type(raw).__name__}")
    return raw


def _change(raw: dict[str, Any], change: str) -> None:
    key, equals, text = change.partition("=")
    if not equals:
        raise ConfigError(f"--set {change!r} has no '=': write key.subkey=value")
    parts = key.strip().split(".")
    if parts[0] not in Recipe.model_fields and parts[0] in stage_names():
        parts = ["stages", *parts]
    place: Any = raw
    for part in parts[:-1]:
        if not isinstance(place, dict):
            raise ConfigError(f"--set {key}: {part} lies inside a value that has no keys")
        if place.get(part) is None:
            place[part] = {}
        place = place[part]
    if not isinstance(place, dict):
        raise ConfigError(f"--set {key}: {parts[-1]} lies inside a value that has no keys")
    place[parts[-1]] = yaml.safe_load(text)


def checked(model: type[Model], raw: Mapping[str, Any], where: str) -> Model:
    """`model` from plain values; the error names the key, its value and the nearest key that exists."""
    try:
        return model.model_validate(raw)
    except ValidationError as error:
        raise ConfigError("; ".join(_fault(model, fault, where) for fault in error.errors())) from error


def _fault(model: type[BaseModel], fault: Any, where: str) -> str:
    path = [str(part) for part in fault["loc"]]
    key = ".".join([where, *path] if where else path)
    if fault["type"] == "extra_forbidden":
        names = _names_beside(model, path[:-1])
        return f"{key} is unknown{hint(path[-1], names)}"
    if fault["type"] == "missing":
        return f"{key} is missing"
    return f"{key}={fault.get('input')!r}: {fault['msg']}"


def _names_beside(model: type[BaseModel], path: Sequence[str]) -> Iterable[str]:
    here: Any = model
    for part in path:
        inner = here.model_fields.get(part) if isinstance(here, type) and issubclass(here, BaseModel) else None
        if inner is not None:
            here = inner.annotation
            continue
        arguments = getattr(here, "__args__", ())  # an entry of a mapping or list of models
        here = next((a for a in arguments if isinstance(a, type) and issubclass(a, BaseModel)), None)
    return here.model_fields if isinstance(here, type) and issubclass(here, BaseModel) else ()


def _known(name: str, names: Iterable[str], what: str) -> None:
    if name not in names:
        raise ConfigError(f"{what} {name!r} is unknown{hint(name, names)}")


def hint(name: str, names: Iterable[str]) -> str:
    """The end of a message about an unknown name: the nearest known one, or all of them."""
    names = list(names)
    near = get_close_matches(name, names, n=1)
    if near:
        return f": did you mean {near[0]}?"
    return f": one of {', '.join(names)}" if names else ""
