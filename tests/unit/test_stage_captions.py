"""Captions as a stage, by the real runner and a real server: faults named, errors as rows, nothing paid twice."""

from __future__ import annotations

import base64
import errno
import io
import json
import os
import re
import signal
import subprocess
import sys
import textwrap
import threading
import time
from contextlib import contextmanager
from functools import partial
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pytest
from PIL import Image
from pydantic import ValidationError
from tables_footage import SPANS, segment, write_shots

from caption_server import PARTS, completion, good, serving
from dropletvideo import files
from dropletvideo.curate.stages import captions
from dropletvideo.errors import DropletError, WeightsError
from dropletvideo.tables import asking, views
from dropletvideo.tables.asking import AskingEnds
from dropletvideo.tables.runner import run
from dropletvideo.tables.stage import Stage

ALONE = {"tell_camera": False, "hold_to_camera": False}
CLIPS = len(SPANS)


@pytest.fixture(autouse=True)
def no_proxy(monkeypatch):
    monkeypatch.setenv("NO_PROXY", "127.0.0.1")


@pytest.fixture(scope="module")
def video(tmp_path_factory):
    return write_shots(tmp_path_factory.mktemp("footage") / "four.mp4", 3)


def config(server, **changed):
    quick = {"first_wait_seconds": 0.0, "timeout_seconds": 5.0, "concurrency": 2, "short_side": 48, **ALONE}
    return captions.Config(endpoint=server.url, model="seer", **{**quick, **changed})


def curate(folder, videos, server, *, camera=None, gate=None, retry_errors=False, **changed):
    stage = captions.build(config(server, **changed))
    stage = Stage(**{**stage.__dict__, "gate": gate})
    sources = videos if isinstance(videos, list) else [videos]
    return run(
        folder,
        sources,
        [segment(), *([camera] if camera else []), stage],
        timeout_seconds=None,
        retry_errors=retry_errors,
        flush_seconds=1e9,
    )


def told(folder, what="clip_id, caption, short_caption, camera_words, caption_tries, caption_prompt_tokens"):
    return views.query(folder, f"SELECT {what} FROM clips ORDER BY video_id, start_frame")


def errors(folder):
    return views.query(folder, "SELECT stage, clip_id, reason FROM errors")


def kept(folder):
    lines = [path.read_text(encoding="utf-8") for path in sorted((Path(folder) / "answers").glob("*.jsonl"))]
    return [json.loads(line) for line in "".join(lines).splitlines()]


def test_every_clip_gets_its_captions_and_the_run_tells_what_they_cost(tmp_path, video):
    with serving([good()]) as server:
        prices = {"price_per_million_prompt_tokens": 2.0, "price_per_million_completion_tokens": 10.0}
        summary = curate(tmp_path, video, server, **prices)
    rows = told(tmp_path)
    assert len(rows) == CLIPS == len(server.bodies) == summary.measured_clips["captions"]
    assert {row["caption"] for row in rows} == {PARTS["caption"]}
    assert {(row["short_caption"], row["caption_tries"]) for row in rows} == {(PARTS["short"], 1)}
    totals = summary.asked["captions"]
    assert totals["requests"] == totals["captions"] == CLIPS
    assert (totals["prompt_tokens"], totals["completion_tokens"]) == (CLIPS * 1200, CLIPS * 300)
    assert totals["cost"] == pytest.approx(CLIPS * (1200 * 2 + 300 * 10) / 1e6)
    assert totals["captions_per_minute"] > 0
    assert summary.failures == 0


def test_the_model_is_shown_eight_stills_in_a_grid_or_one_by_one(tmp_path, video):
    def pictures(body):
        urls = [part["image_url"]["url"] for part in body["messages"][0]["content"] if part["type"] == "image_url"]
        files = [base64.b64decode(url.partition(",")[2]) for url in urls]
        return [np.array(Image.open(io.BytesIO(file))) for file in files]

    with serving([good()]) as server:
        curate(tmp_path / "grid", video, server)
        curate(tmp_path / "frames", video, server, layout="frames")
    (grid,) = pictures(server.bodies[0])
    assert grid.shape == (2 * 48 + 3 * 8, 4 * 64 + 5 * 8, 3)
    assert grid[:6].min() > 240, "white borders"
    assert grid[30, 30].max() < 220, "stills inside"
    assert "2 rows of 4" in server.text(0)
    single = pictures(server.bodies[CLIPS])
    assert [picture.shape for picture in single] == [(48, 64, 3)] * 8
    assert "8 pictures" in server.text(CLIPS)


