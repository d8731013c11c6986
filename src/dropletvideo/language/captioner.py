"""From a clip's stills to checked captions: ask, read, check, ask again with the faults named, give up after N answers.

The course of a clip follows from its answers alone, and every answer is kept (`ledger.Ledger`) before it is read. So a
run that begins anew goes the same way through what is kept and asks only from where that ends.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any

from dropletvideo.errors import DropletError, WeightsError
from dropletvideo.files import why_not
from dropletvideo.language.camera_check import Measured
from dropletvideo.language.checks import Rules, Unusable, faults_of, parts_of
from dropletvideo.language.ledger import Ledger, key_of
from dropletvideo.language.merging import merged_caption
from dropletvideo.language.prompts import DROPLETVIDEO, MIRADATA, PARTS, Prompt
from dropletvideo.language.vlm import Account, Answer, Model, Prices, Question
from dropletvideo.language.words import count_camera_words, count_words
from dropletvideo.tables.asking import WAS_FAILED, AskingEnds

Ask = Callable[[str, int], Answer]
"""The request's text and the number of the try, from 1, to an answer."""


WARMER = 0.3
"""Added to the temperature at each further try."""


class Quarantined(DropletError):
    """No usable answer in so many tries."""


class _NotKept(Exception):
    """An answer that is not in the ledger."""


@dataclass(frozen=True, kw_only=True)
class Captioner:
    """What is asked and what counts as an answer.

    Args:
        prompt: builds the requests.
        rules: what answers are held to.
        tries: answers per clip before it is given up.
        max_tokens: of each answer.
        temperature: of the first.
        has_schema: hold the server's model to the JSON shape.
        model: its name, for the column `caption_model`.
        max_words: of a training caption merged from MiraData's parts.
    """

    prompt: Prompt
    rules: Rules
    tries: int
    max_tokens: int
    temperature: float
    has_schema: bool
    model: str
    max_words: int

    @property
    def columns(self) -> dict[str, type]:
        """Columns of a caption."""
        texts = [f"{name}_caption" for name in MIRADATA] if self.prompt.form != "dropletvideo" else []
        numbers = ("caption_words", "camera_words", "caption_tries", "caption_prompt_tokens")
        return {
            "caption": str,
            **dict.fromkeys(texts, str),
            "caption_model": str,
            **dict.fromkeys((*numbers, "caption_completion_tokens"), int),
            **({"structured_words": int} if texts else {}),
        }

    def question(self, text: str, images: tuple[bytes, ...], number: int) -> Question:
        """A request with its pictures; later tries are warmer, lest the same answer comes again."""
        return Question(
            text=text,
            images=images,
            max_tokens=self.max_tokens,
            temperature=min(1.0, self.temperature + WARMER * (number - 1)),
            json_schema=self.prompt.schema() if self.has_schema else None,
        )

    def caption(self, row: Mapping[str, Any], ask: Ask) -> dict[str, Any]:
        """The columns of a clip.

        Args:
            row: of the `clips` view; the camera's columns are read where they are there.
            ask: gives an answer to each request.

        Raises:
            Quarantined: after `tries` answers that could not be used, with the faults of the last.
        """
        measured = Measured.of(row)
        told = measured if measured.is_sure(self.rules.min_camera_confidence) else None
        faults: tuple[str, ...] = ()
        answers: list[Answer] = []
        for number in range(1, self.tries + 1):
            answers.append(ask(self.prompt.text(told, faults), number))
            try:
                parts = parts_of(answers[-1], PARTS[self.prompt.form])
                faults = tuple(faults_of(parts, self.rules, measured))
            except Unusable as error:
                faults = error.faults
            if not faults:
                return self._columns(parts, answers)
        shown = " ".join(answers[-1].text.split())[:120]
        raise Quarantined(f"no usable answer in {self.tries} tries, last: {'; '.join(faults)[:300]}; it began: {shown}")

    def _columns(self, parts: Mapping[str, str], answers: list[Answer]) -> dict[str, Any]:
        caption = parts.get(DROPLETVIDEO[0]) or merged_caption(parts, self.max_words)
        texts = {f"{name}_caption": parts[name] for name in MIRADATA if name in parts}
        found: dict[str, Any] = {
            "caption": caption,
            **texts,
            "caption_model": self.model,
            "caption_words": count_words(caption),
            "camera_words": count_camera_words(caption),
            "caption_tries": len(answers),
            "caption_prompt_tokens": _total([answer.prompt_tokens for answer in answers]),
            "caption_completion_tokens": _total([answer.completion_tokens for answer in answers]),
        }
        return {**found, "structured_words": sum(map(count_words, texts.values()))} if texts else found


