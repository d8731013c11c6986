"""Train nano's tokenizer and T5 encoder: to state what a prompt says, whatever its words.

Light heads predict the facts of a prompt (moves in order, objects with colours, ground, backdrop, light) by attention
to the token states and, for moves, from any single state; masked words may be predicted too. The heads are thrown
away.

    OUT/text_encoder/, OUT/tokenizer/, OUT/run.json, log.jsonl, captions.jsonl, checkpoints/
"""

from __future__ import annotations

import hashlib
import json
import shutil
import time
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

import numpy as np
import torch
from pydantic import BaseModel, ConfigDict, Field
from torch import Tensor, nn
from torch.nn import functional as F
from transformers import T5Config, T5EncoderModel

from dropletvideo import runtime
from dropletvideo.model.parts import load_tokenizer
from dropletvideo.train.optim import OptimConfig
from dropletvideo.train.pretrain import Pretraining, PretrainLoop
from dropletvideo.train.text_data import FactCoder, caption_prompt, caption_texts, train_tokenizer
from dropletvideo.train.text_prompts import NEVER_TRAINED, NOUNS, Prompt, draw_facts, write_prompt
from dropletvideo.train.world_clips import WorldData
from dropletvideo.world.palette import OBJECT_COLOURS

HELD_OUT_TEMPLATES, HELD_OUT_SEED = 512, 99


class EncoderConfig(BaseModel):
    """Size of the T5 encoder (gated GELU)."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    d_model: int = 128
    d_kv: int = 32
    num_heads: int = 4
    num_layers: int = 4
    d_ff: int = 256


class Config(BaseModel):
    """A whole run. `caption_share` of the samples are captions of drawn shots, the rest are templates.

    With `masked_share` half of each batch is spent on predicting so many of its words.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    kind: Literal["text"] = "text"
    seed: int = 0
    vocabulary: int = 2000
    text_length: int = 64
    encoder: EncoderConfig = EncoderConfig()
    world: WorldData = WorldData(first_seed=200_000, shots=1500)
    held_out: WorldData = WorldData(first_seed=910_000, shots=150)
    caption_share: float = 0.4
    masked_share: float = Field(default=0.12, ge=0, lt=1)
    loop: PretrainLoop = PretrainLoop(batch_size=64, max_steps=2000)
    optim: OptimConfig = OptimConfig(learning_rate=2e-3, decay_from=0.3, weight_decay=0.01)


@dataclass(frozen=True)
class RunResult:
    """How a run ended; `figures` are held-out accuracies (0 to 1)."""

    out: Path
    status: Literal["finished", "stopped"]
    steps: int
    seconds: float
    figures: dict[str, float]


class FactReader(nn.Module):
    """The encoder with its throw-away heads: one learned query per question attends to the token states.

    A diffusion transformer reads text in the same way, by attention to single tokens.
    """

    def __init__(self, encoder: T5EncoderModel, coder: FactCoder) -> None:
        super().__init__()
        self.encoder, self.coder = encoder, coder
        width = encoder.config.d_model
        self.queries = nn.Parameter(torch.randn(len(coder.groups) + len(NOUNS), width))
        self.keys, self.values = nn.Linear(width, width), nn.Linear(width, width)
        self.groups = nn.ModuleDict({name: nn.Linear(width, len(classes)) for name, classes in coder.groups.items()})
        self.colours = nn.Linear(width, len(OBJECT_COLOURS))
        self.moves_anywhere = nn.Linear(width, coder.move_total)
        self.words = nn.Linear(width, encoder.config.vocab_size)

    def forward(self, token_ids_BS: Tensor) -> tuple[Tensor, dict[str, Tensor]]:
        """States B,S,D and logits by question; `things` are B,nouns,colours."""
        states = self.encoder(token_ids_BS)[0]
        weights = (self.queries @ self.keys(states).mT / states.shape[-1] ** 0.5).softmax(dim=-1)
        answers = weights @ self.values(states)
        logits = {name: head(answers[:, row]) for row, (name, head) in enumerate(self.groups.items())}
        return states, logits | {"things": self.colours(answers[:, len(self.groups) :])}


