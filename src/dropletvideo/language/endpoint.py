"""Any server that speaks OpenAI's chat completions (vLLM, SGLang, llama.cpp, the vendors), over plain HTTP.

Pictures go along as base64 data URLs. A question is put again after answers 408, 409, 425, 429 and 5xx, broken or
truncated connections, silence, and bodies that are no JSON: with a wait that doubles, never shorter than the server's
`Retry-After`, which holds back the other threads too. What no repetition can mend ends the run at once (a wrong key, an
unknown model, an endpoint that was never there) or, where it lies in one question (400), becomes that question's error.
"""

from __future__ import annotations

import base64
import json
import os
import random
import threading
import time
import urllib.error
import urllib.request
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime
from http.client import HTTPException
from typing import Any

from dropletvideo.errors import ConfigError, DropletError
from dropletvideo.language.vlm import Answer, Question
from dropletvideo.tables.asking import AskingEnds

AGAIN = frozenset((408, 409, 425, 429))
HOPELESS = {401: "the key is not accepted", 402: "the account is not paid up", 403: "the key may not use this model"}
OUTAGES_IN_A_ROW = 3
_READ_BYTES = 1 << 16


class EndpointError(DropletError):
    """A question to which an endpoint gave no usable answer."""


class _Again(Exception):
    """One try failed in a way that another may mend; `wait` is what the server asked for, in seconds."""

    def __init__(self, why: str, wait: float | None = None, *, is_outage: bool = True) -> None:
        super().__init__(why)
        self.why, self.wait, self.is_outage = why, wait, is_outage


@dataclass(frozen=True, kw_only=True)
class EndpointSettings:
    """How to reach a model and how long to insist.

    Args:
        url: up to and with the version, as in `http://127.0.0.1:8000/v1`.
        model: as the server calls it.
        key_variable: environment variable that holds the key; a server without keys needs none.
        timeout_seconds: for one answer as a whole, however slowly it drips.
        tries: how often a question is put in all.
        first_wait_seconds: before the second try; then doubled, with up to a quarter more at random.
        max_wait_seconds: longest wait. A server that asks for more ends the run.
    """

    url: str
    model: str
    key_variable: str = "OPENAI_API_KEY"
    timeout_seconds: float = 180.0
    tries: int = 6
    first_wait_seconds: float = 1.0
    max_wait_seconds: float = 120.0

    def __post_init__(self) -> None:
        if not self.url.startswith(("http://", "https://")):
            raise ConfigError(f"endpoint {self.url!r} is no address: write it as http://127.0.0.1:8000/v1")
        if not self.model:
            raise ConfigError(f"endpoint {self.url}: name the model as the server calls it ({self.url}/models lists)")


class _NoRedirect(urllib.request.HTTPRedirectHandler):
    """A redirect would carry key and pictures to another host; it is an error instead."""

    def redirect_request(self, *_args: Any, **_more: Any) -> None:
        """Never follow."""