def _total(counts: list[int | None]) -> int | None:
    known = [count for count in counts if count is not None]
    return sum(known) if len(known) == len(counts) else None


class CaptionSession:
    """The `tables.asking.Session` of a run.

    Args:
        captioner: what is asked.
        model: who is asked.
        ledger_path: where answers are kept; one file per set of settings that change what is asked.
        prices: for the cost.
        max_cost: the run ends once this is spent; requests under way may still add theirs.
    """

    def __init__(
        self, captioner: Captioner, model: Model, ledger_path: Path, prices: Prices, max_cost: float | None = None
    ) -> None:
        self.captioner, self.model, self.max_cost = captioner, model, max_cost
        self.ledger, self.account = Ledger(ledger_path), Account(prices)
        self.rounds: dict[str, int] = {}
        self.ended: AskingEnds | None = None
        self.captions = self.quarantined = self.from_ledger = 0

    def __enter__(self) -> CaptionSession:
        return self

    def __exit__(self, *_: object) -> None:
        """Nothing is held open: each answer is on the disk when it counts."""

    def known(self, row: Mapping[str, Any]) -> dict[str, Any] | None:
        """Columns that follow from answers kept already; a clip to be tried anew begins another round of tries."""
        clip_id, number = str(row["clip_id"]), 0
        while True:
            try:
                found = self.captioner.caption(row, partial(self._kept, clip_id, number))
            except _NotKept:
                self.rounds[clip_id] = number
                return None
            except Quarantined:
                if row.get(WAS_FAILED):
                    number += 1
                    continue
                self.quarantined += 1
                raise
            self.from_ledger += 1
            return found

    def ask(self, row: Mapping[str, Any], seen: tuple[bytes, ...]) -> dict[str, Any]:
        """Columns of a clip; `seen` are its pictures."""
        clip_id = str(row["clip_id"])
        answer = partial(self._kept_or_paid, clip_id, self.rounds.get(clip_id, 0), seen)
        try:
            found = self.captioner.caption(row, answer)
        except Quarantined:
            self.quarantined += 1
            raise
        self.captions += 1
        return found

    def _kept(self, clip_id: str, begun: int, text: str, number: int) -> Answer:
        if (kept := self.ledger.get(key_of(clip_id, begun, number, text))) is None:
            raise _NotKept
        return kept

    def _kept_or_paid(self, clip_id: str, begun: int, seen: tuple[bytes, ...], text: str, number: int) -> Answer:
        key = key_of(clip_id, begun, number, text)
        if (kept := self.ledger.get(key)) is not None:
            return kept
        try:
            answer = self._paid(self.captioner.question(text, seen, number))
            self.ledger.put(key, answer, clip_id=clip_id, number=number)
        except (AskingEnds, WeightsError, OSError) as error:
            self.ended = self.ended or self._end_of(error)
            raise self.ended from None
        self.account.add(answer)
        return answer

    def _paid(self, question: Question) -> Answer:
        if self.ended is not None:  # another thread found out
            raise self.ended
        if self.max_cost is not None and self.account.cost >= self.max_cost:
            raise AskingEnds(
                f"{self.account.cost:.4f} is spent, the limit is max_cost={self.max_cost:g}: "
                "what was paid for is kept; raise the limit to go on"
            )
        return self.model.ask(question)

    def _end_of(self, error: Exception) -> AskingEnds:
        """Why nothing more is asked: what cannot be kept must not be bought either."""
        if isinstance(error, OSError):
            place = f"{self.ledger.path} cannot be written ({why_not(self.ledger.path.parent, error)})"
            return AskingEnds(f"{place}: free space, then run again to go on")
        return error if isinstance(error, AskingEnds) else AskingEnds(str(error))

    def stop(self) -> None:
        """See `Session`."""
        self.model.stop()

    def note(self) -> str:
        """Captions per minute, tokens, cost."""
        rate = 60 * self.captions / self.account.seconds
        tokens = self.account.prompt_tokens + self.account.completion_tokens
        return f"{rate:.1f} captions/min, {tokens:,} tokens, cost {self.account.cost:.4f}"

    def totals(self) -> dict[str, float]:
        """See `Session`."""
        return {
            "captions": self.captions,
            "captions_per_minute": round(60 * self.captions / self.account.seconds, 3),
            "quarantined": self.quarantined,
            "from_answers_kept": self.from_ledger,
            "retries": getattr(self.model, "retries", 0),
            "waited_seconds": round(getattr(self.model, "waited_seconds", 0.0), 3),
            **self.account.totals(),
        }