@pytest.mark.parametrize(
    ("bad", "named"),
    [
        (completion("no JSON at all"), "no JSON object"),
        (completion(json.dumps(PARTS)[:-40], finish="length"), "cut off at the token limit"),
        (completion(json.dumps({k: v for k, v in PARTS.items() if k != "camera"})), '"camera" is missing'),
        (good(dense="The boat sails on and on and on. " * 9), '"dense" repeats itself'),
        (good(short="Boat."), '"short" has 1 words, it must have 6 to 30'),
        (completion("I'm sorry, I can't help with that."), "refuses"),
    ],
    ids=["broken JSON", "cut off", "wrong parts", "a loop", "too short", "refusal"],
)
def test_a_faulty_answer_is_asked_for_again_with_its_fault_named_and_both_are_counted(tmp_path, video, bad, named):
    seen = set()

    def script(_number, body):
        text = body["messages"][0]["content"][-1]["text"]
        seen.add(text)
        return good() if "could not be used" in text else bad

    with serving(script) as server:
        curate(tmp_path, video, server, concurrency=1)
    assert len(server.bodies) == 2 * CLIPS
    assert any(named in text for text in seen)
    assert server.bodies[1]["temperature"] > server.bodies[0]["temperature"], "lest the same answer comes again"
    assert {(row["caption_tries"], row["caption_prompt_tokens"]) for row in told(tmp_path)} == {(2, 2400)}
    assert errors(tmp_path) == []


def test_a_clip_without_a_usable_answer_is_an_error_with_the_reason_and_no_caption(tmp_path, video):
    with serving([completion("I cannot say."), completion("I cannot say."), good()]) as server:
        summary = curate(tmp_path, video, server, tries=2, concurrency=1)
        assert [row["caption"] is None for row in told(tmp_path)] == [True] + [False] * (CLIPS - 1)
        ((stage, reason),) = [(row["stage"], row["reason"]) for row in errors(tmp_path)]
        assert stage == "captions"
        assert "no usable answer in 2 tries" in reason
        assert "I cannot" in reason
        assert summary.failures == 1
        assert summary.asked["captions"]["quarantined"] == 1
        asked = len(server.bodies)
        curate(tmp_path, video, server, tries=2)
        assert len(server.bodies) == asked, "what was given up is left alone"
        curate(tmp_path, video, server, tries=2, retry_errors=True)
        assert len(server.bodies) == asked + 1, "tried anew, and only that one"
    assert all(row["caption"] for row in told(tmp_path))
    assert errors(tmp_path) == []


def test_stills_are_read_by_the_workers_and_a_file_that_is_gone_is_an_error(tmp_path):
    videos = [write_shots(tmp_path / f"{seed}.mp4", seed) for seed in (1, 2)]
    with serving([good()]) as server:
        stage = Stage(**{**captions.build(config(server)).__dict__, "gate": "num_frames < 0"})
        run(tmp_path / "set", videos, [segment(), stage], timeout_seconds=None)
        assert server.bodies == []
        videos[0].write_bytes(videos[0].read_bytes()[:2000])
        stage = captions.build(config(server))
        summary = run(tmp_path / "set", [], [segment(), stage], workers=1, timeout_seconds=60.0)
    assert [row["caption"] is None for row in told(tmp_path / "set")].count(True) == CLIPS == summary.failures
    assert {row["stage"] for row in errors(tmp_path / "set")} == {"captions"}
    assert len(server.bodies) == CLIPS


