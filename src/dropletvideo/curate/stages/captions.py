"""Captions by a vision-language model, as MiraData (six) and DropletVideo (one of about 200 words) have them.

Eight stills of a clip, in a 2x4 grid or one by one, go to an OpenAI-compatible endpoint or to a transformers model in
this process. Answers are checked (`language.checks`): all parts there, words per part, loops, refusals, talk of single
pictures, camera words, agreement with the measured camera; a faulty one is asked for again with its faults named. A
clip without a usable answer after `tries` is a row of `errors` with the reason, never a caption. Every answer is kept
in `DATASET/answers/`, so that no run pays for one twice.

Columns: `caption` (DropletVideo's; merged from MiraData's parts where only those are asked for), `short_caption`,
`dense_caption`, `main_object_caption`, `background_caption`, `camera_caption`, `style_caption`, `caption_model`,
`caption_words` and `camera_words` of `caption`, `structured_words` of the six together, `caption_tries`,
`caption_prompt_tokens`, `caption_completion_tokens` (None where the server does not tell).
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path
from typing import Any

from pydantic import BaseModel, ConfigDict, Field, field_validator, model_validator

from dropletvideo.errors import ConfigError
from dropletvideo.language.captioner import Captioner, CaptionSession
from dropletvideo.language.checks import Language, Rules
from dropletvideo.language.endpoint import Endpoint, EndpointSettings
from dropletvideo.language.ledger import key_of
from dropletvideo.language.local_model import LocalModel, check_folder
from dropletvideo.language.prompts import PARTS, Form, Prompt, published_words, template
from dropletvideo.language.stills import Layout, stills_of
from dropletvideo.language.vlm import Model, Prices
from dropletvideo.tables.stage import Stage
from dropletvideo.weights import Found, look_for, quick_digest

CAMERA_COLUMNS = ("camera_class", "camera_moves", "camera_confidence")
WEIGHTS_NAME = "qwen2.5-vl-7b"
HOW_TO = (
    "name a server (captions.endpoint=http://127.0.0.1:8000/v1 and captions.model=NAME), or a folder of any model "
    "for transformers' AutoModelForImageTextToText (captions.model_folder=DIR)"
)


class Config(BaseModel):
    """What is asked, of whom, and what it may cost. Only what changes the captions is in the fingerprint."""

    model_config = ConfigDict(frozen=True, extra="forbid", protected_namespaces=())

    form: Form = Field(default="both", description="miradata, dropletvideo, or both in one request")
    language: Language = "en"
    layout: Layout = Field(default="grid", description="one 2x4 picture, or the stills one by one")
    frames: int = Field(default=8, ge=1, le=64)
    short_side: int = Field(default=336, ge=32, description="of each still, in pixels")
    words: dict[str, tuple[int, int]] = Field(default_factory=dict, description="least and most words, by part")
    tell_camera: bool = Field(default=True, description="tell the model the measured camera")
    hold_to_camera: bool = Field(default=True, description="texts must agree with the measured camera")
    min_camera_confidence: float = Field(default=0.5, ge=0, le=1, description="of a measurement that is believed")
    min_camera_words: int = Field(default=8, ge=0, description="in sentences about the camera, of caption")
    merged_words: int = Field(default=300, ge=20, description="most words of a caption merged from MiraData's parts")
    tries: int = Field(default=3, ge=1, le=10, description="answers per clip before it is given up")
    max_tokens: int = Field(default=1600, ge=16)
    temperature: float = Field(default=0.2, ge=0, le=2)
    json_schema: bool = Field(default=False, description="hold the server's model to the JSON shape")
    template: Path | None = Field(default=None, description="a prompt instead of language/templates/captions.txt")

    endpoint: str | None = None
    model: str | None = Field(default=None, description="as the server calls it")
    key_variable: str = Field(default="OPENAI_API_KEY", description="environment variable that holds the key")
    concurrency: int = Field(default=8, ge=1, le=1024, description="requests under way at a time")
    timeout_seconds: float = Field(default=180.0, gt=0)
    request_tries: int = Field(default=6, ge=1, description="of each request, where the connection or server fails")
    first_wait_seconds: float = Field(default=1.0, ge=0)
    max_wait_seconds: float = Field(default=120.0, ge=0)
    price_per_million_prompt_tokens: float | None = Field(default=None, ge=0)
    price_per_million_completion_tokens: float | None = Field(default=None, ge=0)
    max_cost: float | None = Field(default=None, ge=0, description="the run ends once this is spent")

    model_folder: Path | None = None
    device: str = "auto"
    dtype: str = "auto"

    @field_validator("words")
    @classmethod
    def _ranges(cls, words: dict[str, tuple[int, int]]) -> dict[str, tuple[int, int]]:
        for name, (least, most) in words.items():
            if name not in PARTS["both"]:
                raise ValueError(f"words.{name} is no part: one of {', '.join(PARTS['both'])}")
            if not 0 <= least <= most:
                raise ValueError(f"words.{name}=[{least}, {most}]: give least and most, 0 <= least <= most")
        return words

    @model_validator(mode="after")
    def _one_model(self) -> Config:
        if self.endpoint and self.model_folder:
            raise ValueError("endpoint and model_folder are both given: give one")
        if self.endpoint and not self.model:
            raise ValueError("model is missing: name it as the endpoint calls it (ENDPOINT/models lists)")
        if self.max_cost is not None and not (
            self.price_per_million_prompt_tokens or self.price_per_million_completion_tokens
        ):
            raise ValueError("max_cost needs prices: give price_per_million_prompt_tokens and _completion_tokens")
        return self


HOW_ONLY = frozenset(
    (
        "endpoint", "key_variable", "concurrency", "timeout_seconds", "request_tries", "first_wait_seconds",
        "max_wait_seconds", "price_per_million_prompt_tokens", "price_per_million_completion_tokens", "max_cost",
        "device", "template", "model_folder", "words",
    )
)  # fmt: skip
"""Fields that do not change the captions, or that stand in the fingerprint in another shape."""
CHECKS_ONLY = frozenset(("hold_to_camera", "min_camera_confidence", "min_camera_words", "merged_words", "tries"))
"""Fields that decide what becomes of answers and not what is asked; answers outlive a change of them."""


@dataclass(frozen=True)
class AskForCaptions:
    """The stage's `tables.asking.Asker`."""

    config: Config
    ledger: str
    folder: Path | None

    @property
    def threads(self) -> int:
        """Requests under way; a model in this process takes one at a time."""
        return self.config.concurrency if self.config.endpoint else 1

    def look(self, path: str, row: Any) -> tuple[bytes, ...]:
        """The clip's stills as JPEG."""
        own = self.config
        return stills_of(path, row, count=own.frames, short_side=own.short_side, layout=own.layout)

    def open(self, folder: Path) -> CaptionSession:
        """A session with the model that the config names."""
        own = self.config
        prices = Prices(prompt=own.price_per_million_prompt_tokens, completion=own.price_per_million_completion_tokens)
        model = self._model()
        return CaptionSession(captioner_of(own), model, folder / f"captions-{self.ledger}.jsonl", prices, own.max_cost)

    def _model(self) -> Model:
        own = self.config
        if self.folder is not None:
            return LocalModel(self.folder, own.device, own.dtype)
        assert own.endpoint, "a stage that lacks a model is skipped"
        assert own.model, "checked with the config"
        return Endpoint(
            EndpointSettings(
                url=own.endpoint,
                model=own.model,
                key_variable=own.key_variable,
                timeout_seconds=own.timeout_seconds,
                tries=own.request_tries,
                first_wait_seconds=own.first_wait_seconds,
                max_wait_seconds=own.max_wait_seconds,
            )
        )


