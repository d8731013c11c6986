"""The client against a real server that misbehaves: what is tried again, how long it waits, what ends the run."""

from __future__ import annotations

import base64
import threading
import time
from datetime import UTC, datetime, timedelta
from email.utils import format_datetime

import pytest

from caption_server import completion, good, serving
from dropletvideo.errors import ConfigError
from dropletvideo.language.endpoint import Endpoint, EndpointError, EndpointSettings, retry_after
from dropletvideo.language.vlm import Question
from dropletvideo.tables.asking import AskingEnds


@pytest.fixture(autouse=True)
def no_proxy(monkeypatch):
    monkeypatch.setenv("NO_PROXY", "127.0.0.1")
    monkeypatch.delenv("OPENAI_API_KEY", raising=False)


def endpoint(server, **changed):
    settings = {"first_wait_seconds": 0.0, "timeout_seconds": 5.0, "tries": 3, **changed}
    return Endpoint(EndpointSettings(url=server.url, model="seer", **settings))


QUESTION = Question(text="What is it?", images=(b"\xff\xd8one", b"\xff\xd8two"), max_tokens=77, temperature=0.5)


def test_a_question_travels_whole_and_the_answer_comes_with_its_token_counts(monkeypatch):
    monkeypatch.setenv("MY_KEY", "secret")
    with serving([completion("a boat")]) as server:
        answer = endpoint(server, key_variable="MY_KEY").ask(QUESTION)
    assert (answer.text, answer.finish, answer.prompt_tokens, answer.completion_tokens) == ("a boat", "stop", 1200, 300)
    body = server.bodies[0]
    assert (body["model"], body["max_tokens"], body["temperature"]) == ("seer", 77, 0.5)
    *pictures, text = body["messages"][0]["content"]
    assert text == {"type": "text", "text": "What is it?"}
    urls = [picture["image_url"]["url"] for picture in pictures]
    assert all(url.startswith("data:image/jpeg;base64,") for url in urls)
    assert tuple(base64.b64decode(url.partition(",")[2]) for url in urls) == QUESTION.images
    assert server.headers[0]["Authorization"] == "Bearer secret"
    assert "response_format" not in body


def test_a_schema_goes_along_and_a_server_that_counts_no_tokens_is_not_made_to_count(monkeypatch):
    with serving([completion("{}", usage=None)]) as server:
        answer = endpoint(server).ask(Question(text="?", json_schema={"type": "object"}))
    assert server.bodies[0]["response_format"]["json_schema"]["schema"] == {"type": "object"}
    assert "Authorization" not in server.headers[0]
    assert answer.prompt_tokens is None


@pytest.mark.parametrize(
    "fault",
    [
        ("status", 500, (), "oh"),
        ("status", 503, (), "busy"),
        ("status", 429, (), "slowly"),
        ("truncated",),
        ("raw", b'{"choices": [{"mess'),
        ("raw", b'{"object": "error"}'),
        ("hang up",),
        ("slow", 1.0),
        ("drip",),
    ],
    ids=lambda fault: f"{fault[0]} {fault[1]}" if len(fault) > 1 else fault[0],
)
def test_what_another_try_may_mend_is_tried_again(fault):
    with serving([fault, good()]) as server:
        model = endpoint(server, timeout_seconds=0.3)
        started = time.monotonic()
        assert "boat" in model.ask(QUESTION).text
    assert len(server.bodies) == 2
    assert server.bodies[0] == server.bodies[1]
    assert model.retries == 1
    assert time.monotonic() - started < 2.5, "an answer that drips must not outlive its time limit"


def test_retry_after_is_kept_to_by_every_thread():
    def script(number, _body):
        return ("status", 429, (("Retry-After", "1"),), "slowly") if number == 0 else good()

    with serving(script) as server:
        model = endpoint(server)
        model_threads = [threading.Thread(target=model.ask, args=(QUESTION,)) for _ in range(2)]
        model_threads[0].start()
        while not server.times:
            time.sleep(0.01)
        time.sleep(0.2)
        model_threads[1].start()
        for thread in model_threads:
            thread.join()
    first, *later = server.times
    assert len(later) == 2
    assert min(later) - first >= 0.95, "the server asked for a second; the other thread has to wait it out too"
    assert model.waited_seconds >= 0.9


def test_a_wait_beyond_the_limit_ends_the_run_instead_of_sleeping_or_pressing_on():
    words = r"3600 s .*quota.*limit is 120 s: run again later"
    quota = ("status", 429, (("Retry-After", "3600"),), "quota")
    with serving([quota]) as server, pytest.raises(AskingEnds, match=words):
        endpoint(server).ask(QUESTION)
    assert len(server.bodies) == 1


def test_waits_double():
    with serving([("status", 500, (), "oh"), ("status", 500, (), "oh"), good()]) as server:
        endpoint(server, first_wait_seconds=0.2).ask(QUESTION)
    first, second = (later - earlier for earlier, later in zip(server.times, server.times[1:], strict=False))
    assert first >= 0.2
    assert second >= 0.4


def test_retry_after_reads_seconds_and_dates():
    soon = format_datetime(datetime.now(UTC) + timedelta(seconds=30), usegmt=True)
    assert retry_after({"Retry-After": "7"}) == 7
    assert retry_after({"retry-after": soon}) == pytest.approx(30, abs=2)
    assert retry_after({"Retry-After": "soon"}) is None
    assert retry_after({}) is None


def test_an_endpoint_that_was_never_there_ends_the_run_one_that_fails_later_costs_one_clip():
    with serving([good(), *[("status", 500, (), "overloaded")] * 3, good()]) as server:
        model = endpoint(server)
        model.ask(QUESTION)
        with pytest.raises(EndpointError, match=r"no answer in 3 tries, last: status 500 .overloaded."):
            model.ask(QUESTION)
        model.ask(QUESTION)
    gone = endpoint(server, tries=2)
    with pytest.raises(AskingEnds, match=r"no answer in 2 tries.*start or mend it"):
        gone.ask(QUESTION)


def test_a_refused_question_is_its_own_error_at_once_in_the_servers_words():
    words = r"status 400 .image too large."
    with serving([("status", 400, (), "image too large")]) as server, pytest.raises(EndpointError, match=words):
        endpoint(server).ask(QUESTION)
    assert len(server.bodies) == 1


@pytest.mark.parametrize(("status", "words"), [(401, "OPENAI_API_KEY"), (404, "/models lists"), (402, "paid up")])
def test_what_no_question_gets_past_ends_the_run(status, words):
    with serving([("status", status, (), "no")]) as server, pytest.raises(AskingEnds, match=words):
        endpoint(server).ask(QUESTION)
    assert len(server.bodies) == 1


def test_a_redirect_does_not_carry_the_key_elsewhere(monkeypatch):
    monkeypatch.setenv("OPENAI_API_KEY", "secret")
    with serving([good()]) as other:
        moved = ("status", 302, (("Location", f"{other.url}/x"),), "moved")
        with serving([moved]) as server, pytest.raises(AskingEnds, match="mend address"):
            endpoint(server).ask(QUESTION)
    assert other.strayed == other.bodies == []


def test_stopping_ends_a_wait():
    with serving([("status", 500, (), "oh")]) as server:
        model = endpoint(server, first_wait_seconds=60.0)
        threading.Timer(0.3, model.stop).start()
        started = time.monotonic()
        with pytest.raises(AskingEnds):
            model.ask(QUESTION)
    assert time.monotonic() - started < 10


def test_an_address_that_is_none_is_refused_before_any_work():
    with pytest.raises(ConfigError, match="http://127"):
        EndpointSettings(url="localhost:8000", model="seer")
