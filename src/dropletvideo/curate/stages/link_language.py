"""Whether each clip and the one before it belong together, by vision-language models; behind `neighbours`.

MiraData (section 3.2) asks two (Qwen-VL-Chat and LLaVA) and joins where both say yes. Name two here: an
OpenAI-compatible endpoint or a transformers model folder each. They see two stills of either side of the edge and
answer with one word. The second is asked only where the first says yes. Every answer is kept in `DATASET/answers/`.

Column: `link_language`, 1 where every model says yes, 0 where one says no, None for a clip without one before it. An
answer that is neither yes nor no, `tries` times over, makes a row of `errors`, and joins nothing.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any

from pydantic import BaseModel, ConfigDict, Field, model_validator

from dropletvideo import media
from dropletvideo.language.endpoint import Endpoint, EndpointSettings
from dropletvideo.language.ledger import key_of
from dropletvideo.language.linking import COLUMNS, Linker, LinkSession, Seen
from dropletvideo.language.local_model import LocalModel, check_folder
from dropletvideo.language.prompts import template
from dropletvideo.language.vlm import Model, Prices
from dropletvideo.media.images import jpeg_bytes
from dropletvideo.perception.touching import BEFORE_COLUMNS, touching_frames
from dropletvideo.tables.stage import Stage
from dropletvideo.weights import quick_digest

NOBODY = (
    "no models to ask: name two under link_language.models, each with endpoint (http://127.0.0.1:8000/v1) and model, "
    "or with model_folder (any model for transformers' AutoModelForImageTextToText)"
)


class AskedModel(BaseModel):
    """One model: `endpoint` and `model` as the server calls it, or `model_folder`."""

    model_config = ConfigDict(frozen=True, extra="forbid", protected_namespaces=())

    endpoint: str | None = None
    model: str | None = None
    key_variable: str = Field(default="OPENAI_API_KEY", description="environment variable that holds the key")
    model_folder: Path | None = None

    @model_validator(mode="after")
    def _one_way(self) -> AskedModel:
        if bool(self.endpoint) == bool(self.model_folder):
            raise ValueError("give endpoint (with model) or model_folder")
        if self.endpoint and not self.model:
            raise ValueError("model is missing: name it as the endpoint calls it (ENDPOINT/models lists)")
        return self

    @property
    def name(self) -> str:
        """What answers are kept under."""
        return self.model or f"folder {quick_digest(check_folder(str(self.model_folder)))}"


class Config(BaseModel):
    """Who is asked, how, and what it may cost."""

    model_config = ConfigDict(frozen=True, extra="forbid", protected_namespaces=())

    models: tuple[AskedModel, ...] = Field(default=(), description="the paper asks two")
    short_side: int = Field(default=336, ge=32, description="of each still, in pixels")
    tries: int = Field(default=3, ge=1, le=10, description="answers of a model per pair before it is given up")
    concurrency: int = Field(default=8, ge=1, le=1024)
    timeout_seconds: float = Field(default=120.0, gt=0)
    request_tries: int = Field(default=6, ge=1)
    first_wait_seconds: float = Field(default=1.0, ge=0)
    price_per_million_prompt_tokens: float | None = Field(default=None, ge=0)
    price_per_million_completion_tokens: float | None = Field(default=None, ge=0)
    max_cost: float | None = Field(default=None, ge=0)


@dataclass(frozen=True)
class AskForLinks:
    """The stage's `tables.asking.Asker`."""

    config: Config
    linker: Linker
    ledger: str

    @property
    def threads(self) -> int:
        """Requests under way; models in this process take one at a time."""
        return self.config.concurrency if all(one.endpoint for one in self.config.models) else 1

    def look(self, path: str, row: Any) -> Seen:
        """Stills of both sides of the edge as JPEG."""
        own = min(row.get("height") or self.config.short_side, row.get("width") or self.config.short_side)
        wanted = touching_frames(row)
        frames = media.read_frames(path, wanted, short_side=min(self.config.short_side, own))
        before = sum(frame < row["start_frame"] for frame in wanted)
        return Seen(images=tuple(jpeg_bytes(frame) for frame in frames), before=before)

    def open(self, folder: Path) -> LinkSession:
        """A session with the models that the config names."""
        own = self.config
        prices = Prices(prompt=own.price_per_million_prompt_tokens, completion=own.price_per_million_completion_tokens)
        models = [self._model(one) for one in own.models]
        return LinkSession(self.linker, models, folder / f"links-{self.ledger}.jsonl", prices, own.max_cost)

    def _model(self, one: AskedModel) -> Model:
        if one.model_folder is not None:
            return LocalModel(one.model_folder)
        assert one.endpoint, "checked with the config"
        assert one.model, "checked with the config"
        own = self.config
        return Endpoint(
            EndpointSettings(
                url=one.endpoint,
                model=one.model,
                key_variable=one.key_variable,
                timeout_seconds=own.timeout_seconds,
                tries=own.request_tries,
                first_wait_seconds=own.first_wait_seconds,
            )
        )


def build(config: Config) -> Stage:
    """The stage; without models it is skipped.

    Raises:
        WeightsError: a `model_folder` holds no model.
    """
    names = tuple(one.name for one in config.models)
    linker = Linker(models=names, tries=config.tries)
    ledger = key_of(config.short_side, template("link.txt"))
    return Stage(
        name="link_language",
        version=1,
        kind="clip->columns",
        params={"models": list(names), "short_side": config.short_side, "text": key_of(template("link.txt"))},
        columns=dict(COLUMNS),
        function=partial(AskForLinks, config, linker, ledger),
        needs_columns=("before_clip_id", *BEFORE_COLUMNS),
        lacks="" if names else NOBODY,
    )