def test_progress_tells_captions_per_minute_tokens_and_cost(tmp_path, video, monkeypatch):
    notes, totals = [], {}

    @contextmanager
    def progress(what, total=None):
        totals[what] = total
        yield SimpleNamespace(advance=lambda steps=1, note="": notes.append((steps, note)))

    monkeypatch.setattr(asking.runtime, "progress", progress)
    with serving([good()]) as server:
        source = tmp_path / "set"
        run(source, [video], [segment()], timeout_seconds=None)
        curate(source, video, server, gate="num_frames < 20", price_per_million_completion_tokens=1000.0)
        assert totals["asking for captions"] == sum(end - start < 20 for start, end in SPANS)
        notes.clear()
        curate(source, video, server, price_per_million_completion_tokens=1000.0, concurrency=1)
        assert totals["asking for captions"] == sum(end - start >= 20 for start, end in SPANS)
    asked = [note for steps, note in notes if "captions/min" in note]
    assert len(asked) == totals["asking for captions"] == 3
    assert re.search(r"^[\d.]+ captions/min, 4,500 tokens, cost 0.9000$", asked[-1]), asked


def test_a_server_that_fails_on_one_clip_costs_that_clip_only(tmp_path, video):
    def script(number, _body):
        return ("status", 400, (), "image refused") if number == 2 else good()

    with serving(script) as server:
        curate(tmp_path, video, server, concurrency=1)
    assert [row["caption"] is None for row in told(tmp_path)].count(True) == 1
    assert "image refused" in errors(tmp_path)[0]["reason"]


def test_an_endpoint_that_goes_away_ends_the_run_and_leaves_the_rest_to_the_next(tmp_path, video):
    def script(number, _body):
        return good() if number < 2 or back.is_set() else ("hang up",)

    back = threading.Event()
    with serving(script) as server:
        with pytest.raises(AskingEnds, match="start or mend it, then run again"):
            curate(tmp_path, video, server, concurrency=1, request_tries=2)
        assert len(kept(tmp_path)) == 2
        back.set()
        before = len(server.bodies)
        summary = curate(tmp_path, video, server)
        failed = [row for row in errors(tmp_path) if row["clip_id"]]
        assert len(server.bodies) - before == CLIPS - 2 - len(failed)
        curate(tmp_path, video, server, retry_errors=True)
    assert all(row["caption"] for row in told(tmp_path))
    assert summary.asked["captions"]["requests"] == CLIPS - 2 - len(failed)
    assert len(kept(tmp_path)) == CLIPS


SCRIPT = """
    import sys
    sys.path.insert(0, {here!r})
    from tables_footage import segment
    from dropletvideo.curate.stages import captions
    from dropletvideo.tables.runner import run
    if __name__ == "__main__":
        stage = captions.build(captions.Config(**{config!r}))
        run({folder!r}, {sources!r}, [segment(), stage], timeout_seconds=None, flush_seconds=1e9)
"""


def test_after_a_kill_nothing_that_was_paid_for_is_asked_again(tmp_path):
    videos = [str(write_shots(tmp_path / f"{seed}.mp4", seed)) for seed in (1, 2, 3)]
    folder = tmp_path / "set"
    with serving([good()], delay=0.1) as server:
        settings = json.loads(config(server).model_dump_json(exclude_unset=True))
        text = SCRIPT.format(here=str(Path(__file__).parent), config=settings, folder=str(folder), sources=videos)
        script = tmp_path / "script.py"
        script.write_text(textwrap.dedent(text))
        running = subprocess.Popen([sys.executable, str(script)])
        deadline = time.monotonic() + 120
        while len(server.bodies) < 7 and time.monotonic() < deadline and running.poll() is None:
            time.sleep(0.01)
        running.send_signal(signal.SIGKILL)
        running.wait()
        time.sleep(0.3)
        paid, before = kept_whole(folder), len(server.bodies)
        assert 5 <= len(paid) < 3 * CLIPS
        assert before - len(paid) <= 2, "only what was under way may be lost"
        summary = curate(folder, videos, server)
    assert len(server.bodies) - before == 3 * CLIPS - len(paid)
    assert summary.asked["captions"]["from_answers_kept"] == len(paid)
    assert all(row["caption"] for row in told(folder))
    assert sorted({entry["clip_id"] for entry in kept(folder)}) == sorted(entry["clip_id"] for entry in kept(folder))


def kept_whole(folder):
    (path,) = (Path(folder) / "answers").glob("*.jsonl")
    return [json.loads(line) for line in path.read_bytes().split(b"\n")[:-1]]