def run(config: Config, out: Path, *, fresh: bool = False, **_: Any) -> RunResult:
    """Train to the end of the recipe; the same call goes on from the last checkpoint.

    Args:
        config: the recipe.
        out: folder of the run; `OUT/text_encoder` and `OUT/tokenizer` are the result.
        fresh: forget checkpoints and log (captions are kept).

    Raises:
        WeightsError: a checkpoint that is damaged or of another recipe.
    """
    started = time.monotonic()
    out.mkdir(parents=True, exist_ok=True)
    if fresh:
        for name in ("checkpoints", "tokenizer"):
            shutil.rmtree(out / name, ignore_errors=True)
    texts = caption_texts(config.world, out / "captions.jsonl")
    held_out_texts = caption_texts(config.held_out, out / "captions_held_out.jsonl")
    if not (out / "tokenizer" / "spiece.model").is_file():
        train_tokenizer(out / "tokenizer", texts, config.vocabulary, config.seed)
    tokenizer = load_tokenizer(out / "tokenizer")
    captions, held_out = (
        [caption_prompt(text, tokenizer, config.text_length) for text in part] for part in (texts, held_out_texts)
    )
    torch.manual_seed(config.seed)
    reader = FactReader(new_encoder(config, len(tokenizer)), FactCoder())
    tests = {"captions": held_out, "templates": _templates(HELD_OUT_TEMPLATES, HELD_OUT_SEED), "unseen": NEVER_TRAINED}
    training = Pretraining(
        reader,
        lambda step, generator: _loss(reader, tokenizer, _batch(config, captions, step), config, generator),
        config.loop,
        config.optim,
        out,
        identity=_identity(config),
    )
    training.resume()

    def test() -> dict[str, float]:
        return {
            f"{name}_{key}": value
            for name, prompts in tests.items()
            for key, value in accuracies(reader, tokenizer, prompts, config.text_length).items()
        }

    finished = training.run(test=test, title="training text encoder", seed=config.seed)
    with training.average.applied():
        figures = test()
        export(reader.encoder, out / "text_encoder")
    runtime.write_run(
        out,
        recipe=config.model_dump(mode="json"),
        seeds={"seed": config.seed},
        wall_seconds=time.monotonic() - started,
        status="finished" if finished else "stopped",
        steps=training.step,
        training_seconds=round(training.seconds, 1),
        held_out=figures,
    )
    return RunResult(out, "finished" if finished else "stopped", training.step, training.seconds, figures)


def new_encoder(config: Config, vocabulary: int) -> T5EncoderModel:
    """A fresh T5 encoder. Dropout is off: prompts are drawn anew at every step."""
    return T5EncoderModel(
        T5Config(
            **config.encoder.model_dump(),
            vocab_size=vocabulary,
            feed_forward_proj="gated-gelu",
            is_encoder_decoder=False,
            use_cache=False,
            dropout_rate=0.0,
            pad_token_id=0,
            eos_token_id=1,
        )
    )


def _batch(config: Config, captions: list[Prompt], step: int) -> list[Prompt]:
    rng = np.random.default_rng([config.seed, 3, step])
    prompts = []
    for _ in range(config.loop.batch_size):
        if rng.random() < config.caption_share:
            prompts.append(captions[int(rng.integers(len(captions)))])
        else:
            prompts.append(write_prompt(draw_facts(rng), rng))
    return prompts


def _templates(count: int, seed: int) -> list[Prompt]:
    rng = np.random.default_rng([seed, 4])
    return [write_prompt(draw_facts(rng), rng) for _ in range(count)]


def _token_ids(tokenizer: Any, prompts: Sequence[Prompt], length: int) -> Tensor:
    texts = [prompt.text for prompt in prompts]
    batch = tokenizer(texts, padding="max_length", max_length=length, truncation=True, return_tensors="pt")
    ids: Tensor = batch.input_ids
    return ids


def _loss(
    reader: FactReader, tokenizer: Any, prompts: list[Prompt], config: Config, generator: torch.Generator
) -> dict[str, Tensor]:
    ids_BS = _token_ids(tokenizer, prompts, config.text_length)
    targets = reader.coder.targets(prompts)
    # What is masked cannot be asked for, so the first part of the batch is read whole.
    whole = len(ids_BS) if not config.masked_share else len(ids_BS) // 2
    masked_BS = (torch.rand(ids_BS.shape, generator=generator) < config.masked_share) & (ids_BS > 1)
    masked_BS[:whole] = False
    states, logits = reader(torch.where(masked_BS, tokenizer.unk_token_id, ids_BS))
    facts = reader.coder.loss(logits, targets, slice(0, whole))
    anywhere = torch.randint(ids_BS.shape[1], (whole,), generator=generator)
    single = reader.moves_anywhere(states[torch.arange(whole), anywhere])
    moves = reader.coder.move_loss(single, targets, slice(0, whole))
    words = F.cross_entropy(reader.words(states[masked_BS]), ids_BS[masked_BS]) if masked_BS.any() else facts * 0
    return {"loss": facts + 0.3 * moves + 0.1 * words, "facts": facts, "moves_anywhere": moves, "words": words}


@torch.no_grad()
def accuracies(reader: FactReader, tokenizer: Any, prompts: Sequence[Prompt], length: int) -> dict[str, float]:
    """Shares of prompts of which all moves in order, all objects, the ground, backdrop and light are read right."""
    correct: dict[str, list[Tensor]] = {}
    for start in range(0, len(prompts), 64):
        part = list(prompts[start : start + 64])
        _, logits = reader(_token_ids(tokenizer, part, length))
        for name, right in reader.coder.correct(logits, reader.coder.targets(part)).items():
            correct.setdefault(name, []).append(right)
    return {name: float(torch.cat(right).float().mean()) for name, right in correct.items()}


def export(encoder: T5EncoderModel, folder: Path) -> None:
    """Write the encoder in half precision; loading brings it back to single."""
    half = T5EncoderModel(encoder.config)
    half.load_state_dict(encoder.state_dict())
    half.half().save_pretrained(folder)


def _identity(config: Config) -> str:
    content = config.model_dump(mode="json", exclude={"held_out"})
    return hashlib.blake2b(json.dumps(content, sort_keys=True).encode(), digest_size=12).hexdigest()
