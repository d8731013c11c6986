"""The demo joins every part, from footage to one page, and goes on where it stopped."""

from __future__ import annotations

import json
from dataclasses import replace

import pytest

from dropletvideo.cli import demo_steps
from dropletvideo.cli.demo_real import choose_held_out
from dropletvideo.cli.demo_report import write_demo_report
from dropletvideo.errors import ConfigError

TINY = replace(demo_steps.QUICK, name="tiny", files=1, train_minutes=0.03, windows_per_clip=2, images=1)


@pytest.fixture(scope="module")
def demo(tmp_path_factory):
    out = tmp_path_factory.mktemp("demo") / "out"
    record = demo_steps.run_demo(TINY, out, videos=None, train_all=False, workers=1)
    write_demo_report(record, out / "report.html")
    return out, record


def test_every_step_leaves_what_the_next_one_takes(demo):
    out, record = demo
    assert record.failures == 0
    assert record.steps["curate"]["clips"] >= 2
    assert record.steps["train"]["steps"] >= 1
    assert record.steps["generate"]["videos"] == 4
    manifest = [json.loads(line) for line in (out / "generated" / "manifest.jsonl").read_text().splitlines()]
    assert [row["motion"] for row in manifest] == [4.0, 8.0, 16.0, 32.0]
    systems = json.loads((out / "scores" / "summary.json").read_text())["systems"]
    assert {"model", "real", "codec", "frozen", "ken_burns", "shuffled"} <= set(systems)


def test_report_is_one_file_that_shows_all_of_it_and_its_weak_points(demo):
    out, _ = demo
    text = (out / "report.html").read_text()
    for title in (
        "What the model makes",
        "What is weak",
        "The same requests by the nano that ships",
        "Funnel",
        "Training",
        "Motion against M",
        "What each step cost",
    ):
        assert title in text
    assert "http://" not in text.replace("http://www.w3.org", "")
    assert "https://" not in text
    assert text.count("data:video/mp4") >= 5


def test_second_call_does_nothing_again_and_another_plan_is_refused(demo):
    out, record = demo
    again = demo_steps.run_demo(TINY, out, videos=None, train_all=False, workers=1)
    assert again.steps == json.loads(json.dumps(record.steps))
    with pytest.raises(ConfigError, match="other options"):
        demo_steps.run_demo(replace(TINY, images=2), out, videos=None, train_all=False, workers=1)


def test_held_out_clips_are_of_many_videos_and_never_most_of_the_data():
    rows = [{"clip_id": str(n), "video_id": n // 3} for n in range(12)]
    chosen = choose_held_out(rows, images=9)
    assert len(chosen) == 4
    assert len({row["video_id"] for row in chosen}) == 4
    with pytest.raises(ConfigError, match="3 or more"):
        choose_held_out(rows[:2], images=3)
