"""Training recipes: YAML by shipped name or path, changed by `a.b=c`; unknown keys are refused with the nearest."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from difflib import get_close_matches
from importlib import import_module, resources
from pathlib import Path
from typing import Any, TypeVar

import yaml
from pydantic import BaseModel, ValidationError

from dropletvideo.errors import ConfigError

KINDS: dict[str, str] = {
    "transformer": "dropletvideo.train.transformer",
    "codec": "dropletvideo.train.codec",
    "text": "dropletvideo.train.text",
}
"""Kind of a recipe to the module with its `Config` and `run`."""

Model = TypeVar("Model", bound=BaseModel)


def shipped_recipes() -> list[str]:
    """Names of the training recipes in this package."""
    folder = resources.files("dropletvideo.recipes")
    texts = {Path(str(file)).stem: file for file in folder.iterdir() if str(file).endswith(".yaml")}
    return sorted(name for name, file in texts.items() if _kind_of(yaml.safe_load(file.read_text())) in KINDS)


def read_recipe(name: str) -> dict[str, Any]:
    """The content of a shipped recipe or of a file.

    Raises:
        ConfigError: there is no such recipe, or it is no YAML mapping of a known kind.
    """
    shipped = resources.files("dropletvideo.recipes") / f"{name}.yaml"
    path = Path(name).expanduser()
    if path.suffix in (".yaml", ".yml") or path.is_file():
        if not path.is_file():
            raise ConfigError(f"recipe {name} is no file; shipped recipes are {', '.join(shipped_recipes())}")
        text = path.read_text()
    elif shipped.is_file():
        text = shipped.read_text()
    else:
        known = shipped_recipes()
        raise ConfigError(f"recipe {name!r} is neither shipped nor a file{_nearest(name, known)}")
    try:
        content = yaml.safe_load(text)
    except yaml.YAMLError as error:
        raise ConfigError(f"recipe {name} is not valid YAML: {error}") from error
    if _kind_of(content) not in KINDS:
        raise ConfigError(f"recipe {name} is of kind {_kind_of(content)!r}: training knows {', '.join(KINDS)}")
    return dict(content)


def with_settings(content: Mapping[str, Any], settings: Sequence[str]) -> dict[str, Any]:
    """The recipe with each `a.b=value` put in; the value is read as YAML (`true`, `3`, `[4, 32]`, text).

    Raises:
        ConfigError: a setting without `=`, or a path through a value that is no mapping.
    """
    result = _copied(content)
    for setting in settings:
        path, equals, value = setting.partition("=")
        if not equals or not path:
            raise ConfigError(f"--set {setting!r} is not of the form a.b=value")
        *above, last = path.split(".")
        place = result
        for key in above:
            below = place.setdefault(key, {})
            if below is None:
                below = place[key] = {}
            if not isinstance(below, dict):
                raise ConfigError(f"--set {setting!r}: {key} is {below!r}, not a group of settings")
            place = below
        place[last] = yaml.safe_load(value)
    return result


def config_class(kind: str) -> type[BaseModel]:
    """The configuration class of a kind."""
    found: type[BaseModel] = import_module(KINDS[kind]).Config
    return found


def parse(content: Mapping[str, Any], model: type[Model]) -> Model:
    """Validate a recipe.

    Raises:
        ConfigError: every fault with its path and value; unknown keys with the nearest known one.
    """
    try:
        return model.model_validate(content)
    except ValidationError as error:
        raise ConfigError("; ".join(_fault(row, model) for row in error.errors())) from error


def _fault(row: Any, model: type[BaseModel]) -> str:
    path = ".".join(str(part) for part in row["loc"])
    if row["type"] == "extra_forbidden":
        known = _fields_at(model, row["loc"][:-1])
        return f"{path} is no setting{_nearest(str(row['loc'][-1]), known)}"
    value = "" if row["type"] == "missing" else f"={row['input']!r}"
    return f"{path or 'recipe'}{value}: {row['msg']}"


def _fields_at(model: type[BaseModel], path: Sequence[Any]) -> list[str]:
    for key in path:
        field = model.model_fields.get(str(key))
        if field is None or not (isinstance(field.annotation, type) and issubclass(field.annotation, BaseModel)):
            return []
        model = field.annotation
    return list(model.model_fields)


def _nearest(name: str, known: Sequence[str]) -> str:
    if near := get_close_matches(name, known, n=1):
        return f": did you mean {near[0]}?"
    return f": known are {', '.join(known)}" if known else ""


def _kind_of(content: Any) -> str:
    return str(content.get("kind")) if isinstance(content, dict) else type(content).__name__


def _copied(content: Mapping[str, Any]) -> dict[str, Any]:
    return {key: _copied(value) if isinstance(value, Mapping) else value for key, value in content.items()}