def captioner_of(config: Config) -> Captioner:
    """What a config asks and what it takes for an answer."""
    words = {**published_words(config.form), **{n: r for n, r in config.words.items() if n in PARTS[config.form]}}
    return Captioner(
        prompt=Prompt(
            form=config.form,
            words=words,
            count=config.frames,
            layout=config.layout,
            language=config.language,
            tell_camera=config.tell_camera,
            opening=_template(config),
        ),
        rules=Rules(
            words=words,
            language=config.language,
            min_camera_words=config.min_camera_words,
            hold_to_camera=config.hold_to_camera,
            min_camera_confidence=config.min_camera_confidence,
        ),
        tries=config.tries,
        max_tokens=config.max_tokens,
        temperature=config.temperature,
        has_schema=config.json_schema,
        model=config.model or (config.model_folder.name if config.model_folder else WEIGHTS_NAME),
        max_words=config.merged_words,
    )


def _template(config: Config) -> str | None:
    if config.template is None:
        return None
    try:
        return config.template.read_text(encoding="utf-8")
    except OSError as error:
        raise ConfigError(f"captions.template={config.template} cannot be read ({error.strerror})") from error


def build(config: Config) -> Stage:
    """The stage; it reads the camera's columns unless `tell_camera` and `hold_to_camera` are off.

    Raises:
        WeightsError: `model_folder` holds no model.
    """
    captioner = captioner_of(config)
    asked = {name: value for name, value in config.model_dump(mode="json").items() if name not in HOW_ONLY}
    texts = [template(name) for name in ("captions.txt", "camera.txt", "again.txt", f"layout_{config.layout}.txt")]
    asked["words"] = {name: list(limits) for name, limits in captioner.prompt.words.items()}
    asked["texts"] = key_of(texts, template("parts.yaml"), _template(config))
    found = _found(config)
    kept = {name: value for name, value in asked.items() if name not in CHECKS_ONLY}
    reads_camera = config.tell_camera or config.hold_to_camera
    return Stage(
        name="captions",
        version=1,
        kind="clip->columns",
        params=asked,
        columns=captioner.columns,
        function=partial(AskForCaptions, config, key_of(kept, found.digest), found.path),
        needs_columns=CAMERA_COLUMNS if reads_camera else (),
        weights_digest=found.digest,
        lacks=found.lacks,
    )


def _found(config: Config) -> Found:
    """The local model, where one is to be asked."""
    if config.endpoint:
        return Found(path=None)
    if config.model_folder:
        folder = check_folder(config.model_folder)
        return Found(path=folder, digest=quick_digest(folder))
    found = look_for(WEIGHTS_NAME)
    return replace(found, lacks=f"no model to ask: {HOW_TO}; or {found.lacks}") if found.lacks else found
