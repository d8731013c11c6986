"""Facts as targets, captions of drawn shots with their facts, and the tokenizer's training."""

from __future__ import annotations

import json
from collections.abc import Sequence
from pathlib import Path

import numpy as np
import sentencepiece
import torch
from torch import Tensor
from torch.nn import functional as F

from dropletvideo import runtime
from dropletvideo.moves import MOVES, moves_in_text
from dropletvideo.train.text_prompts import (
    BACKDROP_NAMES,
    GROUND_NAMES,
    MAX_MOVES,
    MOOD_NAMES,
    NOUNS,
    Facts,
    Prompt,
    draw_facts,
    write_prompt,
)
from dropletvideo.train.world_clips import WorldData
from dropletvideo.world.captions import caption_of
from dropletvideo.world.config import WorldConfig
from dropletvideo.world.palette import OBJECT_COLOURS
from dropletvideo.world.shot import draw_shot

TEMPLATES_FOR_TOKENIZER = 6000
NOTHING = ""
ASCII = "".join(chr(code) for code in range(33, 127))


class FactCoder:
    """Facts to class numbers and back to figures: one group of classes per question, one set of yes-or-no labels."""

    def __init__(self) -> None:
        moves = (NOTHING, *MOVES)
        self.groups: dict[str, tuple[str, ...]] = {f"move_{slot}": moves for slot in range(MAX_MOVES)}
        self.groups |= {
            "ground": (NOTHING, *GROUND_NAMES),
            "backdrop": (NOTHING, *BACKDROP_NAMES),
            "mood": (NOTHING, *MOOD_NAMES),
        }
        self.things = [(colour, noun) for colour in OBJECT_COLOURS for noun in NOUNS]
        self.move_total = MAX_MOVES * len(moves)
        self.total = sum(len(classes) for classes in self.groups.values()) + len(self.things)

    def targets(self, prompts: Sequence[Prompt]) -> dict[str, Tensor]:
        """Class numbers (batch,) of each group and the labels `things` (batch, colours x nouns)."""
        columns: dict[str, list[int]] = {name: [] for name in self.groups}
        labels = torch.zeros(len(prompts), len(self.things))
        for row, prompt in enumerate(prompts):
            facts = prompt.facts
            said = dict.fromkeys(self.groups, NOTHING)
            said |= {f"move_{slot}": move for slot, move in enumerate(facts.moves[:MAX_MOVES])}
            said |= {"ground": facts.ground, "backdrop": facts.backdrop, "mood": facts.mood}
            for name, classes in self.groups.items():
                columns[name].append(classes.index(said[name]))
            for thing in facts.things:
                labels[row, self.things.index(thing)] = 1
        return {**{name: torch.tensor(values) for name, values in columns.items()}, "things": labels}

    def loss(self, logits: Tensor, targets: dict[str, Tensor], rows: slice) -> Tensor:
        """Sum over groups of cross entropies, and that of the labels."""
        parts = self._split(logits)
        total = F.binary_cross_entropy_with_logits(parts["things"], targets["things"][rows]) * len(NOUNS)
        for name in self.groups:
            total = total + F.cross_entropy(parts[name], targets[name][rows])
        return total

    def move_loss(self, logits: Tensor, targets: dict[str, Tensor], rows: slice) -> Tensor:
        """The same for the moves alone."""
        parts = logits.chunk(MAX_MOVES, dim=1)
        losses = [F.cross_entropy(part, targets[f"move_{slot}"][rows]) for slot, part in enumerate(parts)]
        return torch.stack(losses).sum()

    def correct(self, logits: Tensor, targets: dict[str, Tensor]) -> dict[str, Tensor]:
        """Which prompts are read right: `moves` all in order, `things` all and no other, and the three places."""
        parts = self._split(logits)
        right = {name: parts[name].argmax(dim=1) == targets[name] for name in self.groups}
        moves = torch.stack([right.pop(f"move_{slot}") for slot in range(MAX_MOVES)]).all(dim=0)
        things = ((parts["things"] > 0) == (targets["things"] > 0)).all(dim=1)
        return {"moves": moves, "things": things, **right}

    def _split(self, logits: Tensor) -> dict[str, Tensor]:
        sizes = [len(classes) for classes in self.groups.values()]
        parts = torch.split(logits, [*sizes, len(self.things)], dim=1)
        return dict(zip((*self.groups, "things"), parts, strict=True))


def caption_prompts(data: WorldData, path: Path) -> list[Prompt]:
    """Captions of drawn shots with the facts that they state; kept in `path`."""
    if not path.is_file():
        config = WorldConfig.preset(data.preset)
        rows = []
        with runtime.progress("drawing captions", total=data.shots) as bar:
            for seed in range(data.first_seed, data.first_seed + data.shots):
                rows += [_caption_row(text) for text in _captions(seed, config)]
                bar.advance()
        scratch = path.with_suffix(".tmp")
        scratch.write_text("".join(json.dumps(row) + "\n" for row in rows))
        scratch.replace(path)
    prompts = []
    for line in path.read_text().splitlines():
        row = json.loads(line)
        things = tuple((colour, noun) for colour, noun in row["things"])
        prompts.append(
            Prompt(row["text"], Facts(tuple(row["moves"]), things, row["ground"], row["backdrop"], row["mood"]))
        )
    return prompts


def _captions(seed: int, config: WorldConfig) -> list[str]:
    caption = caption_of(draw_shot(seed, config))
    return [caption["short"], caption["dense"], caption["camera"], f"{caption['camera']} {caption['background']}"]


def _caption_row(text: str) -> dict[str, object]:
    """What a caption of the world says, read off its own fixed wording."""
    words = text.lower().replace(",", " ").replace(".", " ").split()
    things = []
    for at, word in enumerate(words):
        noun = next((near for near in words[at + 1 : at + 3] if near in NOUNS), None)
        if word in OBJECT_COLOURS and noun and (word, noun) not in things:
            things.append((word, noun))
    found = {
        name: next((choice for choice in choices if choice in text.lower()), NOTHING)
        for name, choices in (("ground", GROUND_NAMES), ("backdrop", BACKDROP_NAMES), ("mood", MOOD_NAMES))
    }
    return {"text": text, "moves": moves_in_text(text)[:MAX_MOVES], "things": things, **found}


def train_tokenizer(folder: Path, captions: Sequence[Prompt], vocabulary: int, seed: int) -> None:
    """Train SentencePiece pieces (unigram, byte fallback, T5's special ids) and write the tokenizer's folder."""
    folder.mkdir(parents=True, exist_ok=True)
    rng = np.random.default_rng([seed, 6])
    texts = [prompt.text for prompt in captions]
    texts += [write_prompt(draw_facts(rng), rng).text for _ in range(TEMPLATES_FOR_TOKENIZER)]
    sentencepiece.SentencePieceTrainer.train(
        sentence_iterator=iter(texts),
        model_prefix=str(folder / "spiece"),
        model_type="unigram",
        vocab_size=vocabulary,
        hard_vocab_limit=False,
        byte_fallback=True,
        required_chars=ASCII,
        character_coverage=1.0,
        pad_id=0,
        eos_id=1,
        unk_id=2,
        bos_id=-1,
        random_seed=seed,
        minloglevel=2,
    )
    (folder / "spiece.vocab").unlink()
    config = {"tokenizer_class": "T5Tokenizer", "extra_ids": 0, "legacy": True, "model_max_length": 512}
    config |= {"pad_token": "<pad>", "eos_token": "</s>", "unk_token": "<unk>"}
    (folder / "tokenizer_config.json").write_text(json.dumps(config, indent=2) + "\n")
