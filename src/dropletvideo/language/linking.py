"""Whether two pieces of a video belong together, by vision-language models, asked in turn until one says no.

Every answer is kept (`ledger.Ledger`) before it is read, so that a run that begins anew asks only what is not there.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from string import Template
from typing import Any

from dropletvideo.language.captioner import WARMER, Quarantined
from dropletvideo.language.ledger import Ledger, key_of
from dropletvideo.language.prompts import template
from dropletvideo.language.vlm import Account, Answer, Model, Prices, Question
from dropletvideo.tables.asking import WAS_FAILED, AskingEnds

COLUMNS: Mapping[str, type] = {"link_language": float}
_SAID = {"yes": True, "no": False, "是": True, "否": False, "不是": False}


class _NotKept(Exception):
    """An answer that is not in the ledger."""


@dataclass(frozen=True, kw_only=True)
class Linker:
    """What is asked and what counts as an answer.

    Args:
        models: names of the models, in the order in which they are asked.
        tries: answers of one model per pair before it is given up.
        max_tokens: of each answer.
    """

    models: tuple[str, ...]
    tries: int = 3
    max_tokens: int = 16

    def question(self, images: Sequence[bytes], before: int, number: int) -> Question:
        """The request about the pictures, of which `before` are of the earlier piece; later tries are warmer."""
        text = Template(template("link.txt")).substitute(before=before, after=len(images) - before)
        return Question(
            text=text,
            images=tuple(images),
            max_tokens=self.max_tokens,
            temperature=min(1.0, WARMER * (number - 1)),
        )

    def link(self, ask: Callable[[int, int], Answer]) -> dict[str, Any]:
        """`link_language`: 1 where every model says yes, 0 as soon as one says no.

        Args:
            ask: number of the model and of the try (from 1) to an answer.

        Raises:
            Quarantined: a model said neither in `tries` answers.
        """
        for place, name in enumerate(self.models):
            said: bool | None = None
            answer = Answer(text="")
            for number in range(1, self.tries + 1):
                answer = ask(place, number)
                if (said := verdict_of(answer.text)) is not None:
                    break
            if said is None:
                shown = " ".join(answer.text.split())[:120]
                raise Quarantined(f"{name} said neither yes nor no in {self.tries} answers, the last: {shown}")
            if not said:
                return {"link_language": 0.0}
        return {"link_language": 1.0}


def verdict_of(text: str) -> bool | None:
    """Yes or no, where the answer begins with one of them; None otherwise."""
    words = re.findall(r"\w+", text.lower())
    return _SAID.get(words[0]) if words else None


@dataclass(frozen=True, kw_only=True)
class Seen:
    """Pictures of both sides of an edge, those of the earlier piece first."""

    images: tuple[bytes, ...]
    before: int


class LinkSession:
    """The `tables.asking.Session` of a run.

    Args:
        linker: what is asked.
        models: who is asked, in the order of `linker.models`.
        ledger_path: where answers are kept.
        prices: for the cost.
        max_cost: the run ends once this is spent.
    """

    def __init__(
        self, linker: Linker, models: Sequence[Model], ledger_path: Path, prices: Prices, max_cost: float | None = None
    ) -> None:
        assert len(models) == len(linker.models)
        self.linker, self.models, self.max_cost = linker, models, max_cost
        self.ledger, self.account = Ledger(ledger_path), Account(prices)
        self.rounds: dict[str, int] = {}
        self.answered = self.from_ledger = 0

    def __enter__(self) -> LinkSession:
        return self

    def __exit__(self, *_: object) -> None:
        """Every answer is on the disk already."""

    def known(self, row: Mapping[str, Any]) -> dict[str, Any] | None:
        """What kept answers give; a clip without one before it has nothing to ask."""
        if row["before_clip_id"] is None:
            return {"link_language": None}
        pair, number = _pair(row), 0
        while True:
            try:
                found = self.linker.link(partial(self._kept, pair, number))
            except _NotKept:
                self.rounds[pair] = number
                return None
            except Quarantined:
                if row.get(WAS_FAILED):
                    number += 1
                    continue
                raise
            self.from_ledger += 1
            return found

    def ask(self, row: Mapping[str, Any], seen: Seen) -> dict[str, Any]:
        """Ask what is not kept."""
        pair = _pair(row)
        found = self.linker.link(partial(self._kept_or_paid, pair, self.rounds.get(pair, 0), seen))
        self.answered += 1
        return found

    def _kept(self, pair: str, begun: int, place: int, number: int) -> Answer:
        if (kept := self.ledger.get(self._key(pair, begun, place, number))) is None:
            raise _NotKept
        return kept

    def _kept_or_paid(self, pair: str, begun: int, seen: Seen, place: int, number: int) -> Answer:
        key = self._key(pair, begun, place, number)
        if (kept := self.ledger.get(key)) is not None:
            return kept
        if self.max_cost is not None and self.account.cost >= self.max_cost:
            raise AskingEnds(
                f"{self.account.cost:.4f} is spent, the limit is max_cost={self.max_cost:g}: "
                "what was paid for is kept; raise the limit to go on"
            )
        answer = self.models[place].ask(self.linker.question(seen.images, seen.before, number))
        try:
            self.ledger.put(key, answer, pair=pair, model=self.linker.models[place], number=number)
        except OSError as error:  # what cannot be kept must not be bought
            raise AskingEnds(f"{self.ledger.path} cannot be written ({error.strerror or error}): free space") from error
        self.account.add(answer)
        return answer

    def _key(self, pair: str, begun: int, place: int, number: int) -> str:
        return key_of(pair, begun, self.linker.models[place], number, template("link.txt"))

    def stop(self) -> None:
        """See `Session`."""
        for model in self.models:
            model.stop()

    def note(self) -> str:
        """Pairs per minute and cost."""
        return f"{60 * self.answered / self.account.seconds:.1f} pairs/min, cost {self.account.cost:.4f}"

    def totals(self) -> dict[str, float]:
        """See `Session`."""
        retries = sum(getattr(model, "retries", 0) for model in self.models)
        return {
            "pairs": self.answered,
            "from_answers_kept": self.from_ledger,
            "retries": retries,
            **self.account.totals(),
        }


def _pair(row: Mapping[str, Any]) -> str:
    return f"{row['before_clip_id']}+{row['clip_id']}"
