"""Vision-language models as judges of a stitch: real servers on loopback; nothing paid twice, nothing joined unsaid."""

from __future__ import annotations

import numpy as np
import pytest
import yaml
from pydantic import ValidationError

from caption_server import completion, serving
from dropletvideo import media
from dropletvideo.curate.run import curate
from dropletvideo.curate.stages import link_language
from dropletvideo.errors import DropletError
from dropletvideo.language.linking import verdict_of
from dropletvideo.tables.views import query


@pytest.fixture(autouse=True)
def no_proxy(monkeypatch):
    monkeypatch.setenv("NO_PROXY", "127.0.0.1")


@pytest.fixture(scope="module")
def video(tmp_path_factory):
    """Three still shots of one second."""
    rng = np.random.default_rng(5)
    pictures = [media.resize(rng.integers(0, 255, (5, 8, 3), dtype=np.uint8), size=(72, 128)) for _ in range(3)]
    path = tmp_path_factory.mktemp("footage") / "three.mp4"
    media.write_video(path, np.repeat(np.stack(pictures), 20, axis=0), playback_fps=20)
    return path


def run(tmp_path, video, servers, *, join=True, name="set", **changed):
    models = [{"endpoint": server.url, "model": f"seer-{number}"} for number, server in enumerate(servers)]
    asked = {"models": models, "first_wait_seconds": 0.0, "concurrency": 1, "short_side": 48, **changed}
    stages = {"segment": {"method": "content", "min_seconds": 0.1}, "neighbours": {}, "link_language": asked}
    recipe = tmp_path / "recipe.yaml"
    recipe.write_text(
        yaml.safe_dump({"kind": "curate", "stages": {**stages, **({"stitch": {}} if join else {})}}, sort_keys=False)
    )
    done = curate([video], tmp_path / name, recipe=str(recipe), in_process=True, with_report=False)
    return done.summary


def clips(tmp_path, columns="start_frame, end_frame", name="set"):
    return [tuple(row.values()) for row in query(tmp_path / name, f"SELECT {columns} FROM clips ORDER BY start_frame")]


YES, NO = completion("Yes."), completion("no, another place")


def test_clips_are_joined_where_both_models_say_yes(tmp_path, video):
    with serving([YES, YES]) as first, serving([YES, NO]) as second:
        summary = run(tmp_path, video, [first, second])
    assert clips(tmp_path) == [(0, 40), (40, 60)]
    assert (len(first.bodies), len(second.bodies)) == (2, 2)
    assert summary.asked["link_language"]["pairs"] == 2
    body = first.bodies[0]
    pictures = [part for part in body["messages"][0]["content"] if part["type"] == "image_url"]
    assert len(pictures) == 4
    assert "The first 2 pictures are the last ones" in first.text(0)
    assert body["model"] == "seer-0"


def test_the_second_is_not_asked_where_the_first_says_no(tmp_path, video):
    with serving([NO]) as first, serving([YES]) as second:
        run(tmp_path, video, [first, second], join=False)
    assert clips(tmp_path, "link_language") == [(None,), (0.0,), (0.0,)]
    assert len(second.bodies) == 0


def test_an_answer_that_is_neither_is_asked_for_again_then_an_error_and_joins_nothing(tmp_path, video):
    with serving(lambda number, _: completion("I cannot tell.") if number != 3 else YES) as server:
        run(tmp_path, video, [server], tries=3)
    assert clips(tmp_path) == [(0, 20), (20, 60)], "the fourth answer was a yes about the second pair"
    [error] = query(tmp_path / "set", "SELECT stage, reason FROM errors")
    assert error["stage"] == "link_language"
    assert "neither yes nor no in 3 answers" in error["reason"]
    temperatures = [body["temperature"] for body in server.bodies]
    assert temperatures == pytest.approx([0.0, 0.3, 0.6, 0.0])


def test_answers_are_kept_and_not_paid_for_twice(tmp_path, video):
    with serving([YES, ("status", 400, (), "too large")]) as first:
        summary = run(tmp_path, video, [first], join=False)
    assert summary.failures == 1
    with serving([YES]) as second:
        run(tmp_path, video, [second], join=False, tries=2)
        assert clips(tmp_path, "link_language") == [(None,), (1.0,), (None,)]
        assert second.bodies == [], "a failed row waits until errors are to be tried again"
        other = run(tmp_path, video, [second], name="other")
    assert len(second.bodies) == 2, "another dataset has no answers"
    assert other.failures == 0
    assert clips(tmp_path, name="other") == [(0, 60)]


def test_a_spent_budget_ends_the_run_and_leaves_the_rest_open(tmp_path, video):
    priced = {"price_per_million_prompt_tokens": 1000.0, "max_cost": 0.5}
    with serving([YES]) as server, pytest.raises(DropletError, match=r"max_cost=0\.5"):
        run(tmp_path, video, [server], join=False, **priced)
    assert len(server.bodies) == 1
    with serving([YES]) as server:
        run(tmp_path, video, [server], join=False)
    assert len(server.bodies) == 1, "one of two was kept"
    assert clips(tmp_path, "link_language") == [(None,), (1.0,), (1.0,)]


def test_without_models_it_is_skipped_and_so_is_a_stitch_by_it_alone(tmp_path, video):
    summary = run(tmp_path, video, [])
    assert {one.stage for one in summary.skipped} == {"link_language", "stitch"}
    assert "name two under link_language.models" in summary.skipped[0].reason
    assert len(clips(tmp_path)) == 3


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("Yes", True),
        (" yes, they do.", True),
        ("No.", False),
        ("**no**", False),
        ("是", True),
        ("Maybe", None),
        ("", None),
    ],
)
def test_the_first_word_counts(text, said):
    assert verdict_of(text) is said


def test_a_model_is_reached_in_one_way():
    with pytest.raises(ValidationError, match="endpoint"):
        link_language.AskedModel()
    with pytest.raises(ValidationError, match="model is missing"):
        link_language.AskedModel(endpoint="http://127.0.0.1:1/v1")