def test_a_line_torn_by_a_kill_is_asked_again_and_spoils_no_other(tmp_path, video):
    with serving([good()]) as server:
        curate(tmp_path / "whole", video, server)
        (path,) = (tmp_path / "whole" / "answers").glob("*.jsonl")
        again = tmp_path / "torn" / "answers" / path.name
        again.parent.mkdir(parents=True)
        (tmp_path / "torn" / "dataset.json").write_bytes(fresh_dataset(tmp_path, video))
        again.write_bytes(path.read_bytes()[:-30])
        before = len(server.bodies)
        curate(tmp_path / "torn", video, server)
    assert len(server.bodies) - before == 1
    lines = again.read_bytes().splitlines()
    assert len(lines) == CLIPS + 1
    assert sum(is_json(line) for line in lines) == CLIPS


def fresh_dataset(tmp_path, video):
    run(tmp_path / "fresh", [], [segment()], timeout_seconds=None)
    return (tmp_path / "fresh" / "dataset.json").read_bytes()


def is_json(line):
    try:
        json.loads(line)
    except ValueError:
        return False
    return True


def test_the_budget_ends_the_run_and_a_higher_one_goes_on(tmp_path, video):
    prices = {"price_per_million_completion_tokens": 1000.0}  # 0.30 an answer
    with serving([good()]) as server:
        with pytest.raises(DropletError, match=r"0\.6000 is spent, the limit is max_cost=0\.5"):
            curate(tmp_path, video, server, concurrency=1, max_cost=0.5, **prices)
        assert len(server.bodies) == 2
        assert errors(tmp_path) == []
        curate(tmp_path, video, server, max_cost=100.0, **prices)
        assert len(server.bodies) == CLIPS
    assert all(row["caption"] for row in told(tmp_path))


def say_camera(rows, moves, camera_class):
    return [{"camera_class": camera_class, "camera_moves": moves, "camera_confidence": 0.9} for _ in rows]


def camera_stage(moves, camera_class="C2", version=1):
    kinds = {"camera_class": str, "camera_moves": list[str], "camera_confidence": float}
    function = partial(say_camera, moves=moves, camera_class=camera_class)
    return Stage(name="camera", version=version, kind="table->columns", columns=kinds, function=function)


def test_the_measured_camera_is_told_and_held_to(tmp_path, video):
    pans = {
        "camera": "The camera pans left along the shore.",
        "caption": PARTS["caption"].replace("stands", "pans left"),
    }

    def script(_number, body):
        return good(**pans) if "could not be used" in body["messages"][0]["content"][-1]["text"] else good()

    held = {"hold_to_camera": True, "concurrency": 1}
    with serving(script) as server:
        curate(tmp_path, video, server, camera=camera_stage(["pan_left"]), **held)
        assert "names none of the measured moves; measured: the camera pans left" in server.text(1)
        assert "Measured on every frame" not in server.text(0)
        assert len(server.bodies) == 2 * CLIPS
        assert {row["caption_tries"] for row in told(tmp_path)} == {2}
        # another verdict of the camera: answers kept are read anew, and only what does not fit is asked again
        curate(tmp_path, video, server, camera=camera_stage(["static"], "C5", version=2), **held)
        assert len(server.bodies) == 2 * CLIPS
        assert {row["caption_tries"] for row in told(tmp_path)} == {1}
        curate(tmp_path / "told", video, server, camera=camera_stage(["pan_left"]), tell_camera=True)
        assert "Measured on every frame of the video: the camera pans left." in server.text(2 * CLIPS)


def test_a_gate_holds_clips_back_and_loosening_it_asks_for_the_rest_only(tmp_path, video):
    with serving([good()]) as server:
        summary = curate(tmp_path, video, server, gate="num_frames >= 20")
        long = sum(end - start >= 20 for start, end in SPANS)
        assert len(server.bodies) == long
        assert summary.held_clips == {"captions": CLIPS - long}
        curate(tmp_path, video, server)
        assert len(server.bodies) == CLIPS
    assert all(row["caption"] for row in told(tmp_path))


