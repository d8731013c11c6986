"""The request for captions: what is laid before the model and what it has to write. Texts lie in `templates/`."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cache
from importlib import resources
from string import Template
from typing import Any, Literal

import yaml

from dropletvideo.language.camera_check import Measured
from dropletvideo.language.checks import Language
from dropletvideo.language.stills import Layout, grid_shape

Form = Literal["miradata", "dropletvideo", "both"]
MIRADATA = ("short", "dense", "main_object", "background", "camera", "style")
DROPLETVIDEO = ("caption",)
PARTS: Mapping[Form, tuple[str, ...]] = {
    "miradata": MIRADATA,
    "dropletvideo": DROPLETVIDEO,
    "both": (*MIRADATA, *DROPLETVIDEO),
}
LANGUAGES: Mapping[Language, str] = {"en": "English", "zh": "Chinese"}


@cache
def template(name: str) -> str:
    """The text of a file in `templates/`."""
    return resources.files("dropletvideo.language").joinpath("templates", name).read_text(encoding="utf-8")


@cache
def _parts() -> dict[str, dict[str, Any]]:
    found: dict[str, dict[str, Any]] = yaml.safe_load(template("parts.yaml"))
    return found


def published_words(form: Form) -> dict[str, tuple[int, int]]:
    """Least and most words of each part of a form, as `templates/parts.yaml` has them."""
    return {name: (int(_parts()[name]["words"][0]), int(_parts()[name]["words"][1])) for name in PARTS[form]}


@dataclass(frozen=True, kw_only=True)
class Prompt:
    """Builds the request.

    Args:
        form: which parts are asked for, all in one answer.
        words: their ranges, told to the model.
        count, layout: of the stills.
        language: to write in.
        tell_camera: tell the model the measured camera.
        opening: a text instead of `templates/captions.txt`, with the same `$` places.
    """

    form: Form
    words: Mapping[str, tuple[int, int]]
    count: int
    layout: Layout
    language: Language = "en"
    tell_camera: bool = True
    opening: str | None = None

    def text(self, measured: Measured | None, faults: Sequence[str] = ()) -> str:
        """The request; `measured` None leaves the camera out, `faults` of the answer before are named."""
        rows, columns = grid_shape(self.count)
        layout = Template(template(f"layout_{self.layout}.txt"))
        camera = ""
        if self.tell_camera and measured is not None and measured.is_told:
            camera = Template(template("camera.txt")).substitute(moves=measured.phrase())
        again = ""
        if faults:
            again = Template(template("again.txt")).substitute(faults="\n".join(f"- {fault}" for fault in faults))
        return Template(self.opening or template("captions.txt")).substitute(
            layout=layout.substitute(count=self.count, rows=rows, columns=columns).strip(),
            camera=camera,
            language=LANGUAGES[self.language],
            parts="\n".join(self._part(name) for name in PARTS[self.form]),
            again=again,
        )

    def _part(self, name: str) -> str:
        least, most = self.words[name]
        return f'"{name}" ({least} to {most} words): {_parts()[name]["asks"].strip()}'

    def schema(self) -> dict[str, object]:
        """JSON schema of the answer."""
        names = list(PARTS[self.form])
        texts = {name: {"type": "string"} for name in names}
        return {"type": "object", "properties": texts, "required": names, "additionalProperties": False}
