"""A vision-language model, wherever it runs: a question of text and pictures in, an answer with its token counts out.

`endpoint.Endpoint` asks a server, `local_model.LocalModel` a transformers model in this process; both are a `Model`.
"""

from __future__ import annotations

import threading
import time
from dataclasses import dataclass
from typing import Protocol

CUT_OFF = "length"
"""`Answer.finish` of an answer that ended at the token limit."""


@dataclass(frozen=True, kw_only=True)
class Question:
    """What is asked. `images` are JPEG files in the order in which the text speaks of them."""

    text: str
    images: tuple[bytes, ...] = ()
    max_tokens: int = 1024
    temperature: float = 0.0
    json_schema: dict[str, object] | None = None
    """Shape that the answer has to have, for servers that can hold a model to it."""


@dataclass(frozen=True, kw_only=True)
class Answer:
    """What came back. Token counts are None where the server does not tell them."""

    text: str
    finish: str = "stop"
    prompt_tokens: int | None = None
    completion_tokens: int | None = None
    seconds: float = 0.0


class Model(Protocol):
    """`ask` may be called from several threads at a time."""

    def ask(self, question: Question) -> Answer:
        """Raises DropletError where no answer can be had for this question, `AskingEnds` where for none."""
        ...

    def stop(self) -> None:
        """Stop waiting and trying again; what is under way may finish."""
        ...


@dataclass(frozen=True, kw_only=True)
class Prices:
    """Per million tokens, in whatever currency; None where nothing is charged or known."""

    prompt: float | None = None
    completion: float | None = None

    def of(self, prompt_tokens: int, completion_tokens: int) -> float:
        """Cost of so many tokens; unknown prices count as 0."""
        return (prompt_tokens * (self.prompt or 0.0) + completion_tokens * (self.completion or 0.0)) / 1e6


class Account:
    """Requests, tokens and cost of a run; safe in threads."""

    def __init__(self, prices: Prices) -> None:
        self.prices = prices
        self._lock = threading.Lock()
        self._started = time.monotonic()
        self.requests = self.unmetered = self.prompt_tokens = self.completion_tokens = 0
        self.answer_seconds = 0.0

    def add(self, answer: Answer) -> None:
        """One more answer; one without token counts is counted as unmetered."""
        with self._lock:
            self.requests += 1
            self.unmetered += answer.prompt_tokens is None or answer.completion_tokens is None
            self.prompt_tokens += answer.prompt_tokens or 0
            self.completion_tokens += answer.completion_tokens or 0
            self.answer_seconds += answer.seconds

    @property
    def cost(self) -> float:
        """Cost so far."""
        return self.prices.of(self.prompt_tokens, self.completion_tokens)

    @property
    def seconds(self) -> float:
        """Wall time since the account was opened."""
        return max(1e-9, time.monotonic() - self._started)

    def totals(self) -> dict[str, float]:
        """Plain numbers for a run's summary; tokens per second are of output, over wall time."""
        return {
            "requests": self.requests,
            "requests_without_token_counts": self.unmetered,
            "prompt_tokens": self.prompt_tokens,
            "completion_tokens": self.completion_tokens,
            "completion_tokens_per_second": round(self.completion_tokens / self.seconds, 3),
            "answer_seconds": round(self.answer_seconds, 3),
            "cost": round(self.cost, 6),
            "wall_seconds": round(self.seconds, 3),
        }
