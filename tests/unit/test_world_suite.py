"""Requests of a suite ask one move each, come from evaluation seeds, and carry the scene's true answer."""

from __future__ import annotations

import json

import numpy as np
import pytest

from dropletvideo import media
from dropletvideo.errors import ConfigError
from dropletvideo.moves import moves_in_text
from dropletvideo.world.config import EVALUATION_SEED_START
from dropletvideo.world.suite import SuiteConfig, write_suite


@pytest.fixture(scope="module")
def suite(tmp_path_factory):
    out = tmp_path_factory.mktemp("suite")
    path = write_suite(out, SuiteConfig(images=3, motions=(4.0, 16.0)))
    return out, [json.loads(line) for line in path.read_text().splitlines()]


def test_rows_ask_single_moves_in_turn_and_say_so_in_the_prompt(suite):
    _, rows = suite
    assert [row["camera"][0]["move"] for row in rows[::2]] == list(SuiteConfig().moves[:3])
    for row in rows:
        assert row["seed"] >= EVALUATION_SEED_START
        assert moves_in_text(row["prompt"]) == [row["camera"][0]["move"]]


def test_reference_begins_with_the_image_and_moves_more_at_low_motion(suite):
    out, rows = suite
    pan = [row for row in rows if row["camera"][0]["move"] == "pan_left"]
    image = media.read_image(out / pan[0]["image"]).astype(float)
    ends = []
    for row in pan:
        frames = media.read_video(out / row["reference_video"]).frames.astype(float)
        assert len(frames) == 17
        assert np.abs(frames[0] - image).mean() < 6
        ends.append(row["camera"][0]["amount"])
    assert ends[0] == pytest.approx(4 * ends[1], rel=0.1)


def test_training_seeds_are_refused(tmp_path):
    with pytest.raises(ConfigError, match="1000000"):
        write_suite(tmp_path, SuiteConfig(seed=12))