class Endpoint:
    """A `vlm.Model` behind HTTP. Counts `retries` and `waited_seconds`."""

    def __init__(self, settings: EndpointSettings) -> None:
        self.settings = settings
        self.retries, self.waited_seconds = 0, 0.0
        self._opener = urllib.request.build_opener(_NoRedirect)
        self._stopped = threading.Event()
        self._lock = threading.Lock()
        self._not_before = 0.0
        self._answered, self._outages = False, 0

    def stop(self) -> None:
        """End waits; questions under way may still be answered."""
        self._stopped.set()

    def ask(self, question: Question) -> Answer:
        """One answer.

        Raises:
            EndpointError: none for this question, with what the server said.
            AskingEnds: none for any question.
        """
        body = json.dumps(_body(question, self.settings.model)).encode()
        last = _Again("no try was made")
        for number in range(self.settings.tries):
            if number:
                self._note_retry(last)
            self._wait(self._pause(number, last))
            try:
                answer = self._once(body)
            except _Again as fault:
                last = fault
                continue
            self._answered, self._outages = True, 0
            return answer
        raise self._exhausted(last)

    def _once(self, body: bytes) -> Answer:
        started = time.monotonic()
        status, headers, content = self._post(body, started + self.settings.timeout_seconds)
        if status == 200:
            return _answer(content, time.monotonic() - started)
        said = _said(content)
        if status in AGAIN or status >= 500:
            raise _Again(f"status {status}{said}", retry_after(headers), is_outage=status >= 500)
        where = f"{self.settings.url} (model {self.settings.model})"
        if status in HOPELESS:
            key = f"the key in {self.settings.key_variable}"
            raise AskingEnds(f"{where}: {HOPELESS[status]}, status {status}{said}: mend {key}, then run again to go on")
        if status == 404 or 300 <= status < 400:
            raise AskingEnds(
                f"{where} is not there, status {status}{said}: {self.settings.url}/models lists the models that are; "
                "mend address or model, then run again to go on"
            )
        raise EndpointError(f"{where} refuses the question, status {status}{said}")

    def _post(self, body: bytes, deadline: float) -> tuple[int, Mapping[str, str], bytes]:
        request = urllib.request.Request(f"{self.settings.url.rstrip('/')}/chat/completions", body, method="POST")
        request.add_header("Content-Type", "application/json")
        if key := os.environ.get(self.settings.key_variable):
            request.add_unredirected_header("Authorization", f"Bearer {key}")
        limit = self.settings.timeout_seconds
        try:
            with self._opener.open(request, timeout=limit) as response:
                return response.status, dict(response.headers), _read(response, deadline, limit)
        except urllib.error.HTTPError as error:
            with error:
                return error.code, dict(error.headers), _read(error, deadline, limit)
        except TimeoutError as error:
            raise _Again(f"no answer within {limit:g} s") from error
        except (OSError, HTTPException) as error:  # refused, reset, closed half-way, name not found
            reason = getattr(error, "reason", None) or error
            raise _Again(f"{type(reason).__name__}: {reason}") from error

    # --- waiting

    def _pause(self, number: int, last: _Again) -> float:
        if number == 0:
            return 0.0
        doubled = self.settings.first_wait_seconds * 2.0 ** (number - 1)
        wait = min(doubled * (1 + random.random() / 4), self.settings.max_wait_seconds)
        return max(wait, last.wait or 0.0)

    def _note_retry(self, fault: _Again) -> None:
        with self._lock:
            self.retries += 1
            if fault.wait is None:
                return
            if fault.wait > self.settings.max_wait_seconds:
                raise AskingEnds(
                    f"{self.settings.url} asks to wait {fault.wait:g} s ({fault.why}), the limit is "
                    f"{self.settings.max_wait_seconds:g} s: run again later to go on, or raise max_wait_seconds"
                )
            self._not_before = max(self._not_before, time.monotonic() + fault.wait)

    def _wait(self, seconds: float) -> None:
        """Sleep `seconds`, and as long as the server asked any thread to wait; end at once when stopped."""
        until = time.monotonic() + seconds
        while (left := max(until, self._not_before) - time.monotonic()) > 0:
            with self._lock:
                self.waited_seconds += left
            if self._stopped.wait(left):
                break
        if self._stopped.is_set():
            raise AskingEnds("stopped")

    def _exhausted(self, last: _Again) -> DropletError:
        """What a question ends in whose tries are used up: its own error, or the end of all asking."""
        told = f"{self.settings.url} gave no answer in {self.settings.tries} tries, last: {last.why}"
        with self._lock:
            self._outages += last.is_outage
            if last.is_outage and (not self._answered or self._outages >= OUTAGES_IN_A_ROW):
                return AskingEnds(f"{told}: start or mend it, then run again to go on")
        return EndpointError(told)


def _body(question: Question, model: str) -> dict[str, Any]:
    """The JSON of a chat completion."""
    content: list[dict[str, Any]] = [
        {"type": "image_url", "image_url": {"url": f"data:image/jpeg;base64,{base64.b64encode(image).decode()}"}}
        for image in question.images
    ]
    content.append({"type": "text", "text": question.text})
    body: dict[str, Any] = {
        "model": model,
        "messages": [{"role": "user", "content": content}],
        "max_tokens": question.max_tokens,
        "temperature": question.temperature,
    }
    if question.json_schema is not None:
        schema = {"name": "captions", "strict": True, "schema": question.json_schema}
        body["response_format"] = {"type": "json_schema", "json_schema": schema}
    return body


def _read(response: Any, deadline: float, limit: float) -> bytes:
    """The body; `read` alone would wait for ever on a server that sends a byte a minute."""
    told: str | None = response.headers.get("Content-Length")
    content = b""
    while block := response.read1(_READ_BYTES):
        content += block
        if time.monotonic() > deadline:
            raise TimeoutError(f"{len(content)} bytes after {limit:g} s")
    if told is not None and told.isdigit() and len(content) < int(told):
        raise _Again(f"the answer was cut off after {len(content)} of {told} bytes")
    return content


def _answer(content: bytes, seconds: float) -> Answer:
    try:
        found = json.loads(content)
        choice = found["choices"][0]
        text = choice["message"]["content"]
    except (ValueError, LookupError, TypeError) as error:
        raise _Again(f"the body is no chat completion ({content[:80]!r})") from error
    usage = found.get("usage") or {}
    return Answer(
        text=text if isinstance(text, str) else "",
        finish=choice.get("finish_reason") or "stop",
        prompt_tokens=usage.get("prompt_tokens"),
        completion_tokens=usage.get("completion_tokens"),
        seconds=seconds,
    )


def _said(content: bytes) -> str:
    """The server's own words about an error, for ours."""
    try:
        found = json.loads(content)
        said = found["error"]["message"] if isinstance(found["error"], dict) else found["error"]
    except (ValueError, LookupError, TypeError):
        said = content.decode(errors="replace")
    said = " ".join(str(said).split())[:200]
    return f" ({said})" if said else ""


def retry_after(headers: Mapping[str, str]) -> float | None:
    """Seconds that a `Retry-After` asks for, given as a number or as a date; None without a valid one."""
    value = next((value for name, value in headers.items() if name.lower() == "retry-after"), "").strip()
    if not value:
        return None
    try:
        return max(0.0, float(value))
    except ValueError:
        pass
    try:
        when = parsedate_to_datetime(value)
    except (TypeError, ValueError):
        return None
    when = when if when.tzinfo else when.replace(tzinfo=UTC)
    return max(0.0, (when - datetime.now(UTC)).total_seconds())
