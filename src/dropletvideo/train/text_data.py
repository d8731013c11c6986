"""Facts as targets, captions of drawn shots with their facts, and the tokenizer's training."""

from __future__ import annotations

import json
import math
import re
from collections import Counter
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import sentencepiece
import torch
from sentencepiece import sentencepiece_model_pb2
from torch import Tensor
from torch.nn import functional as F

from dropletvideo import runtime
from dropletvideo.files import write_text
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

TEMPLATES_FOR_TOKENIZER, LEAST_COUNT = 6000, 4
NOTHING = ""
COLOURS = tuple(OBJECT_COLOURS)
THINGS_WEIGHT = 0.5
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
        self.move_total = MAX_MOVES * len(moves)

    def targets(self, prompts: Sequence[Prompt]) -> dict[str, Tensor]:
        """Class numbers (batch,) of each group and the labels `things` (batch, nouns, colours)."""
        columns: dict[str, list[int]] = {name: [] for name in self.groups}
        labels = torch.zeros(len(prompts), len(NOUNS), len(OBJECT_COLOURS))
        for row, prompt in enumerate(prompts):
            facts = prompt.facts
            said = dict.fromkeys(self.groups, NOTHING)
            said |= {f"move_{slot}": move for slot, move in enumerate(facts.moves[:MAX_MOVES])}
            said |= {"ground": facts.ground, "backdrop": facts.backdrop, "mood": facts.mood}
            for name, classes in self.groups.items():
                columns[name].append(classes.index(said[name]))
            for colour, noun in facts.things:
                labels[row, NOUNS.index(noun), COLOURS.index(colour)] = 1
        return {**{name: torch.tensor(values) for name, values in columns.items()}, "things": labels}

    def loss(self, logits: dict[str, Tensor], targets: dict[str, Tensor], rows: slice) -> Tensor:
        """Sum over groups of cross entropies, and that of the colours of every noun."""
        wanted = targets["things"][rows]
        things = F.binary_cross_entropy_with_logits(logits["things"][rows], wanted, reduction="sum") / len(wanted)
        groups = [F.cross_entropy(logits[name][rows], targets[name][rows]) for name in self.groups]
        return torch.stack(groups).sum() + THINGS_WEIGHT * things

    def move_loss(self, logits: Tensor, targets: dict[str, Tensor], rows: slice) -> Tensor:
        """The same for the moves alone."""
        parts = logits.chunk(MAX_MOVES, dim=1)
        losses = [F.cross_entropy(part, targets[f"move_{slot}"][rows]) for slot, part in enumerate(parts)]
        return torch.stack(losses).sum()

    def correct(self, logits: dict[str, Tensor], targets: dict[str, Tensor]) -> dict[str, Tensor]:
        """Which prompts are read right: `moves` all in order, `things` all and no other, and the three places."""
        right = {name: logits[name].argmax(dim=1) == targets[name] for name in self.groups}
        moves = torch.stack([right.pop(f"move_{slot}") for slot in range(MAX_MOVES)]).all(dim=0)
        things = ((logits["things"] > 0) == (targets["things"] > 0)).flatten(1).all(dim=1)
        return {"moves": moves, "things": things, **right}


def caption_texts(data: WorldData, path: Path) -> list[str]:
    """Captions of drawn shots; kept in `path`."""
    if not path.is_file():
        config = WorldConfig.preset(data.preset)
        texts = []
        with runtime.progress("drawing captions", total=data.shots) as bar:
            for seed in range(data.first_seed, data.first_seed + data.shots):
                caption = caption_of(draw_shot(seed, config))
                texts += [caption["short"], caption["dense"], caption["camera"]]
                texts.append(f"{caption['camera']} {caption['background']}")
                bar.advance()
        write_text(path, "".join(json.dumps({"text": text}) + "\n" for text in texts))
    return [json.loads(line)["text"] for line in path.read_text().splitlines()]


def caption_prompt(text: str, tokenizer: Any, text_length: int) -> Prompt:
    """A caption of the world with what its first `text_length` tokens say, read off its own fixed wording."""
    ids = tokenizer(text, max_length=text_length, truncation=True).input_ids
    read = tokenizer.decode(ids, skip_special_tokens=True).lower()
    words = read.replace(",", " ").replace(".", " ").split()
    things = []
    for at, word in enumerate(words):
        noun = next((near for near in words[at + 1 : at + 3] if near in NOUNS), None)
        if word in OBJECT_COLOURS and noun and (word, noun) not in things:
            things.append((word, noun))
    ground, backdrop, mood = (
        next((choice for choice in choices if choice in read), NOTHING)
        for choices in (GROUND_NAMES, BACKDROP_NAMES, MOOD_NAMES)
    )
    return Prompt(text, Facts(tuple(moves_in_text(read)[:MAX_MOVES]), tuple(things), ground, backdrop, mood))


def train_tokenizer(folder: Path, captions: Sequence[str], vocabulary: int, seed: int) -> None:
    """Train SentencePiece pieces (unigram, case folded, byte fallback, T5's special ids) and write the folder.

    Words that come often become pieces of their own: 64 tokens shall hold a caption.
    """
    folder.mkdir(parents=True, exist_ok=True)
    rng = np.random.default_rng([seed, 6])
    texts = list(captions) + [write_prompt(draw_facts(rng), rng).text for _ in range(TEMPLATES_FOR_TOKENIZER)]
    sentencepiece.SentencePieceTrainer.train(
        sentence_iterator=iter(texts),
        model_prefix=str(folder / "spiece"),
        model_type="unigram",
        vocab_size=vocabulary,
        hard_vocab_limit=False,
        normalization_rule_name="nmt_nfkc_cf",
        byte_fallback=True,
        required_chars=ASCII,
        character_coverage=1.0,
        pad_id=0,
        eos_id=1,
        unk_id=2,
        bos_id=-1,
        minloglevel=2,
    )
    (folder / "spiece.vocab").unlink()
    _add_words(folder / "spiece.model", texts, vocabulary)
    config = {"tokenizer_class": "T5Tokenizer", "extra_ids": 0, "legacy": True, "model_max_length": 512}
    config |= {"pad_token": "<pad>", "eos_token": "</s>", "unk_token": "<unk>"}
    (folder / "tokenizer_config.json").write_text(json.dumps(config, indent=2) + "\n")


def _add_words(path: Path, texts: Sequence[str], vocabulary: int) -> None:
    """Append the commonest whole words that are no pieces yet, up to `vocabulary`, with their log frequencies."""
    words = Counter(word for text in texts for word in re.findall(r"[a-z][a-z-]+|[\u4e00-\u9fff]+", text.lower()))
    model = sentencepiece_model_pb2.ModelProto.FromString(path.read_bytes())
    known = {piece.piece for piece in model.pieces}
    for word, count in words.most_common():
        piece = word if word[0] > "z" else f"\u2581{word}"
        if piece not in known and count >= LEAST_COUNT and len(model.pieces) < vocabulary:
            model.pieces.add(piece=piece, score=math.log(count / words.total()))
    path.write_bytes(model.SerializeToString())