def test_settings_that_change_nothing_said_keep_the_column_others_make_a_new_one(tmp_path, video):
    with serving([good()]) as server, serving([good()]) as other:
        curate(tmp_path, video, server)
        curate(tmp_path, video, other, concurrency=5, price_per_million_prompt_tokens=1.0, request_tries=2)
        assert other.bodies == []
        curate(tmp_path, video, other, form="dropletvideo")
        assert len(other.bodies) == CLIPS
        assert '"short"' not in other.text(0)
        curate(tmp_path, video, other, form="dropletvideo", min_camera_words=12)
        assert len(other.bodies) == CLIPS, "a stricter check reads the answers that are there"


def test_miradata_alone_gives_six_captions_and_one_merged_from_them(tmp_path, video):
    with serving([good()]) as server:
        curate(tmp_path, video, server, form="miradata")
    row = told(tmp_path, "*")[0]
    for name in ("short", "dense", "main_object", "background", "camera", "style"):
        assert row[f"{name}_caption"] == PARTS[name]
    assert row["caption"].startswith(PARTS["dense"])
    assert PARTS["camera"] in row["caption"]
    assert row["structured_words"] > row["caption_words"] > 100


def test_a_prompt_of_ones_own_is_used_and_is_another_column(tmp_path, video):
    mine = tmp_path / "mine.txt"
    mine.write_text("Tell me in $language. $layout $camera $parts $again")
    with serving([good()]) as server:
        curate(tmp_path / "set", video, server, template=mine, language="en")
        assert server.text(0).startswith("Tell me in English.")
        mine.write_text("Say it in $language. $layout $camera $parts $again")
        curate(tmp_path / "set", video, server, template=mine)
        assert len(server.bodies) == 2 * CLIPS


def test_without_a_model_the_stage_is_skipped_and_says_what_to_put_where(tmp_path, video, monkeypatch):
    monkeypatch.setenv("DROPLET_WEIGHTS", str(tmp_path / "shelf"))
    stage = captions.build(captions.Config(**ALONE))
    for words in ("captions.endpoint=", "captions.model_folder=DIR", "droplet weights fetch qwen2.5-vl-7b", "shelf"):
        assert words in stage.lacks
    summary = run(tmp_path / "set", [video], [segment(), stage], timeout_seconds=None)
    assert [skipped.stage for skipped in summary.skipped] == ["captions"]
    with serving([good()]) as server:
        assert captions.build(config(server)).lacks == ""
    with pytest.raises(WeightsError, match="none is not there: put the whole repository"):
        captions.build(captions.Config(model_folder=tmp_path / "none"))


@pytest.mark.parametrize(
    ("values", "words"),
    [
        ({"endpoint": "http://x/v1"}, "model is missing"),
        ({"endpoint": "http://x/v1", "model": "m", "model_folder": "/m"}, "both given"),
        ({"max_cost": 1.0}, "needs prices"),
        ({"words": {"sort": [1, 2]}}, "words.sort is no part"),
        ({"words": {"short": [5, 2]}}, "least and most"),
    ],
)
def test_settings_that_do_not_fit_are_refused(values, words):
    with pytest.raises(ValidationError, match=words):
        captions.Config(**values)


def test_a_full_disk_ends_the_run_instead_of_paying_for_what_cannot_be_kept(tmp_path, video, monkeypatch):
    def full(*_):
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    with serving([good()]) as server:
        with monkeypatch.context() as patched:
            patched.setattr(files.JsonLines, "append", full)
            with pytest.raises(DropletError, match="No space left on device"):
                curate(tmp_path, video, server, concurrency=1)
        assert len(server.bodies) == 1
        curate(tmp_path, video, server)
    assert all(row["caption"] for row in told(tmp_path))


def test_an_interrupt_keeps_what_was_under_way(tmp_path, video):
    with serving([good()], delay=0.3) as server:

        def interrupt():
            while len(server.bodies) < 2:
                time.sleep(0.01)
            os.kill(os.getpid(), signal.SIGINT)

        threading.Thread(target=interrupt, daemon=True).start()
        with pytest.raises(KeyboardInterrupt):
            curate(tmp_path, video, server)
        time.sleep(0.5)
        assert len(kept(tmp_path)) == len(server.bodies), "answers under way are waited for, none is begun"
        curate(tmp_path, video, server)
        assert len(server.bodies) == CLIPS
