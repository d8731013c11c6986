"""Protects the examples: each runs on the nano that ships and writes what it says."""

import runpy
import sys
from pathlib import Path

import pytest

from dropletvideo.media import read_image, read_video

EXAMPLES = Path(__file__).parents[2] / "examples"
GAP = 2


def run(name, out, monkeypatch, *options):
    monkeypatch.setattr(sys, "argv", [name, "--out", str(out), "--steps", "2", *options])
    monkeypatch.syspath_prepend(str(EXAMPLES))
    runpy.run_path(str(EXAMPLES / name), run_name="__main__")


@pytest.mark.parametrize(
    ("name", "rows"), [("text_to_video.py", 3), ("first_last_keyframes.py", 5), ("samplers_and_guidance.py", 8)]
)
def test_examples_that_write_a_picture(name, rows, tmp_path, monkeypatch, capsys):
    run(name, tmp_path / "rows.png", monkeypatch)
    assert read_image(tmp_path / "rows.png").shape[0] == rows * (64 + GAP) - GAP
    assert len(capsys.readouterr().out.split(";")) == rows


def test_a_video_is_extended(tmp_path, monkeypatch, capsys):
    run("extend_video.py", tmp_path / "longer.mp4", monkeypatch)
    assert len(read_video(tmp_path / "longer.mp4")) == 48
    assert "48 frames" in capsys.readouterr().out


def test_a_time_line_becomes_one_video_whose_seams_are_told(tmp_path, monkeypatch, capsys):
    run("time_line.py", tmp_path / "journey.mp4", monkeypatch)
    assert len(read_video(tmp_path / "journey.mp4")) == 17 + 24 + 24
    assert "change at seams over the inside of chunks" in capsys.readouterr().out
